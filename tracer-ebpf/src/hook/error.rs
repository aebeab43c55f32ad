//! `sock:inet_sk_error_report`: ICMP, or a neighbour that did not answer, left a soft error on a
//! socket that goes on trying. A hard error comes with the state change, which carries it; where the
//! kernel skipped that hook, this one tells of the end.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    attempt::phase,
    config::ABSENT,
    counter::{Count, Hook},
    event::{SocketError, kind, seen_by},
};

use super::end;
use crate::{
    announce, count,
    kernel::{layout, read},
    owner, ring,
    socket::{self, state},
    table,
};

#[raw_tracepoint(tracepoint = "inet_sk_error_report")]
pub(crate) fn inet_sk_error_report(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let state = socket::tcp_state(sk);
    if state == state::CLOSE {
        return closed(sk);
    }
    let mut err_soft: i32 = read(sk, layout!(sock_err_soft));
    if err_soft == 0 && state == state::SYN_SENT {
        err_soft = queued(sk);
    }
    if err_soft == 0 || (state != state::SYN_SENT && !socket::is_open(state)) {
        return 0;
    }
    let attempt_ns = match table::get(sk) {
        Some(entry) => announce::attempt(Hook::ErrorReport, sk, entry),
        None if owner::is_filtering() => return 0,
        None => 0,
    };
    count::hook(Hook::ErrorReport, Count::Seen);
    ring::emit::<SocketError>(Hook::ErrorReport, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::SOCKET_ERROR, sk, attempt_ns);
            socket::tuple(&raw mut (*event).tuple, sk);
            (*event).err = read(sk, layout!(sock_err));
            (*event).err_soft = err_soft;
        }
    });
    0
}

/// Errno of an ICMP error that was just queued: IPv4 reports it before it leaves the errno on the
/// socket (`tcp_v4_err`, `net/ipv4/tcp_ipv4.c`), and the application may take it from there before
/// any other hook runs.
#[inline(always)]
fn queued(sk: u64) -> i32 {
    /// `SO_EE_ORIGIN_ICMP` and `SO_EE_ORIGIN_ICMP6` (`include/uapi/linux/errqueue.h`).
    const ICMP: u8 = 2;
    const ICMP6: u8 = 3;
    if layout!(exterr_errno) == ABSENT || layout!(exterr_origin) == ABSENT {
        return 0;
    }
    let last: u64 = read(sk, layout!(sock_error_queue_last));
    if last == sk.wrapping_add(layout!(sock_error_queue) as u64) {
        return 0;
    }
    let error = last.wrapping_add(layout!(skb_cb) as u64);
    match read(error, layout!(exterr_origin)) {
        ICMP | ICMP6 => read(error, layout!(exterr_errno)),
        _ => 0,
    }
}

/// The report that follows an end: told already, unless the kernel skipped that hook.
#[inline(always)]
fn closed(sk: u64) -> i32 {
    let Some(entry) = table::get(sk) else {
        return 0;
    };
    // SAFETY: a map value.
    let found = unsafe { &mut *entry };
    if found.phase == phase::SYN_SENT {
        // `tcp_disconnect` reports too, once the error was taken and the port forgotten.
        let by = match socket::remote_port(sk) {
            0 => seen_by::LATER,
            _ => seen_by::ERROR_REPORT,
        };
        end::unseen(sk, found, Hook::ErrorReport, by);
    }
    0
}

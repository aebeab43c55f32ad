//! `tcp:tcp_destroy_sock`: the socket's address may be another's from here on.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_ebpf::{
    attempt::{Entry, phase},
    counter::Hook,
    event::{seen_by, unsent::DESTROYED},
};

use super::{accepted, end, holder, stream, unsent};
use crate::{
    kernel::{layout, read_trusted},
    table,
};

#[btf_tracepoint(function = "tcp_destroy_sock")]
pub(crate) fn tcp_destroy_sock(ctx: BtfTracePointContext) -> i32 {
    let socket: *const u8 = ctx.arg(0);
    let sk = socket as u64;
    let is_known = match table::any(sk) {
        Some(entry) => {
            settle(sk, entry, socket);
            true
        }
        // Accepted, or older than the tracer.
        None => tells_unseen(socket),
    };
    if is_known {
        table::remove(sk);
    }
    accepted::gone(sk);
    0
}

/// Tells an end that was not seen. Who destroys a socket in a system call closes it only then; any
/// other one was closed before, and the error that ended it is there still, since nobody can take it.
#[inline(always)]
fn tells_unseen(socket: *const u8) -> bool {
    // SAFETY: an argument of the tracepoint.
    let (owned, err) = unsafe {
        (
            read_trusted::<u32>(socket, layout!(sock_owned)),
            read_trusted::<i32>(socket, layout!(sock_err)),
        )
    };
    let was_open = owned != 0;
    (was_open || err != 0) && stream::unseen(socket as u64, was_open) != 0
}

/// Tells what nothing told before.
#[inline(always)]
fn settle(sk: u64, entry: *mut Entry, socket: *const u8) {
    // SAFETY: a map value.
    let found = unsafe { &mut *entry };
    match found.phase {
        phase::CALLED => unsent::emit(Hook::Destroy, sk, entry, DESTROYED, 0),
        phase::SYN_SENT => {
            end::unseen(sk, found, Hook::Destroy, seen_by::LATER);
        }
        _ => {}
    }
    if found.phase == phase::OPEN && !tells_unseen(socket) && found.announced != 0 {
        end::over(sk, found);
    }
    if matches!(found.phase, phase::UNOWNED | phase::FAILED) {
        holder::closed(sk, found);
    }
}

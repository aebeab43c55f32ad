//! `tcp:tcp_send_reset` and `tcp:tcp_receive_reset`.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    config::ABSENT,
    counter::{Count, Hook},
    event::{ResetReceived, ResetSent, kind},
};

use super::{listener, packet};
use crate::{
    announce, count,
    kernel::{layout, setting},
    pending, ring,
    socket::{self, state},
    table,
};

/// The packet that a RST answers tells whose attempt it is; a RST of an application's own close
/// answers none, and is not about connecting.
#[raw_tracepoint(tracepoint = "tcp_send_reset")]
pub(crate) fn tcp_send_reset(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let skb: u64 = ctx.arg(1);
    if skb == 0 {
        return 0;
    }
    let Some(packet) = packet::tcp(skb) else {
        return 0;
    };
    if listener::is_listener(sk) {
        listener::reset(sk, &packet, reason(&ctx));
    }
    if !pending::wants(Hook::SendReset, &packet) {
        return 0;
    }
    ring::emit::<ResetSent>(Hook::SendReset, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::RESET_SENT, sk, 0);
            (*event).packet = packet;
            (*event).reason = reason(&ctx);
            (*event).reserved = 0;
        }
    });
    0
}

#[inline(always)]
fn reason(ctx: &RawTracePointContext) -> u32 {
    match layout!(arg_reset_reason) {
        ABSENT => u32::MAX,
        _ => ctx.arg::<u64>(2) as u32,
    }
}

#[raw_tracepoint(tracepoint = "tcp_receive_reset")]
pub(crate) fn tcp_receive_reset(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    if socket::tcp_state(sk) != state::SYN_SENT && setting!(all_evidence) == 0 {
        return 0;
    }
    count::hook(Hook::ReceiveReset, Count::Seen);
    let Some(attempt_ns) =
        table::get(sk).map(|entry| announce::attempt(Hook::ReceiveReset, sk, entry))
    else {
        count::hook(Hook::ReceiveReset, Count::Filtered);
        return 0;
    };
    ring::emit::<ResetReceived>(Hook::ReceiveReset, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::RESET_RECEIVED, sk, attempt_ns);
            socket::tuple(&raw mut (*event).tuple, sk);
        }
    });
    0
}

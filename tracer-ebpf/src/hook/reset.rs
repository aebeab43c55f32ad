//! `tcp:tcp_send_reset` and `tcp:tcp_receive_reset`.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    config::ABSENT,
    counter::{Count, Hook},
    event::{Packet, ResetReceived, ResetSent, kind},
};

use super::{listener, packet};
use crate::{
    announce, count,
    kernel::{layout, setting},
    owner, pending, ring,
    socket::{self, state},
    table,
};

/// A RST about a connection of ours names its socket, and says why; the packet that any other one
/// answers tells whose attempt it is.
#[raw_tracepoint(tracepoint = "tcp_send_reset")]
pub(crate) fn tcp_send_reset(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let skb: u64 = ctx.arg(1);
    let state = stream_state(sk);
    if state != 0 {
        count::hook(Hook::SendReset, Count::Seen);
        // A RST of an application's own close answers no packet.
        emit_sent(&ctx, sk, &packet::NOTHING, state);
        return 0;
    }
    let mut packet = packet::NOTHING;
    if skb == 0 || packet::tcp(skb, &mut packet) == 0 {
        return 0;
    }
    if listener::is_listener(sk) {
        listener::reset(sk, &packet, reason(&ctx));
    }
    if pending::wants(Hook::SendReset, &packet) {
        emit_sent(&ctx, sk, &packet, 0);
    }
    0
}

/// The state of a connection that has come up, or has just been closed; 0 for any other socket.
#[inline(always)]
fn stream_state(sk: u64) -> u32 {
    if sk == 0 {
        return 0;
    }
    let state = socket::tcp_state(sk);
    if state == state::CLOSE || socket::is_open(state) {
        state
    } else {
        0
    }
}

#[inline(always)]
fn emit_sent(ctx: &RawTracePointContext, sk: u64, packet: &Packet, state: u32) {
    ring::emit::<ResetSent>(Hook::SendReset, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::RESET_SENT, sk, 0);
            (*event).packet = *packet;
            (*event).reason = reason(ctx);
            (*event).state = state;
        }
    });
}

#[inline(always)]
fn reason(ctx: &RawTracePointContext) -> u32 {
    match layout!(arg_reset_reason) {
        ABSENT => u32::MAX,
        _ => ctx.arg::<u64>(2) as u32,
    }
}

/// After both sides have closed, a RST takes nothing away from anybody.
#[raw_tracepoint(tracepoint = "tcp_receive_reset")]
pub(crate) fn tcp_receive_reset(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let decisive = matches!(
        socket::tcp_state(sk),
        state::SYN_SENT | state::ESTABLISHED | state::CLOSE_WAIT | state::FIN_WAIT1
    );
    if !decisive && setting!(all_evidence) == 0 {
        return 0;
    }
    count::hook(Hook::ReceiveReset, Count::Seen);
    let attempt_ns = match table::get(sk) {
        Some(entry) => announce::attempt(Hook::ReceiveReset, sk, entry),
        None if owner::is_filtering() => {
            count::hook(Hook::ReceiveReset, Count::Filtered);
            return 0;
        }
        None => 0,
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

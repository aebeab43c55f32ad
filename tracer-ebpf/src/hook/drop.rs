//! `skb:kfree_skb`: a packet was dropped, and why.

use core::arch::asm;

use aya_ebpf::{
    EbpfContext, helpers::generated::bpf_get_stack, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use tracer_ebpf::{
    attempt::phase,
    config::ABSENT,
    counter::{Count, Hook},
    event::{Drop, Packet, STACK_DEPTH, drop_socket, kind},
};

use super::{listener, packet};
use crate::{
    announce, count,
    kernel::{layout, read, setting},
    pending, ring, socket, stalled, table,
};

#[raw_tracepoint(tracepoint = "kfree_skb")]
pub(crate) fn kfree_skb(ctx: RawTracePointContext) -> i32 {
    let reason = reason(&ctx);
    count::drop_reason(reason);
    if is_benign(reason) {
        return 0;
    }
    let skb: u64 = ctx.arg(0);
    let mut packet = packet::NOTHING;
    if packet::tcp(skb, &mut packet) == 0 {
        return 0;
    }
    let (sk, role) = socket_of(&ctx, skb);
    if role == drop_socket::RECEIVER && listener::is_listener(sk) {
        listener::dropped(sk, &packet, reason, ctx.arg(1));
    }
    if let Some(attempt_ns) = attempt_of(sk, &packet) {
        emit(&ctx, skb, (sk, role, attempt_ns), reason, &packet);
    }
    0
}

/// Start of the attempt that the packet's socket makes; 0 where it carries none, but may belong to
/// one; `None` where it is of no interest.
#[inline(always)]
fn attempt_of(sk: u64, packet: &Packet) -> Option<u64> {
    if let Some(entry) = table::get(sk) {
        // SAFETY: a map value.
        if unsafe { (*entry).phase } != phase::CALLED {
            count::hook(Hook::Drop, Count::Seen);
            return Some(announce::attempt(Hook::Drop, sk, entry));
        }
    }
    if sk != 0 && socket::is_open(socket::tcp_state(sk)) {
        return pending::wants_more(Hook::Drop).then_some(0);
    }
    if pending::wants(Hook::Drop, packet) || stalled::wants(Hook::Drop, packet) {
        return Some(0);
    }
    if setting!(all_evidence) != 0 && sk != 0 {
        count::hook(Hook::Drop, Count::Seen);
        return Some(0);
    }
    None
}

/// Positions of arguments come from BTF, and the verifier wants each load at a fixed place: written
/// in assembly, since the compiler would make one load at a computed place of both.
#[inline(always)]
fn argument(ctx: &RawTracePointContext, position: u32) -> u64 {
    let mut value = 0_u64;
    let context = ctx.as_ptr();
    match position {
        // SAFETY: the context of a raw tracepoint is its arguments, 8 bytes each; that the
        // tracepoint has so many, the kernel checks when it attaches.
        2 => unsafe {
            asm!("{value} = *(u64 *)({context} + 16)", value = out(reg) value, context = in(reg) context);
        },
        // SAFETY: as above.
        3 => unsafe {
            asm!("{value} = *(u64 *)({context} + 24)", value = out(reg) value, context = in(reg) context);
        },
        _ => {}
    }
    value
}

#[inline(always)]
fn reason(ctx: &RawTracePointContext) -> u32 {
    match layout!(arg_drop_reason) {
        ABSENT => u32::MAX,
        position => argument(ctx, position) as u32,
    }
}

#[inline(always)]
fn is_benign(reason: u32) -> bool {
    if reason >= 256 {
        return false;
    }
    let bitmap = setting!(benign_drops);
    let word = match reason / 64 {
        0 => bitmap[0],
        1 => bitmap[1],
        2 => bitmap[2],
        _ => bitmap[3],
    };
    word >> (reason % 64) & 1 != 0
}

/// The receiver where the kernel tells it, else what the packet itself carries.
#[inline(always)]
fn socket_of(ctx: &RawTracePointContext, skb: u64) -> (u64, u32) {
    let receiver = match layout!(arg_drop_receiver) {
        ABSENT => 0,
        position => argument(ctx, position),
    };
    if receiver != 0 {
        return (receiver, drop_socket::RECEIVER);
    }
    match read::<u64>(skb, layout!(skb_sk)) {
        0 => (0, drop_socket::NONE),
        sk => (sk, drop_socket::SKB),
    }
}

#[inline(always)]
fn emit(
    ctx: &RawTracePointContext,
    skb: u64,
    (sk, role, attempt_ns): (u64, u32, u64),
    reason: u32,
    packet: &Packet,
) {
    let dev = packet::device(skb);
    ring::emit::<Drop>(Hook::Drop, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::DROP, sk, attempt_ns);
            (*event).packet = *packet;
            (*event).location = ctx.arg(1);
            (*event).reason = reason;
            (*event).socket = role;
            (*event).socket_state = if sk == 0 { 0 } else { socket::tcp_state(sk) };
            (*event).route_err = route_error(skb);
            (*event).conntrack = packet::conntrack(skb);
            socket::device(&raw mut (*event).path, dev);
            (*event).stack = [0; STACK_DEPTH];
            // A closed port is not worth a walk of the stack: its place is always the same.
            (*event).stack_depth = if reason != ABSENT && reason == setting!(no_socket) {
                0
            } else {
                take_stack(ctx, &raw mut (*event).stack)
            };
        }
    });
}

/// IPv4 keeps it positive, IPv6 negative.
#[inline(always)]
fn route_error(skb: u64) -> i32 {
    let err = read::<i16>(packet::route(skb), layout!(dst_error)) as i32;
    if err < 0 { -err } else { err }
}

#[inline(always)]
fn take_stack(ctx: &RawTracePointContext, stack: *mut [u64; STACK_DEPTH]) -> u32 {
    const BYTES: u32 = (STACK_DEPTH * 8) as u32;
    // SAFETY: the destination is as long as said.
    let bytes = unsafe { bpf_get_stack(ctx.as_ptr(), stack.cast(), BYTES, 0) };
    if bytes < 0 { 0 } else { bytes as u32 / 8 }
}

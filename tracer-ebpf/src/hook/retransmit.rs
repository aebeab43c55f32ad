//! `tcp:tcp_retransmit_skb` and `tcp:tcp_retransmit_synack`.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    config::ABSENT,
    counter::{Count, Hook},
    event::{Retransmit, SynackRetransmit, Tuple, kind},
};

use super::listener;
use crate::{
    announce, count, in_vain,
    kernel::{layout, read, setting},
    pending, ring,
    socket::{self, state},
    stalled, table,
};

/// Before 6.18 it has no error argument and fires only where the packet left TCP.
#[raw_tracepoint(tracepoint = "tcp_retransmit_skb")]
pub(crate) fn tcp_retransmit_skb(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    if socket::tcp_state(sk) != state::SYN_SENT {
        stalled(sk);
        if error(&ctx) == 0 {
            in_vain::note(sk, ctx.arg(1));
        }
        if !follows() {
            return 0;
        }
    }
    count::hook(Hook::Retransmit, Count::Seen);
    let attempt_ns = match table::get(sk) {
        Some(entry) => announce::attempt(Hook::Retransmit, sk, entry),
        // Accepted, or older than the tracer: whose it is its end will tell.
        None if follows() => 0,
        None => {
            count::hook(Hook::Retransmit, Count::Filtered);
            return 0;
        }
    };
    ring::emit::<Retransmit>(Hook::Retransmit, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::RETRANSMIT, sk, attempt_ns);
            socket::tuple(&raw mut (*event).tuple, sk);
            socket::path(&raw mut (*event).path, sk);
            (*event).err = error(&ctx);
            (*event).retransmits = read::<u8>(sk, layout!(icsk_retransmits)) as u32;
            (*event).isn = read(sk, layout!(tcp_snd_una));
            (*event).ca_state = (read::<u8>(sk, layout!(icsk_ca_state)) & 0x1f) as u32;
            (*event).timer = read::<u8>(sk, layout!(icsk_pending)) as u32;
            (*event).undo_marker = read(sk, layout!(tcp_undo_marker));
            (*event).segments = segments(ctx.arg(1));
            (*event).reserved = 0;
        }
    });
    0
}

/// Whether what connections that came up send again is told, too.
#[inline(always)]
fn follows() -> bool {
    setting!(all_evidence) != 0 || setting!(follow_open) != 0
}

/// 0 where that is not known.
#[inline(always)]
fn segments(skb: u64) -> u32 {
    match layout!(tcp_cb_segs) {
        ABSENT => 0,
        offset => {
            let cb = skb.wrapping_add(layout!(skb_cb) as u64);
            read::<u16>(cb, offset) as u32
        }
    }
}

/// What transmitting returned.
#[inline(always)]
fn error(ctx: &RawTracePointContext) -> i32 {
    match layout!(arg_retransmit_err) {
        ABSENT => 0,
        _ => ctx.arg::<u64>(2) as i32,
    }
}

#[inline(never)]
fn stalled(sk: u64) -> u32 {
    let mut tuple = core::mem::MaybeUninit::<Tuple>::uninit();
    // SAFETY: a local, of which every field is written.
    let tuple = unsafe {
        socket::tuple(tuple.as_mut_ptr(), sk);
        tuple.assume_init_ref()
    };
    stalled::note(tuple);
    0
}

/// A listener of this host answers an attempt again: where both ends are here, that the SYN arrived
/// is known.
#[raw_tracepoint(tracepoint = "tcp_retransmit_synack")]
pub(crate) fn tcp_retransmit_synack(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let request: u64 = ctx.arg(1);
    listener::answered_again(sk, request);
    // A request is a mini-socket: it has what `sock_common` has, and no `inet_sport`.
    let local_port: u16 = read(request, layout!(sock_num));
    let mut local = [0; 16];
    // SAFETY: a value of this frame.
    unsafe { socket::local(&raw mut local, request) };
    if !pending::wants_answer(Hook::SynackRetransmit, &local, local_port) {
        return 0;
    }
    ring::emit::<SynackRetransmit>(Hook::SynackRetransmit, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::SYNACK_RETRANSMIT, sk, 0);
            socket::tuple(&raw mut (*event).tuple, request);
            (*event).tuple.local_port = local_port;
            (*event).tuple.state = state::NEW_SYN_RECV;
            (*event).client_isn = read(request, layout!(request_rcv_isn));
            (*event).retransmits = read::<u8>(request, layout!(request_num_retrans)) as u32;
        }
    });
    0
}

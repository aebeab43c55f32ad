//! Which destinations somebody on this host is connecting to right now, so that a dropped packet
//! that carries no socket is handed over only where it may matter.

use aya_ebpf::{macros::map, maps::Array, maps::PerCpuArray};
use tracer_ebpf::{
    counter::{Count, Hook},
    event::{
        Packet,
        tcp_flag::{ACK, RST, SYN},
    },
};

use crate::{atomic, count, kernel::setting, ring};

const SLOTS: u32 = 1 << 16;

/// Attempts in `SYN_SENT`, by a hash of address and port.
#[map]
static PENDING: Array<u32> = Array::with_max_entries(SLOTS, 0);

/// Packets without a socket that this CPU handed over in the present second.
#[repr(C)]
struct Bucket {
    second_ns: u64,
    expected: u32,
    others: u32,
}

#[map]
static BUCKETS: PerCpuArray<Bucket> = PerCpuArray::with_max_entries(1, 0);

/// Slot of a destination. Collisions only let more packets through.
#[inline(always)]
pub(crate) fn slot(address: &[u8; 16], port: u16) -> u32 {
    let word = |at: usize| {
        u32::from_ne_bytes([
            address[at],
            address[at + 1],
            address[at + 2],
            address[at + 3],
        ])
    };
    let mixed = word(0) ^ word(4).rotate_left(7) ^ word(8).rotate_left(13) ^ word(12);
    (mixed.wrapping_mul(0x9e37_79b1) ^ (port as u32).wrapping_mul(0x85eb_ca6b)) >> 16
}

#[inline(always)]
pub(crate) fn add(slot: u32, change: i32) {
    if let Some(count) = PENDING.get_ptr_mut(slot & (SLOTS - 1)) {
        // SAFETY: a map value; other CPUs change it too, so the addition is atomic.
        unsafe { atomic::add_u32(count, change as u32) };
    }
}

#[inline(always)]
fn is_awaited(slot: u32) -> bool {
    PENDING
        .get(slot & (SLOTS - 1))
        .is_some_and(|&count| count as i32 > 0)
}

/// Whether a packet that carries no socket of ours may belong to an attempt: a SYN to, or an answer
/// from, a destination that somebody is connecting to; or, since address translation may have
/// rewritten it, any other packet of a handshake, up to a number a second.
#[inline(always)]
pub(crate) fn wants(hook: Hook, packet: &Packet) -> bool {
    let answer = packet.flags & (RST | ACK) != 0;
    if packet.flags & (SYN | RST) == 0 {
        return false;
    }
    // Both are computed: a choice of addresses, not of slots, would become one of each byte.
    let (from, to) = (
        slot(&packet.source, packet.source_port),
        slot(&packet.destination, packet.destination_port),
    );
    let expected = is_awaited(if answer { from } else { to });
    if !expected && packet.flags & RST != 0 {
        return false;
    }
    has_place(hook, expected)
}

/// Whether somebody on this host is connecting to the local end of a listener's request.
#[inline(always)]
pub(crate) fn wants_answer(hook: Hook, local: &[u8; 16], local_port: u16) -> bool {
    if !is_awaited(slot(local, local_port)) {
        return false;
    }
    has_place(hook, true)
}

/// Whether a packet of a connection that is not in the table has a place left.
#[inline(always)]
pub(crate) fn wants_more(hook: Hook) -> bool {
    has_place(hook, false)
}

/// Whether a packet that somebody waits for has a place left.
#[inline(always)]
pub(crate) fn wants_awaited(hook: Hook) -> bool {
    has_place(hook, true)
}

#[inline(always)]
fn has_place(hook: Hook, expected: bool) -> bool {
    count::hook(hook, Count::Seen);
    let allowed = take(expected);
    if !allowed {
        count::hook(hook, Count::RateLimited);
    }
    allowed
}

/// Takes a packet's place in this second's allowance. Packets to awaited destinations have one of
/// their own, 25 times as large, so that strangers cannot use it up.
#[inline(always)]
fn take(expected: bool) -> bool {
    const SECOND_NS: u64 = 1_000_000_000;
    let Some(bucket) = BUCKETS.get_ptr_mut(0) else {
        return false;
    };
    let now_ns = ring::now_ns();
    // SAFETY: a map value of this CPU. Where an interrupt nests, one packet more or less passes.
    let bucket = unsafe { &mut *bucket };
    if now_ns - bucket.second_ns >= SECOND_NS {
        *bucket = Bucket {
            second_ns: now_ns,
            expected: 0,
            others: 0,
        };
    }
    let limit = setting!(loose_packets_per_second);
    if expected {
        bucket.expected += 1;
        bucket.expected <= limit * 25
    } else {
        bucket.others += 1;
        bucket.others <= limit
    }
}

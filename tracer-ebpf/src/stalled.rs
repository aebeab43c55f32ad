//! Which connections that had come up send segments again, and which handshakes their SYN-ACK, so that
//! dropped packets of theirs are handed over though they carry no socket: at a router, or at the other
//! end.

use aya_ebpf::{macros::map, maps::Array};
use tracer_ebpf::{
    counter::Hook,
    event::{Packet, Tuple},
};

use crate::{pending, ring};

const SLOTS: u32 = 1 << 16;

/// TCP tries again after two minutes at the latest (`TCP_RTO_MAX`, `include/net/tcp.h`).
const LONGEST_NS: u64 = 130_000_000_000;

/// When a segment was last sent again, by a hash of its two ends.
#[map]
static STALLED: Array<u64> = Array::with_max_entries(SLOTS, 0);

/// The same for both directions. Collisions only let more packets through.
#[inline(always)]
fn slot(one: u32, other: u32) -> u32 {
    one.wrapping_add(other) & (SLOTS - 1)
}

/// A connection sends a segment again.
#[inline(always)]
pub(crate) fn note(tuple: &Tuple) {
    mark(slot(
        pending::slot(&tuple.local, tuple.local_port),
        pending::slot(&tuple.remote, tuple.remote_port),
    ));
}

/// A listener answers a packet again: its client acknowledges that again, if it gets it.
#[inline(always)]
pub(crate) fn note_answer_to(packet: &Packet) {
    mark(slot_of(packet));
}

#[inline(always)]
fn mark(slot: u32) {
    if let Some(last) = STALLED.get_ptr_mut(slot) {
        // SAFETY: a map value; another CPU writes as good a time.
        unsafe { *last = ring::now_ns() };
    }
}

#[inline(always)]
fn slot_of(packet: &Packet) -> u32 {
    slot(
        pending::slot(&packet.source, packet.source_port),
        pending::slot(&packet.destination, packet.destination_port),
    )
}

/// Whether a packet may belong to such a connection, and has a place left.
#[inline(always)]
pub(crate) fn wants(hook: Hook, packet: &Packet) -> bool {
    let last_ns = STALLED.get(slot_of(packet)).map_or(0, |&last_ns| last_ns);
    last_ns != 0
        && ring::now_ns().wrapping_sub(last_ns) < LONGEST_NS
        && pending::wants_awaited(hook)
}

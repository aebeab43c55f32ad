//! Dropped segments of connections that had come up, where they carry no socket, or that of the other
//! end: kept by their two ends, and joined only where their sequence numbers are of what a connection
//! had under way when it ended.

use std::{num::NonZeroUsize, ops::RangeInclusive};

use lru::LruCache;
use tracer_ebpf::{
    event::{self, Packet, Tuple},
    tcp_state,
};

use super::evidence::Evidence;
use crate::{decode::Place, record::MatchedBy};

/// Flows whose drops are kept at most.
const MAX_FLOWS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// Drops kept of one flow: the last ones.
const MAX_DROPS: usize = 64;

/// Address and port.
type End = ([u8; 16], u16);

/// Drops by their two ends, whichever sent them.
pub(super) struct FlowEvidence {
    by_ends: LruCache<(End, End), Vec<(event::Drop, Place)>>,
    /// Flows whose drops had to go.
    pub(super) forgotten: u64,
}

impl Default for FlowEvidence {
    fn default() -> Self {
        Self {
            by_ends: LruCache::new(MAX_FLOWS),
            forgotten: 0,
        }
    }
}

fn ordered(one: End, other: End) -> (End, End) {
    (one.min(other), one.max(other))
}

impl FlowEvidence {
    pub(super) fn keep(&mut self, drop: &event::Drop, place: &Place) {
        let packet = &drop.packet;
        let ends = ordered(
            (packet.source, packet.source_port),
            (packet.destination, packet.destination_port),
        );
        if !self.by_ends.contains(&ends) && self.by_ends.len() == MAX_FLOWS.get() {
            self.forgotten += 1;
        }
        let drops = self.by_ends.get_or_insert_mut(ends, Vec::new);
        if drops.len() >= MAX_DROPS {
            drops.remove(0);
        }
        drops.push((*drop, place.clone()));
    }

    /// Hands over what belongs to a connection that has ended, but what carries its own socket: that
    /// is joined by it. The other end of it may be of this host, too. What came from there to a listener
    /// found the connection gone.
    pub(super) fn take(
        &mut self,
        sk: u64,
        tuple: &Tuple,
        under_way: &RangeInclusive<u32>,
        evidence: &mut Evidence,
    ) {
        let local = (tuple.local, tuple.local_port);
        let ends = ordered(local, (tuple.remote, tuple.remote_port));
        for (drop, place) in self.by_ends.get(&ends).into_iter().flatten() {
            let packet = &drop.packet;
            let is_late = drop.socket_state == tcp_state::LISTEN
                && (packet.source, packet.source_port) != local;
            if drop.head.sk != sk && !is_late && is_of(packet, local, under_way) {
                evidence.add_drop(drop, place, MatchedBy::Tuple, tuple);
            }
        }
    }
}

/// Between what the peer has acknowledged and what was written last, both included: a segment of it,
/// or an acknowledgment for it. Sequence numbers wrap around.
fn is_of(packet: &Packet, local: End, under_way: &RangeInclusive<u32>) -> bool {
    let number = if (packet.source, packet.source_port) == local {
        packet.seq
    } else {
        packet.ack
    };
    let (first, last) = (*under_way.start(), *under_way.end());
    number.wrapping_sub(first) <= last.wrapping_sub(first)
}

//! Evidence that carries no socket of ours: kept by the initial sequence number of the attempt that
//! it may belong to. That number is chosen from a secret for each attempt, and survives forwarding
//! and address translation; so it tells apart even two namespaces with the same addresses and ports.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tracer_ebpf::event::{self, Packet, Tuple};

use super::evidence::{Evidence, PacketKind};
use crate::{decode::Place, record::MatchedBy};

/// One piece of loose evidence.
pub(super) enum Loose {
    Drop(Box<event::Drop>, Place),
    Icmp(event::IcmpSent),
    ResetSent(event::ResetSent, Option<Arc<str>>),
    SynackRetransmit(event::SynackRetransmit),
}

impl Loose {
    fn time_ns(&self) -> u64 {
        match self {
            Self::Drop(event, _) => event.head.time_ns,
            Self::Icmp(event) => event.head.time_ns,
            Self::ResetSent(event, _) => event.head.time_ns,
            Self::SynackRetransmit(event) => event.head.time_ns,
        }
    }

    /// Initial sequence number of the attempt that it may belong to.
    fn isn(&self) -> u32 {
        match self {
            Self::Drop(event, _) => isn(&event.packet),
            Self::Icmp(event) => isn(&event.packet),
            Self::ResetSent(event, _) => isn(&event.packet),
            Self::SynackRetransmit(event) => event.client_isn,
        }
    }

    fn belongs_to(&self, tuple: &Tuple) -> bool {
        match self {
            Self::Drop(event, _) => is_akin(&event.packet, tuple),
            Self::Icmp(event) => is_akin(&event.packet, tuple),
            Self::ResetSent(event, _) => is_akin(&event.packet, tuple),
            Self::SynackRetransmit(event) => {
                event.tuple.remote == tuple.local || event.tuple.remote_port == tuple.local_port
            }
        }
    }

    fn add_to(self, evidence: &mut Evidence, tuple: &Tuple) {
        match self {
            Self::Drop(event, place) => {
                evidence.add_drop(&event, &place, MatchedBy::Tuple, tuple);
            }
            Self::Icmp(event) => evidence.add_icmp(&event, MatchedBy::Tuple),
            Self::ResetSent(event, reason) => {
                evidence.add_reset_sent(&event, reason.as_ref(), MatchedBy::Tuple);
            }
            Self::SynackRetransmit(_) => evidence.synack_retransmits += 1,
        }
    }
}

/// A SYN carries it; an answer acknowledges it (RFC 9293, 3.4 and 3.5.2).
fn isn(packet: &Packet) -> u32 {
    if PacketKind::of(packet).is_answer() {
        packet.ack.wrapping_sub(1)
    } else {
        packet.seq
    }
}

/// Address translation changes an end; where it changes both, as between containers of one bridge, it
/// leaves the port that the attempt chose, unless that is taken.
fn is_akin(packet: &Packet, tuple: &Tuple) -> bool {
    let (near, far) = if PacketKind::of(packet).is_answer() {
        (
            (packet.destination, packet.destination_port),
            (packet.source, packet.source_port),
        )
    } else {
        (
            (packet.source, packet.source_port),
            (packet.destination, packet.destination_port),
        )
    };
    near.1 == tuple.local_port || far == (tuple.remote, tuple.remote_port)
}

/// Most pieces kept; then the oldest goes.
const MAX_KEPT: usize = 65_536;

/// Loose evidence, bounded.
#[derive(Default)]
pub(super) struct LooseEvidence {
    by_isn: HashMap<u32, Vec<Loose>>,
    order: VecDeque<u32>,
    /// Pieces that had to go before their attempt had ended.
    pub(super) forgotten: u64,
}

impl LooseEvidence {
    pub(super) fn keep(&mut self, piece: Loose) {
        if self.order.len() >= MAX_KEPT
            && let Some(oldest) = self.order.pop_front()
            && let Some(pieces) = self.by_isn.get_mut(&oldest)
        {
            pieces.remove(0);
            self.forgotten += 1;
            if pieces.is_empty() {
                self.by_isn.remove(&oldest);
            }
        }
        self.order.push_back(piece.isn());
        self.by_isn.entry(piece.isn()).or_default().push(piece);
    }

    /// Moves what belongs to an attempt (its initial sequence number, its ends, and its time) into
    /// its evidence.
    pub(super) fn take(
        &mut self,
        isn: u32,
        tuple: &Tuple,
        lived_ns: std::ops::RangeInclusive<u64>,
        evidence: &mut Evidence,
    ) {
        let Some(pieces) = self.by_isn.remove(&isn) else {
            return;
        };
        let mut taken = 0;
        let mut rest = Vec::new();
        for piece in pieces {
            if lived_ns.contains(&piece.time_ns()) && piece.belongs_to(tuple) {
                piece.add_to(evidence, tuple);
                taken += 1;
            } else {
                rest.push(piece);
            }
        }
        self.forget_places(isn, taken);
        if !rest.is_empty() {
            self.by_isn.insert(isn, rest);
        }
    }

    /// Recent evidence stands at the back.
    fn forget_places(&mut self, isn: u32, mut taken: usize) {
        let mut at = self.order.len();
        while taken > 0 && at > 0 {
            at -= 1;
            if self.order[at] == isn {
                self.order.remove(at);
                taken -= 1;
            }
        }
    }
}

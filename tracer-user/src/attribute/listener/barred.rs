//! SYNs that a firewall of this host keeps from a listener, and its answers that it keeps from the client.
//!
//! Such a packet carries no socket: the address and the port tell for which listener it was. A client
//! that is on this host, too, has a record of its own, which tells both sides; so each packet waits until
//! such a client would have been heard of, and is known by its initial sequence number.

use std::{collections::VecDeque, net::SocketAddr, num::NonZeroUsize};

use lru::LruCache;
use tracer_ebpf::{
    event::{self, Packet, Tuple, Wire as _},
    tcp_state,
};

use super::refusals::Barred;
use crate::{
    attribute::evidence::{PacketKind, SeenDrop},
    decode::{Event, Place},
    net,
};

/// A client sends its SYN again after 1 s (`TCP_TIMEOUT_INIT`), or has given up before: both are told.
pub(super) const HOLD_NS: u64 = 3_000_000_000;
/// Packets that wait at most; then the oldest goes.
const MAX_WAITING: usize = 16_384;
/// Sequence numbers of this host's own clients that are remembered.
const MAX_OWN: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// Packets remembered that were answered by ICMP: a rule that rejects does so, and then drops.
const MAX_ANSWERED: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// A packet between a listener and its client that a firewall dropped.
#[derive(Clone, Debug)]
pub(super) struct Stranger {
    /// When, `CLOCK_MONOTONIC`.
    pub(super) at_ns: u64,
    /// Network namespace of the firewall and the listener.
    pub(super) netns: u32,
    /// The listener's end.
    pub(super) local: SocketAddr,
    /// The client's.
    pub(super) client: SocketAddr,
    /// What was dropped, and where.
    pub(super) barred: Barred,
    /// It was answered with an ICMP error.
    pub(super) rejected: bool,
    /// The client's initial sequence number.
    isn: u32,
}

/// Packets that wait for their client to be heard of.
pub(super) struct Waiting {
    /// Each with the address and the inode number of the listener.
    waiting: VecDeque<(u64, u64, Stranger)>,
    own: LruCache<u32, ()>,
    answered: LruCache<(u32, u32), ()>,
    /// Packets that had to go.
    pub(super) forgotten: u64,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            own: LruCache::new(MAX_OWN),
            answered: LruCache::new(MAX_ANSWERED),
            forgotten: 0,
        }
    }
}

impl Waiting {
    /// Takes one event. Gives the packet that it tells of, if a firewall dropped one.
    pub(super) fn observe(&mut self, event: &Event) -> Option<Stranger> {
        match event {
            Event::Retransmit(again) if again.tuple.state == tcp_state::SYN_SENT => {
                self.own.put(again.isn, ());
            }
            Event::State(state) if state.old == tcp_state::SYN_SENT => {
                self.own.put(state.isn, ());
            }
            Event::IcmpSent(icmp) => {
                self.answered.put((icmp.packet.netns, icmp.packet.seq), ());
            }
            Event::Drop(drop, place) => return self.dropped(drop, place),
            _ => {}
        }
        None
    }

    fn dropped(&mut self, drop: &event::Drop, place: &Place) -> Option<Stranger> {
        let packet = &drop.packet;
        // INPUT is where packets come to that are for this network namespace, OUTPUT where its own go.
        let (incoming, isn) = match (PacketKind::of(packet), place.hook) {
            (PacketKind::Syn, Some("input")) => (true, packet.seq),
            (PacketKind::SynAck, Some("output")) => (false, packet.ack.wrapping_sub(1)),
            _ => return None,
        };
        let ends = ends(packet, incoming);
        let end = |address, port| SocketAddr::new(net::address(address), port);
        Some(Stranger {
            at_ns: drop.head.time_ns,
            netns: packet.netns,
            local: end(ends.local, ends.local_port),
            client: end(ends.remote, ends.remote_port),
            barred: {
                let seen = SeenDrop::at_listener(drop, place, &ends, incoming);
                Barred::new(seen, ends, packet.flags)
            },
            rejected: self.answered.pop(&(packet.netns, packet.seq)).is_some(),
            isn,
        })
    }

    /// Lets a packet wait that was for this listener.
    pub(super) fn wait(&mut self, sk: u64, inode: u64, stranger: Stranger) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
            self.forgotten += 1;
        }
        self.waiting.push_back((sk, inode, stranger));
    }

    /// Those that have waited long enough, and are of no client of this host, each with the address and
    /// the inode number of its listener.
    pub(super) fn due(&mut self, now_ns: u64) -> Vec<(u64, u64, Stranger)> {
        let waits = |(_, _, it): &(u64, u64, Stranger)| it.at_ns + HOLD_NS > now_ns;
        let number = self.waiting.iter().take_while(|it| !waits(it)).count();
        let due = self.waiting.drain(..number);
        due.filter(|(_, _, it)| !self.own.contains(&it.isn))
            .collect()
    }
}

/// Both ends of a packet, as the listener has them that it was for, or came from.
pub(super) fn ends(packet: &Packet, incoming: bool) -> Tuple {
    let (from, to) = (
        (packet.source, packet.source_port),
        (packet.destination, packet.destination_port),
    );
    let (own, other) = if incoming { (to, from) } else { (from, to) };
    Tuple {
        local: own.0,
        local_port: own.1,
        remote: other.0,
        remote_port: other.1,
        netns: packet.netns,
        ..Tuple::ZERO
    }
}

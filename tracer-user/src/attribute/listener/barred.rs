//! Handshakes that a firewall of this host keeps from a listener, or its answers from the client.
//!
//! Such a packet carries no socket: the address and the port tell for which listener it was. A client
//! that is on this host, too, has a record of its own, which tells both sides; so each packet waits until
//! such a client would have been heard of, and is known by its initial sequence number.

use std::{collections::VecDeque, net::SocketAddr, num::NonZeroUsize};

use lru::LruCache;
use tracer_ebpf::{
    event::{self, Packet},
    tcp_state,
};

use super::refusals::Dropped;
use crate::{
    attribute::evidence::PacketKind,
    decode::{Event, Place},
    net,
};

/// A client sends its SYN again after 1 s (`TCP_TIMEOUT_INIT`), or has given up before: both are told.
const HOLD_NS: u64 = 3_000_000_000;
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
    pub(super) seen: Dropped,
    /// It was answered with an ICMP error.
    pub(super) rejected: bool,
    /// The client's initial sequence number.
    isn: u32,
}

/// Packets that wait for their client to be heard of.
pub(super) struct Barred {
    /// Each with the address and the inode number of the listener.
    waiting: VecDeque<(u64, u64, Stranger)>,
    own: LruCache<u32, ()>,
    answered: LruCache<(u32, u32), ()>,
    /// Packets that had to go.
    pub(super) forgotten: u64,
}

impl Default for Barred {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            own: LruCache::new(MAX_OWN),
            answered: LruCache::new(MAX_ANSWERED),
            forgotten: 0,
        }
    }
}

impl Barred {
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
        let (from, to) = ends(packet);
        // INPUT is where packets come to that are for this network namespace, OUTPUT where its own go.
        let (local, client, isn) = match (PacketKind::of(packet), place.hook) {
            (PacketKind::Syn, Some("input")) => (to, from, packet.seq),
            (PacketKind::SynAck, Some("output")) => (from, to, packet.ack.wrapping_sub(1)),
            _ => return None,
        };
        Some(Stranger {
            at_ns: drop.head.time_ns,
            netns: packet.netns,
            local,
            client,
            seen: Dropped::by_firewall(packet, place),
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

/// Source and destination.
fn ends(packet: &Packet) -> (SocketAddr, SocketAddr) {
    (
        SocketAddr::new(net::address(packet.source), packet.source_port),
        SocketAddr::new(net::address(packet.destination), packet.destination_port),
    )
}

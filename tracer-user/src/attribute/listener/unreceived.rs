//! SYNs dropped at a listener on kernels that do not name the receiver of what they drop (before 6.11):
//! the address and the port tell for which listener each was.

use std::net::SocketAddr;

use tracer_ebpf::event::{self, drop_socket};

use super::refusals::{Dropped, Kind};
use crate::{
    attribute::evidence::PacketKind, decode::Place, kernel::way::Course, net, record::MatchedBy,
};

/// A SYN that came to this host, and no further than to a listener.
pub(super) struct Unreceived {
    /// When, `CLOCK_MONOTONIC`.
    pub(super) at_ns: u64,
    /// Network namespace that it came to.
    pub(super) netns: u32,
    /// The listener's end.
    pub(super) local: SocketAddr,
    /// The client's.
    pub(super) client: SocketAddr,
    /// Why it was dropped.
    pub(super) dropped: Dropped,
    /// What kind that is.
    pub(super) kind: Kind,
}

impl Unreceived {
    /// `None` where a drop is of something else.
    pub(super) fn of(drop: &event::Drop, place: &Place) -> Option<Self> {
        let packet = &drop.packet;
        let is_syn = PacketKind::of(packet) == PacketKind::Syn;
        // `tcp_v4_rcv` and what it calls: not on the way there.
        let in_tcp = place
            .location
            .as_ref()
            .is_some_and(|it| it.starts_with("tcp_v"));
        let came = place.hook.is_none() && place.course == Some(Course::Received);
        if drop.socket != drop_socket::NONE || !is_syn || !in_tcp || !came {
            return None;
        }
        let dropped = Dropped {
            reason: place.reason.clone(),
            location: place.location.clone(),
            packet: PacketKind::Syn,
            flags: packet.flags,
            count: 1,
            matched_by: MatchedBy::Tuple,
        };
        let kind = dropped.kind()?;
        let end = |address, port| SocketAddr::new(net::address(address), port);
        Some(Self {
            at_ns: drop.head.time_ns,
            netns: packet.netns,
            local: end(packet.destination, packet.destination_port),
            client: end(packet.source, packet.source_port),
            dropped,
            kind,
        })
    }
}

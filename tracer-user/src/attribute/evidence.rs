//! What happened to an attempt, counted by kind.

use std::{net::SocketAddr, sync::Arc};

use tracer_ebpf::event::{self, Packet, Tuple, drop_socket};

use super::{resent, ruling::Ruling};
use crate::{
    decode::Place,
    kernel::way::{self, Course},
    net,
    record::{MatchedBy, Resent},
};

/// What a packet of a handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// RST.
    Rst,
    /// Anything else.
    Other,
}

impl PacketKind {
    /// From the TCP flags (RFC 9293, 3.1).
    #[must_use]
    pub fn of(packet: &Packet) -> Self {
        const SYN: u16 = 2;
        const RST: u16 = 4;
        const ACK: u16 = 16;
        match packet.flags {
            flags if flags & RST != 0 => Self::Rst,
            flags if flags & (SYN | ACK) == SYN | ACK => Self::SynAck,
            flags if flags & SYN != 0 => Self::Syn,
            _ => Self::Other,
        }
    }

    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Syn => "SYN",
            Self::SynAck => "SYN-ACK",
            Self::Rst => "RST",
            Self::Other => "segment",
        }
    }

    /// True for what comes back from the other end.
    #[must_use]
    pub fn is_answer(self) -> bool {
        matches!(self, Self::SynAck | Self::Rst)
    }
}

/// Where on a packet's way it was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// On the way out of the network namespace that sent it.
    Tx,
    /// Where it was received.
    Rx,
    /// On a router between.
    Forward,
}

impl Way {
    /// As records have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tx => "tx",
            Self::Rx => "rx",
            Self::Forward => "forward",
        }
    }
}

/// Packets of an attempt that were dropped in the same way at the same place.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenDrop {
    /// Where and why.
    pub place: Place,
    /// What they were.
    pub packet: PacketKind,
    /// On which part of their way; `None` where nothing tells.
    pub way: Option<Way>,
    /// Network namespace; 0 where it is not known.
    pub netns: u32,
    /// Network device.
    pub device: Option<String>,
    /// That device was down, or had no carrier.
    pub link_down: bool,
    /// Errno of their route, positive; 0 where it had none.
    pub route_err: i32,
    /// `enum ip_conntrack_info`, or `None` where conntrack had no entry for them.
    pub conntrack: Option<u32>,
    /// How they were joined to the attempt.
    pub matched_by: MatchedBy,
    /// They came from the other end.
    pub incoming: bool,
    /// Their two ends, where address translation had changed them.
    pub translated: Option<(SocketAddr, SocketAddr)>,
    /// How many.
    pub count: u64,
    /// The last one, `CLOCK_MONOTONIC`.
    pub last_ns: u64,
    /// When they were dropped, `CLOCK_MONOTONIC`: the first few.
    pub at_ns: Vec<u64>,
    /// Where a firewall did it: what its rules say.
    pub ruling: Option<Ruling>,
}

/// ICMP errors of one kind that this host sent about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpSeen {
    /// ICMP type (RFC 792).
    pub kind: u32,
    /// ICMP code.
    pub code: u32,
    /// Network namespace; 0 where it is not known.
    pub netns: u32,
    /// How they were joined to the attempt.
    pub matched_by: MatchedBy,
    /// The last one, `CLOCK_MONOTONIC`.
    pub last_ns: u64,
}

/// A RST that this host's kernel sent in answer to an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetSeen {
    /// The kernel's reason.
    pub reason: Option<Arc<str>>,
    /// Network namespace; 0 where it is not known.
    pub netns: u32,
    /// How it was joined to the attempt.
    pub matched_by: MatchedBy,
    /// The connection's own socket was still open as it sent it.
    pub was_open: bool,
}

/// What happened to an attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Drops, by kind.
    pub drops: Vec<SeenDrop>,
    /// ICMP errors sent by this host.
    pub icmp: Vec<IcmpSeen>,
    /// RSTs sent by this host.
    pub resets_sent: Vec<ResetSeen>,
    /// When RSTs were received, `CLOCK_MONOTONIC`.
    pub resets_received: Vec<u64>,
    /// Soft errors, as they came: `CLOCK_MONOTONIC` and errno.
    pub soft_errors: Vec<(u64, i32)>,
    /// SYNs sent again: what transmitting returned.
    pub retransmits: Vec<event::Retransmit>,
    /// SYN-ACKs that a listener of this host sent again.
    pub synack_retransmits: u32,
    /// Segments that were sent again, all of them counted by why, as far as they were seen.
    pub resent: Resent,
}

/// Kinds of evidence kept of one attempt: more tell nothing new.
const MAX_KINDS: usize = 32;
/// Times kept of one kind.
const MAX_TIMES: usize = 8;

impl Evidence {
    pub(super) fn add_drop(
        &mut self,
        drop: &event::Drop,
        place: &Place,
        matched_by: MatchedBy,
        tuple: &Tuple,
    ) {
        let seen = describe_drop(drop, place, matched_by, tuple);
        let same = self
            .drops
            .iter_mut()
            .find(|other| is_same_kind(other, &seen));
        if let Some(other) = same {
            other.add(&seen);
        } else if self.drops.len() < MAX_KINDS {
            self.drops.push(seen);
        }
    }

    pub(super) fn add_icmp(&mut self, icmp: &event::IcmpSent, matched_by: MatchedBy) {
        let seen = IcmpSeen {
            kind: icmp.kind,
            code: icmp.code,
            netns: icmp.packet.netns,
            matched_by,
            last_ns: icmp.head.time_ns,
        };
        let same = |other: &&mut IcmpSeen| {
            (other.kind, other.code, other.netns) == (seen.kind, seen.code, seen.netns)
        };
        if let Some(other) = self.icmp.iter_mut().find(same) {
            other.last_ns = other.last_ns.max(seen.last_ns);
        } else if self.icmp.len() < MAX_KINDS {
            self.icmp.push(seen);
        }
    }

    pub(super) fn add_reset_sent(
        &mut self,
        reset: &event::ResetSent,
        reason: Option<&Arc<str>>,
        matched_by: MatchedBy,
    ) {
        if self.resets_sent.len() < MAX_KINDS {
            self.resets_sent.push(ResetSeen {
                reason: reason.cloned(),
                netns: reset.packet.netns,
                matched_by,
                was_open: false,
            });
        }
    }

    pub(super) fn add_reset_received(&mut self, at_ns: u64) {
        if self.resets_received.len() < MAX_KINDS {
            self.resets_received.push(at_ns);
        }
    }

    /// The last one decides: where there are too many, the one before it goes.
    pub(super) fn add_soft_error(&mut self, at_ns: u64, err: i32) {
        self.soft_errors.truncate(MAX_KINDS - 1);
        self.soft_errors.push((at_ns, err));
    }

    pub(super) fn add_retransmit(&mut self, retransmit: event::Retransmit) {
        resent::count(&mut self.resent, &retransmit);
        if self.retransmits.len() < MAX_KINDS {
            self.retransmits.push(retransmit);
        }
    }
}

impl SeenDrop {
    /// A packet between a listener, which is the tuple's own end, and its client that a firewall dropped.
    pub(super) fn at_listener(
        drop: &event::Drop,
        place: &Place,
        tuple: &Tuple,
        incoming: bool,
    ) -> Self {
        Self {
            // What connection tracking holds is another number each time.
            place: Place {
                conntrack: None,
                ..place.clone()
            },
            incoming,
            translated: None,
            ..describe_drop(drop, place, MatchedBy::Tuple, tuple)
        }
    }

    /// Others of the same kind.
    pub(super) fn add(&mut self, others: &Self) {
        self.count += others.count;
        self.last_ns = self.last_ns.max(others.last_ns);
        let left = MAX_TIMES.saturating_sub(self.at_ns.len());
        self.at_ns.extend(others.at_ns.iter().take(left));
    }
}

/// True for a device that was down, or had no carrier.
#[must_use]
pub fn is_down(path: &event::Path) -> bool {
    path.device_index != 0
        && (path.flags & event::device::UP == 0 || path.link_state & event::device::NO_CARRIER != 0)
}

/// They were dropped in the same way, at the same place.
pub(super) fn is_same_kind(a: &SeenDrop, b: &SeenDrop) -> bool {
    a.place == b.place
        && a.packet == b.packet
        && a.way == b.way
        && a.netns == b.netns
        && a.device == b.device
        && a.link_down == b.link_down
        && a.route_err == b.route_err
        && a.conntrack == b.conntrack
        && a.matched_by == b.matched_by
        && a.incoming == b.incoming
}

fn describe_drop(
    drop: &event::Drop,
    place: &Place,
    matched_by: MatchedBy,
    tuple: &Tuple,
) -> SeenDrop {
    let packet = PacketKind::of(&drop.packet);
    let from = (drop.packet.source, drop.packet.source_port);
    let incoming = match packet {
        PacketKind::Other => from == (tuple.remote, tuple.remote_port),
        kind => kind.is_answer(),
    };
    SeenDrop {
        place: place.clone(),
        packet,
        way: way_of(drop, place, (packet, incoming), matched_by, tuple),
        netns: drop.packet.netns,
        device: net::name(&drop.path.device),
        link_down: is_down(&drop.path),
        route_err: drop.route_err,
        conntrack: (drop.conntrack != u32::MAX).then_some(drop.conntrack),
        matched_by,
        incoming,
        translated: translated(&drop.packet, incoming, tuple),
        count: 1,
        last_ns: drop.head.time_ns,
        at_ns: vec![drop.head.time_ns],
        ruling: None,
    }
}

/// The firewall's hook tells it, else the kernel's stack; or the socket: a packet that carries the
/// attempt's own is on its way out, unless the other end sent it: early demultiplexing sets a socket on
/// arrival too.
fn way_of(
    drop: &event::Drop,
    place: &Place,
    (packet, incoming): (PacketKind, bool),
    matched_by: MatchedBy,
    tuple: &Tuple,
) -> Option<Way> {
    match place.hook {
        Some("postrouting" | "egress") if place.course == Some(Course::Forwarded) => {
            return Some(Way::Forward);
        }
        Some("output" | "postrouting" | "egress") => return Some(Way::Tx),
        Some("input" | "prerouting" | "ingress") => return Some(Way::Rx),
        Some("forward") => return Some(Way::Forward),
        _ => {}
    }
    if place.location.as_deref().is_some_and(is_of_route) {
        return Some(Way::Forward);
    }
    let netns = drop.packet.netns;
    let is_request = packet == PacketKind::Syn;
    // In traces of versions that did not look at stacks, the function alone may tell.
    let course = place
        .course
        .or_else(|| way::course(place.location.as_deref(), &[]));
    match course {
        Some(Course::Sent) => Some(Way::Tx),
        Some(Course::Forwarded) => Some(Way::Forward),
        Some(Course::Received) => Some(Way::Rx),
        _ if matched_by == MatchedBy::Socket && !incoming => Some(Way::Tx),
        // A SYN is made in its socket's namespace only.
        Some(Course::Out) if is_request && netns == tuple.netns => Some(Way::Tx),
        Some(Course::Out) if is_request && netns != 0 => Some(Way::Forward),
        _ if drop.socket == drop_socket::RECEIVER => Some(Way::Rx),
        _ => None,
    }
}

/// Functions that routes lead to which refuse what is to be forwarded.
fn is_of_route(function: &str) -> bool {
    matches!(
        function,
        "ip_error" | "dst_discard" | "ip6_pkt_drop" | "ip6_pkt_discard" | "ip6_pkt_prohibit"
    )
}

/// The packet's two ends, where they are not the socket's.
fn translated(packet: &Packet, incoming: bool, tuple: &Tuple) -> Option<(SocketAddr, SocketAddr)> {
    let (from, to) = if incoming {
        (
            (tuple.remote, tuple.remote_port),
            (tuple.local, tuple.local_port),
        )
    } else {
        (
            (tuple.local, tuple.local_port),
            (tuple.remote, tuple.remote_port),
        )
    };
    let seen = (
        (packet.source, packet.source_port),
        (packet.destination, packet.destination_port),
    );
    (seen != (from, to)).then(|| {
        let end = |(address, port): ([u8; 16], u16)| SocketAddr::new(net::address(address), port);
        (end(seen.0), end(seen.1))
    })
}

//! A packet as rules look at it: as far as it was seen.

use std::net::{IpAddr, SocketAddr};

use tracer_ebpf::event::Tuple;

use super::tri::Tri;
use crate::{
    attribute::{PacketKind, SeenDrop},
    net,
};

/// What is known of a packet at a hook.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Where it comes from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// The device that it came in through.
    pub iif: Device,
    /// The device that it is to leave through.
    pub oif: Device,
    /// TCP flags (RFC 9293, 3.1), and which of them are known.
    pub(super) flags: Bits,
    /// What connection tracking calls it.
    pub(super) state: &'static str,
    /// It goes in the direction of the connection's first packet.
    pub(super) original: Tri,
}

/// A network device at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// This one.
    Named(String),
    /// There is none on this side of the hook.
    None,
    /// Which one is not known.
    Unknown,
}

/// Bits, of which some are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) value: u64,
    pub(super) known: u64,
}

/// TCP flags by the names that nftables gives them; iptables has the same in upper case.
pub(super) const FLAGS: [(&str, u64); 8] = [
    ("fin", 1),
    ("syn", 2),
    ("rst", 4),
    ("psh", 8),
    ("ack", 16),
    ("urg", 32),
    ("ecn", 64),
    ("cwr", 128),
];

impl Packet {
    /// A dropped packet of a connection between these ends.
    #[must_use]
    pub fn of(drop: &SeenDrop, tuple: &Tuple) -> Self {
        let end = |address, port| SocketAddr::new(net::address(address), port);
        let local = end(tuple.local, tuple.local_port);
        let remote = end(tuple.remote, tuple.remote_port);
        let (from, to) = match drop.translated {
            Some(seen) => seen,
            None if drop.incoming => (remote, local),
            None => (local, remote),
        };
        let (iif, oif) = devices(drop);
        Self {
            from,
            to,
            iif,
            oif,
            flags: flags(drop.packet),
            state: state(drop.conntrack),
            original: original(drop.conntrack),
        }
    }

    /// All of its TCP flags are known.
    #[must_use]
    pub fn with_flags(self, flags: u16) -> Self {
        let flags = Bits {
            value: flags.into(),
            known: u64::MAX,
        };
        Self { flags, ..self }
    }

    pub(super) fn is_ipv6(&self) -> bool {
        self.to.is_ipv6()
    }

    /// The first packet of a connection, for all that connection tracking knows.
    pub(super) fn is_new(&self) -> bool {
        self.state == "new"
    }
}

impl Device {
    /// Whether it has this name; a name that ends in `wildcard` stands for all that begin so.
    pub(super) fn is(&self, name: &str, wildcard: char) -> Tri {
        match self {
            Self::Unknown => Tri::Maybe,
            Self::None => Tri::No,
            Self::Named(own) => match name.strip_suffix(wildcard) {
                Some(beginning) => own.starts_with(beginning).into(),
                None => (own == name).into(),
            },
        }
    }
}

impl Bits {
    /// Only those of a mask: the others are 0.
    pub(super) fn masked(self, mask: u64) -> Self {
        Self {
            value: self.value & mask,
            known: self.known | !mask,
        }
    }

    pub(super) fn equal(self, other: u64) -> Tri {
        match (self.value ^ other) & self.known {
            0 if self.known == u64::MAX => Tri::Yes,
            0 => Tri::Maybe,
            _ => Tri::No,
        }
    }

    /// Whether one of these is set.
    pub(super) fn overlap(self, other: u64) -> Tri {
        if self.value & self.known & other != 0 {
            Tri::Yes
        } else if other & !self.known == 0 {
            Tri::No
        } else {
            Tri::Maybe
        }
    }
}

/// The kernel half tells what a packet is; the rest of its flags is not told.
fn flags(kind: PacketKind) -> Bits {
    const FIN: u64 = 1;
    const SYN: u64 = 2;
    const RST: u64 = 4;
    const ACK: u64 = 16;
    // Those above the eight are none.
    let high = !0xff;
    let (value, known) = match kind {
        PacketKind::Syn => (SYN, FIN | SYN | RST | ACK),
        PacketKind::SynAck => (SYN | ACK, FIN | SYN | RST | ACK),
        PacketKind::Rst => (RST, RST),
        PacketKind::Other => (0, SYN | RST),
    };
    Bits {
        value,
        known: known | high,
    }
}

/// `enum ip_conntrack_info` (`include/uapi/linux/netfilter/nf_conntrack_common.h`): 7 is untracked, 3
/// and above are answers. Without an entry, rules call it invalid (`nft_ct_get_eval`,
/// `net/netfilter/nft_ct.c`).
fn state(info: Option<u32>) -> &'static str {
    match info {
        None => "invalid",
        Some(7) => "untracked",
        Some(info) => ["established", "related", "new"]
            .get(info as usize % 3)
            .copied()
            .unwrap_or("invalid"),
    }
}

fn original(info: Option<u32>) -> Tri {
    match info {
        None | Some(7) => Tri::Maybe,
        Some(info) => (info < 3).into(),
    }
}

/// What `skb->dev`, or the route, is at each hook (`net/ipv4/ip_output.c`, `ip_forward.c`).
fn devices(drop: &SeenDrop) -> (Device, Device) {
    let seen = match &drop.device {
        Some(name) => Device::Named(name.clone()),
        None => Device::Unknown,
    };
    match drop.place.hook {
        Some("prerouting" | "input" | "ingress") => (seen, Device::None),
        Some("forward") => (seen, Device::Unknown),
        Some("output") => (Device::None, seen),
        Some("postrouting" | "egress") => (Device::Unknown, seen),
        _ => (Device::Unknown, Device::Unknown),
    }
}

/// Whether an address lies in a prefix; never where they are of different families.
pub(super) fn is_within(addr: IpAddr, network: IpAddr, bits: u8) -> bool {
    ipnet::IpNet::new(network, bits).is_ok_and(|net| net.contains(&addr))
}

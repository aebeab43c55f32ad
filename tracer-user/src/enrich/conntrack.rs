//! Asks connection tracking (`ctnetlink`, `net/netfilter/nf_conntrack_netlink.c`) for one connection.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, anyhow, bail};
use netlink_packet_core::NlasIterator;
use netlink_sys::{Socket, SocketAddr as NetlinkAddr, protocols::NETLINK_NETFILTER};

/// The two ends of packets: where they come from, and where they go.
pub type Flow = (SocketAddr, SocketAddr);

/// An entry of connection tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Packets of the side that opened it, before any translation.
    pub original: Flow,
    /// Packets of the other side, as they are before they are translated back.
    pub reply: Flow,
}

impl Entry {
    /// What packets of a flow that comes into this network namespace go out as; `None` where they are
    /// not translated, or the flow is none of this entry's.
    #[must_use]
    pub fn translates(&self, flow: Flow) -> Option<Flow> {
        let reverse = |(from, to): Flow| (to, from);
        let out = if flow == self.original {
            reverse(self.reply)
        } else if flow == self.reply {
            reverse(self.original)
        } else {
            return None;
        };
        (out != flow).then_some(out)
    }
}

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET` (`linux/netfilter/nfnetlink*.h`).
const GET: u16 = 1 << 8 | 1;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// Set in the type of attributes that hold others.
const NESTED: u16 = 1 << 15;
/// `enum ctattr_type`.
const TUPLE_ORIG: u16 = 1;
const TUPLE_REPLY: u16 = 2;
/// `enum ctattr_tuple`.
const TUPLE_IP: u16 = 1;
const TUPLE_PROTO: u16 = 2;
/// `enum ctattr_ip`.
const IP_V4_SRC: u16 = 1;
const IP_V4_DST: u16 = 2;
const IP_V6_SRC: u16 = 3;
const IP_V6_DST: u16 = 4;
/// `enum ctattr_l4proto`.
const PROTO_NUM: u16 = 1;
const PROTO_SRC_PORT: u16 = 2;
const PROTO_DST_PORT: u16 = 3;

/// Lengths of `struct nlmsghdr` and `struct nfgenmsg`.
const HEADER: usize = 16;
const FAMILY: usize = 4;

/// Whether this host tracks connections, in any network namespace.
#[must_use]
pub fn is_loaded() -> bool {
    std::path::Path::new("/proc/sys/net/netfilter/nf_conntrack_max").exists()
}

/// Asks one network namespace.
pub struct Asker(Socket);

impl Asker {
    /// In the network namespace of this thread; `None` where it tracks nothing.
    ///
    /// # Errors
    /// Where the kernel refuses the socket.
    pub fn here() -> anyhow::Result<Option<Self>> {
        // Asking would load the module; /proc/thread-self, since /proc/sys/net shows the namespace of
        // whoever reads it.
        let count = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count");
        if count.map_or(true, |count| count.trim() == "0") {
            return Ok(None);
        }
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&NetlinkAddr::new(0, 0))?;
        Ok(Some(Self(socket)))
    }

    /// The entry that a flow belongs to, in either direction.
    ///
    /// # Errors
    /// Where the kernel refuses, or its answer cannot be read.
    pub fn find(&self, flow: Flow) -> anyhow::Result<Option<Entry>> {
        self.0.send(&request(flow), 0)?;
        let (answer, _) = self.0.recv_from_full()?;
        parse(&answer)
    }
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    // An attribute of a tuple is never longer than a few dozen bytes.
    let len = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    let mut bytes = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}

fn request((from, to): Flow) -> Vec<u8> {
    let (source, destination, family) = match to {
        SocketAddr::V4(_) => (IP_V4_SRC, IP_V4_DST, libc::AF_INET),
        SocketAddr::V6(_) => (IP_V6_SRC, IP_V6_DST, libc::AF_INET6),
    };
    let ip = [
        attribute(source, &octets(from.ip())),
        attribute(destination, &octets(to.ip())),
    ];
    const TCP: u8 = 6;
    let proto = [
        attribute(PROTO_NUM, &[TCP]),
        attribute(PROTO_SRC_PORT, &from.port().to_be_bytes()),
        attribute(PROTO_DST_PORT, &to.port().to_be_bytes()),
    ];
    let tuple = [
        attribute(TUPLE_IP | NESTED, &ip.concat()),
        attribute(TUPLE_PROTO | NESTED, &proto.concat()),
    ];
    let tuple = attribute(TUPLE_ORIG | NESTED, &tuple.concat());
    let len = u32::try_from(HEADER + FAMILY + tuple.len()).unwrap_or(u32::MAX);
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(GET.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    // Sequence number, and nobody's port.
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend([u8::try_from(family).unwrap_or(0), 0, 0, 0]);
    bytes.extend(tuple);
    bytes
}

fn parse(answer: &[u8]) -> anyhow::Result<Option<Entry>> {
    const ERROR: u16 = 2;
    let word = |at: usize| Some([*answer.get(at)?, *answer.get(at + 1)?]);
    let kind = word(4).map(u16::from_ne_bytes);
    if kind == Some(ERROR) {
        let number = answer
            .get(HEADER..HEADER + 4)
            .context("too short an error")?;
        let number = i32::from_ne_bytes(number.try_into()?);
        return match -number {
            libc::ENOENT => Ok(None),
            errno => bail!(std::io::Error::from_raw_os_error(errno)),
        };
    }
    let attributes = answer
        .get(HEADER + FAMILY..)
        .context("the kernel's answer ends too early")?;
    let tuple = |kind| flow(&find(attributes, kind)?);
    match (tuple(TUPLE_ORIG), tuple(TUPLE_REPLY)) {
        (Some(original), Some(reply)) => Ok(Some(Entry { original, reply })),
        _ => Err(anyhow!("the kernel's answer has no two tuples")),
    }
}

/// The value of an attribute among others.
fn find(attributes: &[u8], kind: u16) -> Option<Vec<u8>> {
    NlasIterator::new(attributes)
        .filter_map(Result::ok)
        .find(|attribute| attribute.kind() == kind)
        .map(|attribute| attribute.value().to_vec())
}

fn flow(tuple: &[u8]) -> Option<Flow> {
    let (ip, proto) = (find(tuple, TUPLE_IP)?, find(tuple, TUPLE_PROTO)?);
    let addr = |v4, v6| {
        find(&ip, v4).map_or_else(
            || <[u8; 16]>::try_from(find(&ip, v6)?).ok().map(IpAddr::from),
            |octets| <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        )
    };
    let port = |kind| {
        <[u8; 2]>::try_from(find(&proto, kind)?)
            .ok()
            .map(u16::from_be_bytes)
    };
    Some((
        SocketAddr::new(addr(IP_V4_SRC, IP_V6_SRC)?, port(PROTO_SRC_PORT)?),
        SocketAddr::new(addr(IP_V4_DST, IP_V6_DST)?, port(PROTO_DST_PORT)?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow_of(from: &str, to: &str) -> Flow {
        (from.parse().unwrap(), to.parse().unwrap())
    }

    /// The kernel answers as it is asked, with a second tuple.
    fn answer(original: Flow, reply: Flow) -> Vec<u8> {
        let mut bytes = request(original);
        let mut second = request(reply).split_off(HEADER + FAMILY);
        second[2..4].copy_from_slice(&(TUPLE_REPLY | NESTED).to_ne_bytes());
        bytes.extend(second);
        bytes
    }

    #[test]
    fn both_tuples_are_read_in_both_families() {
        for (from, to, back) in [
            ("10.9.0.2:4000", "10.9.1.2:80", "10.9.1.3:8080"),
            ("[fd00::2]:4000", "[fd00::3]:80", "[fd00::4]:8080"),
        ] {
            let (original, reply) = (flow_of(from, to), flow_of(back, from));
            let entry = parse(&answer(original, reply)).unwrap().unwrap();
            assert_eq!(entry, Entry { original, reply });
            assert_eq!(entry.translates(original), Some(flow_of(from, back)));
            assert_eq!(entry.translates(reply), Some(flow_of(to, from)));
            assert_eq!(entry.translates(flow_of(to, from)), None);
        }
        let plain = Entry {
            original: flow_of("10.9.0.2:1", "10.9.1.2:2"),
            reply: flow_of("10.9.1.2:2", "10.9.0.2:1"),
        };
        assert_eq!(plain.translates(plain.original), None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let whole = answer(
            flow_of("10.9.0.2:1", "10.9.1.2:2"),
            flow_of("10.9.1.2:2", "10.9.0.2:1"),
        );
        for len in 0..whole.len() {
            assert!(!matches!(parse(&whole[..len]), Ok(Some(_))), "{len}");
        }
        let mut error = vec![0; HEADER + 4];
        error[4] = 2;
        error[HEADER..].copy_from_slice(&(-libc::ENOENT).to_ne_bytes());
        assert!(matches!(parse(&error), Ok(None)));
        error[HEADER..].copy_from_slice(&(-libc::EPERM).to_ne_bytes());
        assert!(parse(&error).is_err());
    }
}

//! The ends of a connection, and the listener that did not take it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Holder;

/// The two ends of a connection, and where it lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Socket {
    /// Family of the packets: an IPv6 socket that talks to an IPv4-mapped address sends IPv4.
    pub family: Family,
    /// True where an IPv6 socket talks IPv4 (`::ffff:a.b.c.d`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ipv4_mapped: bool,
    /// This end. Absent where the connection failed before the kernel had chosen an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Endpoint>,
    /// The other end. Of a listener that turned away more than one client, or clients that were not
    /// seen: unspecified and without a port, as `ss -l` shows it.
    pub remote: Endpoint,
    /// Inode number of the network namespace (`readlink /proc/PID/ns/net`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// Socket cookie, as `ss -e` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<u64>,
}

/// Address family of the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `AF_INET`.
    Ipv4,
    /// `AF_INET6`.
    Ipv6,
}

/// One end of a connection.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Endpoint {
    /// IP address.
    pub addr: IpAddr,
    /// TCP port; absent where the kernel had not chosen one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// `10.9.1.1:443`, `[2001:db8::1]:443`; a port that is not known is left out.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.addr, port).fmt(f),
            None => self.addr.fmt(f),
        }
    }
}

/// A listening socket, and what it turned away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// Address that it listens on; unspecified where it listens on all.
    pub addr: IpAddr,
    /// Port that it listens on.
    pub port: u16,
    /// Connections that wait for `accept()`, as last seen.
    pub backlog: u32,
    /// Its limit: the smaller of what `listen()` was given and `net.core.somaxconn`. The queue is full
    /// where `backlog` is more.
    pub backlog_limit: u32,
    /// Handshakes under way (the SYN queue), as last seen.
    pub syn_queue: u32,
    /// `net.core.somaxconn` of its network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub somaxconn: Option<u64>,
    /// Packets that it has dropped since it was made, for any reason, as last seen (`sk_drops`, `d` in
    /// `ss -m`).
    pub drops: u32,
    /// How many were turned away since `since`: of `handshake-incomplete`, and where a firewall dropped last
    /// ACKs, handshakes; else packets, each repetition by itself. Exact, and told once: the sum over the records is the number of all.
    pub turned_away: u64,
    /// RFC 3339 with nanoseconds, UTC: when the first of those may have been; the record's `time` is
    /// that of the last.
    pub since: String,
    /// How many were turned away since `began`.
    pub turned_away_total: u64,
    /// RFC 3339 with nanoseconds, UTC: when it began to turn away for this cause.
    pub began: String,
    /// SYNs that were answered with a SYN cookie since `since`, because the SYN queue was full: nobody
    /// was turned away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookies: Option<u64>,
    /// Processes that hold it, where they are not one alone; of several sockets on the same end
    /// (`SO_REUSEPORT`) those of all, where a firewall dropped what may have been for any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
}

//! The listener of this host whose full queue ignored an attempt's SYNs.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A listener that takes the attempt's destination, and that turned packets away while it lived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullQueue {
    /// It was the SYN queue; else the accept queue.
    pub syn_queue: bool,
    /// Handshakes under way, as last seen.
    #[serde(default)]
    pub handshakes: u32,
    /// `net.ipv4.tcp_max_syn_backlog` of its network namespace, where this is the limit that was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_syn_backlog: Option<u64>,
    /// Where it listens.
    pub local: SocketAddr,
    /// Inode number of its network namespace.
    pub netns: u32,
    /// Connections that wait for `accept()`, as last seen.
    pub backlog: u32,
    /// Its limit.
    pub backlog_limit: u32,
    /// Packets that it has turned away since `since_ns`.
    pub turned_away: u64,
    /// `CLOCK_MONOTONIC`.
    pub since_ns: u64,
    /// Name and pid of a process that holds it.
    pub holder: Option<(String, u32)>,
}

//! Packets and errors, joined to the connection that they concern.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::candidate::Candidate;

/// How evidence was joined to a connection.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum MatchedBy {
    /// By the two ends and the initial sequence number of the packet.
    Tuple,
    /// By the listening socket.
    Listener,
    /// By the socket itself.
    Socket,
}

/// Packets that the kernel dropped, of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drop {
    /// The kernel's drop reason (`enum skb_drop_reason`, without its prefix).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Function that dropped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Netfilter hook: prerouting, input, forward, output, postrouting, ingress, egress or bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// Netfilter engine: nftables, or netfilter (iptables-legacy, conntrack and others).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// How many packets.
    pub count: u64,
    /// `tx` on the way out of the connection's own host side, `rx` where it was received, `forward`
    /// on a router between. Absent where nothing tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// What the packet was: SYN, SYN-ACK, RST or segment (anything else).
    pub packet: String,
    /// Inode number of the network namespace where it was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// Network device at which it was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// How it was joined to the connection.
    pub matched_by: MatchedBy,
    /// Where a firewall dropped it: the rules that can have, by the ruleset of that network namespace
    /// as it stood right after. Absent where it could not be read, or none of its rules can have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

/// A RST of this connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reset {
    /// `received` by the connection's socket, or `sent` by this host's kernel to it.
    pub direction: String,
    /// The kernel's reset reason (`enum sk_rst_reason`, without its prefix); only for `sent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Inode number of the network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// How it was joined to the connection.
    pub matched_by: MatchedBy,
}

/// An ICMP error about this connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Icmp {
    /// `sent` by this host (as a router, peer or firewall) or `received` by the socket.
    pub direction: String,
    /// ICMP type; absent where only its effect on the socket is known.
    #[serde(rename = "icmp_type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<u8>,
    /// ICMP code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// The error that it left on the socket (`sk_err_soft`), symbolic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// Inode number of the network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// How it was joined to the connection.
    pub matched_by: MatchedBy,
}

//! A connection that failed, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Drop, Icmp, Listener, MatchedBy, Nat, Peer, Process, Reset, Socket, Tcp, Timing};

/// One failed connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// ULID: sorts by time, unique on this host.
    pub id: String,
    /// RFC 3339 with nanoseconds, UTC: when it failed.
    pub time: String,
    /// Who opened it.
    pub direction: Direction,
    /// How far it had come.
    pub phase: Phase,
    /// Stable cause code; `tcpwhy explain CODE` tells more.
    pub cause: String,
    /// How sure the cause is.
    pub confidence: Confidence,
    /// How much it matters.
    pub severity: Severity,
    /// What an application that gave up was stuck on: the cause that it would have had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_on: Option<String>,
    /// Symbolic errno that the application got; absent where it got none, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// One sentence.
    pub summary: String,
    /// The chain from what the application saw to the root cause.
    pub why: Vec<String>,
    /// What to do: commands first.
    pub fix: Vec<String>,
    /// Evidence that would have made this surer, and why it is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The process that owns the connection; absent where no evidence names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// How that process was joined to it: by its own socket, or by the one that listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_by: Option<MatchedBy>,
    /// Processes that had its socket at its end, or shut it down or closed it before, where they are not
    /// `process` alone: it was passed on, or inherited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Process>,
    /// The socket.
    pub socket: Socket,
    /// When and how long.
    pub timing: Timing,
    /// TCP's own view at the moment of failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
    /// Packets of this connection that this kernel dropped.
    pub drops: Vec<Drop>,
    /// RSTs of this connection.
    pub resets: Vec<Reset>,
    /// ICMP errors about this connection.
    pub icmp: Vec<Icmp>,
    /// The listener that did not take it: a failed handshake, seen from this host. Such a record stands
    /// for all that this listener turned away for this cause in a span of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<Listener>,
    /// Where this host translates its addresses, in the order in which its packets meet that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nat: Vec<Nat>,
    /// The other end, where it is on this host too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// Events known to be lost while this connection lived.
    pub lost: u64,
}

/// Who opened the connection.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// A process of this host.
    Outbound,
    /// Somebody else.
    Inbound,
}

/// How far a connection had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Outbound, before `ESTABLISHED`.
    Connect,
    /// Inbound, before `ESTABLISHED`.
    Handshake,
    /// After `ESTABLISHED`.
    Established,
    /// After one side had closed.
    Close,
}

/// How sure a verdict is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Something decisive is not known.
    Unknown,
    /// A link is joined by addresses, or inferred.
    Likely,
    /// Every link is kernel evidence joined by the socket itself.
    Certain,
}

/// How much a failure, or an incident, matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody needs to act.
    Info,
    /// Somebody may need to act.
    Warning,
    /// Somebody needs to act now; only incidents are critical.
    Critical,
}

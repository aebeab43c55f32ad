//! What a host knows of a connection beyond its own end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Endpoint, MatchedBy, Process};

/// Network address translation of a connection, as connection tracking of this host has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nat {
    /// Inode number of the network namespace that translates.
    pub netns: u32,
    /// Packets of the side that opened the connection, before they are translated.
    pub original: Flow,
    /// Packets of the other side, before they are translated back.
    pub reply: Flow,
    /// How it was joined to the connection: by its addresses and ports.
    pub matched_by: MatchedBy,
}

/// Where packets come from, and where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flow {
    /// Where they come from.
    pub source: Endpoint,
    /// Where they go.
    pub destination: Endpoint,
}

/// The other end of a connection, where it is a socket of this host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Peer {
    /// Inode number of its network namespace.
    pub netns: u32,
    /// What the socket there has to do with the connection.
    pub role: PeerRole,
    /// Its state, as in RFC 9293, right after this end had failed.
    pub state: String,
    /// The process that holds it; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// How it was joined to the connection: by its addresses and ports.
    pub matched_by: MatchedBy,
}

/// What a socket at the other end has to do with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PeerRole {
    /// It opened the connection.
    Opener,
    /// It was accepted.
    Acceptor,
    /// It listens where the connection was to go.
    Listener,
}

//! What this host knows of a connection beyond its own socket: what translates its addresses, and
//! whose the socket at its other end is.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::record::{PeerRole, Process};

/// An entry of connection tracking that translates a connection's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translation {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Where packets of the side that opened it come from, and go to.
    pub original: (SocketAddr, SocketAddr),
    /// Where those of the other side come from, and go to, before they are translated back.
    pub reply: (SocketAddr, SocketAddr),
}

/// The other end, where a socket of this host is that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherEnd {
    /// Inode number of its network namespace.
    pub netns: u32,
    /// What it has to do with the connection.
    pub role: PeerRole,
    /// State of its socket, as in RFC 9293.
    pub state: String,
    /// Who holds it; `None` where that is not known.
    pub process: Option<Process>,
}

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Beyond {
    /// Translations, in the order in which its packets met them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub translations: Vec<Translation>,
    /// The other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_end: Option<OtherEnd>,
    /// Why not all namespaces were asked, where they were to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unasked: Option<String>,
    /// It was refused, and this host tracks connections: of such a one nothing is left to ask for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
}

impl Beyond {
    /// Where the packets of the side that opened it arrive, as far as they were followed; `None` where
    /// their destination is not translated.
    #[must_use]
    pub fn reached(&self) -> Option<SocketAddr> {
        let (first, last) = (self.translations.first()?, self.translations.last()?);
        let (asked, reached) = (first.original.1, last.reply.0);
        (asked != reached).then_some(reached)
    }
}

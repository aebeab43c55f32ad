//! One end of a connection, as far as joining wants to know it.

use std::{collections::HashMap, net::IpAddr};

use crate::record::{Direction, Endpoint, Socket};

/// Which end of a connection a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that opened it.
    Client,
    /// The end that was connected to.
    Server,
}

/// One end of a connection, as its host recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The host, by number.
    pub host: usize,
    /// Which end.
    pub side: Side,
    /// Address and port of the client; `None` for a listener's record of several clients.
    pub client: Option<Endpoint>,
    /// Address and port of the server.
    pub server: Endpoint,
    /// The client's initial sequence number.
    pub isn: Option<u32>,
    /// Network namespace.
    pub netns: Option<u32>,
    /// When it began by this host's clock, nanoseconds since 1970; of a listener's record, when the
    /// time began that it is about. `None` where that was not seen.
    pub start_ns: Option<i64>,
    /// When it ended.
    pub end_ns: i64,
    /// It ended by a RST of one end to the other: both saw that at once.
    pub reset: bool,
    /// It failed in a way in which listeners turn clients away.
    pub turned_away: bool,
    /// The group that it belongs to; `None` where it did not fail.
    pub group: Option<u64>,
}

impl End {
    /// The end that a record is about, number, times and group still to be filled in; `None` where
    /// its addresses say nothing to another host, or are not all known.
    #[must_use]
    pub fn of(host: usize, direction: Direction, socket: &Socket) -> Option<Self> {
        let (local, remote) = (canonical(socket.local?)?, canonical(socket.remote));
        let (side, client, server) = match direction {
            Direction::Outbound => (Side::Client, Some(local), remote?),
            // A listener's own record names no client where there were several.
            Direction::Inbound if socket.remote.port.is_none() => (Side::Server, None, local),
            Direction::Inbound => (Side::Server, Some(remote?), local),
        };
        Some(Self {
            host,
            side,
            client,
            server,
            isn: None,
            netns: socket.netns,
            start_ns: None,
            end_ns: 0,
            reset: false,
            turned_away: false,
            group: None,
        })
    }

    /// A listener's record that names no address of its own.
    pub(super) fn is_on_all_addresses(&self) -> bool {
        self.side == Side::Server && self.server.addr.is_unspecified()
    }

    /// Whether a listener on all addresses may take this one: `0.0.0.0` takes IPv4 only.
    pub(super) fn takes(&self, address: IpAddr) -> bool {
        self.server.addr.is_ipv6() || address.is_ipv4()
    }

    /// An address of its own host and network namespace.
    pub(super) fn own_address(&self) -> Option<IpAddr> {
        let own = match self.side {
            Side::Client => self.client?,
            Side::Server => self.server,
        };
        (!own.addr.is_unspecified()).then_some(own.addr)
    }
}

/// Gives the records of listeners on all addresses the one that their client, where it is a single one,
/// asked for.
pub(super) fn with_addresses(ends: &[End]) -> Vec<End> {
    let asked: HashMap<(Endpoint, Option<u16>), &End> = ends
        .iter()
        .filter(|end| end.side == Side::Client)
        .filter_map(|end| Some(((end.client?, end.server.port), end)))
        .collect();
    let with_address = |end: &End| {
        let client = end.client.filter(|_| end.is_on_all_addresses());
        let asked = client.and_then(|client| asked.get(&(client, end.server.port)));
        let server = asked.filter(|asked| asked.host != end.host && end.takes(asked.server.addr));
        End {
            server: server.map_or(end.server, |asked| asked.server),
            ..*end
        }
    };
    ends.iter().map(with_address).collect()
}

fn canonical(end: Endpoint) -> Option<Endpoint> {
    let addr = end.addr.to_canonical();
    let own = match addr {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    };
    (!own && end.port.is_some()).then_some(Endpoint {
        addr,
        port: end.port,
    })
}

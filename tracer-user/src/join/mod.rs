//! Connections that two hosts recorded: which records are the two ends of one, and how the hosts'
//! clocks stand against each other.
//!
//! Pure. The two ends are joined by the client's initial sequence number and the addresses; where
//! addresses are translated in between, by that number and one end; where one record lacks the
//! number, by both ends and the time, once the clocks are known. What a listener recorded of several
//! clients at once is joined by its address and the time. Records whose numbers differ are
//! never joined, and addresses that mean another place on every host (loopback, link-local) neither.

mod clock;

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

pub use self::clock::Offset;
use crate::record::{Direction, Endpoint, Socket};

/// Beyond the spread of the clocks, ends that are joined by addresses alone may be so far apart,
/// nanoseconds: a server may see but the first retransmission of a SYN.
const TOLERANCE_NS: u64 = 2_000_000_000;

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
    /// When it began by this host's clock, nanoseconds since 1970.
    pub start_ns: i64,
    /// When it ended.
    pub end_ns: i64,
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
            start_ns: 0,
            end_ns: 0,
            group: None,
        })
    }
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

/// What two ends were joined by, the surest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The listener's address, and the time by clocks that could not be compared.
    ListenerOnly,
    /// The listener's address, and the time.
    Listener,
    /// Both addresses and ports, and the time.
    Tuple,
    /// The initial sequence number, and one end: something translates the other.
    IsnAndOneEnd,
    /// The initial sequence number, and both ends.
    TupleAndIsn,
}

impl By {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ListenerOnly => "the listener's address, and times that could not be compared",
            Self::Listener => "the listener's address and time",
            Self::Tuple => "addresses and time",
            Self::IsnAndOneEnd => "initial sequence number and one end's address",
            Self::TupleAndIsn => "addresses and initial sequence number",
        }
    }
}

/// Two records of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The client's record, by its place in the list of ends.
    pub client: usize,
    /// The server's.
    pub server: usize,
    /// How they were joined.
    pub by: By,
}

/// What was joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Ends of one connection.
    pub pairs: Vec<Pair>,
    /// By host: how its clock stands against that of host 0. `None` where it cannot be known.
    pub clocks: Vec<Option<Offset>>,
}

/// Joins the ends that `hosts` hosts recorded.
#[must_use]
pub fn join(hosts: usize, ends: &[End]) -> Joined {
    let mut joiner = Joiner::new(ends);
    joiner.by_isn(By::TupleAndIsn, &HashMap::new());
    let surest = clock::between(ends, &joiner.pairs);
    joiner.by_isn(By::IsnAndOneEnd, &surest);
    let sure = clock::between(ends, &joiner.pairs);
    // Where no sequence numbers are known, addresses that occur once have to do for the clocks.
    let mut between = clock::between(ends, &joiner.unique());
    between.extend(sure);
    joiner.by_tuple(&between);
    let between = clock::between(ends, &joiner.pairs);
    let clocks = clock::against_first(hosts, &between);
    joiner.by_listener(&between);
    Joined {
        pairs: joiner.pairs,
        clocks,
    }
}

type Tuple = (Option<Endpoint>, Endpoint);

struct Joiner<'a> {
    ends: &'a [End],
    /// Servers' ends by their addresses, and by their sequence number.
    tuples: HashMap<Tuple, Vec<usize>>,
    numbers: HashMap<u32, Vec<usize>>,
    /// Listeners' records of several clients, by the listener.
    listeners: HashMap<Endpoint, Vec<usize>>,
    taken: HashSet<usize>,
    pairs: Vec<Pair>,
}

impl<'a> Joiner<'a> {
    fn new(ends: &'a [End]) -> Self {
        let mut tuples: HashMap<Tuple, Vec<usize>> = HashMap::new();
        let mut numbers: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut listeners: HashMap<Endpoint, Vec<usize>> = HashMap::new();
        for (at, end) in ends.iter().enumerate() {
            if end.side == Side::Server && end.client.is_none() {
                listeners.entry(end.server).or_default().push(at);
            } else if end.side == Side::Server {
                tuples.entry((end.client, end.server)).or_default().push(at);
                if let Some(isn) = end.isn {
                    numbers.entry(isn).or_default().push(at);
                }
            }
        }
        Self {
            ends,
            tuples,
            numbers,
            listeners,
            taken: HashSet::new(),
            pairs: Vec::new(),
        }
    }

    fn clients(&self) -> impl Iterator<Item = (usize, &'a End)> + use<'a> {
        let ends = self.ends.iter().enumerate();
        ends.filter(|(_, end)| end.side == Side::Client)
    }

    /// Joins what has the same sequence number, in one way. Where the clocks are known, the time has
    /// to fit: among very many connections a number comes twice.
    fn by_isn(&mut self, by: By, clocks: &HashMap<(usize, usize), Offset>) {
        let joined = self.joined();
        for (at, client) in self.clients().filter(|(at, _)| !joined.contains(at)) {
            let Some(places) = client.isn.and_then(|isn| self.numbers.get(&isn)) else {
                continue;
            };
            let first = places.iter().copied().find(|place| {
                let server = &self.ends[*place];
                !self.taken.contains(place)
                    && how(client, server) == Some(by)
                    && clocks
                        .get(&(client.host, server.host))
                        .is_none_or(|clock| apart(client, server, *clock).is_some())
            });
            if let Some(server) = first {
                self.take(at, server, by);
            }
        }
    }

    /// Clients' ends that have their other one.
    fn joined(&self) -> HashSet<usize> {
        self.pairs.iter().map(|pair| pair.client).collect()
    }

    /// Pairs whose addresses occur once on each side. Nothing is taken yet.
    fn unique(&self) -> Vec<Pair> {
        let mut counts: HashMap<Tuple, u32> = HashMap::new();
        for (_, client) in self.clients() {
            *counts.entry((client.client, client.server)).or_default() += 1;
        }
        let alone = |(at, client): (usize, &End)| {
            let tuple = (client.client, client.server);
            let &[server] = self.tuples.get(&tuple)?.as_slice() else {
                return None;
            };
            let fits = counts.get(&tuple) == Some(&1) && may_be_one(client, &self.ends[server]);
            fits.then_some(Pair {
                client: at,
                server,
                by: By::Tuple,
            })
        };
        self.clients().filter_map(alone).collect()
    }

    /// Joins what has no sequence number, nearest in time, by clocks that are known.
    fn by_tuple(&mut self, clocks: &HashMap<(usize, usize), Offset>) {
        let joined = self.joined();
        for (at, client) in self.clients() {
            let Some(places) = self.tuples.get(&(client.client, client.server)) else {
                continue;
            };
            if joined.contains(&at) {
                continue;
            }
            let nearest = places
                .iter()
                .filter(|&place| !self.taken.contains(place))
                .filter(|&&place| may_be_one(client, &self.ends[place]))
                .filter_map(|&place| {
                    let server = &self.ends[place];
                    let clock = clocks.get(&(client.host, server.host))?;
                    Some((apart(client, server, *clock)?, place))
                })
                .min();
            if let Some((_, server)) = nearest {
                self.take(at, server, By::Tuple);
            }
        }
    }

    /// Joins failures with what their listener recorded of several clients at that time.
    fn by_listener(&mut self, clocks: &HashMap<(usize, usize), Offset>) {
        let joined = self.joined();
        for (at, client) in self.clients().filter(|(at, _)| !joined.contains(at)) {
            let Some(places) = self.listeners.get(&client.server) else {
                continue;
            };
            for &place in places {
                let listener = &self.ends[place];
                if client.group.is_none() || client.host == listener.host {
                    continue;
                }
                let clock = clocks.get(&(client.host, listener.host));
                // Others may be joined with it, too, and this one with the listener's next record.
                if overlap(client, listener, clock.copied().unwrap_or_default()) {
                    self.pairs.push(Pair {
                        client: at,
                        server: place,
                        by: clock.map_or(By::ListenerOnly, |_| By::Listener),
                    });
                }
            }
        }
    }

    fn take(&mut self, client: usize, server: usize, by: By) {
        self.taken.insert(server);
        self.pairs.push(Pair { client, server, by });
    }
}

/// How far apart two ends began, nanoseconds; `None` where that is too far for one connection.
fn apart(client: &End, server: &End, clock: Offset) -> Option<u64> {
    let apart = server.start_ns.saturating_sub(client.start_ns);
    let off = apart.abs_diff(clock.ahead_ns);
    (off <= clock.spread_ns.saturating_add(TOLERANCE_NS)).then_some(off)
}

/// Whether a listener's record is of the time in which a client tried.
fn overlap(client: &End, listener: &End, clock: Offset) -> bool {
    let tolerance = i64::try_from(clock.spread_ns.saturating_add(TOLERANCE_NS)).unwrap_or(i64::MAX);
    let since = listener.start_ns.saturating_sub(clock.ahead_ns);
    let until = listener.end_ns.saturating_sub(clock.ahead_ns);
    client.start_ns <= until.saturating_add(tolerance)
        && client.end_ns >= since.saturating_sub(tolerance)
}

/// How two ends with the same sequence number are one connection.
fn how(client: &End, server: &End) -> Option<By> {
    if client.host == server.host {
        return None;
    }
    match (
        client.client == server.client,
        client.server == server.server,
    ) {
        (true, true) => Some(By::TupleAndIsn),
        (false, false) => None,
        _ => Some(By::IsnAndOneEnd),
    }
}

/// Two ends with the same addresses may be one connection: nothing speaks against it.
fn may_be_one(client: &End, server: &End) -> bool {
    let differ = client.isn.zip(server.isn).is_some_and(|(a, b)| a != b);
    client.host != server.host && !differ
}

#[cfg(test)]
mod tests;

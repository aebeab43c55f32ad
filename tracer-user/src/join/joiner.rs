//! Finds the ends that belong together, the surest ways first.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use super::{By, End, Offset, Pair, Side};
use crate::record::Endpoint;

/// Beyond the spread of the clocks, ends that are joined by addresses alone may be so far apart,
/// nanoseconds: a server may see but the first retransmission of a SYN.
const TOLERANCE_NS: u64 = 2_000_000_000;
/// A listener's record is of a span of time that holds what it turned away: by clocks that are known,
/// only the way there comes on top, nanoseconds.
const DELAY_NS: u64 = 100_000_000;

type Tuple = (Option<Endpoint>, Endpoint);

pub(super) struct Joiner<'a> {
    ends: &'a [End],
    /// Servers' ends by their addresses, and by their sequence number.
    tuples: HashMap<Tuple, Vec<usize>>,
    numbers: HashMap<u32, Vec<usize>>,
    /// Listeners' records of several clients, by the listener; those of listeners on all addresses, by
    /// the port.
    listeners: HashMap<Endpoint, Vec<usize>>,
    anywhere: HashMap<Option<u16>, Vec<usize>>,
    /// By host and network namespace: addresses that are its own.
    own: HashSet<(usize, Option<u32>, IpAddr)>,
    taken: HashSet<usize>,
    pub(super) pairs: Vec<Pair>,
}

impl<'a> Joiner<'a> {
    pub(super) fn new(ends: &'a [End]) -> Self {
        let mut tuples: HashMap<Tuple, Vec<usize>> = HashMap::new();
        let mut numbers: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut listeners: HashMap<Endpoint, Vec<usize>> = HashMap::new();
        let mut anywhere: HashMap<Option<u16>, Vec<usize>> = HashMap::new();
        for (at, end) in ends.iter().enumerate() {
            if end.client.is_none() && end.is_on_all_addresses() {
                anywhere.entry(end.server.port).or_default().push(at);
            } else if end.side == Side::Server && end.client.is_none() {
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
            anywhere,
            own: ends
                .iter()
                .filter_map(|end| Some((end.host, end.netns, end.own_address()?)))
                .collect(),
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
    pub(super) fn by_isn(&mut self, by: By, clocks: &HashMap<(usize, usize), Offset>) {
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
    pub(super) fn unique(&self) -> Vec<Pair> {
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
    pub(super) fn by_tuple(&mut self, clocks: &HashMap<(usize, usize), Offset>) {
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
    pub(super) fn by_listener(&mut self, clocks: &HashMap<(usize, usize), Offset>) {
        let joined = self.joined();
        for (at, client) in self.clients().filter(|(at, _)| !joined.contains(at)) {
            for place in self.listeners_of(client) {
                let listener = &self.ends[place];
                if !client.turned_away || client.host == listener.host {
                    continue;
                }
                let clock = clocks.get(&(client.host, listener.host));
                // Others may be joined with it, too, and this one with the listener's next record.
                if overlap(client, listener, clock.copied()) {
                    self.pairs.push(Pair {
                        client: at,
                        server: place,
                        by: clock.map_or(By::ListenerOnly, |_| By::Listener),
                    });
                }
            }
        }
    }

    /// Listeners' records that may be about a client: of those on all addresses, where its destination
    /// is one of their namespace's.
    fn listeners_of(&self, client: &End) -> Vec<usize> {
        let addr = client.server.addr;
        let exact = self.listeners.get(&client.server).into_iter().flatten();
        let anywhere = self.anywhere.get(&client.server.port).into_iter().flatten();
        let anywhere = anywhere.filter(|&&place| {
            let listener = &self.ends[place];
            let own = (listener.host, listener.netns, addr);
            listener.takes(addr) && self.own.contains(&own)
        });
        exact.chain(anywhere).copied().collect()
    }

    fn take(&mut self, client: usize, server: usize, by: By) {
        self.taken.insert(server);
        self.pairs.push(Pair { client, server, by });
    }
}

/// How far apart two ends began, or else ended, nanoseconds; `None` where that is too far for one
/// connection.
fn apart(client: &End, server: &End, clock: Offset) -> Option<u64> {
    let apart = match (client.start_ns, server.start_ns) {
        (Some(client), Some(server)) => server.saturating_sub(client),
        _ => server.end_ns.saturating_sub(client.end_ns),
    };
    let off = apart.abs_diff(clock.ahead_ns);
    (off <= clock.spread_ns.saturating_add(TOLERANCE_NS)).then_some(off)
}

/// Whether a listener's record is of the time in which a client tried.
fn overlap(client: &End, listener: &End, clock: Option<Offset>) -> bool {
    let tolerance = clock.map_or(TOLERANCE_NS, |clock| {
        clock.spread_ns.saturating_add(DELAY_NS)
    });
    let tolerance = i64::try_from(tolerance).unwrap_or(i64::MAX);
    let clock = clock.unwrap_or_default();
    let since = listener.start_ns.unwrap_or(listener.end_ns);
    let since = since.saturating_sub(clock.ahead_ns);
    let until = listener.end_ns.saturating_sub(clock.ahead_ns);
    client.start_ns.unwrap_or(client.end_ns) <= until.saturating_add(tolerance)
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

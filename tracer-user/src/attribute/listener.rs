//! What listeners turn away, put together: one [`Refusals`] for each listener and kind when it
//! begins, and then one every few seconds while it goes on, each with how many there were.
//!
//! Most of what a full queue turns away is seen by no hook: it shows in the listener's own count of
//! drops, looked at every second, and in what its network namespace counts.

mod acks;
mod barred;
mod closeness;
mod form;
mod look;
mod refusals;
mod requests;
mod unreceived;

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    ops::RangeInclusive,
    sync::Arc,
};

use tracer_ebpf::{
    event::Owner,
    listener::{AtListener, CountKey, Listener, Listening, how, what},
};

use self::{
    acks::Acks,
    barred::{Stranger, Waiting},
    closeness::Closeness,
    look::Namespace,
    refusals::Incident,
    requests::Requests,
    unreceived::Unreceived,
};
pub use self::{
    closeness::closeness,
    look::{Counters, Look},
    refusals::{Barred, Beside, Client, Dropped, Kind, Refusals, Sample},
};
use crate::{
    attribute::{FullQueue, PacketKind},
    decode::Event,
    net,
};

/// The first record waits so long for evidence that belongs to it.
pub const GATHER_NS: u64 = 20_000_000;
/// Further records of what goes on are so far apart.
pub const APART_NS: u64 = 5_000_000_000;
/// A listener that has ended is known so long: clients that it ignored may be judged after its end.
const KNOWN_NS: u64 = 1_000_000_000;
/// After so long without any, it is over: the next one is another.
const OVER_NS: u64 = 15_000_000_000;
/// Listeners watched at most.
const MAX_LISTENERS: usize = 16_384;
/// RSTs remembered of each listener, to be joined with a drop.
const MAX_RESETS: usize = 32;
/// Kinds that are counted by the kernel half, of each listener.
const MAX_COUNTS: usize = 64;
/// The drop follows the RST that answers the same packet.
const RESET_NS: u64 = 50_000_000;

/// A listener that is watched.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What it is like, as last seen.
    pub listener: Listener,
    /// Who called `listen()`; `None` where that was before the tracer.
    pub creator: Option<Owner>,
    /// Processes found holding it at the start.
    pub found_at: Vec<Owner>,
    /// Its count of drops that is accounted for.
    drops: u32,
    /// When it was last looked at, or ended, `CLOCK_MONOTONIC`.
    looked_ns: u64,
    /// The look before that.
    before_ns: u64,
    /// Its SYN queue then.
    syn_queue_before: u32,
    /// Packets that were seen dropped at it, and are not yet found in its own count of drops.
    otherwise: u64,
    /// The other way round: drops that nothing has explained yet, and which the next look decides on.
    held: u64,
    /// So many more it was given at the last look, of what its namespace counts, than its own count of
    /// drops had by then.
    ahead: u64,
    resets: VecDeque<(u64, SocketAddr)>,
    /// What the kernel half counts of it, how far that is told, and as what kind, if as any.
    counts: HashMap<CountKey, (u64, Option<Kind>)>,
}

/// Puts events and looks together.
#[derive(Default)]
pub struct Listeners {
    watched: HashMap<u64, Watched>,
    namespaces: HashMap<u32, Namespace>,
    incidents: HashMap<(u64, Kind), Incident>,
    requests: Requests,
    barred: Waiting,
    acks: Acks,
    known_only: bool,
    /// The kernel names no receiver of what it drops.
    unnamed: bool,
    look_wanted: bool,
    /// Listeners that were not watched since there were too many.
    pub unwatched: u64,
}

impl Listeners {
    /// Watches listeners; only those whose `listen()` was seen, where `known_only`. `names_receivers`:
    /// whether the kernel says at which listener it drops a packet.
    #[must_use]
    pub fn new(known_only: bool, names_receivers: bool) -> Self {
        Self {
            known_only,
            unnamed: !names_receivers,
            ..Self::default()
        }
    }

    /// Takes one event, if it is about a listener.
    pub fn observe(&mut self, event: &Event) {
        if let Some(stranger) = self.barred.observe(event) {
            self.bar(stranger);
        }
        match event {
            Event::Drop(drop, place) => {
                if !self.requests.is_empty() {
                    self.acks.keep(drop, place);
                }
                if self.unnamed
                    && let Some(unreceived) = Unreceived::of(drop, place)
                {
                    self.dropped_somewhere(unreceived);
                }
            }
            Event::Listening(listening) if listening.how == how::ENDED => self.ended(listening),
            Event::Listening(listening) => self.begin(listening),
            Event::AtListener(at, reason, location) => {
                self.at_listener(at, reason.as_ref(), location.as_ref());
            }
            Event::CameUp(up) => {
                let client = SocketAddr::new(net::address(up.tuple.remote), up.tuple.remote_port);
                self.requests
                    .answered((up.tuple.netns, up.tuple.local_port, client));
            }
            _ => {}
        }
    }

    /// The watched listeners.
    pub fn watched(&self) -> impl Iterator<Item = (u64, &Watched)> {
        self.watched.iter().map(|(&sk, watched)| (sk, watched))
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, sk: u64) -> Option<&Watched> {
        self.watched.get(&sk)
    }

    /// True where something happened that a look explains. Asks once.
    pub fn wants_look(&mut self) -> bool {
        std::mem::take(&mut self.look_wanted)
    }

    /// True where a client that was answered again is waited for.
    #[must_use]
    pub fn awaits_anyone(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Requests that had to go before it was known what became of them.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.requests.forgotten + self.barred.forgotten + self.acks.forgotten
    }

    /// Listeners that turned packets away since a queue was full, within a span of time, and that may
    /// take this destination.
    #[must_use]
    pub fn full(&self, remote: SocketAddr, span_ns: &RangeInclusive<u64>) -> Vec<(u64, FullQueue)> {
        let found = self.incidents.iter().filter_map(|((sk, kind), incident)| {
            let known = self.watched.get(sk)?;
            let local = known.local();
            let close = known.closeness(remote)?;
            let by_backlog = *kind == Kind::SynBacklog;
            let syn_queue = by_backlog || *kind == Kind::SynQueue;
            let queue = syn_queue || *kind == Kind::AcceptQueue;
            let namespace = self.namespaces.get(&known.listener.netns);
            let max_syn_backlog = namespace.and_then(|it| it.counters.max_syn_backlog);
            let full = || FullQueue {
                syn_queue,
                handshakes: known.listener.syn_queue,
                max_syn_backlog: max_syn_backlog.filter(|_| by_backlog),
                local,
                netns: known.listener.netns,
                backlog: known.listener.backlog,
                backlog_limit: known.listener.backlog_limit,
                turned_away: incident.total(),
                since_ns: incident.began_ns(),
                holder: None,
            };
            let best = || {
                self.taker(known.listener.netns, remote)?
                    .1
                    .closeness(remote)
            };
            let takes = || best() <= Some(close);
            (queue && incident.overlaps(span_ns) && takes()).then(|| (*sk, full()))
        });
        found.collect()
    }

    /// What the kernel half counts by itself, to be asked for with a look that saw this: of listeners
    /// that dropped something.
    #[must_use]
    pub fn counted(&self, listeners: &[(u64, Listener)]) -> Vec<CountKey> {
        let dropped = listeners.iter().filter_map(|(sk, now)| {
            let known = self.watched.get(sk)?;
            let of_it = known.counts.values().filter_map(|(_, kind)| kind.as_ref());
            let mut of_it = of_it.map(|kind| (*sk, kind.clone()));
            let goes_on = of_it.any(|key| self.incidents.contains_key(&key));
            (known.drops != now.drops || known.held != 0 || goes_on).then_some(known)
        });
        dropped
            .flat_map(|known| known.counts.keys().copied())
            .collect()
    }

    /// What is to be told by now; `u64::MAX` takes all there is.
    pub fn due(&mut self, now_ns: u64) -> Vec<Refusals> {
        self.tell_barred(now_ns);
        let mut due = Vec::new();
        for (&(sk, ref kind), incident) in &mut self.incidents {
            if incident.pending > 0
                && incident.next_ns <= now_ns
                && let Some(watched) = self.watched.get(&sk)
            {
                let namespace = self.namespaces.get(&watched.listener.netns);
                let counters = namespace.map(|known| &known.counters);
                due.push(incident.take(sk, kind, watched, counters));
            }
        }
        for refusals in &mut due {
            if matches!(refusals.kind, Kind::Firewall { .. }) {
                refusals.beside = self.beside(refusals.sk);
            }
        }
        due.sort_by(|a, b| (a.since_ns, a.sk, &a.kind).cmp(&(b.since_ns, b.sk, &b.kind)));
        due
    }

    /// What the listener there has turned away until now is told already.
    pub fn is_told(&mut self, netns: u32, local: SocketAddr) {
        for (&(sk, ref kind), incident) in &mut self.incidents {
            if let Some(watched) = self.watched.get(&sk)
                && (watched.listener.netns, watched.local()) == (netns, local)
            {
                incident.take(sk, kind, watched, None);
            }
        }
    }

    fn begin(&mut self, listening: &Listening) {
        let sk = listening.head.sk;
        let known = self
            .watched
            .get_mut(&sk)
            .filter(|known| known.listener.inode == listening.listener.inode);
        if let Some(known) = known {
            match listening.how {
                how::FOUND => known.found_at.push(listening.owner),
                _ => known.creator = Some(listening.owner),
            }
            return;
        }
        let mut watched = Watched::new(&listening.listener, listening.head.time_ns);
        match listening.how {
            how::FOUND => watched.found_at.push(listening.owner),
            _ => watched.creator = Some(listening.owner),
        }
        self.watch(sk, watched);
    }

    /// A new socket may have an old one's address.
    fn watch(&mut self, sk: u64, watched: Watched) {
        if self.watched.len() >= MAX_LISTENERS && !self.watched.contains_key(&sk) {
            self.unwatched += 1;
            return;
        }
        self.incidents.retain(|(of, _), _| *of != sk);
        self.watched.insert(sk, watched);
    }

    /// The last look at a listener that ends, if it is watched: it has left the kernel's tables, so
    /// its ends and its file are no longer set.
    #[must_use]
    pub fn last_look(&self, listening: &Listening) -> Option<(u64, Listener)> {
        let known = self.watched.get(&listening.head.sk)?.listener;
        let last = Listener {
            local: known.local,
            local_port: known.local_port,
            inode: known.inode,
            ..listening.listener
        };
        Some((listening.head.sk, last))
    }

    /// What it had turned away is still told.
    fn ended(&mut self, listening: &Listening) {
        let (sk, now_ns) = (listening.head.sk, listening.head.time_ns);
        let Some(watched) = self.watched.get_mut(&sk) else {
            return;
        };
        watched.listener.state = 0;
        watched.looked_ns = now_ns;
        let listener = watched.listener;
        let held = std::mem::take(&mut watched.held);
        let since_ns = watched.before_ns;
        self.requests
            .forget_listener(listener.netns, listener.local_port);
        self.turn_away_by_state(sk, &listener, held, (since_ns, now_ns));
        for ((of, _), incident) in &mut self.incidents {
            if *of == sk {
                incident.next_ns = now_ns;
            }
        }
    }

    /// Forgets what is over, and listeners that ended some time before, once what they had turned away
    /// is told.
    fn forget(&mut self, now_ns: u64) {
        self.incidents
            .retain(|_, incident| incident.pending > 0 || incident.last_ns + OVER_NS > now_ns);
        let untold = |sk: u64| {
            let mut incidents = self.incidents.iter();
            incidents.any(|(&(of, _), incident)| of == sk && incident.pending > 0)
        };
        let ended: Vec<u64> = self
            .watched
            .iter()
            .filter(|(_, watched)| watched.has_ended())
            .filter(|&(&sk, watched)| watched.looked_ns + KNOWN_NS < now_ns && !untold(sk))
            .map(|(&sk, _)| sk)
            .collect();
        for sk in ended {
            self.watched.remove(&sk);
            self.incidents.retain(|(of, _), _| *of != sk);
        }
    }

    fn at_listener(
        &mut self,
        at: &AtListener,
        reason: Option<&Arc<str>>,
        location: Option<&Arc<str>>,
    ) {
        let (sk, now_ns) = (at.head.sk, at.head.time_ns);
        let same = self
            .watched
            .get(&sk)
            .is_some_and(|known| known.listener.inode == at.listener.inode);
        if !same {
            if self.known_only {
                return;
            }
            self.watch(sk, Watched::new(&at.listener, now_ns));
        }
        if let Some(watched) = self.watched.get_mut(&sk) {
            watched.listener = at.listener;
        }
        let client = SocketAddr::new(net::address(at.packet.source), at.packet.source_port);
        match at.what {
            what::RESET => {
                if let Some(watched) = self.watched.get_mut(&sk) {
                    watched.resets.truncate(MAX_RESETS - 1);
                    watched.resets.push_front((now_ns, client));
                }
            }
            what::ANSWERED_AGAIN => {
                let listener = &at.listener;
                let key = (listener.netns, listener.local_port, client);
                let syn = (net::address(at.packet.destination), at.packet.seq);
                self.requests.answered_again(key, sk, syn, now_ns);
            }
            _ => self.dropped(at, client, reason, location),
        }
    }

    fn dropped(
        &mut self,
        at: &AtListener,
        client: SocketAddr,
        reason: Option<&Arc<str>>,
        location: Option<&Arc<str>>,
    ) {
        let (sk, now_ns) = (at.head.sk, at.head.time_ns);
        let seen = Dropped::of(at, reason, location);
        let kind = seen.kind();
        self.count(at, kind.clone());
        let was_reset = self.watched.get(&sk).is_some_and(|watched| {
            let mut resets = watched.resets.iter();
            resets.any(|&(at_ns, to)| to == client && now_ns.abs_diff(at_ns) <= RESET_NS)
        });
        if kind == Some(Kind::AcceptQueue) {
            let listener = &at.listener;
            self.requests
                .refused((listener.netns, listener.local_port, client));
            self.look_wanted = true;
        }
        if let Some(kind) = kind {
            let incident = self.incident(sk, kind, now_ns);
            incident.see(seen, client, was_reset, now_ns);
        }
    }

    /// Dropped at the one listener that takes it, which the kernel half does not count.
    fn dropped_somewhere(&mut self, it: Unreceived) {
        let Some((sk, _)) = self.taker(it.netns, it.local) else {
            return;
        };
        if !self.beside(sk).is_empty() {
            return;
        }
        if let Some(watched) = self.watched.get_mut(&sk) {
            watched.explain(1);
        }
        let counts = matches!(it.kind, Kind::Dropped(_));
        let incident = self.incident(sk, it.kind, it.at_ns);
        incident.see(it.dropped, it.client, false, it.at_ns);
        if counts {
            incident.turn_away(1, it.at_ns);
        }
    }

    fn count(&mut self, at: &AtListener, kind: Option<Kind>) {
        let (sk, inode, flags) = (at.head.sk, at.listener.inode, at.packet.flags);
        let key = CountKey::of(sk, inode, at.what, at.reason, flags);
        if let Some(watched) = self.watched.get_mut(&sk)
            && (watched.counts.contains_key(&key) || watched.counts.len() < MAX_COUNTS)
        {
            watched.counts.entry(key).or_insert((0, kind));
        }
        self.count_to(sk, key, at.count, at.head.time_ns);
    }

    /// So many there have been by the kernel half's count.
    fn count_to(&mut self, sk: u64, key: CountKey, count: u64, now_ns: u64) {
        let Some(watched) = self.watched.get_mut(&sk) else {
            return;
        };
        let Some((told, kind)) = watched.counts.get_mut(&key) else {
            return;
        };
        let more = count.saturating_sub(*told);
        *told = count.max(*told);
        let kind = kind.clone();
        watched.explain(more);
        // What found a full queue, the look counts.
        if let Some(kind @ Kind::Dropped(_)) = kind
            && more > 0
        {
            self.incident(sk, kind, now_ns).turn_away(more, now_ns);
        }
    }

    fn incident(&mut self, sk: u64, kind: Kind, since_ns: u64) -> &mut Incident {
        self.incidents
            .entry((sk, kind))
            .or_insert_with(|| Incident::new(since_ns))
    }

    /// A firewall dropped what was for a listener, or its answer.
    fn bar(&mut self, stranger: Stranger) {
        let Some((sk, known)) = self.taker(stranger.netns, stranger.local) else {
            return;
        };
        let inode = known.listener.inode;
        let key = (stranger.netns, stranger.local.port(), stranger.client);
        self.requests.refused(key);
        self.barred.wait(sk, inode, stranger);
    }

    /// The listener that takes what comes to an address and a port of its network namespace; where there
    /// are several, always the same of them.
    fn taker(&self, netns: u32, local: SocketAddr) -> Option<(u64, &Watched)> {
        let there = |known: &Watched| known.listener.netns == netns && !known.has_ended();
        let here = self.watched.iter().filter(|(_, known)| there(known));
        let takers = here.filter_map(|(&sk, known)| Some((known.closeness(local)?, sk, known)));
        let best = takers.max_by_key(|&(close, sk, _)| (close, Reverse(sk)))?;
        Some((best.1, best.2))
    }

    /// Others that listen on the very same end (`SO_REUSEPORT`).
    fn beside(&self, sk: u64) -> Vec<Beside> {
        let Some(one) = self.watched.get(&sk) else {
            return Vec::new();
        };
        let same = |it: &Watched| {
            let (one, it) = (&one.listener, &it.listener);
            (one.netns, one.local, one.local_port, one.family)
                == (it.netns, it.local, it.local_port, it.family)
        };
        let others = self.watched.iter().filter(|&(&other, _)| other != sk);
        let others = others.filter(|(_, it)| !it.has_ended() && same(it));
        let mut others: Vec<_> = others
            .map(|(_, it)| Beside {
                inode: it.listener.inode,
                creator: it.creator,
                found_at: it.found_at.clone(),
            })
            .collect();
        others.sort_by_key(|it| it.inode);
        others
    }

    /// Those of strangers: what is of a client on this host, its own record tells. What is not decided
    /// at the end stays untold, as attempts do that are under way.
    fn tell_barred(&mut self, now_ns: u64) {
        if now_ns == u64::MAX {
            return;
        }
        for (sk, inode, stranger) in self.barred.due(now_ns) {
            let watched = self.watched.get(&sk);
            if watched.is_none_or(|known| known.listener.inode != inode) {
                continue;
            }
            let rejects = stranger.rejected;
            let incident = self.incident(sk, Kind::Firewall { rejects }, stranger.at_ns);
            incident.begin_at(stranger.at_ns);
            incident.note(stranger.client);
            incident.bar(stranger.barred);
            incident.turn_away(1, stranger.at_ns);
        }
    }

    /// Clients that have not answered for so long that nobody waits for them any more.
    fn give_up(&mut self, now_ns: u64) {
        for (sk, client, request) in self.requests.given_up(now_ns) {
            // Its last acknowledgment may have come, and found the queue full.
            let full = self
                .incidents
                .get(&(sk, Kind::AcceptQueue))
                .is_some_and(|incident| incident.last_ns >= request.first_ns);
            if full || !self.watched.contains_key(&sk) {
                continue;
            }
            let port = self.watched[&sk].listener.local_port;
            let local = SocketAddr::new(request.local, port);
            let barred = self.acks.take(client, local, request.isn);
            let acknowledged = |it: &Barred| it.seen.packet == PacketKind::Other;
            let kind = match &barred {
                Some(barred) if acknowledged(barred) => Kind::LastAck,
                _ => Kind::Unanswered,
            };
            let incident = self.incident(sk, kind, request.first_ns);
            barred.into_iter().for_each(|it| incident.bar(it));
            incident.begin_at(request.first_ns);
            incident.turn_away(1, request.due_ns());
            incident.retransmits = incident.retransmits.max(request.times);
            incident.note(client);
        }
    }
}

impl Watched {
    fn new(listener: &Listener, now_ns: u64) -> Self {
        Self {
            listener: *listener,
            drops: listener.drops,
            creator: None,
            found_at: Vec::new(),
            looked_ns: now_ns,
            before_ns: now_ns,
            syn_queue_before: listener.syn_queue,
            otherwise: 0,
            held: 0,
            ahead: 0,
            resets: VecDeque::new(),
            counts: HashMap::new(),
        }
    }

    /// So many packets were seen dropped at it: its own count of drops has them, or will have.
    fn explain(&mut self, packets: u64) {
        let late = packets.min(self.held);
        self.held -= late;
        self.otherwise += packets - late;
    }

    /// Thread-group ids of who called `listen()`, and who was found holding it.
    pub fn processes(&self) -> impl Iterator<Item = u32> {
        let owners = self.creator.iter().chain(&self.found_at);
        owners.map(|owner| owner.tgid)
    }

    /// How closely it matches a local end of its network namespace.
    #[must_use]
    pub fn closeness(&self, local: SocketAddr) -> Option<Closeness> {
        closeness(self.local(), self.listener.flags, local)
    }

    /// It listens no more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.listener.state == 0
    }

    /// Its local end.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        SocketAddr::new(net::address(self.listener.local), self.listener.local_port)
    }
}

#[cfg(test)]
mod tests;

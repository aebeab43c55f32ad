//! Failed inbound connections: looks at the listeners, asks what the pure part cannot know, and hands
//! out the records.

use std::{net::SocketAddr, num::NonZeroUsize};

use lru::LruCache;

use tracer_ebpf::{
    event::{Owner, State, Tuple, stream_flag},
    listener::{Listener, Listening, how},
};

use crate::{
    attribute::{
        Attempt, Counters, End, FullQueue, Tracker,
        listener::{Kind, Listeners, Look, Refusals, Watched},
    },
    clock::{self, Clock},
    compose::{self, inbound::Held},
    decode::Event,
    diagnose::inbound,
    enrich::{
        holders::{Answer, Holder, Holders},
        process, queues, route,
    },
    hook::Hooks,
    net,
    record::{self, Failure, Process, Role},
};

use super::{
    holder::{self, describe},
    ways::Ways,
};

/// Listeners are looked at so often.
const LOOK_NS: u64 = 1_000_000_000;
/// Where something was seen at one, it is looked at so soon.
const SOON_NS: u64 = 50_000_000;

/// Listeners that are remembered after their end, at most.
const MAX_GONE: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// What was not accepted ends with its listener.
const AT_ONCE_NS: u64 = 1_000_000_000;

/// A listener that may have taken a connection.
#[derive(Default)]
pub(super) struct Taker {
    /// Its inode number; 0 where it is gone.
    pub(super) inode: u64,
    /// Processes that held it when it was last seen.
    pub(super) likely: Vec<u32>,
    /// The caller of `listen()`, else one that held it at the start, as it was then.
    pub(super) process: Option<Process>,
}

/// A listener that is gone.
struct Gone {
    process: Process,
    ended_ns: u64,
}

/// The listeners of this host.
pub(super) struct Inbound {
    listeners: Listeners,
    gone: LruCache<(u32, SocketAddr), Gone>,
    looked_ns: u64,
    wanted: bool,
    blind: bool,
    awaited: bool,
}

impl Inbound {
    /// Only listeners that began while it ran, where `known_only` (`tcpwhy run`).
    pub(super) fn new(known_only: bool) -> Self {
        Self {
            listeners: Listeners::new(known_only),
            gone: LruCache::new(MAX_GONE),
            looked_ns: 0,
            wanted: false,
            blind: false,
            awaited: false,
        }
    }

    /// Takes an event, if it is about a listener.
    ///
    /// # Errors
    /// Where the kernel refuses to read a map: a defect.
    pub(super) fn observe(
        &mut self,
        event: &Event,
        hooks: &Hooks,
        tracker: &Tracker,
    ) -> anyhow::Result<()> {
        if let Event::Listening(listening) = event
            && listening.how == how::ENDED
        {
            self.remember(listening, tracker);
            let last = self.listeners.last_look(listening);
            let time_ns = listening.head.time_ns;
            self.take(hooks, last.into_iter().collect(), time_ns)?;
        }
        self.listeners.observe(event);
        if let Event::Listening(_) = event {
            self.read_first_counters();
        }
        self.wanted |= self.listeners.wants_look();
        Ok(())
    }

    /// A connection may outlive the listener that took it.
    fn remember(&mut self, ended: &Listening, tracker: &Tracker) {
        let known = self.listeners.get(ended.head.sk);
        let Some((known, process)) = known.and_then(|it| Some((it, as_it_was(it, tracker)?)))
        else {
            return;
        };
        let gone = Gone {
            process,
            ended_ns: ended.head.time_ns,
        };
        self.gone.put((known.listener.netns, known.local()), gone);
    }

    /// The listeners that may have taken a connection: of those that match its local end best, all.
    pub(super) fn takers(&self, state: &State, tracker: &Tracker) -> Vec<Taker> {
        let tuple = &state.tuple;
        let watched = self.listeners.watched().filter_map(|(_, known)| {
            let here = known.listener.netns == tuple.netns && !known.has_ended();
            let match_ = here.then(|| closeness(known.local(), tuple)).flatten()?;
            let taker = || Taker {
                inode: known.listener.inode,
                likely: likely(known),
                process: as_it_was(known, tracker),
            };
            Some((match_, taker()))
        });
        let was_accepted = state.stream.inode != 0 || state.stream.flags & stream_flag::ORPHAN != 0;
        let gone = self.gone.iter().filter_map(|(&(netns, local), gone)| {
            let at_once = state.head.time_ns.saturating_sub(gone.ended_ns) <= AT_ONCE_NS;
            let here = netns == tuple.netns && (was_accepted || at_once);
            let match_ = here.then(|| closeness(local, tuple)).flatten()?;
            let taker = Taker {
                process: Some(gone.process.clone()),
                ..Taker::default()
            };
            Some((match_, taker))
        });
        let mut all: Vec<(Match, Taker)> = watched.chain(gone).collect();
        let best = all.iter().map(|(match_, _)| *match_).max();
        all.retain(|(match_, _)| Some(*match_) == best);
        all.into_iter().map(|(_, taker)| taker).collect()
    }

    /// Looks at the listeners where it is time to.
    ///
    /// # Errors
    /// Where the kernel refuses to read a map: a defect.
    pub(super) fn look(&mut self, hooks: &mut Hooks, now_ns: u64) -> anyhow::Result<()> {
        let patience = if self.wanted { SOON_NS } else { LOOK_NS };
        if now_ns.saturating_sub(self.looked_ns) < patience {
            return Ok(());
        }
        self.look_now(hooks)
    }

    /// Looks at the listeners.
    ///
    /// # Errors
    /// As [`Inbound::look`].
    pub(super) fn look_now(&mut self, hooks: &mut Hooks) -> anyhow::Result<()> {
        self.wanted = false;
        let watched = self.listeners.watched();
        let open = watched.filter(|(_, known)| !known.has_ended());
        let addresses: Vec<u64> = open.map(|(sk, _)| sk).collect();
        if !self.blind && !addresses.is_empty() {
            match hooks.look(&addresses)? {
                Some(seen) => {
                    let now_ns = clock::monotonic_ns()?;
                    let listeners = addresses.into_iter().zip(seen).collect();
                    self.take(hooks, listeners, now_ns)?;
                }
                None => self.blind = true,
            }
        }
        self.looked_ns = clock::monotonic_ns()?;
        self.read_first_counters();
        self.await_nobody(hooks)?;
        self.listeners.forget_ended(self.looked_ns);
        Ok(())
    }

    /// Asks what belongs to a look: what the kernel half counted, even where it handed no details over,
    /// and what the namespaces count, where something moved.
    fn take(
        &mut self,
        hooks: &Hooks,
        listeners: Vec<(u64, Listener)>,
        time_ns: u64,
    ) -> anyhow::Result<()> {
        let count = |key| Ok((key, hooks.listener_count(key)?));
        let counted = self.listeners.counted(&listeners).into_iter();
        let counts = counted.map(count).collect::<anyhow::Result<_>>()?;
        // After the listeners: what a namespace counts is then never less than what they did.
        let moved = self.listeners.moved(&listeners).into_iter();
        let counters = moved
            .filter_map(|netns| Some((netns, self.counters(netns)?)))
            .collect();
        self.listeners.look(&Look {
            time_ns,
            listeners,
            counters,
            counts,
        });
        Ok(())
    }

    fn counters(&self, netns: u32) -> Option<Counters> {
        let mut here = self
            .listeners
            .watched()
            .filter(|(_, known)| known.listener.netns == netns);
        let tgid = here.find_map(|(_, known)| likely(known).first().copied());
        queues::of(netns, tgid.unwrap_or(0)).ok()
    }

    /// What counted before is no news.
    fn read_first_counters(&mut self) {
        for netns in self.listeners.unread() {
            // A namespace that cannot be entered is not asked again and again.
            let counters = self.counters(netns).unwrap_or_default();
            self.listeners.counters(netns, counters);
        }
    }

    fn await_nobody(&mut self, hooks: &mut Hooks) -> anyhow::Result<()> {
        let awaits = self.listeners.awaits_anyone();
        if self.awaited && !awaits {
            hooks.await_nobody()?;
        }
        self.awaited = awaits;
        Ok(())
    }

    /// The one listener of this host that may have ignored an attempt's SYNs, since a queue of it was
    /// full. Nobody is named where two might have.
    ///
    /// # Errors
    /// As [`Inbound::look`].
    pub(super) fn full_queue(
        &mut self,
        hooks: &mut Hooks,
        holders: &mut Holders,
        attempt: &Attempt,
    ) -> anyhow::Result<Option<FullQueue>> {
        if !is_silent(attempt) {
            return Ok(None);
        }
        if attempt.end_ns() + SOON_NS > self.looked_ns {
            self.look_now(hooks)?;
        }
        let tuple = attempt.tuple();
        let remote = SocketAddr::new(net::address(tuple.remote), tuple.remote_port);
        let span = attempt.start_ns..=attempt.end_ns();
        let mut full = self.listeners.full(remote, &span);
        full.retain(|(sk, queue)| {
            let known = self.listeners.get(*sk).map(likely).unwrap_or_default();
            let tgid = known.first().copied().unwrap_or(0);
            if remote.ip().is_loopback() {
                queue.netns == tuple.netns
            } else {
                route::is_local(queue.netns, tgid, remote.ip()) == Some(true)
            }
        });
        let [(sk, queue)] = &full[..] else {
            return Ok(None);
        };
        let known = self.listeners.get(*sk);
        let inode = known.map_or(0, |known| known.listener.inode);
        let answer = holders.of(inode, &known.map(likely).unwrap_or_default());
        let holder = answer.holders().first();
        let now = holder.map(|holder| (holder.comm.clone(), holder.pid));
        let then = || {
            let owner = once_held(known?.creator.as_ref(), &known?.found_at)?;
            Some((net::name(&owner.comm)?, owner.tgid))
        };
        Ok(Some(FullQueue {
            holder: now.or_else(then),
            ..queue.clone()
        }))
    }

    /// The records that are due.
    pub(super) fn due(
        &mut self,
        now_ns: u64,
        tracker: &Tracker,
        ways: &mut Ways,
        holders: &mut Holders,
        clock: Clock,
    ) -> Vec<Failure> {
        let due = self.listeners.due(now_ns);
        due.into_iter()
            .map(|refusals| {
                let places = ways.of_netns(refusals.listener.netns);
                let mut verdict = inbound::diagnose(&refusals, places);
                let lost = lost(tracker, &refusals);
                compose::inbound::doubt(&mut verdict, lost);
                let held = held(&refusals, tracker, holders);
                compose::inbound::failure(&refusals, &verdict, held, lost, clock)
            })
            .collect()
    }

    /// Requests and listeners that had to go.
    pub(super) fn evicted(&self) -> u64 {
        self.listeners.forgotten() + self.listeners.unwatched
    }
}

/// Who holds the listener: the caller of `listen()` if it still does, else who does now. Of several,
/// one that is not the init process, which holds sockets for others to use.
fn held(refusals: &Refusals, tracker: &Tracker, holders: &mut Holders) -> Held {
    const INIT: u32 = 1;
    let creator = refusals.creator.as_ref();
    let mut likely: Vec<u32> = creator.map(|owner| owner.tgid).into_iter().collect();
    likely.extend(refusals.found_at.iter().map(|owner| owner.tgid));
    let inode = refusals.listener.inode;
    if inode == 0 {
        return Held {
            missing: Some(
                "a process that holds the listener: it has none, or had ended by then".to_owned(),
            ),
            ..by_what_was(refusals, tracker)
        };
    }
    let mut answer = holders.of(inode, &likely);
    if matches!(answer.holders(), [one] if one.pid == INIT) {
        answer = holders.all_of(inode);
    }
    let found = answer.holders();
    let named = found
        .iter()
        .find(|holder| creator.is_some_and(|owner| owner.tgid == holder.pid) && holder.pid != INIT)
        .or_else(|| found.iter().find(|holder| holder.pid != INIT))
        .or_else(|| found.first());
    let Some(named) = named else {
        let why = match answer {
            Answer::NotLookedFor(why) => {
                format!("who holds the listener now: not looked for, because {why}")
            }
            _ => "who holds the listener now: no process does".to_owned(),
        };
        return Held {
            missing: Some(why),
            ..by_what_was(refusals, tracker)
        };
    };
    let process = as_now(named, tracker);
    let several = found.len() > 1;
    Held {
        process: Some(process),
        holders: found
            .iter()
            .filter(|_| several)
            .map(|holder| record::Holder {
                pid: holder.pid,
                comm: holder.comm.clone(),
            })
            .collect(),
        missing: None,
    }
}

/// The caller of `listen()`, else the one process that was found to hold it, as it was then.
fn by_what_was(refusals: &Refusals, tracker: &Tracker) -> Held {
    let owner = once_held(refusals.creator.as_ref(), &refusals.found_at);
    Held {
        process: owner.map(|owner| as_then(owner, tracker)),
        ..Held::default()
    }
}

/// Who held a listener that nobody holds any more. Of several that were found to, none is named.
fn once_held<'a>(creator: Option<&'a Owner>, found_at: &'a [Owner]) -> Option<&'a Owner> {
    let alone = || {
        let (first, others) = found_at.split_first()?;
        let alone = others.iter().all(|other| other.tgid == first.tgid);
        alone.then_some(first)
    };
    creator.or_else(alone)
}

/// A process as it was when its identity was taken.
fn as_then(owner: &Owner, tracker: &Tracker) -> Process {
    let named = Holder {
        pid: owner.tgid,
        comm: net::name(&owner.comm).unwrap_or_default(),
        uid: owner.uid,
        started_ticks: 0,
        fd: 0,
    };
    let identity = tracker.identity(owner.tgid);
    let identity = identity.filter(|(started_ns, _)| *started_ns == owner.started_ns);
    describe(&named, identity.map(|(_, it)| it), Some(Role::Listener))
}

/// Whose a listener is, as it was when that was seen.
fn as_it_was(known: &Watched, tracker: &Tracker) -> Option<Process> {
    let owner = once_held(known.creator.as_ref(), &known.found_at)?;
    Some(as_then(owner, tracker))
}

/// A holder as it is now; what it no longer tells, as it was.
fn as_now(named: &Holder, tracker: &Tracker) -> Process {
    let now = holder::identity(named);
    let then = tracker.identity(named.pid);
    let then = then.filter(|(started_ns, _)| process::ticks(*started_ns) == named.started_ticks);
    describe(
        named,
        now.as_ref().or(then.map(|(_, it)| it)),
        Some(Role::Listener),
    )
}

/// How closely a listener's own end matches that of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    /// It listens on every address, and of IPv6 in the first place.
    OtherFamily,
    /// It listens on every address.
    Everything,
    /// It listens on that very address.
    Address,
}

fn closeness(listener: SocketAddr, tuple: &Tuple) -> Option<Match> {
    let local = net::address(tuple.local);
    let at = listener.ip();
    if listener.port() != tuple.local_port {
        None
    } else if at == local {
        Some(Match::Address)
    } else if !at.is_unspecified() {
        None
    } else if at.is_ipv4() == local.is_ipv4() {
        Some(Match::Everything)
    } else {
        at.is_ipv6().then_some(Match::OtherFamily)
    }
}

/// What the kernel counts is exact, whatever else was lost; that a handshake was never completed is
/// inferred from an event that did not come.
fn lost(tracker: &Tracker, refusals: &Refusals) -> u64 {
    match refusals.kind {
        Kind::Unanswered => tracker.lost_within(&(refusals.since_ns..=refusals.until_ns)),
        _ => 0,
    }
}

/// It sent SYNs, and nothing at all came of them.
fn is_silent(attempt: &Attempt) -> bool {
    const SYN_SENT: u32 = 2;
    let End::State(state) = &attempt.end else {
        return false;
    };
    let evidence = &attempt.evidence;
    state.old == SYN_SENT
        && state.segs_out > 0
        && matches!(state.err, 0 | libc::ETIMEDOUT)
        && state.err_soft == 0
        && evidence.drops.is_empty()
        && evidence.resets_received.is_empty()
        && evidence.soft_errors.is_empty()
}

/// Processes that held it when it was last seen.
fn likely(known: &Watched) -> Vec<u32> {
    let creator = known.creator.iter();
    creator
        .chain(&known.found_at)
        .map(|owner| owner.tgid)
        .collect()
}

//! Failed inbound connections: looks at the listeners, asks what the pure part cannot know, and hands
//! out the records.

use std::{collections::HashMap, net::SocketAddr};

use tracer_ebpf::{
    event::Owner,
    listener::{Listener, how},
};

use crate::{
    attribute::{
        Attempt, Counters, End, FullQueue, Identity, Tracker,
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

/// The listeners of this host.
pub(super) struct Inbound {
    listeners: Listeners,
    identities: HashMap<u64, (Owner, Identity)>,
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
            identities: HashMap::new(),
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
    pub(super) fn observe(&mut self, event: &Event, hooks: &Hooks) -> anyhow::Result<()> {
        if let Event::Listening(listening) = event {
            match listening.how {
                how::ENDED => {
                    let last = self.listeners.last_look(listening);
                    let time_ns = listening.head.time_ns;
                    self.take(hooks, last.into_iter().collect(), time_ns)?;
                }
                how::BEGAN => self.identify(listening.head.sk, &listening.owner),
                _ => {}
            }
        }
        self.listeners.observe(event);
        if let Event::Listening(_) = event {
            self.read_first_counters();
        }
        self.wanted |= self.listeners.wants_look();
        Ok(())
    }

    /// Taken now, since the caller of `listen()` may end while others go on to hold the socket.
    fn identify(&mut self, sk: u64, owner: &Owner) {
        if let Some(identity) = process::identity(owner.tgid, owner.started_ns) {
            self.identities.insert(sk, (*owner, identity));
        }
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
        let addresses: Vec<u64> = self.listeners.watched().map(|(sk, _)| sk).collect();
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
        self.forget_identities();
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

    fn forget_identities(&mut self) {
        self.listeners.forget_ended();
        let listeners = &self.listeners;
        self.identities.retain(|&sk, _| listeners.get(sk).is_some());
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
        Ok(Some(FullQueue {
            holder: holder.map(|holder| (holder.comm.clone(), holder.pid)),
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
                let held = self.held(&refusals, holders);
                compose::inbound::failure(&refusals, &verdict, held, lost, clock)
            })
            .collect()
    }

    /// Who holds the listener: the caller of `listen()` if it still does, else who does now. Of several,
    /// one that is not the init process, which holds sockets for others to use.
    fn held(&self, refusals: &Refusals, holders: &mut Holders) -> Held {
        const INIT: u32 = 1;
        let creator = refusals.creator.as_ref();
        let mut likely: Vec<u32> = creator.map(|owner| owner.tgid).into_iter().collect();
        likely.extend(refusals.found_at.iter().map(|owner| owner.tgid));
        let inode = refusals.listener.inode;
        if inode == 0 {
            return Held {
                missing: Some(
                    "a process that holds the listener: it has none, or had ended by then"
                        .to_owned(),
                ),
                ..self.by_creator(refusals)
            };
        }
        let mut answer = holders.of(inode, &likely);
        if matches!(answer.holders(), [one] if one.pid == INIT) {
            answer = holders.all_of(inode);
        }
        let found = answer.holders();
        let named = found
            .iter()
            .find(|holder| {
                creator.is_some_and(|owner| owner.tgid == holder.pid) && holder.pid != INIT
            })
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
                ..self.by_creator(refusals)
            };
        };
        let process = self.process(refusals.sk, named);
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

    /// The caller of `listen()`, as it was then.
    fn by_creator(&self, refusals: &Refusals) -> Held {
        let known = self.identities.get(&refusals.sk);
        let owner = known.map(|(owner, _)| owner).or(refusals.creator.as_ref());
        let process = owner.map(|owner| {
            let named = Holder {
                pid: owner.tgid,
                comm: net::name(&owner.comm).unwrap_or_default(),
                uid: owner.uid,
                started_ticks: 0,
                fd: 0,
            };
            let identity = known.map(|(_, identity)| identity);
            describe(&named, identity, Some(Role::Listener))
        });
        Held {
            process,
            ..Held::default()
        }
    }

    fn process(&self, sk: u64, named: &Holder) -> Process {
        let now = holder::identity(named);
        let known = self.identities.get(&sk).filter(|(owner, _)| {
            owner.tgid == named.pid && process::ticks(owner.started_ns) == named.started_ticks
        });
        let identity = now.as_ref().or(known.map(|(_, identity)| identity));
        describe(named, identity, Some(Role::Listener))
    }

    /// Requests and listeners that had to go.
    pub(super) fn evicted(&self) -> u64 {
        self.listeners.forgotten() + self.listeners.unwatched
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

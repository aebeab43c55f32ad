//! One run: hooks to ring to decoding to attribution to diagnosis to records, until it is told to
//! stop. Everything impure is here; what comes between decoding and records is not.

mod beyond;
mod book;
mod firewall;
mod holder;
mod inbound;
mod nearby;
mod script;
mod stream;
mod ways;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tracer_ebpf::{
    event::{self, Owner, State, Unsent},
    listener::how,
};

use self::{book::Book, script::Script};
use crate::{
    attribute::{self, Attempt, HOLD_NS, Tracker, is_open},
    clock::{self, Clock},
    compose,
    decode::{Event, Names, decode, wire},
    enrich::{cgroup::Cgroups, process, route::Routes, sockets::Sockets},
    hook::Hooks,
    judge::{Judged, judge},
    record::{self, Ledger, Record},
    ring::Ring,
};

/// What a run hands out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Connections that did not fail, too (`--all`).
    pub connections: bool,
    /// Each piece of evidence, too (`--events`).
    pub events: bool,
    /// With each piece of evidence, all that a replay needs (`record --events`).
    pub replay: bool,
}

/// One run.
pub struct Session {
    hooks: Hooks,
    ring: Ring,
    names: Names,
    tracker: Tracker,
    routes: Routes,
    firewalls: firewall::Firewalls,
    surroundings: beyond::Surroundings,
    neighbourhood: nearby::Neighbourhood,
    sockets: Sockets,
    streams: stream::Streams,
    ways: ways::Ways,
    script: Script,
    inbound: inbound::Inbound,
    cgroups: Cgroups,
    clock: Clock,
    wanted: Wanted,
    book: Book,
    owners: HashMap<u64, Owner>,
    lost: u64,
    missed: u64,
    missed_ns: u64,
    checked_ns: u64,
    swept_ns: u64,
    unsettled: u64,
    /// More waits in the ring.
    more: bool,
}

/// How often attempts are looked for that never came to a SYN.
const SWEEP_NS: u64 = 250_000_000;
/// Records taken from the ring between two looks at the clock.
const BATCH: usize = 8192;
/// Owners remembered for `--events` at most.
const MAX_OWNERS: usize = 65_536;

/// What to ask beside the events, at once: the answer may be gone a moment later.
enum Question {
    /// What `/proc` says of a process.
    Identity { tgid: u32, started_ns: u64 },
    /// The same of one that holds sockets, unless it is known already.
    Holder(Owner),
    /// What the route lookup says.
    Route(Unsent),
    /// Whose a connection is that had come up.
    Owner(Box<State>),
}

impl Question {
    fn about(event: &Event) -> Option<Self> {
        match event {
            Event::Process(process) => Some(Self::Identity {
                tgid: process.tgid,
                started_ns: process.started_ns,
            }),
            Event::Holder(event::Holder { owner, .. }) => Some(Self::Holder(*owner)),
            Event::Listening(listening) if listening.how != how::ENDED => {
                Some(Self::Holder(listening.owner))
            }
            Event::Unsent(unsent) if unsent.err == 0 && unsent.cgroup_err == 0 => {
                Some(Self::Route(*unsent))
            }
            Event::State(state) if state.failure != 0 && is_open(state.old) => {
                Some(Self::Owner(state.clone()))
            }
            _ => None,
        }
    }
}

impl Session {
    /// Begins a run with attached hooks. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where the ring buffer cannot be polled, or a clock not be read.
    pub fn new(
        mut hooks: Hooks,
        names: Names,
        wanted: Wanted,
        max_attempts: usize,
    ) -> anyhow::Result<Self> {
        let ring = Ring::new(hooks.take_ring()?)?;
        let now_ns = clock::monotonic_ns()?;
        let inbound = inbound::Inbound::new(hooks.follows_command);
        Ok(Self {
            hooks,
            ring,
            names,
            tracker: Tracker::new(max_attempts),
            routes: Routes::default(),
            firewalls: firewall::Firewalls::default(),
            surroundings: beyond::Surroundings::default(),
            neighbourhood: nearby::Neighbourhood::default(),
            sockets: Sockets::default(),
            streams: stream::Streams::default(),
            ways: ways::Ways::new(),
            script: Script::new(max_attempts, wanted.connections),
            inbound,
            cgroups: Cgroups::default(),
            clock: Clock::measure()?,
            wanted,
            book: Book::default(),
            owners: HashMap::new(),
            lost: 0,
            missed: 0,
            missed_ns: 0,
            checked_ns: now_ns,
            swept_ns: now_ns,
            unsettled: 0,
            more: false,
        })
    }

    /// The hooks of this run.
    pub fn hooks(&mut self) -> &mut Hooks {
        &mut self.hooks
    }

    /// How the kernel's clock is turned into UTC.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Waits until there may be something to do. Safe to cancel.
    ///
    /// # Errors
    /// Where polling fails: a defect.
    pub async fn wait(&mut self) -> anyhow::Result<()> {
        if self.more {
            // Signals are to be seen meanwhile.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let due = [self.tracker.next_due_ns(), self.streams.next_due_ns()];
        let patience = match due.into_iter().flatten().min() {
            Some(due_ns) => due_ns
                .saturating_sub(clock::monotonic_ns()?)
                .clamp(1_000_000, SWEEP_NS),
            None => SWEEP_NS,
        };
        self.ring.wait(Duration::from_nanos(patience)).await
    }

    /// Takes what waits in the ring, a batch at a time, and hands out the records that are due.
    ///
    /// # Errors
    /// Where the kernel refuses to read a map, or `show` cannot write.
    pub fn step(
        &mut self,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut events = Vec::new();
        // Taken before the ring is: what ended before this moment has its evidence in it.
        let mut now_ns = clock::monotonic_ns()?;
        self.more = self.take(&mut events);
        if let (true, Some(last)) = (self.more, events.last()) {
            // So far has the ring been read.
            now_ns = now_ns.min(last.head().time_ns);
        }
        for event in events {
            self.observe(event, show)?;
        }
        self.sweep(now_ns, show)?;
        self.check_losses(now_ns)?;
        self.inbound.look(&mut self.hooks, now_ns)?;
        let until_ns = self.ask_owners(now_ns);
        self.hand_out(until_ns, show)
    }

    /// Ends the run: everything that has ended is handed out.
    ///
    /// # Errors
    /// As [`Session::step`].
    pub fn finish(
        &mut self,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        std::thread::sleep(Duration::from_nanos(HOLD_NS));
        self.drain(show)?;
        self.swept_ns = 0;
        self.drain(show)?;
        self.ask_owners(u64::MAX);
        self.inbound.look_now(&mut self.hooks)?;
        self.hand_out(u64::MAX, show)
    }

    fn drain(&mut self, show: &mut dyn FnMut(Record) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.step(show)?;
        while self.more {
            self.step(show)?;
        }
        Ok(())
    }

    fn take(&mut self, events: &mut Vec<Event>) -> bool {
        let (names, book) = (&mut self.names, &mut self.book);
        self.ring
            .drain(BATCH, |record| match decode(record, names) {
                Ok(event) => events.push(event),
                Err(why) => book.undecodable(&why),
            })
    }

    fn observe(
        &mut self,
        mut event: Event,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if let Event::Drop(drop, place) = &mut event {
            self.firewalls.enrich(drop, place);
        }
        if self.wanted.replay
            && let Some(begin) = self.script.begin(self.ways.places().own)
        {
            show(begin)?;
        }
        if self.wanted.events {
            self.show_event(&event, show)?;
        }
        self.inbound.observe(&event, &self.hooks, &self.tracker)?;
        let question = Question::about(&event);
        self.tracker.observe(event);
        match question {
            Some(Question::Identity { tgid, started_ns }) => self.identify(tgid, started_ns),
            Some(Question::Holder(owner)) => self.identify_holder(&owner),
            Some(Question::Route(unsent)) => self.ask_route(&unsent),
            Some(Question::Owner(state)) => {
                if attribute::never_left(&state) {
                    self.ask_route_of(&state);
                }
                self.streams.failed(state);
            }
            None => {}
        }
        Ok(())
    }

    fn identify(&mut self, tgid: u32, started_ns: u64) {
        if let Some(identity) = process::identity(tgid, started_ns) {
            self.tracker.identify(tgid, started_ns, identity);
        }
    }

    fn identify_holder(&mut self, owner: &Owner) {
        let known = self.tracker.identity(owner.tgid);
        if known.is_none_or(|(started_ns, _)| started_ns != owner.started_ns) {
            self.identify(owner.tgid, owner.started_ns);
        }
    }

    /// Gives the time up to which attempts may be judged.
    fn ask_owners(&mut self, now_ns: u64) -> u64 {
        let (tracker, sockets) = (&mut self.tracker, &mut self.sockets);
        self.streams.ask(now_ns, tracker, &self.inbound, sockets)
    }

    fn ask_route(&mut self, unsent: &Unsent) {
        let (sk, start_ns) = (unsent.head.sk, unsent.head.attempt_ns);
        let answer = self.routes.ask(unsent, self.owner_of(sk, start_ns));
        self.tracker.route_answer(sk, start_ns, answer);
    }

    /// What the route lookup says of a connection whose last segments never left this host.
    fn ask_route_of(&mut self, state: &State) {
        let (sk, start_ns) = (state.head.sk, state.head.attempt_ns);
        let tgid = self.owner_of(sk, start_ns);
        let answer = self.routes.ask_plainly(&state.tuple, tgid);
        self.tracker.route_answer(sk, start_ns, answer);
    }

    /// Thread-group id of who owns an attempt that has ended; 0 where nobody is known.
    fn owner_of(&self, sk: u64, start_ns: u64) -> u32 {
        let owner = self.tracker.owner(sk, start_ns);
        owner.map_or(0, |owner| owner.tgid)
    }

    fn show_event(
        &mut self,
        event: &Event,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if let Event::Attempt(attempt) = event {
            if self.owners.len() >= MAX_OWNERS {
                self.owners.clear();
            }
            self.owners.insert(attempt.head.attempt_ns, attempt.owner);
        }
        let owner = self.owners.get(&event.head().attempt_ns);
        let wire = self.wanted.replay.then(|| wire::to_json(event));
        match (compose::event(event, owner, self.clock), wire) {
            (Some(event), wire) => show(Record::Event(Box::new(record::Event { wire, ..event }))),
            (None, Some(wire)) => show(Script::announced(wire)),
            (None, None) => Ok(()),
        }
    }

    /// Attempts that never came to a SYN while their socket lives on.
    fn sweep(
        &mut self,
        now_ns: u64,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if now_ns.saturating_sub(self.swept_ns) < SWEEP_NS {
            return Ok(());
        }
        self.swept_ns = now_ns;
        let unsettled = self.hooks.unsettled()?;
        if unsettled == self.unsettled {
            return Ok(());
        }
        let found = self.hooks.sweep(now_ns)?;
        // What is still under way shows as a difference the next time, too.
        self.unsettled = unsettled.saturating_sub(found.young);
        for (attempt, unsent) in found.events {
            self.book.swept += 1;
            let owner = attempt.owner;
            self.observe(Event::Attempt(attempt), show)?;
            self.observe(Event::Unsent(unsent), show)?;
            self.identify(owner.tgid, owner.started_ns);
        }
        Ok(())
    }

    fn check_losses(&mut self, now_ns: u64) -> anyhow::Result<()> {
        if self.tracker.waiting() == 0 && now_ns.saturating_sub(self.checked_ns) < SWEEP_NS {
            return Ok(());
        }
        // Dearer to read than the counters: as often as an attempt's time of waiting.
        if now_ns.saturating_sub(self.missed_ns) >= HOLD_NS {
            self.missed_ns = now_ns;
            self.missed = self.hooks.missed().into_values().sum();
        }
        let lost = self.hooks.lost(self.missed)?;
        if lost > self.lost {
            self.tracker
                .lost(self.checked_ns, clock::monotonic_ns()?, lost - self.lost);
            self.lost = lost;
        }
        self.checked_ns = now_ns;
        Ok(())
    }

    fn hand_out(
        &mut self,
        now_ns: u64,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut due = self.tracker.due(now_ns);
        if self.hooks.follows_command {
            self.leave_out_strangers(&mut due)?;
        }
        for attempt in &mut due {
            let group = attempt.process_owner().and_then(|it| self.cgroups.path(it));
            attempt.cgroup = group.map(str::to_owned);
            self.neighbourhood.enrich(attempt, &mut self.sockets);
            self.firewalls.judge(attempt);
            let holders = &mut self.sockets.holders;
            if let Some(queue) = self.inbound.full_queue(&mut self.hooks, holders, attempt)? {
                self.ways.of_netns(queue.netns);
                attempt.queue = Some(Arc::new(queue));
            }
        }
        self.surroundings.look(&mut due, &mut self.sockets);
        for attempt in &due {
            self.ways.look_for(attempt);
        }
        if self.wanted.replay {
            self.script
                .judged(now_ns, &due, self.ways.places())
                .into_iter()
                .try_for_each(&mut *show)?;
        }
        for attempt in &due {
            if let Some(record) = self.judge(attempt) {
                show(record)?;
            }
        }
        let holders = &mut self.sockets.holders;
        for failure in self
            .inbound
            .due(now_ns, &self.tracker, &mut self.ways, holders, self.clock)
        {
            self.book.turned_away(&failure);
            show(Record::Failure(Box::new(failure)))?;
        }
        Ok(())
    }

    /// What the kernel half did not know the owner of may be another process's than the command's.
    fn leave_out_strangers(&mut self, due: &mut Vec<Attempt>) -> anyhow::Result<()> {
        let mut strangers = Vec::new();
        for attempt in &*due {
            let found = attempt.found.as_ref().filter(|_| attempt.owner.is_none());
            let is_ours = match found.and_then(|found| found.process.as_ref()) {
                Some(process) => match self.hooks.followed(process.pid)? {
                    Some(since_ns) => process::is_still(process.pid, since_ns),
                    None => false,
                },
                None => attempt.owner.is_some(),
            };
            strangers.push(!is_ours);
        }
        let mut strangers = strangers.into_iter();
        let before = due.len();
        due.retain(|_| !strangers.next().unwrap_or(false));
        self.book.filtered += u64::try_from(before - due.len())?;
        Ok(())
    }

    fn judge(&mut self, attempt: &Attempt) -> Option<Record> {
        let told = self.wanted.connections;
        match judge(attempt, self.ways.places(), self.clock) {
            Judged::Failed(failure) => Some(Record::Failure(failure)),
            Judged::LostRace(connection) => {
                self.book.races += 1;
                told.then_some(Record::Connection(connection))
            }
            Judged::Closed(connection) => told.then_some(Record::Connection(connection)),
        }
    }

    /// Counts a failure that was written.
    pub fn emitted(&mut self, cause: &str) {
        self.book.emitted(cause);
    }

    /// Counts failures that a filter left out.
    pub fn filtered(&mut self, count: u64) {
        self.book.filtered += count;
    }

    /// Begins to read the kernel's symbols, so that the first drop need not wait for them.
    pub fn warm_up(&mut self) {
        self.names.warm_up();
    }

    /// What was seen, emitted, filtered and lost so far.
    ///
    /// # Errors
    /// Where the kernel refuses to read a map: a defect.
    pub fn ledger(&mut self) -> anyhow::Result<Ledger> {
        let counts = self.hooks.counts()?;
        let mut ledger = self.book.ledger(&counts, &self.tracker, &mut self.names);
        ledger.evicted += self.inbound.evicted();
        Ok(ledger)
    }
}

//! One run: hooks to ring to decoding to attribution to diagnosis to records, until it is told to
//! stop. Everything impure is here; what comes between decoding and records is not.

mod beyond;
mod book;
mod firewall;
mod holder;
mod inbound;
mod nearby;
mod question;
mod script;
mod stream;
mod sweep;
mod ways;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tracer_ebpf::event::Owner;

use self::{book::Book, question::Question, script::Script, sweep::SWEEP_NS};
use crate::{
    attribute::{Attempt, HOLD_NS, Tracker},
    clock::{self, Clock},
    compose,
    decode::{Event, Names, decode, wire},
    enrich::{cgroup::Cgroups, process, route::Routes, sockets::Sockets},
    hook::Hooks,
    judge::{self, Judged, judge},
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

/// Records taken from the ring between two looks at the clock.
const BATCH: usize = 8192;
/// Owners remembered for `--events` at most.
const MAX_OWNERS: usize = 65_536;

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
        let known_only = hooks.follows_command;
        let names_receivers = hooks.names_receivers;
        let inbound = inbound::Inbound::new(known_only, names_receivers, wanted.replay);
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
            script: Script::new(
                max_attempts,
                wanted.connections,
                known_only,
                names_receivers,
            ),
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
        let held_back_ns = self.streams.held_back_ns();
        let is_held_back = |due_ns: u64| held_back_ns.is_some_and(|ns| ns <= due_ns);
        let next = self.tracker.next_due_ns();
        let due = [
            next.filter(|due_ns| !is_held_back(*due_ns)),
            self.streams.next_due_ns(),
        ];
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
        self.inbound.before(&event, &self.hooks, &self.tracker)?;
        self.show_looks(show)?;
        if self.wanted.events {
            self.show_event(&event, show)?;
        }
        self.inbound.observe(&event);
        self.show_looks(show)?;
        let question = Question::about(&event);
        self.tracker.observe(event);
        if let Some(question) = question {
            self.ask(question);
        }
        Ok(())
    }

    /// Gives the time up to which attempts may be judged.
    fn ask_owners(&mut self, now_ns: u64) -> u64 {
        let (tracker, sockets) = (&mut self.tracker, &mut self.sockets);
        self.streams.ask(now_ns, tracker, &self.inbound, sockets)
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

    /// What a replay needs beside events about listeners.
    fn show_looks(
        &mut self,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let looks = self.inbound.taken();
        looks.iter().map(Script::look).try_for_each(show)
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
        // Where translation leads to is what the others ask about.
        self.surroundings.look(&mut due, &mut self.sockets);
        for attempt in &mut due {
            let group = attempt.process_owner().and_then(|it| self.cgroups.path(it));
            attempt.cgroup = group.map(str::to_owned);
            if let Some(closer) = &mut attempt.closer {
                let group = self.cgroups.path(&closer.owner);
                closer.cgroup = group.map(str::to_owned);
            }
            let heard = nearby::Heard {
                listeners: &self.inbound,
                all: self.hooks.sees_all && self.inbound.are_all_watched(),
                lost: self.lost,
            };
            self.neighbourhood
                .enrich(attempt, &mut self.sockets, &heard);
            self.firewalls.judge(attempt);
            let holders = &mut self.sockets.holders;
            if let Some(queue) = self.inbound.full_queue(&mut self.hooks, holders, attempt)? {
                self.ways.of_netns(queue.netns);
                attempt.queue = Some(Arc::new(queue));
            }
        }
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
        self.hand_out_turned_away(now_ns, show)
    }

    /// What listeners turned away.
    fn hand_out_turned_away(
        &mut self,
        now_ns: u64,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.show_looks(show)?;
        let holders = &mut self.sockets.holders;
        let mut due = self.inbound.due(now_ns, &self.tracker, holders);
        for (refusals, circumstances) in &mut due {
            self.ways.of_netns(refusals.listener.netns);
            circumstances.rulings = self.firewalls.judge_barred(&refusals.barred);
        }
        if self.wanted.replay {
            self.script
                .turned_away(now_ns, &due, self.ways.places(), self.clock)
                .into_iter()
                .try_for_each(&mut *show)?;
        }
        for (refusals, circumstances) in due {
            let failure =
                judge::turned_away(refusals, circumstances, self.ways.places(), self.clock);
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

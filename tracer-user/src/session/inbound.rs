//! Failed inbound connections: looks at the listeners, asks what the pure part cannot know, and hands
//! out the records.

mod full_queue;
mod held;
mod takers;

use std::net::SocketAddr;

use lru::LruCache;
use tracer_ebpf::listener::{Listener, how};

pub(super) use self::takers::Taker;
use self::{
    held::held,
    takers::{Gone, MAX_GONE},
};
use crate::{
    attribute::{
        Counters, Tracker,
        listener::{Kind, Listeners, Look, Refusals},
    },
    clock,
    compose::held::Circumstances,
    decode::Event,
    enrich::{holders::Holders, queues},
    hook::Hooks,
};

/// Listeners are looked at so often.
const LOOK_NS: u64 = 1_000_000_000;
/// Where something was seen at one, it is looked at so soon.
const SOON_NS: u64 = 50_000_000;

/// The listeners of this host.
pub(super) struct Inbound {
    listeners: Listeners,
    gone: LruCache<(u32, SocketAddr), Gone>,
    looked_ns: u64,
    wanted: bool,
    blind: bool,
    awaited: bool,
    /// Looks that were taken, for those who replay them; none where nobody does.
    taken: Option<Vec<Look>>,
}

impl Inbound {
    /// Takes over what [`Listeners::new`] does; `known_only` is for `tcpwhy run`. Looks are kept until they
    /// are asked for, where `replay`.
    pub(super) fn new(known_only: bool, names_receivers: bool, replay: bool) -> Self {
        Self {
            listeners: Listeners::new(known_only, names_receivers),
            gone: LruCache::new(MAX_GONE),
            looked_ns: 0,
            wanted: false,
            blind: false,
            awaited: false,
            taken: replay.then(Vec::new),
        }
    }

    /// Asks what an event needs that is about to be taken: a listener that ends is looked at for the
    /// last time.
    ///
    /// # Errors
    /// Where the kernel refuses to read a map: a defect.
    pub(super) fn before(
        &mut self,
        event: &Event,
        hooks: &Hooks,
        tracker: &Tracker,
    ) -> anyhow::Result<()> {
        if let Event::Listening(listening) = event
            && listening.how == how::ENDED
        {
            self.remember(listening, tracker);
            if let Some(last) = self.listeners.last_look(listening) {
                self.look_at(hooks, vec![last], listening.head.time_ns, false)?;
            }
        }
        Ok(())
    }

    /// Takes an event, if it is about a listener.
    pub(super) fn observe(&mut self, event: &Event) {
        self.listeners.observe(event);
        if let Event::Listening(listening) = event {
            self.read_first_counters(listening.head.time_ns);
        }
        self.wanted |= self.listeners.wants_look();
    }

    /// The looks that were taken since the last time, if they are kept.
    pub(super) fn taken(&mut self) -> Vec<Look> {
        self.taken.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The other network namespaces in which something listens on a port, each with a process that may
    /// be in it; 0 where none is known.
    pub(super) fn places(&self, netns: u32, port: u16) -> impl Iterator<Item = (u32, u32)> {
        self.listeners.watched().filter_map(move |(_, known)| {
            let listener = &known.listener;
            let there =
                !known.has_ended() && listener.netns != netns && listener.local_port == port;
            there.then(|| (listener.netns, known.processes().next().unwrap_or(0)))
        })
    }

    /// True where every listener that began since the start is among [`Inbound::places`], as far as no
    /// event was lost.
    pub(super) fn are_all_watched(&self) -> bool {
        self.listeners.unwatched == 0
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
        let seen = if self.blind || addresses.is_empty() {
            None
        } else {
            let seen = hooks.look(&addresses)?;
            self.blind = seen.is_none();
            seen
        };
        let now_ns = clock::monotonic_ns()?;
        let is_whole = seen.is_some();
        let listeners = addresses.into_iter().zip(seen.into_iter().flatten());
        if self.listeners.watched().next().is_some() {
            self.look_at(hooks, listeners.collect(), now_ns, is_whole)?;
        }
        self.looked_ns = clock::monotonic_ns()?;
        self.read_first_counters(self.looked_ns);
        self.await_nobody(hooks)
    }

    /// Asks what belongs to a look: what the kernel half counted, even where it handed no details over,
    /// and what the namespaces count, where something moved.
    fn look_at(
        &mut self,
        hooks: &Hooks,
        listeners: Vec<(u64, Listener)>,
        time_ns: u64,
        is_whole: bool,
    ) -> anyhow::Result<()> {
        let count = |key| Ok((key, hooks.listener_count(key)?));
        let counted = self.listeners.counted(&listeners).into_iter();
        let counts = counted.map(count).collect::<anyhow::Result<_>>()?;
        // After the listeners: what a namespace counts is then never less than what they did.
        let moved = self.listeners.moved(&listeners).into_iter();
        let counters = moved
            .filter_map(|netns| Some((netns, self.counters(netns)?)))
            .collect();
        self.take(Look {
            time_ns,
            whole: is_whole,
            listeners: self.listeners.changed(listeners),
            counters,
            counts,
        });
        Ok(())
    }

    fn take(&mut self, look: Look) {
        self.listeners.look(&look);
        if let Some(taken) = &mut self.taken {
            taken.push(look);
        }
    }

    fn counters(&self, netns: u32) -> Option<Counters> {
        let mut here = self
            .listeners
            .watched()
            .filter(|(_, known)| known.listener.netns == netns);
        let tgid = here.find_map(|(_, known)| known.processes().next());
        queues::of(netns, tgid.unwrap_or(0)).ok()
    }

    /// What counted before is no news.
    fn read_first_counters(&mut self, time_ns: u64) {
        let unread = self.listeners.unread();
        if unread.is_empty() {
            return;
        }
        // A namespace that cannot be entered is not asked again and again.
        let first = |netns| (netns, self.counters(netns).unwrap_or_default());
        self.take(Look {
            time_ns,
            counters: unread.into_iter().map(first).collect(),
            ..Look::default()
        });
    }

    fn await_nobody(&mut self, hooks: &mut Hooks) -> anyhow::Result<()> {
        let awaits = self.listeners.awaits_anyone();
        if self.awaited && !awaits {
            hooks.await_nobody()?;
        }
        self.awaited = awaits;
        Ok(())
    }

    /// What is to be told now, and what was found out about it beside events and looks.
    pub(super) fn due(
        &mut self,
        now_ns: u64,
        tracker: &Tracker,
        holders: &mut Holders,
    ) -> Vec<(Refusals, Circumstances)> {
        let due = self.listeners.due(now_ns);
        due.into_iter()
            .map(|refusals| {
                let circumstances = Circumstances {
                    held: held(&refusals, tracker, holders),
                    lost: lost(tracker, &refusals),
                    ..Circumstances::default()
                };
                (refusals, circumstances)
            })
            .collect()
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
        Kind::Unanswered | Kind::Firewall { .. } | Kind::LastAck => {
            tracker.lost_within(&(refusals.since_ns..=refusals.until_ns))
        }
        _ => 0,
    }
}

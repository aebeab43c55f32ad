//! What the firewall of a network namespace says of itself, asked only when it has just dropped a
//! packet. Its tools are asked on a thread of its own; records wait for them for a moment.

use std::{
    collections::HashMap,
    fs,
    num::NonZeroUsize,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use lru::LruCache;
use tracer_ebpf::event;

use crate::{
    attribute::{
        Attempt, Ruling, SeenDrop,
        listener::{Barred, Sample},
    },
    clock,
    decode::{Conntrack, Place},
    enrich::{
        firewall::{Rules, ask},
        netns,
    },
    firewall::{Answer, Packet, counted},
    record::Match,
};

/// A look at connection tracking serves the drops of so long.
const FRESH: Duration = Duration::from_secs(2);
/// Network namespaces remembered at most.
const MAX_KNOWN: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// A namespace's rules are read again after so many times as long as reading them took.
const APART: u32 = 5;
/// But not before.
const LEAST_APART: Duration = Duration::from_millis(200);
/// The same for packets that may be nobody's here, once so many have been read for such.
const MOST_FOR_ANYONE: u32 = 4;
const SELDOM: u32 = 20;
const SELDOM_AT_LEAST: Duration = Duration::from_secs(5);
/// Records wait so long for rules that are being read.
const PATIENCE: Duration = Duration::from_millis(500);
/// Comparisons that a second's drops may take, and one of them.
const COMPARISONS: u64 = 20_000_000;
const COMPARISONS_OF_ONE: u64 = 2_000_000;
/// Rules told of one drop at most.
const MAX_TOLD: usize = 8;

/// Rules as they were between two moments (`CLOCK_MONOTONIC`).
struct Look {
    began_ns: u64,
    ended_ns: u64,
    rules: Rules,
}

/// What is known of one network namespace's rules.
#[derive(Default)]
struct Known {
    before: Option<Arc<Look>>,
    last: Option<Arc<Look>>,
    /// They are being read.
    asked: bool,
    /// When they had been read, and how long that took.
    read: Option<(Instant, Duration)>,
    /// How often they were read for anyone's packets lately.
    for_anyone: u32,
    /// From when on that counts less.
    less_at: Option<Instant>,
}

impl Known {
    /// Whether they may be read again by now; of anyone's packets the first few do as of our own.
    fn may_be_read(&mut self, whose: Whose) -> bool {
        let Some((at, took)) = self.read else {
            return true;
        };
        if at.elapsed() < (APART * took).max(LEAST_APART) {
            return false;
        }
        if whose == Whose::Ours {
            return true;
        }
        let now = Instant::now();
        let less_every = (SELDOM * took).max(SELDOM_AT_LEAST);
        let mut less_at = self.less_at.unwrap_or(now + less_every);
        while self.for_anyone > 0 && less_at <= now {
            self.for_anyone -= 1;
            less_at += less_every;
        }
        self.less_at = Some(less_at.max(now));
        let may_be = self.for_anyone < MOST_FOR_ANYONE;
        self.for_anyone += u32::from(may_be);
        may_be
    }
}

/// Whose packet a firewall dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// A process's on this host.
    Ours,
    /// Perhaps nobody's here: whoever floods this host must not keep it busy.
    Anyones,
}

/// Who asks: so many namespaces at once.
const ASKERS: usize = 2;

/// They, and their answers.
struct Askers {
    ask: [Sender<u32>; ASKERS],
    /// Whose turn it is.
    next: usize,
    answers: Receiver<(u32, Look)>,
}

/// Looks, and remembers for a moment.
pub(super) struct Firewalls {
    conntrack: HashMap<u32, (Instant, Conntrack)>,
    known: LruCache<u32, Known>,
    askers: Option<Askers>,
    /// Records do not wait before then: half of the time at most goes by so.
    patient_again: Option<Instant>,
    comparisons: u64,
    since: Instant,
}

impl Default for Firewalls {
    fn default() -> Self {
        Self {
            conntrack: HashMap::new(),
            known: LruCache::new(MAX_KNOWN),
            askers: None,
            patient_again: None,
            comparisons: COMPARISONS,
            since: Instant::now(),
        }
    }
}

impl Firewalls {
    /// Adds to a drop's place what connection tracking has to do with it, and has the rules read.
    pub(super) fn enrich(&mut self, drop: &event::Drop, place: &mut Place) {
        let netns = drop.packet.netns;
        let netfilter = place.hook.is_some() || place.engine.is_some();
        if !netfilter || netns == 0 {
            return;
        }
        if drop.conntrack == u32::MAX {
            place.conntrack = Some(self.conntrack(netns));
        }
        let whose = match drop.head.attempt_ns {
            0 => Whose::Anyones,
            _ => Whose::Ours,
        };
        self.have_read(netns, drop.head.time_ns, whose);
    }

    fn conntrack(&mut self, netns: u32) -> Conntrack {
        if let Some((since, known)) = self.conntrack.get(&netns)
            && since.elapsed() < FRESH
        {
            return known.clone();
        }
        if self.conntrack.len() >= MAX_KNOWN.get() {
            self.conntrack.clear();
        }
        let known = netns::within(netns, 0, || Ok(conntrack())).unwrap_or_default();
        self.conntrack
            .insert(netns, (Instant::now(), known.clone()));
        known
    }

    /// Rules that were read before a drop may not be those that dropped it.
    fn have_read(&mut self, netns: u32, dropped_ns: u64, whose: Whose) {
        self.take_answers();
        let known = self.known.get_or_insert_mut(netns, Known::default);
        let current = known.last.as_ref();
        let is_current = current.is_some_and(|look| look.began_ns > dropped_ns);
        if known.asked || is_current || !known.may_be_read(whose) {
            return;
        }
        // Where the threads could not be started, or have failed, the rules are not known.
        let mut askers = self.askers.take().map_or_else(Askers::start, Some);
        known.asked = askers.as_mut().is_some_and(|askers| askers.ask(netns));
        self.askers = askers.filter(|_| known.asked);
    }

    fn take_answers(&mut self) {
        while let Some((netns, look)) = self
            .askers
            .as_ref()
            .and_then(|it| it.answers.try_recv().ok())
        {
            self.remember(netns, look);
        }
    }

    fn remember(&mut self, netns: u32, look: Look) {
        let known = self.known.get_or_insert_mut(netns, Known::default);
        let took = Duration::from_nanos(look.ended_ns.saturating_sub(look.began_ns));
        known.asked = false;
        known.read = Some((Instant::now(), took));
        known.before = known.last.replace(Arc::new(look));
    }

    /// Adds to what a firewall dropped of an attempt which of its rules can have.
    pub(super) fn judge(&mut self, attempt: &mut Attempt) {
        let tuple = *attempt.tuple();
        let began = Instant::now();
        let patient = self.patient_again.is_none_or(|again| began >= again);
        let deadline = began + if patient { PATIENCE } else { Duration::ZERO };
        for drop in &mut attempt.evidence.drops {
            if !drop.is_netfilter() || drop.netns == 0 {
                continue;
            }
            self.have_read(drop.netns, drop.last_ns, Whose::Ours);
            self.wait(drop.netns, deadline);
            self.patient_again = Some(Instant::now() + began.elapsed());
            let packet = Packet::of(drop, &tuple);
            drop.ruling = Some(self.ruling(drop, &packet));
        }
    }

    /// Which rules can have dropped what a listener or its clients sent, of each kind: by some of the
    /// packets, where they were many.
    pub(super) fn judge_barred(&mut self, barred: &[Barred]) -> Vec<Ruling> {
        // They were asked for as the packets were dropped, seconds before.
        self.take_answers();
        let one = |it: &Barred| {
            let packet = |one: &Sample| Packet::of(&it.seen, &one.ends).with_flags(one.flags);
            let samples = it.samples.iter();
            let rulings = samples.map(|one| self.ruling(&it.seen, &packet(one)));
            let all = rulings.reduce(Ruling::or).unwrap_or_default();
            if it.more {
                all.of_some(it.samples.len())
            } else {
                all
            }
        };
        barred.iter().map(one).collect()
    }

    fn wait(&mut self, netns: u32, deadline: Instant) {
        while self.known.peek(&netns).is_some_and(|known| known.asked) {
            let left = deadline.saturating_duration_since(Instant::now());
            let answers = self.askers.as_ref().map(|askers| &askers.answers);
            match answers.and_then(|answers| answers.recv_timeout(left).ok()) {
                Some((netns, look)) => self.remember(netns, look),
                None => return,
            }
        }
    }

    fn ruling(&mut self, drop: &SeenDrop, packet: &Packet) -> Ruling {
        let unknown = |why: &str| Ruling {
            unknown: Some(why.to_owned()),
            ..Ruling::default()
        };
        let Some(hook) = drop.place.hook else {
            return unknown("the kernel stack does not tell the hook");
        };
        let known = self.known.get(&drop.netns);
        let Some(last) = known.and_then(|known| known.last.clone()) else {
            return unknown("its rules could not be read in time");
        };
        let before = known_before(self.known.peek(&drop.netns), drop);
        if self.since.elapsed() >= Duration::from_secs(1) {
            (self.comparisons, self.since) = (COMPARISONS, Instant::now());
        }
        let allowed = self.comparisons.min(COMPARISONS_OF_ONE);
        let mut left = allowed;
        let found = of_all(&last, packet, hook, &mut left).map(|now| {
            let then = before.map(|look| of_all(&look, packet, hook, &mut left));
            (now, then.flatten())
        });
        self.comparisons -= allowed - left;
        let Some((now, then)) = found else {
            return unknown("its rules are too many to be looked through for each packet");
        };
        conclude(&last, now, then.as_ref(), drop)
    }
}

/// The look before the last one, where one of the packets was dropped between them.
fn known_before(known: Option<&Known>, drop: &SeenDrop) -> Option<Arc<Look>> {
    let (before, last) = (known?.before.as_ref()?, known?.last.as_ref()?);
    let between = |&at_ns: &u64| before.ended_ns < at_ns && at_ns < last.began_ns;
    let mut times = drop.at_ns.iter().chain([&drop.last_ns]);
    times.any(between).then(|| Arc::clone(before))
}

/// What the rulesets of all engines say.
fn of_all(look: &Look, packet: &Packet, hook: &str, left: &mut u64) -> Option<Answer> {
    let mut all = Answer::default();
    for ruleset in &look.rules.rulesets {
        let answer = ruleset.candidates(packet, hook, left).ok()?;
        all.candidates.extend(answer.candidates);
        all.others |= answer.others;
    }
    Some(all)
}

fn conclude(look: &Look, now: Answer, then: Option<&Answer>, drop: &SeenDrop) -> Ruling {
    let mut candidates = now.candidates;
    if let Some(then) = then {
        counted(&then.candidates, &mut candidates);
    }
    // The rules that were there after the first of them dropped that one at least.
    let first_ns = drop.at_ns.first().copied().unwrap_or(drop.last_ns);
    let stale = look.began_ns < first_ns;
    let more = candidates.len().saturating_sub(MAX_TOLD);
    candidates.truncate(MAX_TOLD);
    if stale {
        candidates
            .iter_mut()
            .for_each(|it| it.matches = Match::Possible);
    }
    let unknown = if stale {
        Some("its rules were read before these packets came".to_owned())
    } else if more > 0 {
        Some(format!("{more} more rules can have dropped it"))
    } else {
        look.rules.unknown.clone()
    };
    Ruling {
        complete: unknown.is_none() && !now.others,
        candidates,
        unknown,
    }
}

impl Askers {
    fn start() -> Option<Self> {
        let (answer, answers) = mpsc::channel();
        let start = || {
            let (ask, questions) = mpsc::channel();
            let answer = answer.clone();
            let work = move || {
                for netns in questions {
                    if answer.send((netns, look(netns))).is_err() {
                        return;
                    }
                }
            };
            let named = thread::Builder::new().name("firewall".to_owned());
            named.spawn(work).ok().map(|_| ask)
        };
        Some(Self {
            ask: [start()?, start()?],
            next: 0,
            answers,
        })
    }

    fn ask(&mut self, netns: u32) -> bool {
        self.next = (self.next + 1) % ASKERS;
        self.ask[self.next].send(netns).is_ok()
    }
}

fn look(netns: u32) -> Look {
    let now_ns = || clock::monotonic_ns().unwrap_or(0);
    let began_ns = now_ns();
    let rules = netns::within(netns, 0, || Ok(ask())).unwrap_or_else(|why| Rules {
        unknown: Some(format!("{why:#}")),
        ..Rules::default()
    });
    Look {
        began_ns,
        ended_ns: now_ns(),
        rules,
    }
}

/// In the network namespace of this thread.
fn conntrack() -> Conntrack {
    // /proc/thread-self, since /proc/sys/net shows the namespace of whoever reads it.
    let number = |name: &str| {
        let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Conntrack {
        count: number("count"),
        max: number("max"),
    }
}

//! Puts events together. An attempt is handed on a few milliseconds after it has ended, since
//! decisive evidence may follow the end (`NEIGH_FAILED` comes 150 µs after it), and since events of
//! several CPUs interleave.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    ops::RangeInclusive,
    sync::Arc,
};

use lru::LruCache;

use tracer_ebpf::{
    event::{self, Owner, Process, State, Unsent},
    tcp_state,
};

use super::{
    attempt::{Attempt, Closer, End, Found, Identity, RouteAnswer, is_late, is_over},
    beyond::Beyond,
    evidence::{Evidence, PacketKind},
    flow::FlowEvidence,
    loose::{Loose, LooseEvidence},
    resent::{self, OfStreams},
    stream::{StreamEvidence, direction},
};
use crate::{
    decode::Event,
    record::{Direction, MatchedBy},
};

/// How long an attempt that has ended waits for evidence that follows.
pub const HOLD_NS: u64 = 10_000_000;

/// An attempt that something happened to, and that has not ended.
#[derive(Default)]
struct Open {
    start_ns: u64,
    owner: Option<Owner>,
    closer: Option<Closer>,
    evidence: PendingEvidence,
}

/// Drops wait for the socket's two ends, which are known at its end.
#[derive(Default)]
struct PendingEvidence {
    drops: Vec<(Box<event::Drop>, crate::decode::Place)>,
    other: Evidence,
}

/// Drops of one attempt that wait for its end; a connect makes few SYNs.
const MAX_WAITING_DROPS: usize = 256;

/// Puts events together into attempts.
pub struct Tracker {
    max_open: usize,
    open: HashMap<u64, Open>,
    order: VecDeque<(u64, u64)>,
    processes: LruCache<u32, Arc<Process>>,
    identities: LruCache<u32, (u64, Arc<Identity>)>,
    loose: LooseEvidence,
    streams: StreamEvidence,
    resent: OfStreams,
    flows: FlowEvidence,
    ended: VecDeque<Attempt>,
    losses: VecDeque<Loss>,
    /// Attempts whose evidence was forgotten since too many were open.
    pub evicted: u64,
    /// Failures that two hooks saw.
    pub twins: u64,
}

/// Events lost in a span of time.
struct Loss {
    until_ns: u64,
    since_ns: u64,
    count: u64,
}

/// Processes remembered at most.
const MAX_PROCESSES: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// Losses remembered at most.
const MAX_LOSSES: usize = 4096;

impl Tracker {
    /// Tracks at most `max_open` connections with evidence at once.
    #[must_use]
    pub fn new(max_open: usize) -> Self {
        Self {
            max_open,
            open: HashMap::new(),
            order: VecDeque::new(),
            processes: LruCache::new(MAX_PROCESSES),
            identities: LruCache::new(MAX_PROCESSES),
            loose: LooseEvidence::default(),
            streams: StreamEvidence::default(),
            resent: OfStreams::default(),
            flows: FlowEvidence::default(),
            ended: VecDeque::new(),
            losses: VecDeque::new(),
            evicted: 0,
            twins: 0,
        }
    }

    /// Takes one event.
    pub fn observe(&mut self, event: Event) {
        match event {
            Event::Process(process) => self.remember_process(*process),
            Event::Attempt(attempt) => self.open(&attempt),
            Event::State(state) if state.new == tcp_state::ESTABLISHED => self.came_up(&state),
            // It is over, in the ordinary way.
            Event::State(state) if is_over(&state) => {
                self.open.remove(&state.head.sk);
            }
            Event::State(state) => {
                self.end(state.head.sk, state.head.attempt_ns, End::State(state));
            }
            Event::Unsent(unsent) => self.unsent(unsent),
            Event::Retransmit(event) => self.retransmit(event),
            Event::ResetReceived(event) => {
                match self.attempt(event.head.sk, event.head.attempt_ns) {
                    Some(open) => open.add_reset_received(event.head.time_ns),
                    None => self.streams.reset_received(&event),
                }
            }
            Event::SocketError(event) => match self.attempt(event.head.sk, event.head.attempt_ns) {
                Some(open) => open.add_soft_error(event.head.time_ns, event.err_soft),
                None => self.streams.soft_error(&event),
            },
            Event::IcmpSent(event) => self.icmp(event),
            Event::Drop(event, place) => self.drop(event, place),
            // Of a connection of ours: it answers no packet, or one of that connection.
            Event::ResetSent(event, reason) if event.packet.ip_version == 0 => {
                self.streams.reset_sent(&event, reason);
            }
            Event::ResetSent(event, reason) => self.loose.keep(Loose::ResetSent(event, reason)),
            Event::Holder(event) => self.closed(&event),
            Event::SynackRetransmit(event) => self.loose.keep(Loose::SynackRetransmit(event)),
            Event::CameUp(event) => self.resent.came_up(&event),
            // Those are for `listener`.
            Event::Listening(_) | Event::AtListener(..) => {}
        }
    }

    /// What `/proc` says of a process that started at `started_ns` (boot time).
    pub fn identify(&mut self, tgid: u32, started_ns: u64, identity: Identity) {
        let identity = Arc::new(identity);
        for ended in &mut self.ended {
            if is_owned_by(ended.owner.as_ref(), tgid, started_ns) {
                ended.identity = Some(Arc::clone(&identity));
            }
        }
        self.identities.put(tgid, (started_ns, identity));
    }

    /// What `/proc` said of a process, and when that had started (boot time).
    #[must_use]
    pub fn identity(&self, tgid: u32) -> Option<(u64, &Identity)> {
        let (started_ns, identity) = self.identities.peek(&tgid)?;
        Some((*started_ns, identity))
    }

    /// What the route lookup said of an attempt that never came to a SYN.
    pub fn route_answer(&mut self, sk: u64, start_ns: u64, answer: RouteAnswer) {
        let waiting = self.ended.iter_mut();
        if let Some(ended) = waiting
            .rev()
            .find(|ended| (ended.sk, ended.start_ns) == (sk, start_ns))
        {
            ended.route = Some(answer);
        }
    }

    /// What could be found out about a connection that has ended.
    pub fn found(&mut self, state: &State, found: Found) {
        let mut waiting = self.ended.iter_mut().rev();
        if let Some(ended) = waiting.find(|ended| is_end_of(ended, state)) {
            ended.found = Some(found);
        }
    }

    /// Events were lost some time between two moments.
    pub fn lost(&mut self, since_ns: u64, until_ns: u64, count: u64) {
        if self.losses.len() >= MAX_LOSSES {
            self.losses.pop_front();
        }
        self.losses.push_back(Loss {
            until_ns,
            since_ns,
            count,
        });
    }

    /// The attempts whose time of waiting is over at `now_ns`, in the order of their ends.
    pub fn due(&mut self, now_ns: u64) -> Vec<Attempt> {
        let mut due = Vec::new();
        while self
            .ended
            .front()
            .is_some_and(|first| first.end_ns() + HOLD_NS <= now_ns)
        {
            if let Some(attempt) = self.ended.pop_front() {
                due.push(self.complete(attempt));
            }
        }
        due
    }

    /// When the next attempt is due, if one waits.
    #[must_use]
    pub fn next_due_ns(&self) -> Option<u64> {
        self.ended.front().map(|first| first.end_ns() + HOLD_NS)
    }

    /// Attempts that have ended and wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ended.len()
    }

    /// Of those, the ones that failed (or lost a race).
    #[must_use]
    pub fn waiting_failures(&self) -> usize {
        let is_failure = |attempt: &&Attempt| match &attempt.end {
            End::State(state) => state.failure != 0,
            End::Unsent(_) => true,
        };
        self.ended.iter().filter(is_failure).count()
    }

    /// Owner of a connection that has ended, if it is known.
    #[must_use]
    pub fn owner(&self, state: &State) -> Option<Owner> {
        let mut waiting = self.ended.iter().rev();
        waiting.find(|ended| is_end_of(ended, state))?.owner
    }

    /// Whether it is known who closed a connection that has ended.
    #[must_use]
    pub fn is_closed(&self, state: &State) -> bool {
        let mut waiting = self.ended.iter().rev();
        let ended = waiting.find(|ended| is_end_of(ended, state));
        ended
            .is_none_or(|ended| ended.closer.is_some() || ended.owner.as_ref().is_some_and(is_late))
    }

    /// Owner of an attempt that has ended, by the address of its socket and its start.
    #[must_use]
    pub fn owner_of(&self, sk: u64, start_ns: u64) -> Option<Owner> {
        let mut waiting = self.ended.iter().rev();
        waiting
            .find(|ended| (ended.sk, ended.start_ns) == (sk, start_ns))?
            .owner
    }

    /// Evidence that had to go before its connection had ended.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.loose.forgotten + self.streams.forgotten + self.flows.forgotten
    }

    fn remember_process(&mut self, process: Process) {
        self.processes.put(process.tgid, Arc::new(process));
    }

    fn open(&mut self, attempt: &event::Attempt) {
        let key = (attempt.head.sk, attempt.head.attempt_ns);
        while self.open.len() >= self.max_open {
            let Some((sk, start_ns)) = self.order.pop_front() else {
                break;
            };
            if self
                .open
                .get(&sk)
                .is_some_and(|open| open.start_ns == start_ns)
            {
                self.open.remove(&sk);
                self.evicted += 1;
            }
        }
        let open = Open {
            start_ns: key.1,
            owner: Some(attempt.owner),
            ..Open::default()
        };
        self.open.insert(key.0, open);
        self.order.push_back(key);
        // Places of attempts that have ended pile up in front.
        if self.order.len() > 2 * self.max_open {
            let open = &self.open;
            self.order
                .retain(|(sk, start)| open.get(sk).is_some_and(|one| one.start_ns == *start));
        }
    }

    /// Where the evidence of an attempt goes: it may have ended already.
    fn attempt(&mut self, sk: u64, start_ns: u64) -> Option<&mut Evidence> {
        let waiting = self.ended.iter_mut().rev();
        let mut waiting = waiting.filter(|ended| (ended.sk, ended.start_ns) == (sk, start_ns));
        match self.open.get_mut(&sk) {
            Some(open) if open.start_ns == start_ns => Some(&mut open.evidence.other),
            _ => waiting.next().map(|ended| &mut ended.evidence),
        }
    }

    /// Who closed a connection: another process than is known to have opened it, or the first that is
    /// known of.
    fn closed(&mut self, holder: &event::Holder) {
        if holder.how != event::holder::CLOSED {
            return;
        }
        let key = (holder.head.sk, holder.head.attempt_ns);
        let mut closer = Closer {
            owner: holder.owner,
            process: process_of(&mut self.processes, &holder.owner),
            identity: identity_of(&mut self.identities, &holder.owner),
            cgroup: None,
            began: false,
        };
        let open = self.open.get_mut(&key.0);
        if let Some(open) = open.filter(|open| open.start_ns == key.1) {
            closer.began = true;
            open.closer = Some(closer);
            return;
        }
        let mut waiting = self.ended.iter_mut().rev();
        let Some(ended) = waiting.find(|ended| (ended.sk, ended.start_ns) == key) else {
            return;
        };
        if ended.owner.is_some_and(|owner| !is_late(&owner)) {
            ended.closer = Some(closer);
        } else {
            ended.owner = Some(closer.owner);
            ended.process = closer.process;
            ended.identity = closer.identity;
        }
    }

    fn came_up(&mut self, state: &State) {
        if let Some(open) = self.open.get_mut(&state.head.sk) {
            let resent = open.evidence.other.resent;
            open.evidence = PendingEvidence::default();
            // Its SYNs are still its own.
            open.evidence.other.resent = resent;
        }
    }

    fn retransmit(&mut self, event: event::Retransmit) {
        let (sk, start_ns) = (event.head.sk, event.head.attempt_ns);
        // Of one without a beginning an earlier one at this address may wait to be judged.
        if start_ns != 0
            && let Some(evidence) = self.attempt(sk, start_ns)
        {
            evidence.add_retransmit(event);
        } else {
            self.resent.add(&event);
        }
    }

    fn icmp(&mut self, event: event::IcmpSent) {
        if event.head.attempt_ns == 0 {
            self.loose.keep(Loose::Icmp(event));
        } else if let Some(evidence) = self.attempt(event.head.sk, event.head.attempt_ns) {
            evidence.add_icmp(&event, MatchedBy::Socket);
        }
    }

    fn drop(&mut self, event: Box<event::Drop>, place: crate::decode::Place) {
        let (sk, start_ns) = (event.head.sk, event.head.attempt_ns);
        if PacketKind::of(&event.packet) == PacketKind::Other {
            // It may be of the connection that has the same two ends the other way round.
            self.flows.keep(&event, &place);
            if sk == 0 {
                return;
            }
        }
        if let Some(open) = self
            .open
            .get_mut(&sk)
            .filter(|open| open.start_ns == start_ns)
        {
            if open.evidence.drops.len() < MAX_WAITING_DROPS {
                open.evidence.drops.push((event, place));
            }
            return;
        }
        // Evidence after the end: either it names the attempt, or its socket is still the same.
        let ended = self.ended.iter_mut().rev().find(|ended| {
            ended.sk == sk
                && sk != 0
                && (ended.start_ns == start_ns || (start_ns == 0 && event.socket_state == CLOSED))
        });
        match ended {
            Some(ended) => {
                let tuple = *ended.tuple();
                ended
                    .evidence
                    .add_drop(&event, &place, MatchedBy::Socket, &tuple);
            }
            None if sk != 0 && tcp_state::is_open(event.socket_state) => {
                self.streams.drop(event, place);
            }
            None => self.loose.keep(Loose::Drop(event, place)),
        }
    }

    fn unsent(&mut self, unsent: Unsent) {
        let key = (unsent.head.sk, unsent.head.attempt_ns);
        // The same failure seen twice: at SYN_SENT, and at the return of connect(), which knows the
        // errno. Nothing but the errno is new.
        let twin = self
            .ended
            .iter_mut()
            .rev()
            .find(|ended| is_twin(ended, &unsent));
        if let (Some(ended), true) = (twin, unsent.how == event::unsent::RETURNED) {
            if let End::State(state) = &mut ended.end
                && state.err == 0
            {
                state.err = unsent.err;
            }
            self.open.remove(&key.0);
            self.twins += 1;
            return;
        }
        self.end(key.0, key.1, End::Unsent(unsent));
    }

    fn end(&mut self, sk: u64, mut start_ns: u64, mut end: End) {
        let known = self.open.remove(&sk);
        let open = match known.filter(|open| open.start_ns == start_ns) {
            Some(open) if is_of_another(&open, &end) => {
                (start_ns, end) = (0, without_beginning(end));
                Open::default()
            }
            Some(open) => open,
            // The announcement was lost, or it began before the tracer.
            None => Open::default(),
        };
        let owner = open.owner;
        let mut attempt = Attempt {
            sk,
            start_ns,
            owner,
            process: owner.and_then(|owner| process_of(&mut self.processes, &owner)),
            identity: owner.and_then(|owner| identity_of(&mut self.identities, &owner)),
            cgroup: None,
            closer: open.closer,
            end,
            evidence: open.evidence.other,
            route: None,
            nearby: None,
            found: None,
            queue: None,
            beyond: Beyond::default(),
            lost: 0,
        };
        attempt.remember_ends();
        let tuple = *attempt.tuple();
        for (drop, place) in open.evidence.drops {
            attempt
                .evidence
                .add_drop(&drop, &place, MatchedBy::Socket, &tuple);
        }
        if let Some(stream) = attempt.stream().copied() {
            self.streams.ended(&stream);
            resent::add(&mut attempt.evidence.resent, self.resent.take(&stream));
        }
        self.ended.push_back(attempt);
    }

    /// Adds what only its end makes findable.
    fn complete(&mut self, mut attempt: Attempt) -> Attempt {
        let lived = attempt.began_ns().unwrap_or(0)..=attempt.end_ns() + HOLD_NS;
        if let Some(stream) = attempt.stream() {
            let stream = *stream;
            let under_way = stream.isn..=stream.write_seq;
            self.flows
                .take(attempt.sk, &stream.tuple, &under_way, &mut attempt.evidence);
            self.streams.take(&stream, &mut attempt.evidence);
        } else if let End::State(state) = &attempt.end
            && state.write_seq != 0
        {
            let (isn, tuple) = (state.isn, state.tuple);
            self.loose
                .take(isn, &tuple, lived.clone(), &mut attempt.evidence);
        }
        attempt.lost = self.lost_within(&lived);
        attempt
    }

    /// Events that may have been lost within a span of time.
    #[must_use]
    pub fn lost_within(&self, span_ns: &RangeInclusive<u64>) -> u64 {
        let overlaps =
            |loss: &&Loss| loss.until_ns >= *span_ns.start() && loss.since_ns <= *span_ns.end();
        self.losses
            .iter()
            .filter(overlaps)
            .map(|loss| loss.count)
            .sum()
    }
}

/// `TCP_CLOSE` (`include/net/tcp_states.h`).
const CLOSED: u32 = 7;

fn process_of(all: &mut LruCache<u32, Arc<Process>>, owner: &Owner) -> Option<Arc<Process>> {
    let process = all.get(&owner.tgid)?;
    let is_same = (process.started_ns, process.exec_id) == (owner.started_ns, owner.exec_id);
    is_same.then(|| Arc::clone(process))
}

fn identity_of(
    all: &mut LruCache<u32, (u64, Arc<Identity>)>,
    owner: &Owner,
) -> Option<Arc<Identity>> {
    let (started_ns, identity) = all.get(&owner.tgid)?;
    (*started_ns == owner.started_ns).then(|| Arc::clone(identity))
}

/// The address of a socket may be another's soon: what tells two whose beginnings were not seen apart is
/// the moment of the end.
fn is_end_of(ended: &Attempt, state: &State) -> bool {
    (ended.sk, ended.start_ns) == (state.head.sk, state.head.attempt_ns)
        && ended.end_ns() == state.head.time_ns
}

fn is_owned_by(owner: Option<&Owner>, tgid: u32, started_ns: u64) -> bool {
    owner.is_some_and(|owner| owner.tgid == tgid && owner.started_ns == started_ns)
}

/// Whether what is known of a connection that was opened here is of a former one, whose socket had the same
/// address and went without a hook that saw it: by TCP's own counts this one was accepted.
fn is_of_another(open: &Open, end: &End) -> bool {
    let was_opened_here = open.owner.is_some_and(|owner| !is_late(&owner));
    let End::State(state) = end else {
        return false;
    };
    // What may have been sent again without success makes the counts doubtful.
    let is_quiet = state.isn == state.write_seq && state.retransmits == 0;
    let was_accepted = is_quiet && direction(state) == Some(Direction::Inbound);
    was_opened_here && tcp_state::is_open(state.old) && was_accepted
}

fn without_beginning(end: End) -> End {
    match end {
        End::State(mut state) => {
            state.head.attempt_ns = 0;
            End::State(state)
        }
        End::Unsent(_) => end,
    }
}

/// The same attempt, as far as its beginning was seen, and the end just before the return.
fn is_twin(ended: &Attempt, unsent: &Unsent) -> bool {
    let End::State(state) = &ended.end else {
        return false;
    };
    ended.sk == unsent.head.sk
        && (ended.start_ns == unsent.head.attempt_ns || ended.start_ns == 0)
        && unsent.head.time_ns.saturating_sub(state.head.time_ns) < HOLD_NS
}

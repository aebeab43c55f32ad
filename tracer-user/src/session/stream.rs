//! Whose a connection is whose beginning was not seen: accepted ones, and those older than the tracer.
//! Who closes one tells at once; while nobody has, its holders are looked for.

use std::collections::VecDeque;

use tracer_ebpf::event::{Owner, State, stream_flag};

use super::{
    holder,
    inbound::{Inbound, Taker},
};
use crate::{
    attribute::{self, Found, HOLD_NS, Tracker, is_late},
    enrich::{
        holders::{Answer, Holders},
        sockets::Sockets,
    },
    net,
    record::{Direction, Process, Role},
};

/// Who closes a connection because it failed does so at once; who has not by then is looked for, so
/// that the answer is there when it is judged.
const ASK_NS: u64 = HOLD_NS / 2;

/// Failed connections that wait for the question whose they are.
#[derive(Default)]
pub(super) struct Streams {
    waiting: VecDeque<Box<State>>,
}

impl Streams {
    /// A connection that had come up has failed.
    pub(super) fn failed(&mut self, state: Box<State>) {
        self.waiting.push_back(state);
    }

    /// When the next question is due, if one waits.
    pub(super) fn next_due_ns(&self) -> Option<u64> {
        let next = self.waiting.front()?;
        Some(next.head.time_ns + ASK_NS)
    }

    /// Asks what is due at `now_ns`. Gives the time up to which attempts may be judged: who closed a
    /// socket just before it was asked for has told so by the next time.
    pub(super) fn ask(
        &mut self,
        now_ns: u64,
        tracker: &mut Tracker,
        inbound: &Inbound,
        sockets: &mut Sockets,
    ) -> u64 {
        let mut until_ns = now_ns;
        while self.next_due_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            let Some(state) = self.waiting.pop_front() else {
                break;
            };
            let (sk, start_ns) = (state.head.sk, state.head.attempt_ns);
            let owner = tracker.owner(sk, start_ns);
            if owner.is_some_and(|owner| !is_late(&owner)) {
                continue;
            }
            if owner.is_none() {
                until_ns = until_ns.min(state.head.time_ns + HOLD_NS - 1);
            }
            let takers = inbound.takers(&state, tracker);
            tracker.found(sk, start_ns, find(&state, owner.as_ref(), takers, sockets));
        }
        until_ns
    }
}

/// What can be found out about a connection that has failed. `owner` is who held it or ended it, where
/// that is known.
fn find(
    state: &State,
    owner: Option<&Owner>,
    mut takers: Vec<Taker>,
    sockets: &mut Sockets,
) -> Found {
    let counted = attribute::direction(state);
    let may_be_inbound = counted != Some(Direction::Outbound);
    if takers.is_empty() && may_be_inbound && (counted.is_none() || owner.is_none()) {
        takers = listening(state, owner, sockets);
    }
    let by_listener = match takers.first() {
        Some(_) => Direction::Inbound,
        None => Direction::Outbound,
    };
    let direction = counted.unwrap_or(by_listener);
    takers.retain(|_| direction == Direction::Inbound);
    let is_told = counted.is_some() || !takers.is_empty();
    let (process, missing) = match owner {
        Some(_) => (None, None),
        None => whose(state, direction, &takers, &mut sockets.holders),
    };
    Found {
        direction,
        is_told,
        process,
        missing: missing.into_iter().collect(),
    }
}

/// Listeners that no hook told of, asked of the kernel.
fn listening(state: &State, owner: Option<&Owner>, sockets: &mut Sockets) -> Vec<Taker> {
    let tuple = &state.tuple;
    let tgid = owner.map_or(0, |owner| owner.tgid);
    let local = net::address(tuple.local);
    let all = sockets
        .listeners
        .on_port(tuple.netns, tgid, tuple.local_port);
    let takes = all
        .into_iter()
        .flatten()
        .filter(|one| one.takes(local, tuple.local_port));
    takes
        .map(|one| Taker {
            inode: one.inode.into(),
            ..Taker::default()
        })
        .collect()
}

/// Who holds the connection's socket; else who holds the listener's.
fn whose(
    state: &State,
    direction: Direction,
    takers: &[Taker],
    holders: &mut Holders,
) -> (Option<Process>, Option<String>) {
    let inode = state.stream.inode;
    let likely: Vec<u32> = takers.iter().flat_map(|it| it.likely.clone()).collect();
    let accepted = holders.of(inode, &likely);
    let role = (direction == Direction::Inbound).then_some(Role::Acceptor);
    if let Some((process, others)) = one_of(&accepted, role) {
        return (Some(process), others);
    }
    let was_closed = state.stream.flags & stream_flag::ORPHAN != 0;
    let why = match (inode, &accepted) {
        (0, _) if was_closed => "its socket was closed already".to_owned(),
        (0, _) => "it was not accepted yet".to_owned(),
        (_, Answer::NotLookedFor(why)) => format!("it was not looked for, because {why}"),
        _ => "it had closed the socket by the time it was looked for".to_owned(),
    };
    match by_listener(takers, holders) {
        Ok((process, others)) => {
            let others = others.map_or(String::new(), |others| {
                format!("; of the listener, {others}")
            });
            let missing = format!("who held the connection itself: {why}{others}");
            (Some(process), Some(missing))
        }
        Err(None) => (None, Some(format!("its process: {why}"))),
        Err(Some(more)) => (None, Some(format!("its process: {why}, and {more}"))),
    }
}

/// The process of the one listener that took a connection, and that others hold that too. Nobody is
/// named where two might have.
fn by_listener(
    takers: &[Taker],
    holders: &mut Holders,
) -> Result<(Process, Option<String>), Option<String>> {
    let mut named: Vec<(Process, Option<String>)> = Vec::new();
    for taker in takers {
        let answer = holders.of(taker.inode, &taker.likely);
        let held = one_of(&answer, Some(Role::Listener));
        let remembered = || taker.process.clone().map(|process| (process, None));
        if let Some(known) = held.or_else(remembered)
            && named.iter().all(|other| other.0.pid != known.0.pid)
        {
            named.push(known);
        }
    }
    match named.len() {
        0 => Err(None),
        1 => named.pop().ok_or(None),
        several => Err(Some(format!(
            "{several} processes have listeners that may have taken it"
        ))),
    }
}

/// The first holder, and that there are others.
fn one_of(answer: &Answer, role: Option<Role>) -> Option<(Process, Option<String>)> {
    let (first, others) = answer.holders().split_first()?;
    let missing = (!others.is_empty()).then(|| {
        let others: Vec<String> = others
            .iter()
            .map(|other| format!("{}[{}]", other.comm, other.pid))
            .collect();
        format!("which process used it: {} hold it too", others.join(", "))
    });
    let described = holder::describe(first, holder::identity(first).as_ref(), role);
    Some((described, missing))
}

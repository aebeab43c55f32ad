//! Whose a connection is whose beginning was not seen: accepted ones, and those older than the tracer.
//! Who closes one tells at once; while nobody has, its holders are looked for. Where that is not
//! allowed yet, its record waits for a moment.

mod find;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use tracer_ebpf::event::State;

use self::find::{find, passed_on};
use super::inbound::Inbound;
use crate::{
    attribute::{HOLD_NS, Tracker, is_late},
    enrich::sockets::Sockets,
};

/// Who closes a connection because it failed does so at once; who has not by then is looked for, so
/// that the answer is there when it is judged.
const ASK_NS: u64 = HOLD_NS / 2;
/// A record waits so long at most, counted from the end of its connection, until all processes may be
/// looked at again.
const PATIENCE_NS: u64 = 500_000_000;
/// Connections that wait for that at most.
const MAX_PATIENT: usize = 64;
/// Records that wait behind them at most.
const MAX_HELD_BACK: usize = 4096;

/// Connections that wait for the question whose they are.
#[derive(Default)]
pub(super) struct Streams {
    waiting: VecDeque<Box<State>>,
    /// In the order of their ends.
    patient: VecDeque<Patient>,
}

/// One whose holders could not be looked for yet.
struct Patient {
    state: Box<State>,
    again_ns: u64,
}

impl Streams {
    /// A connection that had come up has ended.
    pub(super) fn ended(&mut self, state: Box<State>) {
        self.waiting.push_back(state);
    }

    /// When the next question is due, if one waits.
    pub(super) fn next_due_ns(&self) -> Option<u64> {
        let first = self.waiting.front().map(|next| next.head.time_ns + ASK_NS);
        let again = self.patient.iter().map(|it| it.again_ns);
        again.chain(first).min()
    }

    /// Attempts may not be judged from then on, if any waits: their records are in the order of their
    /// ends.
    pub(super) fn held_back_ns(&self) -> Option<u64> {
        let first = self.patient.front()?;
        Some(first.state.head.time_ns + HOLD_NS)
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
        self.ask_again(now_ns, tracker, inbound, sockets);
        let mut until_ns = now_ns;
        let is_due = |state: &State| state.head.time_ns + ASK_NS <= now_ns;
        while self.waiting.front().is_some_and(|state| is_due(state)) {
            let Some(state) = self.waiting.pop_front() else {
                break;
            };
            if tracker.owner(&state).is_none() {
                until_ns = until_ns.min(state.head.time_ns + HOLD_NS - 1);
            }
            let again = look(&state, tracker, inbound, sockets);
            let has_room = self.patient.len() < MAX_PATIENT && tracker.waiting() < MAX_HELD_BACK;
            if let (Some(again_ns), true) = (in_time(&state, now_ns, again), has_room) {
                self.patient.push_back(Patient { state, again_ns });
            }
        }
        let held_back_ns = self.held_back_ns().map(|ns| ns - 1);
        held_back_ns.map_or(until_ns, |ns| until_ns.min(ns))
    }

    /// Those whose time has come are looked for. They, and those that somebody has closed meanwhile, wait
    /// no longer.
    fn ask_again(
        &mut self,
        now_ns: u64,
        tracker: &mut Tracker,
        inbound: &Inbound,
        sockets: &mut Sockets,
    ) {
        let has_room = tracker.waiting() < MAX_HELD_BACK;
        for mut patient in std::mem::take(&mut self.patient) {
            let state = &patient.state;
            if tracker.is_closed(state) || !has_room {
                continue;
            }
            if patient.again_ns <= now_ns {
                let again = look(state, tracker, inbound, sockets);
                match in_time(state, now_ns, again) {
                    Some(again_ns) => patient.again_ns = again_ns,
                    None => continue,
                }
            }
            self.patient.push_back(patient);
        }
    }
}

/// Looks for whose a connection is. Gives after how long that may tell more.
fn look(
    state: &State,
    tracker: &mut Tracker,
    inbound: &Inbound,
    sockets: &mut Sockets,
) -> Option<Duration> {
    let owner = tracker.owner(state);
    let (found, again) = match owner.filter(|owner| !is_late(owner)) {
        Some(opener) => passed_on(state, &opener, &mut sockets.holders)?,
        None => find(state, owner.as_ref(), tracker, inbound, sockets),
    };
    tracker.found(state, found);
    again
}

/// When a connection may be asked for again, if that is not too late for its record.
fn in_time(state: &State, now_ns: u64, again: Option<Duration>) -> Option<u64> {
    let again_ns = u64::try_from(again?.as_nanos()).ok()?;
    let again_ns = now_ns.checked_add(again_ns)?;
    (again_ns <= state.head.time_ns + PATIENCE_NS).then_some(again_ns)
}

//! The books of a run: nothing that was seen goes missing without a line here.

use std::collections::BTreeMap;

use crate::{
    attribute::Tracker,
    clock::Clock,
    decode::{DecodeError, Names},
    errno,
    hook::counts::Counts,
    record::{Failure, Ledger},
};

/// What user space counts.
#[derive(Debug, Default)]
pub(super) struct Book {
    by_cause: BTreeMap<String, u64>,
    emitted: u64,
    pub(super) filtered: u64,
    pub(super) races: u64,
    pub(super) swept: u64,
    inbound: u64,
    turned_away: BTreeMap<String, u64>,
    undecodable: u64,
}

impl Book {
    pub(super) fn emitted(&mut self, cause: &str) {
        self.emitted += 1;
        *self.by_cause.entry(cause.to_owned()).or_default() += 1;
    }

    /// A record of what a listener turned away.
    pub(super) fn turned_away(&mut self, failure: &Failure) {
        self.inbound += 1;
        if let Some(listener) = failure.listener.as_ref().filter(|it| it.turned_away > 0) {
            *self.turned_away.entry(failure.cause.clone()).or_default() += listener.turned_away;
        }
    }

    /// A record that is not what the kernel half writes is a defect: said once, and counted.
    pub(super) fn undecodable(&mut self, why: &DecodeError) {
        self.undecodable += 1;
        if self.undecodable == 1 {
            eprintln!("tcpwhy: {why}: please report this");
        }
    }

    pub(super) fn ledger(&self, counts: &Counts, tracker: &Tracker, names: &mut Names) -> Ledger {
        let seen = (counts.failed + self.swept).saturating_sub(tracker.twins) + self.inbound;
        let waiting = u64::try_from(tracker.waiting_failures()).unwrap_or(u64::MAX);
        let settled = self.emitted + self.filtered + self.races + waiting;
        let hooks = counts
            .hooks
            .iter()
            .map(|(&hook, ledger)| (hook.to_owned(), ledger.clone()));
        let reasons = counts.by_drop_reason.iter().map(|(&reason, &count)| {
            let name = names
                .drop_reason(reason)
                .map_or_else(|| reason.to_string(), |name| name.to_string());
            (name, count)
        });
        let errnos = counts.by_errno.iter().map(|(&err, &count)| {
            let name = i32::try_from(err)
                .ok()
                .filter(|&err| err != 0)
                .map(errno::name_or_number);
            (name.unwrap_or_else(|| "0".to_owned()), count)
        });
        Ledger {
            time: Clock::utc_now(),
            failures_seen: seen,
            failures_emitted: self.emitted,
            failures_filtered: self.filtered,
            failures_pending: waiting,
            failures_lost: seen.saturating_sub(settled),
            races: self.races,
            turned_away: self.turned_away.clone(),
            hooks: hooks.collect(),
            by_cause: self.by_cause.clone(),
            by_errno: errnos.collect(),
            by_drop_reason: reasons.collect(),
            unowned: counts.unowned,
            evicted: tracker.evicted + tracker.forgotten(),
            unwritten: 0,
            forgotten: None,
        }
    }
}

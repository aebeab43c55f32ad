//! Takes failures together, and judges how bad that is.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    num::NonZeroUsize,
};

use lru::LruCache;
use siphasher::sip128::SipHasher13;

use super::{
    Attempt, Destination, Group, Sample, Thresholds, attempt,
    group::DAY_NS,
    nanos,
    share::{Share, Standing},
};
use crate::record::{Connection, Failure, Incident, Severity};

/// Destinations whose share is followed; the one that was quiet longest goes.
const DESTINATIONS: usize = 16_384;
/// Days whose incidents are numbered.
const DAYS: usize = 4096;
/// A single failure is no news beside its own record; the second one makes it an incident.
const ANNOUNCED_AT: u64 = 2;

/// Groups failures, in about the order of their times.
pub struct Tracker {
    limits: Thresholds,
    /// Nobody outside knows it: no two failures can be made to look alike.
    seed: SipHasher13,
    /// Touched last is last.
    open: LruCache<u128, Group>,
    destinations: LruCache<Destination, Share>,
    /// How many incidents there were by day, since 1970.
    numbers: BTreeMap<i64, u32>,
    serial: u64,
    successes_known: bool,
    now_ns: i64,
    offline: bool,
    closed: Vec<Group>,
    news: Vec<Incident>,
}

impl Tracker {
    /// For a running host: tells what is new ([`Tracker::take_news`]), and forgets what is over.
    ///
    /// `successes_known`: connections that come up will be told, too ([`Tracker::came_up`]); without
    /// them no baseline is known.
    #[must_use]
    pub fn live(limits: Thresholds, successes_known: bool) -> Self {
        Self::new(limits, successes_known, false)
    }

    /// For a file: keeps all groups until they are taken ([`Tracker::take_closed`]).
    #[must_use]
    pub fn offline(limits: Thresholds, successes_known: bool) -> Self {
        Self::new(limits, successes_known, true)
    }

    fn new(limits: Thresholds, successes_known: bool, offline: bool) -> Self {
        let size = |number: usize| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        let most = usize::try_from(limits.max_incidents).unwrap_or(usize::MAX);
        Self {
            limits,
            seed: SipHasher13::new_with_keys(random(), random()),
            open: LruCache::new(size(most)),
            destinations: LruCache::new(size(DESTINATIONS)),
            numbers: BTreeMap::new(),
            serial: 0,
            successes_known,
            now_ns: i64::MIN,
            offline,
            closed: Vec::new(),
            news: Vec::new(),
        }
    }

    /// A failure's record, as it comes.
    pub fn failed(&mut self, failure: &Failure) {
        if let Some(attempt) = Attempt::of(failure) {
            self.observe(&attempt, || Some(Sample::Record(Box::new(failure.clone()))));
        }
    }

    /// The record of a connection that did not fail, as it comes.
    pub fn came_up(&mut self, connection: &Connection) {
        if let Some((start_ns, destination)) = attempt::success(connection) {
            self.succeeded(start_ns, destination);
        }
    }

    /// A connection that came up, and when it began.
    pub fn succeeded(&mut self, start_ns: i64, destination: Destination) {
        self.successes_known = true;
        let limits = self.limits;
        self.share(destination).came_up(start_ns, &limits);
    }

    /// A failed attempt; `whole` gives its record where that is wanted as a sample. Gives the
    /// [`Group::serial`] of its group.
    pub fn observe(
        &mut self,
        attempt: &Attempt<'_>,
        whole: impl FnOnce() -> Option<Sample>,
    ) -> u64 {
        self.pass(attempt.utc_ns);
        let (limits, known) = (self.limits, self.successes_known);
        let standing = if attempt.severity == Severity::Info {
            Standing::default()
        } else {
            self.share(attempt.destination)
                .failed(attempt.utc_ns, attempt.start_ns, known, &limits)
        };
        let key = attempt.fingerprint(&self.seed);
        if !self.open.contains(&key) {
            let (day, number) = self.next_number(attempt.utc_ns);
            self.serial += 1;
            let group = Group::new(day, number, self.serial, attempt);
            if let Some((_, evicted)) = self.open.push(key, group) {
                self.close(evicted);
            }
        }
        self.open.get_mut(&key).map_or(0, |group| {
            group.add(attempt, whole);
            let worse = group.judge(
                attempt,
                standing,
                limits.incident_streak,
                self.successes_known,
            );
            let begins = !group.announced && group.count >= ANNOUNCED_AT;
            if !self.offline && (worse || begins) {
                group.announced = true;
                self.news.push(group.record(attempt.utc_ns));
            }
            group.serial
        })
    }

    /// Time passes: closes what has been quiet for long enough. To be called now and then where no
    /// failures come.
    pub fn pass(&mut self, utc_ns: i64) {
        self.now_ns = self.now_ns.max(utc_ns);
        let quiet_ns = nanos(self.limits.incident_quiet);
        while let Some((_, group)) = self.open.peek_lru()
            && self.now_ns.saturating_sub(group.last_ns) > quiet_ns
        {
            if let Some((_, group)) = self.open.pop_lru() {
                self.close(group);
            }
        }
    }

    /// What is to be told: incidents that opened, became worse or were closed since the last call.
    pub fn take_news(&mut self) -> Vec<Incident> {
        std::mem::take(&mut self.news)
    }

    /// What was told and still goes on, as it is now, in the order of their ids: the last word of a
    /// run that ends.
    #[must_use]
    pub fn still_open(&self) -> Vec<Incident> {
        let told = self.open.iter().filter(|(_, group)| group.announced);
        let mut all: Vec<Incident> = told
            .map(|(_, group)| group.record(self.now_ns.max(group.last_ns)))
            .collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// The groups that were closed since the last call.
    pub fn take_closed(&mut self) -> Vec<Group> {
        std::mem::take(&mut self.closed)
    }

    /// Ends: the groups that are left, those that are still open last.
    #[must_use]
    pub fn finish(mut self) -> Vec<Group> {
        let mut all = self.take_closed();
        while let Some((_, group)) = self.open.pop_lru() {
            all.push(group);
        }
        all
    }

    fn close(&mut self, mut group: Group) {
        group.closed = true;
        if group.announced {
            self.news.push(group.record(self.now_ns.max(group.last_ns)));
        }
        if self.offline {
            self.closed.push(group);
        }
    }

    fn share(&mut self, destination: Destination) -> &mut Share {
        self.destinations
            .get_or_insert_mut(destination, Share::default)
    }

    fn next_number(&mut self, utc_ns: i64) -> (i64, u32) {
        let day = utc_ns.div_euclid(DAY_NS);
        if self.numbers.len() >= DAYS && !self.numbers.contains_key(&day) {
            self.numbers.pop_first();
        }
        let number = self.numbers.entry(day).or_default();
        *number += 1;
        (day, *number)
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}

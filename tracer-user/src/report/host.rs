//! A host since its boot, and its incidents: the most important ones, in bounded memory.

use std::cmp::Reverse;

use super::{collect::Options, table::Tally};
use crate::{
    incident::{Attempt, Destination, Group, Sample, Tracker},
    record::{Header, Severity},
    trace::Line,
};

/// Incidents that are kept whole: beyond twice as many, the least important are only counted.
const INCIDENTS: usize = 2000;
/// A record that is longer is counted, but stands for no incident.
const SAMPLE_BYTES: usize = 65_536;
/// Room for a record, of an incident that is only counted, serves for the next one. So many are
/// kept, of so many bytes at most.
const SPARE: usize = 64;
const SPARE_BYTES: usize = 4096;

/// Room is made in such steps, so that it serves for the next record, too.
const STEP_BYTES: usize = 512;

/// A host, since its boot.
pub(super) struct Host {
    pub(super) name: Option<String>,
    boot_id: Option<String>,
    tracker: Option<Tracker>,
    /// By index of the cause.
    pub(super) tallies: Vec<Tally>,
    pub(super) groups: Vec<Group>,
    pub(super) groups_left_out: u64,
    /// The id of the incident that is asked for.
    asked: Option<String>,
    /// What is not more important than this is only counted.
    least: Option<Importance>,
    spare: Vec<Vec<u8>>,
}

/// What is asked for first, then the worst; of equal ones the earliest.
type Importance = (bool, Reverse<Severity>, i64);

impl Host {
    /// Nothing has failed there yet.
    pub(super) fn new(header: Option<&Header>, successes_known: bool, options: &Options) -> Self {
        let asked = options.incident.as_deref();
        let asked = asked.map(|id| id.split('@').next().unwrap_or(id).to_owned());
        Self {
            name: header.map(|header| header.host.clone()),
            boot_id: header.map(|header| header.boot_id.clone()),
            tracker: Some(Tracker::offline(options.thresholds, successes_known)),
            tallies: Vec::new(),
            groups: Vec::new(),
            groups_left_out: 0,
            asked,
            least: None,
            spare: Vec::new(),
        }
    }

    /// Whether a trace comes from it.
    pub(super) fn is_of(&self, header: &Header) -> bool {
        self.boot_id.as_ref() == Some(&header.boot_id) && self.name.as_ref() == Some(&header.host)
    }

    /// A failed attempt, and the line of its record; gives the number of its group.
    pub(super) fn failed(&mut self, attempt: &Attempt<'_>, line: &Line<'_>) -> Option<u64> {
        let tracker = self.tracker.as_mut()?;
        let spare = &mut self.spare;
        let serial = tracker.observe(attempt, || {
            (line.json.len() <= SAMPLE_BYTES).then(|| Sample::Line(copied(line.json, spare.pop())))
        });
        let closed = tracker.take_closed();
        if !closed.is_empty() {
            self.keep(closed);
        }
        Some(serial)
    }

    /// A connection that came up, and when it began.
    pub(super) fn succeeded(&mut self, start_ns: i64, destination: Destination) {
        if let Some(tracker) = &mut self.tracker {
            tracker.succeeded(start_ns, destination);
        }
    }

    /// Closes what is left.
    pub(super) fn finish(&mut self) {
        if let Some(tracker) = self.tracker.take() {
            self.keep(tracker.finish());
        }
        self.reduce();
    }

    /// Keeps groups that the report is about, as long as they are not too many.
    fn keep(&mut self, groups: Vec<Group>) {
        for group in groups {
            let importance = self.importance(&group);
            if group.wanted == 0 {
                self.recycle(group);
            } else if self.least.is_some_and(|least| importance >= least) {
                self.groups_left_out += 1;
                self.recycle(group);
            } else {
                self.groups.push(group);
            }
        }
        if self.groups.len() > 2 * INCIDENTS {
            self.reduce();
        }
    }

    fn reduce(&mut self) {
        let mut groups = std::mem::take(&mut self.groups);
        groups.sort_by_cached_key(|group| self.importance(group));
        if groups.len() > INCIDENTS {
            self.groups_left_out += (groups.len() - INCIDENTS) as u64;
            groups.truncate(INCIDENTS);
            self.least = groups.last().map(|group| self.importance(group));
        }
        self.groups = groups;
    }

    fn importance(&self, group: &Group) -> Importance {
        let asked = self.asked.as_ref().is_some_and(|id| *id == group.id());
        (!asked, Reverse(group.severity), group.first_ns)
    }

    fn recycle(&mut self, group: Group) {
        if let Some(Sample::Line(mut json)) = group.sample
            && json.capacity() <= SPARE_BYTES
            && self.spare.len() < SPARE
        {
            json.clear();
            self.spare.push(json);
        }
    }
}

/// A copy, in spare room where that is large enough.
fn copied(json: &[u8], spare: Option<Vec<u8>>) -> Vec<u8> {
    let mut copy = spare
        .filter(|room| room.capacity() >= json.len())
        .unwrap_or_else(|| Vec::with_capacity(json.len().next_multiple_of(STEP_BYTES)));
    copy.extend_from_slice(json);
    copy
}

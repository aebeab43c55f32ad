//! Failures counted by something, in bounded memory.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

use super::model::{CauseCount, Row, Table};
use crate::{clock::utc_text, incident::Buckets};

/// Rows that are counted; failures of further ones are counted together.
const COUNTED: usize = 65_536;
/// Rows that a report has.
const SHOWN: usize = 100;
/// Causes that a row has.
const CAUSES: usize = 8;

/// Counts failures by `K`.
#[derive(Debug)]
pub(super) struct Counter<K> {
    rows: HashMap<K, Counts>,
    beyond: u64,
}

#[derive(Debug)]
struct Counts {
    count: u64,
    first_ns: i64,
    last_ns: i64,
    /// By index of the cause.
    causes: Vec<(usize, u64)>,
    came_up: u64,
}

/// What a row is called.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) host: Option<String>,
    /// How far its host's clock is ahead.
    pub(super) earlier_ns: i64,
}

/// The failures of one host with one cause.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) first_ns: i64,
    pub(super) last_ns: i64,
    pub(super) buckets: Buckets,
}

impl Tally {
    /// None yet; at most so many buckets.
    pub(super) fn new(buckets: usize) -> Self {
        Self {
            count: 0,
            first_ns: i64::MAX,
            last_ns: i64::MIN,
            buckets: Buckets::new(buckets),
        }
    }

    /// Counts a failure.
    pub(super) fn add(&mut self, utc_ns: i64) {
        self.count += 1;
        self.first_ns = self.first_ns.min(utc_ns);
        self.last_ns = self.last_ns.max(utc_ns);
        self.buckets.add(utc_ns, 1);
    }

    /// Adds those of another host, as so many nanoseconds earlier.
    pub(super) fn merge(&mut self, other: &Self, earlier_ns: i64) {
        self.count += other.count;
        self.first_ns = self.first_ns.min(other.first_ns.saturating_sub(earlier_ns));
        self.last_ns = self.last_ns.max(other.last_ns.saturating_sub(earlier_ns));
        self.buckets.merge(&other.buckets, earlier_ns);
    }
}

/// Cause codes by index: few, and they come again and again.
#[derive(Debug, Default)]
pub(super) struct Causes(Vec<String>);

/// Codes that are told apart. There are about 40; a file may hold anything.
const CODES: usize = 256;

impl Causes {
    /// The index of a code.
    pub(super) fn index(&mut self, code: &str) -> usize {
        if let Some(at) = self.0.iter().position(|known| known == code) {
            return at;
        }
        if self.0.len() < CODES {
            self.0.push(code.to_owned());
        } else if self.0.len() == CODES {
            self.0.push("(other causes)".to_owned());
        }
        self.0.len() - 1
    }

    /// The code with an index.
    pub(super) fn name(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }
}

impl<K> Default for Counter<K> {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            beyond: 0,
        }
    }
}

impl<K: Eq + Hash + Ord> Counter<K> {
    /// Counts a failure.
    pub(super) fn add(&mut self, key: K, utc_ns: i64, cause: usize) {
        let Some(row) = self.row(key, utc_ns) else {
            self.beyond += 1;
            return;
        };
        row.count += 1;
        row.first_ns = row.first_ns.min(utc_ns);
        row.last_ns = row.last_ns.max(utc_ns);
        match row.causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, count)) => *count += 1,
            None => row.causes.push((cause, 1)),
        }
    }

    /// Adds failures that were counted elsewhere.
    pub(super) fn merge(&mut self, key: K, cause: usize, tally: &Tally) {
        let Some(row) = self.row(key, tally.first_ns) else {
            self.beyond += tally.count;
            return;
        };
        row.count += tally.count;
        row.first_ns = row.first_ns.min(tally.first_ns);
        row.last_ns = row.last_ns.max(tally.last_ns);
        row.causes.push((cause, tally.count));
    }

    /// Counts a connection that came up.
    pub(super) fn came_up(&mut self, key: K) {
        if let Some(row) = self.row(key, i64::MAX) {
            row.came_up += 1;
        }
    }

    fn row(&mut self, key: K, utc_ns: i64) -> Option<&mut Counts> {
        let full = self.rows.len() >= COUNTED;
        match self.rows.entry(key) {
            Entry::Occupied(row) => Some(row.into_mut()),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(place) => Some(place.insert(Counts {
                count: 0,
                first_ns: utc_ns,
                last_ns: i64::MIN,
                causes: Vec::new(),
                came_up: 0,
            })),
        }
    }

    /// The table, the most failures first. `named` says what a key is called.
    pub(super) fn table(
        &self,
        causes: &Causes,
        successes_known: bool,
        named: impl Fn(&K) -> Named,
    ) -> Table {
        let mut rows: Vec<_> = self.rows.iter().filter(|(_, row)| row.count > 0).collect();
        rows.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
        let rest = rows.split_off(rows.len().min(SHOWN));
        Table {
            rows: rows
                .into_iter()
                .map(|(key, row)| row.shown(named(key), causes, successes_known))
                .collect(),
            rows_left_out: rest.len() as u64 + u64::from(self.beyond > 0),
            failures_left_out: rest.iter().map(|(_, row)| row.count).sum::<u64>() + self.beyond,
        }
    }
}

impl Counts {
    fn shown(&self, named: Named, causes: &Causes, successes_known: bool) -> Row {
        let mut counts = self.causes.clone();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        counts.truncate(CAUSES);
        Row {
            name: named.name,
            host: named.host,
            count: self.count,
            first: utc_text(self.first_ns.saturating_sub(named.earlier_ns)),
            last: utc_text(self.last_ns.saturating_sub(named.earlier_ns)),
            causes: counts
                .into_iter()
                .map(|(index, count)| CauseCount {
                    cause: causes.name(index).to_owned(),
                    count,
                })
                .collect(),
            came_up: successes_known.then_some(self.came_up),
        }
    }
}

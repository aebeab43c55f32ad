//! What the host was doing beside the failures: the counters of every network namespace that has
//! some, read on a thread of its own.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::Path,
    thread::{self, JoinHandle},
};

use lru::LruCache;

use crate::{
    enrich::{
        netns,
        stack::{self, Reading},
    },
    record::{self, Failure},
};

/// Network namespaces whose counters are followed; the one without failures for longest goes.
const NAMESPACES: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");
/// A namespace without failures is read again so often, so that the next ones find a fresh reading
/// to be compared with.
const QUIET_READINGS: u32 = 60;

/// Follows the counters.
pub(super) struct Counters {
    known: LruCache<u32, Namespace>,
    reading: Option<JoinHandle<Vec<Done>>>,
}

#[derive(Default)]
struct Namespace {
    /// A process that may be in it; 0 for none.
    tgid: u32,
    last: Option<Reading>,
    /// Failures since the last reading was begun.
    failed: bool,
    /// Failures before a reading that is under way.
    awaited: bool,
    quiet: u32,
    told_settings: bool,
}

/// What was read.
struct Done {
    netns: u32,
    reading: Option<Reading>,
    settings: BTreeMap<String, String>,
}

impl Counters {
    /// Begins with this host's own namespace and those that are there already.
    pub(super) fn new() -> Self {
        let mut known = LruCache::new(NAMESPACES);
        for (netns, _) in netns::ways() {
            if known.len() == NAMESPACES.get() {
                break;
            }
            known.get_or_insert_mut(netns, Namespace::default);
        }
        // Last, so that it stays where there are too many.
        if let Some(own) = netns::inode(Path::new("/proc/self/ns/net")) {
            known.get_or_insert_mut(own, Namespace::default);
        }
        let mut counters = Self {
            known,
            reading: None,
        };
        counters.begin(|_| true);
        counters
    }

    /// Takes note of the namespaces that a failure was in; a new one is read soon.
    pub(super) fn failed(&mut self, failure: &Failure) {
        let own = failure.socket.netns;
        let others = failure.drops.iter().map(|drop| drop.netns);
        let others = others.chain(failure.resets.iter().map(|reset| reset.netns));
        let others = others.chain(failure.icmp.iter().map(|icmp| icmp.netns));
        for netns in others.flatten().filter(|&netns| Some(netns) != own) {
            self.known
                .get_or_insert_mut(netns, Namespace::default)
                .failed = true;
        }
        if let Some(netns) = own {
            let namespace = self.known.get_or_insert_mut(netns, Namespace::default);
            namespace.failed = true;
            if let Some(process) = &failure.process {
                namespace.tgid = process.pid;
            }
        }
    }

    /// Called a few times a second: records of what was read since.
    pub(super) fn settle(&mut self) -> Vec<record::Counters> {
        let finished = self.reading.take_if(|reading| reading.is_finished());
        let records = self.take(finished);
        // The first failures of a namespace, or the first after a quiet time.
        self.begin(|namespace| {
            namespace.failed && (namespace.last.is_none() || namespace.quiet > 0)
        });
        records
    }

    /// Called every 10 s: reads all that are followed.
    pub(super) fn tick(&mut self) {
        self.begin(|namespace| namespace.failed || namespace.quiet < QUIET_READINGS);
    }

    /// Reads for the last time what had failures, and waits for it.
    pub(super) fn finish(&mut self) -> Vec<record::Counters> {
        let under_way = self.reading.take();
        let mut records = self.take(under_way);
        self.begin(|namespace| namespace.failed);
        let last = self.reading.take();
        records.extend(self.take(last));
        records
    }

    fn begin(&mut self, wanted: impl Fn(&Namespace) -> bool) {
        if self.reading.is_some() {
            return;
        }
        let mut work = Vec::new();
        for (&netns, namespace) in self.known.iter_mut().filter(|(_, it)| wanted(it)) {
            namespace.quiet = if namespace.failed {
                0
            } else {
                namespace.quiet + 1
            };
            namespace.awaited |= std::mem::take(&mut namespace.failed);
            work.push((
                netns,
                namespace.tgid,
                namespace.awaited && !namespace.told_settings,
            ));
        }
        if !work.is_empty() {
            self.reading = Some(thread::spawn(move || work.into_iter().map(read).collect()));
        }
    }

    fn take(&mut self, reading: Option<JoinHandle<Vec<Done>>>) -> Vec<record::Counters> {
        // It panics nowhere; if it did, nothing was read.
        let done = reading.and_then(|reading| reading.join().ok());
        let mut records = Vec::new();
        for done in done.unwrap_or_default() {
            let Some(reading) = done.reading else {
                // It is gone, or cannot be entered.
                self.known.pop(&done.netns);
                continue;
            };
            let Some(namespace) = self.known.peek_mut(&done.netns) else {
                continue;
            };
            if std::mem::take(&mut namespace.awaited) {
                namespace.told_settings |= !done.settings.is_empty();
                let last = namespace.last.as_ref();
                records.push(record(done.netns, last, &reading, done.settings));
            }
            namespace.last = Some(reading);
        }
        records
    }
}

fn read((netns, tgid, with_settings): (u32, u32, bool)) -> Done {
    let settings = with_settings.then(|| stack::settings(netns, tgid).ok());
    Done {
        netns,
        reading: stack::read(netns, tgid).ok(),
        settings: settings.flatten().unwrap_or_default(),
    }
}

/// What moved between two readings; all that ever moved, where there is but one.
fn record(
    netns: u32,
    last: Option<&Reading>,
    now: &Reading,
    sysctls: BTreeMap<String, String>,
) -> record::Counters {
    let before = |name: &str| last.and_then(|last| last.counters.get(name)).copied();
    let moved = now.counters.iter().filter_map(|(name, &value)| {
        let by = value.wrapping_sub(before(name).unwrap_or(0));
        (by != 0).then(|| (name.clone(), by))
    });
    record::Counters {
        time: now.time.clone(),
        since: last.map(|last| last.time.clone()),
        netns,
        counters: moved.collect(),
        sockets: now.sockets.clone(),
        conntrack: now.conntrack,
        sysctls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(time: &str, counters: &[(&str, u64)]) -> Reading {
        let counters = counters
            .iter()
            .map(|&(name, value)| (name.to_owned(), value));
        Reading {
            time: time.to_owned(),
            counters: counters.collect(),
            ..Reading::default()
        }
    }

    #[test]
    fn only_what_moved_is_told() {
        let first = reading("1", &[("A", 5), ("B", 0), ("C", 7)]);
        let second = reading("2", &[("A", 5), ("B", 3), ("C", 9), ("New", 1)]);
        let told = record(1, None, &first, BTreeMap::new());
        assert_eq!((told.since, told.counters.len()), (None, 2));
        let told = record(1, Some(&first), &second, BTreeMap::new());
        assert_eq!(told.since.as_deref(), Some("1"));
        let moved: Vec<_> = told
            .counters
            .iter()
            .map(|(name, by)| (&**name, *by))
            .collect();
        assert_eq!(moved, [("B", 3), ("C", 2), ("New", 1)]);
    }

    #[test]
    fn a_namespace_with_failures_is_read_and_told_with_its_settings_once() {
        let mut counters = Counters::new();
        let mut failure = crate::show::sample::failure();
        let own = netns::inode(Path::new("/proc/self/ns/net")).unwrap();
        failure.socket.netns = Some(own);
        failure.drops.clear();
        let _ = counters.finish();
        counters.failed(&failure);
        let told = counters.finish();
        assert_eq!(told.len(), 1, "{told:#?}");
        assert_eq!(told[0].netns, own);
        assert!(told[0].since.is_some() && !told[0].sysctls.is_empty());
        counters.failed(&failure);
        assert!(counters.finish()[0].sysctls.is_empty());
        assert!(counters.finish().is_empty(), "no failure, no record");
    }
}

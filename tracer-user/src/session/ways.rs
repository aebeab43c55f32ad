//! Finds ways into the network namespaces that records speak of.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{attribute::Attempt, diagnose::Places, enrich::netns};

/// A namespace that was not found is looked for again after so long.
const AGAIN: Duration = Duration::from_secs(5);
/// Ways remembered at most.
const MAX_WAYS: usize = 1024;

/// Looks, and remembers.
pub(super) struct Ways {
    places: Places,
    looked: Option<Instant>,
}

impl Ways {
    pub(super) fn new() -> Self {
        let own = netns::inode(Path::new("/proc/self/ns/net")).unwrap_or(0);
        let places = Places {
            own,
            ..Places::default()
        };
        Self {
            places,
            looked: None,
        }
    }

    /// Looks for ways into every namespace that an attempt's evidence names.
    pub(super) fn look_for(&mut self, attempt: &Attempt) {
        let drops = attempt.evidence.drops.iter().map(|drop| drop.netns);
        let nearby = attempt.nearby.iter();
        let nearby = nearby.flat_map(|nearby| nearby.listeners.iter().map(|it| it.netns));
        let translations = attempt.beyond.translations.iter().map(|it| it.netns);
        let elsewhere = drops.chain(nearby).chain(translations);
        let mut all = elsewhere.chain([attempt.tuple().netns]);
        if all.any(|netns| self.places.way(netns).is_none()) {
            self.look();
        }
    }

    /// What is known.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// A way into one namespace.
    pub(super) fn of_netns(&mut self, netns: u32) -> &Places {
        if self.places.way(netns).is_none() {
            self.look();
        }
        &self.places
    }

    /// Named namespaces first: a name outlives a process.
    fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < AGAIN) {
            return;
        }
        self.looked = Some(Instant::now());
        self.places.ways.clear();
        for (netns, way) in netns::ways().take(MAX_WAYS) {
            self.places.ways.entry(netns).or_insert(way);
        }
    }
}

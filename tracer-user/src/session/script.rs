//! What a replay has to be told beside events.

use std::collections::HashMap;

use crate::{
    attribute::{Attempt, Enrichment},
    diagnose::Places,
    record::{Context, Record, Way},
};

/// Writes it down; what was told once is not told again.
pub(super) struct Script {
    max_attempts: usize,
    connections: bool,
    begun: bool,
    ways: HashMap<u32, String>,
}

impl Script {
    pub(super) fn new(max_attempts: usize, connections: bool) -> Self {
        Self {
            max_attempts,
            connections,
            begun: false,
            ways: HashMap::new(),
        }
    }

    /// Told before the first event.
    pub(super) fn begin(&mut self, own_netns: u32) -> Option<Record> {
        let begins = !std::mem::replace(&mut self.begun, true);
        begins.then(|| {
            record(Context::Run {
                max_attempts: self.max_attempts.try_into().unwrap_or(u64::MAX),
                connections: self.connections,
                own_netns,
            })
        })
    }

    pub(super) fn announced(wire: serde_json::Value) -> Record {
        record(Context::Announced { wire })
    }

    /// These attempts are going to be judged.
    pub(super) fn judged(&mut self, now_ns: u64, due: &[Attempt], places: &Places) -> Vec<Record> {
        let mut told = Vec::new();
        if due.is_empty() {
            return told;
        }
        let ways = self.changed_ways(places);
        if !ways.is_empty() {
            told.push(record(Context::Ways { ways }));
        }
        let enrichment = |attempt| serde_json::to_value(Enrichment::of(attempt));
        told.push(record(Context::Judged {
            now_ns,
            // It is a plain structure: nothing can go wrong.
            attempts: due.iter().filter_map(|it| enrichment(it).ok()).collect(),
        }));
        told
    }

    fn changed_ways(&mut self, places: &Places) -> Vec<Way> {
        if self.ways == places.ways {
            return Vec::new();
        }
        let gone = self
            .ways
            .keys()
            .filter(|netns| !places.ways.contains_key(netns));
        let gone = gone.map(|&netns| Way { netns, way: None });
        let new = places
            .ways
            .iter()
            .filter(|(netns, way)| self.ways.get(netns) != Some(way));
        let new = new.map(|(&netns, way)| Way {
            netns,
            way: Some(way.clone()),
        });
        let mut changed: Vec<Way> = gone.chain(new).collect();
        changed.sort_by_key(|way| way.netns);
        self.ways.clone_from(&places.ways);
        changed
    }
}

fn record(context: Context) -> Record {
    Record::Context(Box::new(context))
}

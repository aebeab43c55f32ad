//! What a replay has to be told beside events.

use std::collections::HashMap;

use crate::{
    attribute::{
        Attempt, Enrichment,
        listener::{Look, Refusals},
    },
    clock::Clock,
    compose::{self, held::Circumstances},
    diagnose::Places,
    record::{Context, Record, TurnedAway, Way},
};

/// Writes it down; what was told once is not told again.
pub(super) struct Script {
    max_attempts: usize,
    connections: bool,
    known_listeners_only: bool,
    names_receivers: bool,
    begun: bool,
    ways: HashMap<u32, String>,
}

impl Script {
    pub(super) fn new(
        max_attempts: usize,
        connections: bool,
        known_listeners_only: bool,
        names_receivers: bool,
    ) -> Self {
        Self {
            max_attempts,
            connections,
            known_listeners_only,
            names_receivers,
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
                known_listeners_only: Some(self.known_listeners_only),
                names_receivers: Some(self.names_receivers),
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
        told.extend(self.ways(places));
        let enrichment = |attempt| serde_json::to_value(Enrichment::of(attempt));
        told.push(record(Context::Judged {
            now_ns,
            // It is a plain structure: nothing can go wrong.
            attempts: due.iter().filter_map(|it| enrichment(it).ok()).collect(),
        }));
        told
    }

    pub(super) fn look(look: &Look) -> Record {
        let look = look.to_json();
        record(Context::Look { look })
    }

    /// What listeners turned away is going to be judged.
    pub(super) fn turned_away(
        &mut self,
        now_ns: u64,
        due: &[(Refusals, Circumstances)],
        places: &Places,
        clock: Clock,
    ) -> Vec<Record> {
        let mut told = Vec::new();
        if due.is_empty() {
            return told;
        }
        told.extend(self.ways(places));
        let failure = |(refusals, circumstances): &(Refusals, Circumstances)| TurnedAway {
            id: compose::inbound::id(refusals, clock),
            sk: refusals.sk,
            // It is a plain structure: nothing can go wrong.
            circumstances: serde_json::to_value(circumstances).unwrap_or_default(),
        };
        told.push(record(Context::TurnedAway {
            now_ns,
            failures: due.iter().map(failure).collect(),
        }));
        told
    }

    fn ways(&mut self, places: &Places) -> Option<Record> {
        let ways = self.changed_ways(places);
        (!ways.is_empty()).then(|| record(Context::Ways { ways }))
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

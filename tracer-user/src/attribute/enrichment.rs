//! What was found out about an attempt beside its events: recorded with them, a replay needs to ask
//! nobody.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    attempt::{Attempt, Found, Identity, RouteAnswer},
    beyond::Beyond,
    evidence::Evidence,
    nearby::Nearby,
    queue::FullQueue,
    ruling::Ruling,
};

/// All of an attempt that does not come from events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Enrichment {
    /// [`Attempt::sk`] and [`Attempt::start_ns`]: which attempt.
    pub attempt: (u64, u64),
    /// [`Attempt::identity`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// [`Attempt::cgroup`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// [`Closer::identity`](super::Closer::identity) and its control group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closer: Option<(Option<Identity>, Option<String>)>,
    /// [`Attempt::route`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteAnswer>,
    /// [`Attempt::nearby`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearby: Option<Nearby>,
    /// [`Attempt::found`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
    /// [`Attempt::queue`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<FullQueue>,
    /// [`super::SeenDrop::ruling`], by the place of the drop in [`Evidence::drops`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rulings: Vec<(usize, Ruling)>,
    /// [`Attempt::beyond`].
    pub beyond: Beyond,
    /// [`Attempt::lost`].
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Enrichment {
    /// That of an attempt.
    #[must_use]
    pub fn of(attempt: &Attempt) -> Self {
        // Whoever adds a field has to say here whether it comes from events: else it belongs to what
        // is recorded, and given back.
        let Attempt {
            sk,
            start_ns,
            owner: _,
            process: _,
            identity,
            cgroup,
            closer,
            end: _,
            evidence:
                Evidence {
                    drops,
                    icmp: _,
                    resets_sent: _,
                    resets_received: _,
                    soft_errors: _,
                    retransmits: _,
                    synack_retransmits: _,
                    resent: _,
                },
            route,
            nearby,
            found,
            queue,
            beyond,
            lost,
        } = attempt;
        let rulings = drops.iter().enumerate();
        let rulings = rulings.filter_map(|(nth, drop)| Some((nth, drop.ruling.clone()?)));
        Self {
            attempt: (*sk, *start_ns),
            identity: identity.as_deref().cloned(),
            cgroup: cgroup.clone(),
            closer: closer
                .as_ref()
                .map(|it| (it.identity.as_deref().cloned(), it.cgroup.clone())),
            route: route.clone(),
            nearby: nearby.as_deref().cloned(),
            found: found.clone(),
            queue: queue.as_deref().cloned(),
            rulings: rulings.collect(),
            beyond: beyond.clone(),
            lost: *lost,
        }
    }

    /// Gives it to an attempt that has only its events.
    pub fn give(self, attempt: &mut Attempt) {
        attempt.identity = self.identity.map(Arc::new);
        attempt.cgroup = self.cgroup;
        if let (Some(closer), Some((identity, cgroup))) = (&mut attempt.closer, self.closer) {
            closer.identity = identity.map(Arc::new);
            closer.cgroup = cgroup;
        }
        attempt.route = self.route;
        attempt.nearby = self.nearby.map(Arc::new);
        attempt.found = self.found;
        attempt.queue = self.queue.map(Arc::new);
        attempt.beyond = self.beyond;
        for (nth, ruling) in self.rulings {
            if let Some(drop) = attempt.evidence.drops.get_mut(nth) {
                drop.ruling = Some(ruling);
            }
        }
        attempt.lost = self.lost;
    }
}

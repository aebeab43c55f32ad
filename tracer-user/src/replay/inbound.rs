//! What listeners turned away, judged anew.

use std::{collections::HashMap, net::SocketAddr};

use super::Verdict;
use crate::{
    attribute::{
        Tracker,
        listener::{Listeners, Look, Refusals},
    },
    clock::Clock,
    compose::{
        self,
        held::{Circumstances, by_what_was},
    },
    decode::Event,
    diagnose::Places,
    judge,
    record::{Failure, TurnedAway},
};

/// Failures announced whose records have not come yet, at most.
const MAX_ANNOUNCED: usize = 65_536;

/// The listeners of a recorded run, from its beginning.
pub(super) struct Inbound {
    listeners: Listeners,
    announced: HashMap<String, Fate>,
}

/// What has become of a failure that the recording has.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// It was told, with this verdict.
    Told(Verdict),
    /// Something else was told of its listener.
    Otherwise,
    /// Nothing was.
    Missing,
    /// Its listener is not known, since a part of the trace is lost: it cannot be judged.
    Unknown,
}

/// What failures are judged with beside what was turned away.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) tracker: &'a Tracker,
    pub(super) places: &'a Places,
    pub(super) clock: Clock,
}

impl Inbound {
    pub(super) fn new(known_only: bool, names_receivers: bool) -> Self {
        Self {
            listeners: Listeners::new(known_only, names_receivers),
            announced: HashMap::new(),
        }
    }

    pub(super) fn observe(&mut self, event: &Event) {
        self.listeners.observe(event);
    }

    pub(super) fn look(&mut self, look: &Look) {
        self.listeners.look(look);
    }

    /// Judges what was judged then.
    pub(super) fn judge(
        &mut self,
        now_ns: u64,
        recorded: &[TurnedAway],
        around: Around<'_>,
    ) -> Vec<Failure> {
        if self.announced.len() > MAX_ANNOUNCED {
            self.announced.clear();
        }
        for one in recorded {
            let fate = match self.listeners.get(one.sk) {
                Some(_) => Fate::Missing,
                None => Fate::Unknown,
            };
            self.announced.insert(one.id.clone(), fate);
        }
        let due = self.listeners.due(now_ns);
        let judged = due.into_iter().map(|refusals| {
            for other in recorded.iter().filter(|one| one.sk == refusals.sk) {
                let fate = self.announced.get_mut(&other.id);
                if let Some(fate @ Fate::Missing) = fate {
                    *fate = Fate::Otherwise;
                }
            }
            let failure = told(refusals, recorded, around);
            let fate = Fate::Told(super::verdict(&failure));
            if let Some(announced) = self.announced.get_mut(&failure.id) {
                *announced = fate;
            }
            failure
        });
        judged.collect()
    }

    /// What has become of a recorded failure. What waits of its listener is in one that nothing
    /// announced: it must not be told twice.
    pub(super) fn fate(&mut self, recorded: &Failure) -> Fate {
        if let Some(fate) = self.announced.remove(&recorded.id) {
            return fate;
        }
        if let Some(listener) = &recorded.listener {
            let local = SocketAddr::new(listener.addr, listener.port);
            let netns = recorded.socket.netns.unwrap_or(0);
            self.listeners.is_told(netns, local);
        }
        Fate::Unknown
    }

    /// What was turned away, and not judged any more.
    pub(super) fn rest(&mut self, around: Around<'_>) -> Vec<Failure> {
        let due = self.listeners.due(u64::MAX);
        due.into_iter().map(|it| told(it, &[], around)).collect()
    }
}

/// Rules may have improved: who holds the listener is known even where another kind was told of it.
fn told(refusals: Refusals, recorded: &[TurnedAway], around: Around<'_>) -> Failure {
    let id = compose::inbound::id(&refusals, around.clock);
    let same = recorded.iter().find(|one| one.id == id);
    let found = same.or_else(|| recorded.iter().find(|one| one.sk == refusals.sk));
    let circumstances =
        found.and_then(|one| serde_json::from_value(one.circumstances.clone()).ok());
    let circumstances = circumstances.map(|it: Circumstances| match same {
        Some(_) => it,
        // The rules were asked about other packets.
        None => Circumstances {
            rulings: Vec::new(),
            ..it
        },
    });
    let circumstances = circumstances.unwrap_or_else(|| {
        let mut circumstances = Circumstances {
            held: by_what_was(&refusals, around.tracker),
            ..Circumstances::default()
        };
        let missing = "who holds the listener now: that was not recorded";
        circumstances.held.missing = Some(missing.to_owned());
        circumstances
    });
    judge::turned_away(refusals, circumstances, around.places, around.clock)
}

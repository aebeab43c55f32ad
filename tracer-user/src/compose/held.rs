//! Who holds a listener, as far as what was seen tells.

use serde::{Deserialize, Serialize};
use tracer_ebpf::event::Owner;

use super::{add_groups, add_identity, owner_only};
use crate::{
    attribute::{
        Tracker,
        listener::{Refusals, Watched},
    },
    record::{Holder, Process, Role},
};

/// Who holds a listener.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Held {
    /// The one that is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// All of them, where they are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
    /// Why none is named, or one of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// What was found out about a listener that turned something away, beside events and looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// Who holds it.
    pub held: Held,
    /// Events that were lost meanwhile, as far as that matters.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The caller of `listen()`, else the one process that was found to hold it, as it was then.
#[must_use]
pub fn by_what_was(refusals: &Refusals, tracker: &Tracker) -> Held {
    let owner = once_held(refusals.creator.as_ref(), &refusals.found_at);
    Held {
        process: owner.map(|owner| as_then(owner, tracker)),
        ..Held::default()
    }
}

/// Who held a listener that nobody holds any more. Of several that were found to, none is named.
#[must_use]
pub fn once_held<'a>(creator: Option<&'a Owner>, found_at: &'a [Owner]) -> Option<&'a Owner> {
    let alone = || {
        let (first, others) = found_at.split_first()?;
        let alone = others.iter().all(|other| other.tgid == first.tgid);
        alone.then_some(first)
    };
    creator.or_else(alone)
}

/// A process as it was when its identity was taken.
fn as_then(owner: &Owner, tracker: &Tracker) -> Process {
    let mut process = Process {
        tid: owner.tgid,
        thread_comm: None,
        role: Some(Role::Listener),
        ..owner_only(owner)
    };
    let identity = tracker.identity(owner.tgid);
    let identity = identity.filter(|(started_ns, _)| *started_ns == owner.started_ns);
    if let Some((_, identity)) = identity {
        add_identity(&mut process, identity);
    }
    add_groups(&mut process);
    process
}

/// Whose a listener is, as it was when that was seen.
#[must_use]
pub fn as_it_was(known: &Watched, tracker: &Tracker) -> Option<Process> {
    let owner = once_held(known.creator.as_ref(), &known.found_at)?;
    Some(as_then(owner, tracker))
}

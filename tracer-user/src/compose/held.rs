//! Who holds a listener, as far as what was seen tells.

use serde::{Deserialize, Serialize};
use tracer_ebpf::event::Owner;

use super::{add_groups, add_identity, owner_only};
use crate::{
    attribute::{
        Ruling, Tracker,
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

impl Held {
    /// Each of them by its pid.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, Holder)> {
        let named = self.process.iter().map(|it| Holder {
            pid: it.pid,
            comm: it.comm.clone(),
        });
        named
            .chain(self.holders.iter().cloned())
            .map(|it| (it.pid, it))
    }

    /// `nginx[4242] listens`, `3 processes (nginx, envoy) listen`.
    pub(super) fn subject(&self) -> String {
        match (&self.process, self.holders.len()) {
            (Some(process), _) => format!("{}[{}] listens", process.comm, process.pid),
            (None, 0 | 1) => "an unknown process listens".to_owned(),
            (None, several) => {
                let mut names: Vec<&str> = self.holders.iter().map(|it| it.comm.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                format!("{several} processes ({}) listen", names.join(", "))
            }
        }
    }
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
    /// What a firewall's rules say of each kind of packets that it dropped, in the same order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rulings: Vec<Ruling>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The caller of `listen()`, else the one process that was found to hold it, as it was then.
/// Where others listen there, too, the same of each: nobody, unless they are one process.
#[must_use]
pub fn by_what_was(refusals: &Refusals, tracker: &Tracker) -> Held {
    let owner = once_held(refusals.creator.as_ref(), &refusals.found_at);
    let tgid = |owner: Option<&Owner>| owner.map(|owner| owner.tgid);
    let mut others = refusals.beside.iter();
    let alike = others.all(|it| tgid(once_held(it.creator.as_ref(), &it.found_at)) == tgid(owner));
    let owner = owner.filter(|_| alike);
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

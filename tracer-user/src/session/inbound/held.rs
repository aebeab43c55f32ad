//! Who holds a listener now.

use crate::{
    attribute::{Tracker, listener::Refusals},
    compose::held::{Held, by_what_was},
    enrich::{
        holders::{Answer, Holder, Holders},
        process,
    },
    record::{self, Process, Role},
    session::holder::{self, describe},
};

/// Who holds the listener: the caller of `listen()` if it still does, else who does now. Of several,
/// one that is not the init process, which holds sockets for others to use.
pub(super) fn held(refusals: &Refusals, tracker: &Tracker, holders: &mut Holders) -> Held {
    const INIT: u32 = 1;
    let creator = refusals.creator.as_ref();
    let mut likely: Vec<u32> = creator.map(|owner| owner.tgid).into_iter().collect();
    likely.extend(refusals.found_at.iter().map(|owner| owner.tgid));
    let inode = refusals.listener.inode;
    if inode == 0 {
        return Held {
            missing: Some(
                "a process that holds the listener: it has none, or had ended by then".to_owned(),
            ),
            ..by_what_was(refusals, tracker)
        };
    }
    let mut answer = holders.of(inode, &likely);
    if matches!(answer.holders(), [one] if one.pid == INIT) {
        answer = holders.all_of(inode);
    }
    let found = answer.holders();
    let named = found
        .iter()
        .find(|holder| creator.is_some_and(|owner| owner.tgid == holder.pid) && holder.pid != INIT)
        .or_else(|| found.iter().find(|holder| holder.pid != INIT))
        .or_else(|| found.first());
    let Some(named) = named else {
        let why = match answer {
            Answer::NotLookedFor(why) => {
                format!("who holds the listener now: not looked for, because {why}")
            }
            _ => "who holds the listener now: no process does".to_owned(),
        };
        return Held {
            missing: Some(why),
            ..by_what_was(refusals, tracker)
        };
    };
    let process = as_now(named, tracker);
    let several = found.len() > 1;
    Held {
        process: Some(process),
        holders: found
            .iter()
            .filter(|_| several)
            .map(|holder| record::Holder {
                pid: holder.pid,
                comm: holder.comm.clone(),
            })
            .collect(),
        missing: None,
    }
}

/// A holder as it is now; what it no longer tells, as it was.
fn as_now(named: &Holder, tracker: &Tracker) -> Process {
    let now = holder::identity(named);
    let then = tracker.identity(named.pid);
    let then = then.filter(|(started_ns, _)| process::ticks(*started_ns) == named.started_ticks);
    describe(
        named,
        now.as_ref().or(then.map(|(_, it)| it)),
        Some(Role::Listener),
    )
}

//! Who holds a listener now.

use std::collections::BTreeMap;

use tracer_ebpf::event::Owner;

use crate::{
    attribute::{Tracker, listener::Refusals},
    clock,
    compose::held::{Held, by_what_was},
    enrich::{
        holders::{Answer, Holder, Holders},
        process,
    },
    record::{self, Process, Role},
    session::holder::{self, describe},
};

/// Sockets on one end whose holders are asked for.
const MAX_SOCKETS: usize = 64;

/// Who holds the listener. Of several sockets on one end (`SO_REUSEPORT`) the kernel takes one for each
/// SYN when it is past the firewall: where they are not one process's, nobody is named.
pub(super) fn held(refusals: &Refusals, tracker: &Tracker, holders: &mut Holders) -> Held {
    let until_ns = refusals.until_ns;
    let own = Socket {
        until_ns,
        inode: refusals.listener.inode,
        creator: refusals.creator.as_ref(),
        found_at: &refusals.found_at,
    };
    let mut one = own.held(tracker, holders);
    if refusals.beside.is_empty() {
        return match one.process {
            None => Held {
                missing: one.missing,
                ..by_what_was(refusals, tracker)
            },
            Some(_) => one,
        };
    }
    let beside = refusals.beside.iter().map(|it| Socket {
        until_ns,
        inode: it.inode,
        creator: it.creator.as_ref(),
        found_at: &it.found_at,
    });
    let mut all: BTreeMap<u32, record::Holder> = BTreeMap::new();
    all.extend(one.each());
    let mut alike = one.process.is_some();
    for socket in beside.take(MAX_SOCKETS - 1) {
        let other = socket.held(tracker, holders);
        let pid = |held: &Held| held.process.as_ref().map(|it| it.pid);
        alike &= pid(&other) == pid(&one);
        all.extend(other.each());
    }
    one.holders = all.into_values().collect();
    if alike && refusals.beside.len() < MAX_SOCKETS {
        // One process alone is no list.
        if one.holders.len() == 1 {
            one.holders.clear();
        }
        return one;
    }
    Held {
        process: None,
        missing: Some(format!(
            "whose it was: {} processes listen there on {} sockets, and a SYN would have gone to one of \
             them (the queues in `listener` are one socket's)",
            one.holders.len(),
            refusals.beside.len() + 1
        )),
        ..one
    }
}

/// A listening socket.
struct Socket<'a> {
    /// The last that is told of it, `CLOCK_MONOTONIC`.
    until_ns: u64,
    inode: u64,
    creator: Option<&'a Owner>,
    found_at: &'a [Owner],
}

impl Socket<'_> {
    /// The caller of `listen()` if it still holds it, else who does now. Of several, one that is not the
    /// init process, which holds sockets for others to use.
    fn held(&self, tracker: &Tracker, holders: &mut Holders) -> Held {
        const INIT: u32 = 1;
        let nobody = |why: String| Held {
            missing: Some(why),
            ..Held::default()
        };
        if self.inode == 0 {
            return nobody(
                "a process that holds the listener: it has none, or had ended by then".to_owned(),
            );
        }
        let mut likely: Vec<u32> = self.creator.map(|owner| owner.tgid).into_iter().collect();
        likely.extend(self.found_at.iter().map(|owner| owner.tgid));
        let mut answer = holders.of(self.inode, &likely);
        if matches!(answer.holders(), [one] if one.pid == INIT) {
            answer = holders.all_of(self.inode);
        }
        let all = answer.holders();
        let then = clock::boottime_ns(self.until_ns).map_or(u64::MAX, process::ticks);
        // Who began later, as a worker that is started anew, had nothing to do with it.
        let found: Vec<&Holder> = all.iter().filter(|it| it.started_ticks <= then).collect();
        let called = |it: &Holder| self.creator.is_some_and(|owner| owner.tgid == it.pid);
        let named = found
            .iter()
            .find(|holder| called(holder) && holder.pid != INIT)
            .or_else(|| found.iter().find(|holder| holder.pid != INIT))
            .or_else(|| found.first());
        let Some(&named) = named else {
            return nobody(match answer {
                _ if !all.is_empty() => "who held the listener then: those that hold it now began \
                                         later"
                    .to_owned(),
                Answer::NotLookedFor(why) => {
                    format!("who holds the listener now: not looked for, because {why}")
                }
                _ => "who holds the listener now: no process does".to_owned(),
            });
        };
        let several = found.len() > 1;
        Held {
            process: Some(as_now(named, tracker)),
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

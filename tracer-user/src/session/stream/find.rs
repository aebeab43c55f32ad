//! What can be found out about whose a connection is.

use std::time::Duration;

use tracer_ebpf::event::{Owner, State, stream_flag};

use crate::{
    attribute::{self, Found, Tracker},
    enrich::{
        holders::{Answer, Holder, Holders},
        process,
        sockets::Sockets,
    },
    net,
    record::{Direction, Process, Role},
    session::{
        holder,
        inbound::{Inbound, Taker},
    },
};

/// Whose it is, as far as that is known.
#[derive(Default)]
struct Named {
    process: Option<Process>,
    /// All that hold its socket, where they are several.
    holders: Vec<Process>,
    missing: Option<String>,
    /// All processes are to be looked at after so long: that may tell more.
    again: Option<Duration>,
}

/// What can be found out about a connection that has ended, and whether more can be after a while.
/// `owner` is who held it or ended it, where that is known.
pub(super) fn find(
    state: &State,
    owner: Option<&Owner>,
    tracker: &Tracker,
    inbound: &Inbound,
    sockets: &mut Sockets,
) -> (Found, Option<Duration>) {
    let mut takers = inbound.takers(state, tracker);
    let counted = attribute::direction(state);
    let may_be_inbound = counted != Some(Direction::Outbound);
    if takers.is_empty() && may_be_inbound && (counted.is_none() || owner.is_none()) {
        takers = listening(state, owner, sockets);
    }
    let by_listener = match takers.first() {
        Some(_) => Direction::Inbound,
        None => Direction::Outbound,
    };
    let direction = counted.unwrap_or(by_listener);
    takers.retain(|_| direction == Direction::Inbound);
    let is_told = counted.is_some() || !takers.is_empty();
    let named = match owner {
        Some(_) => Named::default(),
        None if state.failure == 0 => as_remembered(direction, takers),
        None => whose(state, direction, &takers, &mut sockets.holders),
    };
    let found = Found {
        direction,
        is_told,
        process: named.process,
        missing: named.missing.into_iter().collect(),
        holders: named.holders,
    };
    (found, named.again)
}

/// Who holds the socket of a connection that failed, where the process that opened it is gone; and
/// whether more can be found out after a while.
pub(super) fn passed_on(
    state: &State,
    opener: &Owner,
    holders: &mut Holders,
) -> Option<(Found, Option<Duration>)> {
    let inode = state.stream.inode;
    if state.failure == 0 || inode == 0 || process::is_alive(opener.tgid, opener.started_ns) {
        return None;
    }
    let answer = holders.of(inode, &[]);
    let (missing, again) = match &answer {
        Answer::NotLookedFor(why) => {
            let missing = format!("who held its socket: it was not looked for, because {why}");
            (vec![missing], holders.again_in())
        }
        _ => (Vec::new(), None),
    };
    let found = Found {
        direction: Direction::Outbound,
        is_told: true,
        process: None,
        missing,
        holders: answer.holders().iter().map(|it| as_now(it, None)).collect(),
    };
    Some((found, again))
}

/// Of a connection that ended well, without a look at anything: there may be very many.
fn as_remembered(direction: Direction, takers: Vec<Taker>) -> Named {
    let why = match direction {
        Direction::Inbound => "nobody was seen to close it",
        Direction::Outbound => "its beginning was not seen",
    };
    let mut all: Vec<Process> = Vec::new();
    for process in takers.into_iter().filter_map(|taker| taker.process) {
        if all.iter().all(|other| other.pid != process.pid) {
            all.push(process);
        }
    }
    let process = if all.len() == 1 { all.pop() } else { None };
    let missing = match process {
        Some(_) => format!("who held the connection itself: {why}"),
        None => format!("its process: {why}"),
    };
    Named {
        process,
        missing: Some(missing),
        ..Named::default()
    }
}

/// Listeners that no hook told of, asked of the kernel.
fn listening(state: &State, owner: Option<&Owner>, sockets: &mut Sockets) -> Vec<Taker> {
    let tuple = &state.tuple;
    let tgid = owner.map_or(0, |owner| owner.tgid);
    let local = net::address(tuple.local);
    let all = sockets
        .listeners
        .on_port(tuple.netns, tgid, tuple.local_port);
    let takes = all
        .into_iter()
        .flatten()
        .filter(|one| one.takes(local, tuple.local_port));
    takes
        .map(|one| Taker {
            inode: one.inode.into(),
            ..Taker::default()
        })
        .collect()
}

/// Who holds the connection's socket; else who holds the listener's.
fn whose(state: &State, direction: Direction, takers: &[Taker], holders: &mut Holders) -> Named {
    let inode = state.stream.inode;
    let answer = holders.of(inode, &likely(takers, holders));
    let role = (direction == Direction::Inbound).then_some(Role::Acceptor);
    if let Some(named) = one_of(&answer, role) {
        return named;
    }
    let was_closed = state.stream.flags & stream_flag::ORPHAN != 0;
    let mut again = None;
    let why = match (inode, answer) {
        (0, _) if was_closed => "its socket was closed already".to_owned(),
        (0, _) => "it was not accepted yet".to_owned(),
        (_, Answer::NotLookedFor(why)) => {
            again = holders.again_in();
            format!("it was not looked for, because {why}")
        }
        _ => "it had closed the socket by the time it was looked for".to_owned(),
    };
    let missing = |more: Option<String>| match more {
        None => format!("its process: {why}"),
        Some(more) => format!("its process: {why}, and {more}"),
    };
    let named = match by_listener(takers, holders) {
        Ok(named) => {
            let others = named.missing.map_or(String::new(), |others| {
                format!("; of the listener, {others}")
            });
            Named {
                process: named.process,
                missing: Some(format!("who held the connection itself: {why}{others}")),
                ..Named::default()
            }
        }
        Err(more) => Named {
            missing: Some(missing(more)),
            ..Named::default()
        },
    };
    Named { again, ..named }
}

/// Processes that held the listener when it was last seen, or asked for: who accepts is among them.
fn likely(takers: &[Taker], holders: &Holders) -> Vec<u32> {
    let mut pids: Vec<u32> = Vec::new();
    for taker in takers {
        let held = holders.before(taker.inode);
        for pid in taker.likely.iter().copied().chain(held) {
            if !pids.contains(&pid) {
                pids.push(pid);
            }
        }
    }
    pids
}

/// The process of the one listener that took a connection, and that others hold that too. Nobody is
/// named where two might have.
fn by_listener(takers: &[Taker], holders: &mut Holders) -> Result<Named, Option<String>> {
    let mut all: Vec<Named> = Vec::new();
    for taker in takers {
        let answer = holders.of(taker.inode, &taker.likely);
        let held = one_of(&answer, Some(Role::Listener));
        let remembered = || Named {
            process: taker.process.clone(),
            ..Named::default()
        };
        let named = held.unwrap_or_else(remembered);
        let pid = |named: &Named| named.process.as_ref().map(|process| process.pid);
        if pid(&named).is_some() && all.iter().all(|other| pid(other) != pid(&named)) {
            all.push(named);
        }
    }
    match all.len() {
        0 => Err(None),
        1 => all.pop().ok_or(None),
        several => Err(Some(format!(
            "{several} processes have listeners that may have taken it"
        ))),
    }
}

/// The first holder, and that there are others.
fn one_of(answer: &Answer, role: Option<Role>) -> Option<Named> {
    let (first, others) = answer.holders().split_first()?;
    let missing = (!others.is_empty()).then(|| {
        let others: Vec<String> = others
            .iter()
            .map(|other| format!("{}[{}]", other.comm, other.pid))
            .collect();
        format!("which process used it: {} hold it too", others.join(", "))
    });
    let process = as_now(first, role);
    let holders = match others {
        [] => Vec::new(),
        others => {
            let others = others.iter().map(|other| as_now(other, role));
            [process.clone()].into_iter().chain(others).collect()
        }
    };
    Some(Named {
        process: Some(process),
        holders,
        missing,
        again: None,
    })
}

fn as_now(holder: &Holder, role: Option<Role>) -> Process {
    holder::describe(holder, holder::identity(holder).as_ref(), role)
}

//! Whose a connection is whose beginning was not seen: accepted ones, and those older than the tracer.
//! Asked at once when one fails, while the process still has its socket open.

use tracer_ebpf::event::{Owner, State};

use super::holder;
use crate::{
    attribute::{self, Found},
    enrich::{
        holders::{Answer, Holders},
        listeners::Listener,
        sockets::Sockets,
    },
    net,
    record::{Direction, Process, Role},
};

/// What can be found out about a connection that has failed. `closer` is the task that ended it,
/// where that is known.
pub(super) fn find(state: &State, closer: Option<&Owner>, sockets: &mut Sockets) -> Found {
    let tuple = &state.tuple;
    let tgid = closer.map_or(0, |owner| owner.tgid);
    let local = net::address(tuple.local);
    let listeners = sockets
        .listeners
        .on_port(tuple.netns, tgid, tuple.local_port);
    let listener = listeners.ok().and_then(|all| {
        all.into_iter()
            .find(|one| one.takes(local, tuple.local_port))
    });
    let by_listener = match listener {
        Some(_) => Direction::Inbound,
        None => Direction::Outbound,
    };
    let counted = attribute::direction(state);
    let direction = counted.unwrap_or(by_listener);
    let (process, missing) = match closer {
        Some(_) => (None, None),
        None => holder(
            state.stream.inode,
            direction,
            listener.as_ref(),
            &mut sockets.holders,
        ),
    };
    let untold = counted.is_none() && listener.is_none();
    let who_opened = untold.then_some("who opened it: neither TCP's counts nor a listener tell");
    Found {
        direction,
        process,
        missing: missing
            .into_iter()
            .chain(who_opened.map(str::to_owned))
            .collect(),
    }
}

/// Who holds the connection's socket; else who holds the listener's.
fn holder(
    inode: u64,
    direction: Direction,
    listener: Option<&Listener>,
    holders: &mut Holders,
) -> (Option<Process>, Option<String>) {
    let listener = listener.filter(|_| direction == Direction::Inbound);
    let listening = listener.map(|listener| holders.of(listener.inode.into(), &[]));
    let likely: Vec<u32> = listening
        .iter()
        .flat_map(Answer::holders)
        .map(|holder| holder.pid)
        .collect();
    let accepted = holders.of(inode, &likely);
    let role = (direction == Direction::Inbound).then_some(Role::Acceptor);
    if let Some(found) = one_of(&accepted, role) {
        return found;
    }
    let why = match (inode, &accepted) {
        (0, _) => "its socket had no descriptor: it was not accepted yet, or closed".to_owned(),
        (_, Answer::NotLookedFor(why)) => format!("it was not looked for, because {why}"),
        _ => "it had closed the socket by the time it was looked for".to_owned(),
    };
    match listening
        .as_ref()
        .and_then(|answer| one_of(answer, Some(Role::Listener)))
    {
        Some((process, _)) => (
            process,
            Some(format!("who held the connection itself: {why}")),
        ),
        None => (None, Some(format!("its process: {why}"))),
    }
}

/// The first holder, and that there are others.
fn one_of(answer: &Answer, role: Option<Role>) -> Option<(Option<Process>, Option<String>)> {
    let (first, others) = answer.holders().split_first()?;
    let missing = (!others.is_empty()).then(|| {
        let others: Vec<String> = others
            .iter()
            .map(|other| format!("{}[{}]", other.comm, other.pid))
            .collect();
        format!("which process used it: {} hold it too", others.join(", "))
    });
    let described = holder::describe(first, holder::identity(first).as_ref(), role);
    Some((Some(described), missing))
}

//! Which listener may have taken a connection.

use std::{net::SocketAddr, num::NonZeroUsize};

use tracer_ebpf::{
    event::{State, stream_flag},
    listener::Listening,
};

use super::Inbound;
use crate::{
    attribute::{Tracker, listener::closeness},
    compose::held::as_it_was,
    net,
    record::Process,
};

/// Listeners that are remembered after their end, at most.
pub(super) const MAX_GONE: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// What was not accepted ends with its listener.
const AT_ONCE_NS: u64 = 1_000_000_000;

/// A listener that may have taken a connection.
#[derive(Default)]
pub(in crate::session) struct Taker {
    /// Its inode number; 0 where it is gone.
    pub(in crate::session) inode: u64,
    /// Processes that held it when it was last seen.
    pub(in crate::session) likely: Vec<u32>,
    /// The caller of `listen()`, else one that held it at the start, as it was then.
    pub(in crate::session) process: Option<Process>,
}

/// A listener that is gone.
pub(super) struct Gone {
    process: Process,
    /// As in [`tracer_ebpf::listener::Listener::flags`].
    flags: u32,
    ended_ns: u64,
}

impl Inbound {
    /// A connection may outlive the listener that took it.
    pub(super) fn remember(&mut self, ended: &Listening, tracker: &Tracker) {
        let known = self.listeners.get(ended.head.sk);
        let Some((known, process)) = known.and_then(|it| Some((it, as_it_was(it, tracker)?)))
        else {
            return;
        };
        let gone = Gone {
            process,
            flags: known.listener.flags,
            ended_ns: ended.head.time_ns,
        };
        self.gone.put((known.listener.netns, known.local()), gone);
    }

    /// The listeners that may have taken a connection: of those that match its local end best, all.
    pub(in crate::session) fn takers(&self, state: &State, tracker: &Tracker) -> Vec<Taker> {
        let tuple = &state.tuple;
        let local = SocketAddr::new(net::address(tuple.local), tuple.local_port);
        let watched = self.listeners.watched().filter_map(|(_, known)| {
            let here = known.listener.netns == tuple.netns && !known.has_ended();
            let close = here.then(|| known.closeness(local)).flatten()?;
            let taker = Taker {
                inode: known.listener.inode,
                likely: known.processes().collect(),
                process: as_it_was(known, tracker),
            };
            Some((close, taker))
        });
        let was_accepted = state.stream.inode != 0 || state.stream.flags & stream_flag::ORPHAN != 0;
        let gone = self.gone.iter().filter_map(|(&(netns, at), gone)| {
            let at_once = state.head.time_ns.saturating_sub(gone.ended_ns) <= AT_ONCE_NS;
            let here = netns == tuple.netns && (was_accepted || at_once);
            let close = here.then(|| closeness(at, gone.flags, local)).flatten()?;
            let taker = Taker {
                process: Some(gone.process.clone()),
                ..Taker::default()
            };
            Some((close, taker))
        });
        let mut all: Vec<_> = watched.chain(gone).collect();
        let best = all.iter().map(|(close, _)| *close).max();
        all.retain(|(close, _)| Some(*close) == best);
        all.into_iter().map(|(_, taker)| taker).collect()
    }
}

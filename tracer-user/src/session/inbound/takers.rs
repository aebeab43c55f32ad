//! Which listener may have taken a connection.

use std::{net::SocketAddr, num::NonZeroUsize};

use tracer_ebpf::{
    event::{State, Tuple, stream_flag},
    listener::Listening,
};

use super::{Inbound, likely};
use crate::{attribute::Tracker, compose::held::as_it_was, net, record::Process};

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
            ended_ns: ended.head.time_ns,
        };
        self.gone.put((known.listener.netns, known.local()), gone);
    }

    /// The listeners that may have taken a connection: of those that match its local end best, all.
    pub(in crate::session) fn takers(&self, state: &State, tracker: &Tracker) -> Vec<Taker> {
        let tuple = &state.tuple;
        let watched = self.listeners.watched().filter_map(|(_, known)| {
            let here = known.listener.netns == tuple.netns && !known.has_ended();
            let match_ = here.then(|| closeness(known.local(), tuple)).flatten()?;
            let taker = || Taker {
                inode: known.listener.inode,
                likely: likely(known),
                process: as_it_was(known, tracker),
            };
            Some((match_, taker()))
        });
        let was_accepted = state.stream.inode != 0 || state.stream.flags & stream_flag::ORPHAN != 0;
        let gone = self.gone.iter().filter_map(|(&(netns, local), gone)| {
            let at_once = state.head.time_ns.saturating_sub(gone.ended_ns) <= AT_ONCE_NS;
            let here = netns == tuple.netns && (was_accepted || at_once);
            let match_ = here.then(|| closeness(local, tuple)).flatten()?;
            let taker = Taker {
                process: Some(gone.process.clone()),
                ..Taker::default()
            };
            Some((match_, taker))
        });
        let mut all: Vec<(Match, Taker)> = watched.chain(gone).collect();
        let best = all.iter().map(|(match_, _)| *match_).max();
        all.retain(|(match_, _)| Some(*match_) == best);
        all.into_iter().map(|(_, taker)| taker).collect()
    }
}

/// How closely a listener's own end matches that of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    /// It listens on every address, and of IPv6 in the first place.
    OtherFamily,
    /// It listens on every address.
    Everything,
    /// It listens on that very address.
    Address,
}

fn closeness(listener: SocketAddr, tuple: &Tuple) -> Option<Match> {
    let local = net::address(tuple.local);
    let at = listener.ip();
    if listener.port() != tuple.local_port {
        None
    } else if at == local {
        Some(Match::Address)
    } else if !at.is_unspecified() {
        None
    } else if at.is_ipv4() == local.is_ipv4() {
        Some(Match::Everything)
    } else {
        at.is_ipv6().then_some(Match::OtherFamily)
    }
}

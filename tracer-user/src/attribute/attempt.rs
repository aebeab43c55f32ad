//! One attempt: who made it, how it ended, and what happened to it in between.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracer_ebpf::{
    event::{self, Owner, State, Tuple, Unsent, owner_flag, seen_by, stream_flag},
    tcp_state::{self, CLOSING, FIN_WAIT1, FIN_WAIT2, LAST_ACK},
};

use super::{beyond::Beyond, evidence::Evidence, nearby::Nearby, queue::FullQueue};
use crate::record::{ClosedBy, Direction, Process};

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Its socket left `SYN_SENT` for `CLOSE`, or ended after it had come up.
    State(Box<State>),
    /// It never came to a SYN.
    Unsent(Unsent),
}

/// What `/proc` says of a process while it lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Name of the process (its main thread).
    pub comm: Option<String>,
    /// Its pid in its own (innermost) pid namespace.
    pub ns_pid: Option<u32>,
    /// Path of the executable.
    pub exe: Option<String>,
    /// Command line.
    pub cmdline: Option<String>,
    /// Parent's pid.
    pub ppid: Option<u32>,
    /// Control group.
    pub cgroup: Option<String>,
}

/// What the kernel's route lookup says, asked again right after an attempt failed before a SYN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteAnswer {
    /// It refuses with this errno (positive).
    Refused(i32),
    /// It finds a route.
    Found,
    /// IPv6 is switched off there (`disable_ipv6`): addresses are refused before any route is.
    Ipv6Off,
    /// It could not be asked, and why.
    Unknown(String),
}

/// What could be found out about a connection whose beginning was not seen: accepted, or older than
/// the tracer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Who opened it: from TCP's own counts ([`super::direction`]); where those do not tell, inbound
    /// where a listener of its network namespace takes its own address and port.
    pub direction: Direction,
    /// Either of them told; else it is a guess.
    #[serde(default = "yes")]
    pub is_told: bool,
    /// The process that holds its socket, else its listener's.
    pub process: Option<Process>,
    /// Why no process is named, or which others may be meant.
    pub missing: Vec<String>,
    /// Those that hold its socket, where they are not that process alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Process>,
}

fn yes() -> bool {
    true
}

/// A process that closed a connection which another one had opened: its socket was passed on, or
/// inherited.
#[derive(Clone, Debug, PartialEq)]
pub struct Closer {
    /// The task, as the kernel half took it in its own context.
    pub owner: Owner,
    /// Its process, likewise.
    pub process: Option<Arc<event::Process>>,
    /// Its process, as `/proc` tells.
    pub identity: Option<Arc<Identity>>,
    /// Path of its control group, by the id that the kernel half took.
    pub cgroup: Option<String>,
    /// It did so before the connection ended: by `close()`, or by `shutdown()` alone.
    pub began: bool,
}

/// One connection that has ended: a `connect()` that failed, or what had come up.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Address of the socket: an opaque key.
    pub sk: u64,
    /// `CLOCK_MONOTONIC` at its beginning; 0 where it began before the tracer.
    pub start_ns: u64,
    /// The task that called `connect()`, else the one that held it or ended it
    /// ([`event::owner_flag`]); `None` where it is not known.
    pub owner: Option<Owner>,
    /// Its process, as the kernel half took it in the process's own context.
    pub process: Option<Arc<event::Process>>,
    /// Its process, as `/proc` tells.
    pub identity: Option<Arc<Identity>>,
    /// Path of its control group, by the id that the kernel half took.
    pub cgroup: Option<String>,
    /// Another process, that closed it.
    pub closer: Option<Closer>,
    /// How it ended.
    pub end: End,
    /// What happened to it.
    pub evidence: Evidence,
    /// For attempts that never came to a SYN.
    pub route: Option<RouteAnswer>,
    /// Where this host refused it: what listens on the same port.
    pub nearby: Option<Arc<Nearby>>,
    /// For connections whose beginning was not seen.
    pub found: Option<Found>,
    /// The listener of this host that ignored it, since a queue of it was full.
    pub queue: Option<Arc<FullQueue>>,
    /// What this host knows of it beyond its own socket.
    pub beyond: Beyond,
    /// Events that may have been lost while it lived.
    pub lost: u64,
}

impl Attempt {
    /// When it ended, `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn end_ns(&self) -> u64 {
        match &self.end {
            End::State(state) => state.head.time_ns,
            End::Unsent(unsent) => unsent.head.time_ns,
        }
    }

    /// A socket that never came up, and whose end was told late, has forgotten its own end and its
    /// sequence numbers: the last retransmission of its SYN still knew them.
    pub(super) fn remember_ends(&mut self) {
        let was_seen = self.end_was_seen() || self.stream().is_some();
        if let (End::State(state), Some(last)) = (&mut self.end, self.evidence.retransmits.last())
            && !was_seen
        {
            state.tuple = last.tuple;
            state.isn = last.isn;
            state.write_seq = last.isn.wrapping_add(1);
            state.path = last.path;
            let again = self.evidence.retransmits.iter();
            let made = again.filter(|again| again.err != -libc::EBUSY).count();
            state.retransmits = u32::try_from(made).unwrap_or(u32::MAX);
            // Each was a SYN, and so was the first.
            state.segs_out = state.retransmits.saturating_add(1);
        }
    }

    /// The two ends of its socket.
    #[must_use]
    pub fn tuple(&self) -> &Tuple {
        match &self.end {
            End::State(state) => &state.tuple,
            End::Unsent(unsent) => &unsent.tuple,
        }
    }

    /// Socket cookie, where the kernel gave one.
    #[must_use]
    pub fn cookie(&self) -> Option<u64> {
        let cookie = match &self.end {
            End::State(state) => state.cookie,
            End::Unsent(unsent) => unsent.cookie,
        };
        (cookie != 0).then_some(cookie)
    }

    /// Nanoseconds from its beginning to its end, of accepted connections from when they came up; `None`
    /// where one of them was not seen.
    #[must_use]
    pub fn elapsed_ns(&self) -> Option<u64> {
        self.began_ns()
            .or_else(|| self.accepted_ns())
            .filter(|_| self.end_was_seen())
            .map(|began_ns| self.end_ns().saturating_sub(began_ns))
    }

    /// When `connect()` was called, `CLOCK_MONOTONIC`; `None` where that was not seen.
    #[must_use]
    pub fn began_ns(&self) -> Option<u64> {
        let is_beginning = match &self.owner {
            Some(owner) => !is_late(owner),
            // Of a connection that had come up it may be that of its closing.
            None => self.stream().is_none(),
        };
        (self.start_ns != 0 && is_beginning).then_some(self.start_ns)
    }

    /// When an accepted connection came up, `CLOCK_MONOTONIC`; `None` where that was not seen.
    #[must_use]
    pub fn accepted_ns(&self) -> Option<u64> {
        let accepted_ns = self.stream()?.accepted_ns;
        (accepted_ns != 0 && self.direction() == Direction::Inbound).then_some(accepted_ns)
    }

    /// Which end sent its FIN first; `None` where that was not seen.
    #[must_use]
    pub fn closed_by(&self) -> Option<ClosedBy> {
        let state = self.stream().filter(|_| self.end_was_seen())?;
        match state.old {
            FIN_WAIT1 | FIN_WAIT2 => Some(ClosedBy::Local),
            LAST_ACK => Some(ClosedBy::Remote),
            CLOSING => Some(ClosedBy::Both),
            _ => None,
        }
    }

    /// The state change that ended it, where it had come up before.
    #[must_use]
    pub fn stream(&self) -> Option<&State> {
        match &self.end {
            End::State(state) if tcp_state::is_open(state.old) => Some(state),
            _ => None,
        }
    }

    /// Who opened it.
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.began_ns().is_some() {
            return Direction::Outbound;
        }
        let counted = || self.stream().and_then(super::direction);
        let found = self.found.as_ref().map(|found| found.direction);
        found.or_else(counted).unwrap_or(Direction::Outbound)
    }

    /// False where the kernel skipped the hook that tells of the end, and all that is known is that
    /// there was one, some time before.
    #[must_use]
    pub fn end_was_seen(&self) -> bool {
        match &self.end {
            End::State(state) => state.seen_by != seen_by::LATER,
            End::Unsent(_) => true,
        }
    }

    /// The owner, if it is a process (and not the kernel itself).
    #[must_use]
    pub fn process_owner(&self) -> Option<&Owner> {
        self.owner
            .as_ref()
            .filter(|owner| owner.flags & owner_flag::KERNEL_THREAD == 0)
    }

    /// True where a kernel thread made it.
    #[must_use]
    pub fn is_kernels_own(&self) -> bool {
        self.owner
            .as_ref()
            .is_some_and(|owner| owner.flags & owner_flag::KERNEL_THREAD != 0)
    }
}

/// True where the application had closed a connection before that ended, so that nobody gets an errno.
/// Who closes one that has ended already leaves it only then.
#[must_use]
pub fn was_left(state: &State) -> bool {
    let is = |flag: u32| state.stream.flags & flag != 0;
    let closed_late = state.seen_by == seen_by::LATER && is(stream_flag::IN_CALL);
    is(stream_flag::ORPHAN) && !closed_late
}

/// True of an owner that is not who called `connect()`.
#[must_use]
pub fn is_late(owner: &Owner) -> bool {
    owner.flags & (owner_flag::ENDED_IT | owner_flag::HELD_IT) != 0
}

/// Nothing but the news that a connection is over which something was told of.
#[must_use]
pub fn is_over(state: &State) -> bool {
    state.failure == 0 && state.seen_by == seen_by::LATER
}

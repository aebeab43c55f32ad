//! An attempt as rules look at it.

use std::net::{IpAddr, SocketAddr};

use tracer_ebpf::event::{State, seen_by};

use super::places::Places;
use crate::{
    attribute::{Attempt, End, PacketKind, SeenDrop, Way},
    net,
    record::{Confidence, MatchedBy},
};

/// The loser of a race is closed as soon as another attempt has won (RFC 8305, 5): one that is closed
/// later was given up for another reason.
const CLOSE_NS: u64 = 50_000_000;
/// A race's attempts begin within moments of each other (RFC 8305, 5: 250 ms apart by default). Other
/// connections of a busy process to another server on the same port are no race.
const START_NS: u64 = 500_000_000;
/// `PF_EXITING` (`include/linux/sched.h`).
const PF_EXITING: u32 = 4;

/// An attempt, and the questions that rules ask of it.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    /// How to get into network namespaces.
    pub places: &'a Places,
    /// Its end, where it came to `SYN_SENT`.
    pub state: Option<&'a State>,
}

/// How the task that closed the socket was ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// Killed by this signal.
    Signal(i32),
}

impl<'a> Case<'a> {
    pub(super) fn new(attempt: &'a Attempt, places: &'a Places) -> Self {
        let state = match &attempt.end {
            End::State(state) => Some(&**state),
            End::Unsent(_) => None,
        };
        Self {
            attempt,
            places,
            state,
        }
    }

    /// The address of another attempt of the same process, to the same port, that came up while
    /// this one was under way, where this one was then closed without an error.
    pub(super) fn race_winner(&self) -> Option<IpAddr> {
        let state = self
            .state
            .filter(|state| state.err == 0 && state.sibling_ns != 0)
            .filter(|_| self.attempt.end_was_seen())?;
        let winner = net::address(state.sibling);
        let began_together = state.sibling_start_ns.abs_diff(self.attempt.start_ns) <= START_NS;
        let other_family = winner.is_ipv4() != self.remote().is_ipv4();
        if state.head.time_ns.saturating_sub(state.sibling_ns) > CLOSE_NS
            || !(began_together || other_family)
        {
            return None;
        }
        self.exit().is_none().then_some(winner)
    }

    /// The errno that the application got, positive. `None` where it gave up by itself, or where it
    /// is not known.
    pub(super) fn errno(&self) -> Option<i32> {
        match &self.attempt.end {
            End::State(_) if self.error() != 0 => Some(self.error()),
            // inet_hash_connect() has one way to fail (net/ipv4/inet_hashtables.c).
            End::State(state) if state.segs_out == 0 && self.port_was_refused() => {
                Some(libc::EADDRNOTAVAIL)
            }
            End::State(_) => None,
            End::Unsent(unsent) if unsent.err != 0 => Some(unsent.err),
            End::Unsent(unsent) if unsent.cgroup_err != 0 => Some(unsent.cgroup_err),
            End::Unsent(_) => match self.attempt.route {
                Some(crate::attribute::RouteAnswer::Refused(err)) => Some(err),
                _ => None,
            },
        }
    }

    /// No SYN was made, and no initial sequence number chosen: the local port was refused.
    pub(super) fn port_was_refused(&self) -> bool {
        self.state.is_some_and(|state| {
            state.segs_out == 0
                && self.attempt.end_was_seen()
                && matches!(state.err, 0 | libc::EADDRNOTAVAIL)
                && (state.write_seq == 0 || self.has_no_port())
        })
    }

    /// No local port was chosen.
    pub(super) fn has_no_port(&self) -> bool {
        self.state.is_some_and(|state| state.tuple.local_port == 0)
    }

    /// The error that ended it; 0 where none did. A non-blocking client learns of a soft error from
    /// `SO_ERROR`, which takes it off the socket (`sk_getsockopt`, `net/core/sock.c`), and closes.
    pub(super) fn error(&self) -> i32 {
        let Some(state) = self.state else {
            return 0;
        };
        match self.attempt.evidence.soft_errors.last() {
            Some(&(_, err))
                if state.err == 0 && state.err_soft == 0 && self.attempt.stream().is_none() =>
            {
                err
            }
            // A RST leaves no other (tcp_reset, net/ipv4/tcp_input.c).
            _ if !self.attempt.end_was_seen()
                && self.attempt.stream().is_none()
                && self.was_reset() =>
            {
                libc::ECONNREFUSED
            }
            _ => state.err,
        }
    }

    /// The application closed the socket while it was connecting, for reasons of its own.
    pub(super) fn was_given_up(&self) -> bool {
        self.error() == 0
            && self.attempt.end_was_seen()
            && self.state.is_some_and(|state| state.segs_out > 0)
    }

    /// How the closing task was ending, if it was.
    pub(super) fn exit(&self) -> Option<Exit> {
        let told = |state: &&State| state.err == 0 && state.seen_by == seen_by::STATE;
        let state = self.state.filter(told)?;
        let owner = self.attempt.process_owner()?;
        if state.closer_flags & PF_EXITING == 0 || state.closer_tgid != owner.tgid {
            return None;
        }
        Some(match state.closer_exit_code & 0x7f {
            0 => Exit::Status(state.closer_exit_code >> 8 & 0xff),
            signal => Exit::Signal(signal),
        })
    }

    /// SYNs that TCP made, retransmissions included.
    pub(super) fn syns(&self) -> u32 {
        self.state.map_or(0, |state| state.segs_out)
    }

    /// The other end.
    pub(super) fn remote(&self) -> SocketAddr {
        let tuple = self.attempt.tuple();
        SocketAddr::new(net::address(tuple.remote), tuple.remote_port)
    }

    /// True for the packets of IPv6.
    pub(super) fn is_ipv6(&self) -> bool {
        self.remote().is_ipv6()
    }

    /// Drops that a condition holds for.
    pub(super) fn drops(
        &self,
        condition: impl Fn(&SeenDrop) -> bool,
    ) -> impl Iterator<Item = &'a SeenDrop> {
        self.attempt
            .evidence
            .drops
            .iter()
            .filter(move |drop| condition(drop))
    }

    /// It ended in an error that silence alone does not give.
    pub(super) fn was_answered_by_error(&self) -> bool {
        !matches!(self.error(), 0 | libc::ETIMEDOUT)
    }

    /// A RST came back.
    pub(super) fn was_reset(&self) -> bool {
        !self.attempt.evidence.resets_received.is_empty()
    }

    /// This host sent the RST: the network namespace, and what the SYN had reached there, which
    /// address translation may have made another address than the application asked for.
    pub(super) fn refused_here(&self) -> Option<(u32, SocketAddr)> {
        let drop = self.drops(|drop| drop.reason() == "NO_SOCKET").next();
        let sent = self.attempt.evidence.resets_sent.first();
        let netns = drop
            .map(|drop| drop.netns)
            .or_else(|| sent.map(|reset| reset.netns))?;
        let translated = drop.and_then(|drop| drop.translated);
        Some((netns, translated.map_or(self.remote(), |(_, to)| to)))
    }

    /// The last soft error that was reported while it was connecting, or that was left at its end.
    pub(super) fn soft_error(&self) -> Option<i32> {
        let left = self
            .state
            .map(|state| state.err_soft)
            .filter(|&err| err != 0);
        left.or_else(|| {
            self.attempt
                .evidence
                .soft_errors
                .last()
                .map(|&(_, err)| err)
        })
    }

    /// What stands before a command that must run in a network namespace.
    pub(super) fn way(&self, netns: u32) -> String {
        if let Some(way) = self.places.way(netns) {
            return way.to_owned();
        }
        match self.attempt.process_owner() {
            Some(owner) if netns == self.attempt.tuple().netns => {
                format!("nsenter -t {} -n ", owner.tgid)
            }
            _ => format!("(in network namespace {netns}) "),
        }
    }

    /// Where something happened, seen from the attempt: empty for its own network namespace.
    pub(super) fn elsewhere(&self, netns: u32) -> String {
        match netns {
            0 => String::new(),
            own if own == self.attempt.tuple().netns => String::new(),
            other => format!(" in network namespace {other}"),
        }
    }
}

impl SeenDrop {
    /// Name of the kernel's reason.
    pub(super) fn reason(&self) -> &str {
        self.place.reason.as_deref().unwrap_or("")
    }

    /// Name of the function that dropped it.
    pub(super) fn location(&self) -> &str {
        self.place.location.as_deref().unwrap_or("")
    }

    /// How sure what it tells is.
    pub(super) fn confidence(&self) -> Confidence {
        match self.matched_by {
            MatchedBy::Socket => Confidence::Certain,
            MatchedBy::Listener | MatchedBy::Tuple => Confidence::Likely,
        }
    }

    /// True for netfilter, by the reason, or on kernels without reasons by the function.
    #[must_use]
    pub fn is_netfilter(&self) -> bool {
        match self.place.reason.as_deref() {
            Some(reason) => reason == "NETFILTER_DROP",
            None => matches!(self.location(), "nf_hook_slow" | "nft_do_chain"),
        }
    }

    /// `REASON at function`.
    pub(super) fn place_text(&self) -> String {
        match (self.reason(), self.location()) {
            ("", "") => "no reason given".to_owned(),
            ("", location) => format!("at {location}"),
            (reason, "") => reason.to_owned(),
            (reason, location) => format!("{reason} at {location}"),
        }
    }

    /// `its SYN`, `2 SYN-ACKs`.
    pub(super) fn packets_text(&self) -> String {
        let name = self.packet.name();
        match (self.packet.is_answer(), self.count) {
            (false, 1) => format!("its {name}"),
            (false, count) => format!("its {count} {name}s"),
            (true, 1) => format!("the {name} that came back"),
            (true, count) => format!("{count} {name}s that came back"),
        }
    }

    /// True where it kept the handshake from going on.
    pub(super) fn is_of_handshake(&self) -> bool {
        matches!(self.packet, PacketKind::Syn | PacketKind::SynAck)
            || (self.packet == PacketKind::Rst && self.way != Some(Way::Forward))
    }
}

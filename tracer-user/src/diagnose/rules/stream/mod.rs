//! Connections that had come up, one file a kind of end.

mod abort;
mod dropped;
mod icmp;
mod mtu;
mod rejected;
mod reset;
mod timer;
mod unsent;
mod vanished;

use tracer_ebpf::{
    event::{State, Stream, stream_flag},
    tcp_state::{CLOSING, FIN_WAIT1, LAST_ACK},
};

use super::{admin, unknown};
use crate::{
    attribute::{bytes_received, was_left},
    diagnose::{case::Case, finding::Finding, words},
    record::{Confidence, Severity},
};

type Rule = fn(&Stalled<'_>) -> Option<Finding>;

/// In order: what ended it by itself, then what explains a silence, then silence.
const RULES: &[Rule] = &[
    |stalled| admin::judge(stalled.case),
    abort::judge,
    rejected::judge,
    reset::judge,
    dropped::judge,
    unsent::judge,
    mtu::judge,
    icmp::judge,
    vanished::judge,
    timer::judge,
];

/// A connection that had come up, as these rules look at it.
pub(super) struct Stalled<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) state: &'a State,
}

impl Stalled<'_> {
    fn stream(&self) -> &Stream {
        &self.state.stream
    }

    fn is(&self, flag: u32) -> bool {
        self.stream().flags & flag != 0
    }

    /// The application had closed it: nobody gets an errno any more.
    fn is_orphan(&self) -> bool {
        was_left(self.state)
    }

    /// Another hook told of the end, and by then the application had taken the error, if there was one.
    fn has_lost_its_error(&self) -> bool {
        self.state.err == 0 && !self.case.attempt.end_was_seen()
    }

    /// A timer ended it: by the error, or where that is gone by what TCP last did.
    fn timed_out(&self) -> bool {
        let in_vain =
            self.state.retransmits > 0 || self.stream().probes_out > 0 || self.waits_for_window();
        self.state.err == libc::ETIMEDOUT || (self.has_lost_its_error() && in_vain)
    }

    /// There is data, and the peer takes none.
    fn waits_for_window(&self) -> bool {
        let stream = self.stream();
        stream.send_window == 0 && self.unsent() > 0 && stream.snd_nxt == self.state.isn
    }

    fn was_reset_by_peer(&self) -> bool {
        !self.case.attempt.evidence.resets_received.is_empty()
    }

    fn was_reset_from_here(&self) -> bool {
        !self.case.attempt.evidence.resets_sent.is_empty()
    }

    /// The kernel's reasons of the RSTs that this host sent about it.
    fn reset_reason(&self) -> Option<&str> {
        let mut sent = self.case.attempt.evidence.resets_sent.iter();
        sent.find_map(|sent| sent.reason.as_deref())
    }

    /// Bytes that the peer has not acknowledged.
    fn unacked(&self) -> u32 {
        self.state.write_seq.wrapping_sub(self.state.isn)
    }

    /// What the peer has not acknowledged, in words: `500 bytes were`. A FIN counts as a byte, but is none
    /// that the application sent.
    fn unacked_words(&self) -> String {
        let unacked = self.unacked();
        let has_fin = matches!(self.state.old, FIN_WAIT1 | LAST_ACK | CLOSING);
        match (unacked, has_fin) {
            (1, true) => "its FIN was".to_owned(),
            (_, true) => words::were(unacked.saturating_sub(1), "byte"),
            (_, false) => words::were(unacked, "byte"),
        }
    }

    /// Bytes that were not sent once.
    fn unsent(&self) -> u32 {
        self.state.write_seq.wrapping_sub(self.stream().snd_nxt)
    }

    /// What was under way, for the chain of whys.
    fn flow(&self) -> String {
        let state = self.state;
        let sent = state.bytes_sent.saturating_sub(state.bytes_retrans);
        format!(
            "until then {sent} bytes had been sent and {} received",
            bytes_received(state)
        )
    }
}

/// The first finding, and how much it matters.
pub(in crate::diagnose) fn judge(case: &Case<'_>, state: &State) -> (Finding, Severity) {
    let stalled = Stalled { case, state };
    let found = RULES.iter().find_map(|rule| rule(&stalled));
    let finding = found.unwrap_or_else(|| {
        if stalled.has_lost_its_error() {
            unknown_end(&stalled)
        } else {
            unknown(case)
        }
    });
    let goes_on = stalled.is(stream_flag::ONE_OF_SEVERAL);
    // The application chose the end itself, had left before it, or learns nothing of it.
    let chosen = state.err == 0 && finding.cause == "reset-by-local" && !abort::is_forced(&stalled);
    let severity = if chosen || goes_on || stalled.is_orphan() {
        Severity::Info
    } else {
        Severity::Warning
    };
    (finding, severity)
}

/// Neither what ended it was seen, nor the error that it left.
fn unknown_end(stalled: &Stalled<'_>) -> Finding {
    Finding::new(
        "unknown",
        Confidence::Unknown,
        "it was over before its application closed it, and nothing tells who ended it",
    )
    .why("this side never sent a FIN")
    .why(stalled.flow())
    .missing("the error that it ended with: the application has taken it, if there was one")
    .missing("no drop, reset or ICMP error of this connection was seen on this host")
}

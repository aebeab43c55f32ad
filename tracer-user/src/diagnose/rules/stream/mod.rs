//! Connections that had come up, one file a kind of end.

mod abort;
mod dropped;
mod icmp;
mod mtu;
mod reset;
mod timer;
mod unsent;

use tracer_ebpf::event::{State, Stream, stream_flag};

use super::{admin, unknown};
use crate::{
    diagnose::{case::Case, finding::Finding},
    record::Severity,
};

type Rule = fn(&Stalled<'_>) -> Option<Finding>;

/// In order: what ended it by itself, then what explains a silence, then silence.
const RULES: &[Rule] = &[
    |stalled| admin::judge(stalled.case),
    abort::judge,
    reset::judge,
    dropped::judge,
    unsent::judge,
    mtu::judge,
    icmp::judge,
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
        self.is(stream_flag::ORPHAN)
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

    /// What was under way, for the chain of whys.
    fn flow(&self) -> String {
        let state = self.state;
        let sent = state.bytes_sent.saturating_sub(state.bytes_retrans);
        format!(
            "until then {sent} bytes had been sent and {} received",
            state.bytes_received
        )
    }
}

/// The first finding, and how much it matters.
pub(in crate::diagnose) fn judge(case: &Case<'_>, state: &State) -> (Finding, Severity) {
    let stalled = Stalled { case, state };
    let found = RULES.iter().find_map(|rule| rule(&stalled));
    let finding = found.unwrap_or_else(|| unknown(case));
    // The application chose the end itself, or had left before it.
    let chosen = state.err == 0 && finding.cause == "reset-by-local" && !abort::is_forced(&stalled);
    let severity = if chosen || stalled.is_orphan() {
        Severity::Info
    } else {
        Severity::Warning
    };
    (finding, severity)
}

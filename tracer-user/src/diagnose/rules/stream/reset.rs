//! The peer ended it with a RST.

use tracer_ebpf::tcp_state;

use super::Stalled;
use crate::{
    diagnose::{finding::Finding, fix},
    record::Confidence,
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    // Nothing else leaves these (tcp_reset, net/ipv4/tcp_input.c); in CLOSE_WAIT it is EPIPE.
    let err = match stalled.state.old {
        _ if !stalled.has_lost_its_error() || !stalled.was_reset_by_peer() => stalled.state.err,
        tcp_state::CLOSE_WAIT => libc::EPIPE,
        _ => libc::ECONNRESET,
    };
    let (cause, what) = match err {
        libc::ECONNRESET if stalled.is_orphan() => (
            "reset-by-peer",
            format!(
                "the peer reset it after this side had closed it: {} not acknowledged",
                stalled.unacked_words()
            ),
        ),
        libc::ECONNRESET => ("reset-by-peer", "the peer reset it".to_owned()),
        libc::EPIPE => (
            "broken-pipe",
            "the peer had closed it, and answered what was still sent with a RST".to_owned(),
        ),
        _ => return None,
    };
    let finding = Finding::new(cause, Confidence::Certain, what)
        .why("a RST came from the peer, or from something on the way in its name")
        .why(stalled.flow());
    Some(fix::at_home(stalled.case, finding))
}

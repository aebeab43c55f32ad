//! The peer ended it with a RST.

use tracer_ebpf::tcp_state;

use super::Stalled;
use crate::{
    diagnose::{finding::Finding, fix},
    record::{Confidence, PeerRole},
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    // Nothing else leaves these (tcp_reset, net/ipv4/tcp_input.c); in CLOSE_WAIT it is EPIPE.
    let err = match stalled.state.old {
        _ if !stalled.has_lost_its_error() || !stalled.was_reset_by_peer() => stalled.state.err,
        tcp_state::CLOSE_WAIT => libc::EPIPE,
        _ => libc::ECONNRESET,
    };
    let (cause, what) = match err {
        libc::ECONNRESET if lives_on(stalled) => return Some(in_its_name(stalled)),
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

/// The other end is on this host, and has the connection still: who sends a RST has it no more.
fn lives_on(stalled: &Stalled<'_>) -> bool {
    let other_end = stalled.case.attempt.beyond.other_end.as_ref();
    other_end.is_some_and(|it| {
        it.role != PeerRole::Listener && matches!(&*it.state, "ESTABLISHED" | "CLOSE_WAIT")
    })
}

fn in_its_name(stalled: &Stalled<'_>) -> Finding {
    let finding = Finding::new(
        "reset-by-peer",
        Confidence::Likely,
        "something on the way reset it in the peer's name: the other end is on this host, and has it still",
    )
    .why("a RST came in the peer's name")
    .why(stalled.flow())
    .missing("what sent the RST: no hook tells of those that a firewall makes");
    fix::at_home(stalled.case, finding)
}

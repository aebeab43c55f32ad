//! The way went while it was connecting: IP refused the SYN that TCP would have sent again.

use super::{silence, unsent};
use crate::{
    diagnose::{case::Case, finding::Finding},
    errno,
    record::Confidence,
};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let last = case.attempt.evidence.retransmits.last()?;
    let err = last.err.checked_neg().filter(|_| !case.was_reset())?;
    let address = case.remote().ip();
    let (cause, confidence, what) = match err {
        // `__tcp_retransmit_skb` says so whatever the lookup said (net/ipv4/tcp_output.c).
        libc::EHOSTUNREACH => (
            "no-route",
            Confidence::Likely,
            format!("this host has no route to {address}"),
        ),
        _ => {
            let (cause, what) = unsent::by_route(err, address)?;
            (cause, Confidence::Certain, what)
        }
    };
    if let Some(finding) = silence::link_down(case) {
        return Some(finding);
    }
    let finding = Finding::new(cause, confidence, format!("{what} now")).why(format!(
        "the first SYN was sent, and the route lookup refused the next one ({}): no ICMP error",
        errno::name_or_number(err)
    ));
    Some(unsent::look_at_routes(case, finding))
}

//! It died of silence, and ICMP had said why.

use super::Stalled;
use crate::{
    diagnose::{finding::Finding, fix},
    errno,
    record::Confidence,
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    // The timer ends it with what ICMP left (`sk_err_soft ? : ETIMEDOUT`, net/ipv4/tcp_timer.c).
    let (err, cause, said) = match stalled.state.err {
        err @ (libc::EACCES | libc::ECONNREFUSED) => (err, "icmp-prohibited", "prohibits it"),
        err @ (libc::EHOSTUNREACH | libc::ENETUNREACH | libc::ENOPROTOOPT) => {
            (err, "icmp-unreachable", "is unreachable")
        }
        _ => return None,
    };
    let remote = stalled.case.remote().ip();
    let finding = Finding::new(
        cause,
        Confidence::Likely,
        format!("ICMP said that {remote} {said}, and nothing else came until a timer ended it"),
    )
    .why(format!(
        "an ICMP error left {} on the socket: established connections outlive it (RFC 5461)",
        errno::name_or_number(err)
    ))
    .why(stalled.flow())
    .missing("who sent the ICMP error");
    Some(fix::at_home(stalled.case, finding))
}

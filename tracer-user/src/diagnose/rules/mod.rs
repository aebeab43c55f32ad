//! The rules, one file a kind of evidence.

mod admin;
mod answered;
mod dropped;
mod firewall;
mod gave_up;
mod nearby;
mod ports;
mod queue;
mod silence;
pub(super) mod stream;
mod unrouted;
mod unsent;

use super::{case::Case, finding::Finding};
use crate::record::Confidence;

type Rule = fn(&Case<'_>) -> Option<Finding>;

/// In order: what ended the attempt before it had begun, then what is decisive by itself, then what
/// needs the absence of something else.
const RULES: &[Rule] = &[
    unsent::judge,
    ports::judge,
    admin::judge,
    firewall::judge,
    dropped::judge,
    unrouted::judge,
    answered::judge,
    queue::judge,
    silence::judge,
];

/// The first finding; for an application that gave up, also the cause that it was stuck on.
pub(super) fn judge(case: &Case<'_>) -> (Finding, Option<&'static str>) {
    let found = RULES
        .iter()
        .find_map(|rule| rule(case))
        .unwrap_or_else(|| unknown(case));
    if case.was_given_up() {
        let stuck_on = found.cause;
        return (gave_up::judge(case, found), Some(stuck_on));
    }
    (found, None)
}

fn unknown(case: &Case<'_>) -> Finding {
    let errno = case
        .errno()
        .map_or_else(|| "no errno".to_owned(), crate::errno::name_or_number);
    Finding::new(
        "unknown",
        Confidence::Unknown,
        format!("no rule explains {errno}"),
    )
    .missing("no drop, reset or ICMP error of this connection was seen on this host")
}

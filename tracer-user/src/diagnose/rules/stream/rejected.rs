//! A firewall of this host rejected its segments: it answered them in the peer's name, with a RST or an
//! ICMP error, and dropped them.

use super::{Stalled, dropped};
use crate::{
    attribute::{Ruling, SeenDrop},
    diagnose::{finding::Finding, fix, rules::firewall, ruling},
    errno,
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    let own = stalled
        .case
        .drops(|drop| drop.is_netfilter() && !drop.incoming);
    let last = own.max_by_key(|drop| drop.last_ns)?;
    let answer = answer(stalled, last)?;
    Some(describe(stalled, last, &answer))
}

/// What it answered with. Of ICMP only the errno is known. Routers leave some of them, too: there the rules
/// decide; the others nobody else leaves on a connection that is up, as a rule.
fn answer(stalled: &Stalled<'_>, drop: &SeenDrop) -> Option<String> {
    let ruling = drop.ruling.as_ref();
    if ruling.is_some_and(Ruling::answers_nothing) {
        return None;
    }
    let resets = &stalled.case.attempt.evidence.resets_received;
    let near = |&at_ns: &u64| at_ns.abs_diff(drop.last_ns) < firewall::ANSWER_FOLLOWS_NS;
    if resets.iter().any(near) {
        return Some("a RST in the peer's name".to_owned());
    }
    let err = stalled.state.err;
    let by_icmp = match err {
        libc::EACCES | libc::ECONNREFUSED | libc::ENOPROTOOPT => ruling.is_none_or(Ruling::answers),
        libc::EHOSTUNREACH | libc::ENETUNREACH => ruling.is_some_and(Ruling::answers),
        _ => false,
    };
    by_icmp.then(|| format!("an ICMP error ({})", errno::name_or_number(err)))
}

fn describe(stalled: &Stalled<'_>, drop: &SeenDrop, answer: &str) -> Finding {
    let packets = dropped::words(drop);
    let netns = match drop.netns {
        0 => stalled.case.attempt.tuple().netns,
        netns => netns,
    };
    let hook = drop
        .place
        .hook
        .map_or_else(String::new, |hook| format!(" on {}", hook.to_uppercase()));
    let mut finding = Finding::new(
        "firewall-reject",
        drop.confidence(),
        format!(
            "{} on this host rejected {packets} with {answer}{hook}{}{}",
            drop.place.engine.unwrap_or("netfilter"),
            stalled.case.elsewhere(drop.netns),
            ruling::named(drop)
        ),
    )
    .why(format!(
        "a firewall rule answered with {answer}, and dropped the packet"
    ))
    .why(stalled.flow())
    .why(format!(
        "the kernel dropped {packets}: {}",
        drop.place_text()
    ));
    if let Some(hook) = drop.place.hook {
        finding = finding.why(format!("hook {}, netns {netns}", hook.to_uppercase()));
    }
    let finding = firewall::unless_ruled(drop, finding);
    let finding = ruling::explain(&stalled.case.way(drop.netns), drop, finding);
    fix::from_catalogue(stalled.case, finding, netns, drop.device.as_deref())
}

//! What is known of a connection beyond its own socket, in words.

use super::{case::Case, finding::Finding};
use crate::{
    attribute::{OtherEnd, Translation},
    record::{Confidence, PeerRole},
};

/// Adds it to the chain.
pub(super) fn explain(case: &Case<'_>, mut finding: Finding) -> Finding {
    let beyond = &case.attempt.beyond;
    for it in &beyond.translations {
        finding = finding.why(translated(case, it));
    }
    match (&beyond.other_end, &beyond.unasked) {
        (Some(it), _) => finding.why(other_end(case, it)),
        // Where the kernel's own word decides, neither would change anything.
        (None, Some(why)) if finding.confidence != Confidence::Certain => finding.missing(format!(
            "whether this host translates its addresses, and whose its other end is, if that is here, \
             as its network namespaces know: {why}"
        )),
        _ => finding,
    }
}

fn translated(case: &Case<'_>, it: &Translation) -> String {
    let (from, to) = it.original;
    let (back_from, back_to) = it.reply;
    format!(
        "address translation{} makes {from} -> {to} {back_to} -> {back_from}",
        case.elsewhere(it.netns)
    )
}

fn other_end(case: &Case<'_>, it: &OtherEnd) -> String {
    let who = match &it.process {
        Some(process) => format!("{}[{}]", process.comm, process.pid),
        None => "a process that is not known".to_owned(),
    };
    let place = case.elsewhere(it.netns);
    match it.role {
        PeerRole::Listener => format!("{who} on this host{place} listens there"),
        PeerRole::Opener | PeerRole::Acceptor => {
            format!(
                "the other end is on this host{place}: {who}, in {}",
                it.state
            )
        }
    }
}

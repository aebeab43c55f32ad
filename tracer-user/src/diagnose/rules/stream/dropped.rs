//! It died of silence, and this kernel dropped its packets.

use super::Stalled;
use crate::{
    attribute::{SeenDrop, Way},
    diagnose::{finding::Finding, fix, rules::dropped::cause_of, ruling},
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    let last = |drop: &&SeenDrop| (drop.count, drop.last_ns);
    let explains = |drop: &SeenDrop| (of(drop), drop.way) != (None, Way::Forward);
    let drop = stalled.case.drops(explains).max_by_key(last)?;
    let cause = of(drop)?;
    let netns = match drop.netns {
        0 => stalled.case.attempt.tuple().netns,
        netns => netns,
    };
    let place = drop
        .place
        .hook
        .map_or_else(String::new, |hook| format!(" on {}", hook.to_uppercase()));
    let who = drop.place.engine.unwrap_or("the kernel");
    let packets = words(drop);
    let mut finding = Finding::new(
        cause,
        drop.confidence(),
        format!(
            "{who} on this host dropped {packets}{place}{}",
            ruling::named(drop)
        ),
    )
    .why("what was sent, or came back, was not delivered until a timer ended it")
    .why(format!(
        "the kernel dropped {packets}: {}",
        drop.place_text()
    ));
    if let Some(hook) = drop.place.hook {
        finding = finding.why(format!("hook {}, netns {netns}", hook.to_uppercase()));
    }
    finding = ruling::explain(stalled.case, drop, finding);
    let device = drop.device.as_deref();
    Some(fix::from_catalogue(stalled.case, finding, netns, device))
}

fn of(drop: &SeenDrop) -> Option<&'static str> {
    if drop.is_netfilter() {
        return Some("firewall-drop");
    }
    cause_of(drop).filter(|cause| *cause != "unknown")
}

fn words(drop: &SeenDrop) -> String {
    let whose = match drop.way {
        Way::Rx => "that it should have received",
        Way::Tx | Way::Forward => "that it sent",
    };
    match drop.count {
        1 => format!("a segment {whose}"),
        count => format!("{count} segments {whose}"),
    }
}

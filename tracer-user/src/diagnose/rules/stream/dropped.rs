//! It died of silence, and this kernel dropped its packets.

use super::Stalled;
use crate::{
    attribute::{SeenDrop, Way, is_down},
    diagnose::{
        finding::Finding,
        fix,
        rules::dropped::{self, cause_of},
        ruling,
    },
    record::MatchedBy,
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    let last = |drop: &&SeenDrop| (drop.count, drop.last_ns);
    let explains = |drop: &SeenDrop| {
        drop.matched_by == MatchedBy::Socket && (of(drop), drop.way) != (None, Some(Way::Forward))
    };
    let drop = stalled.case.drops(explains).max_by_key(last)?;
    let cause = of(drop)?;
    // Without a carrier the kernel forgets the neighbours, and then looks for them in vain.
    if cause == "neighbor-unresolved" && is_down(&stalled.state.path) {
        return None;
    }
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
    finding = ruling::explain(&stalled.case.way(drop.netns), drop, finding);
    let device = drop.device.as_deref();
    Some(fix::from_catalogue(stalled.case, finding, netns, device))
}

/// What ate the segments of a connection that a timer ended, elsewhere on this host: joined by
/// addresses and sequence numbers. Only what was dropped after the last data had come, and before the
/// end, explains a silence.
pub(super) fn elsewhere<'a>(stalled: &Stalled<'a>) -> Option<&'a SeenDrop> {
    let silent_ns = u64::from(stalled.stream().last_received_ms) * 1_000_000;
    let end_ns = stalled.state.head.time_ns;
    let since_ns = end_ns.saturating_sub(silent_ns);
    let explains = |drop: &SeenDrop| {
        let is_in_time = drop.last_ns >= since_ns && drop.at_ns.iter().any(|&at| at <= end_ns);
        drop.matched_by == MatchedBy::Tuple && of(drop).is_some() && is_in_time
    };
    let all = stalled.case.drops(explains);
    all.max_by_key(|drop| (drop.count, drop.last_ns))
}

/// The end of a summary: `nftables dropped 3 segments that it sent on INPUT in network namespace 7`.
pub(super) fn told(stalled: &Stalled<'_>, drop: &SeenDrop) -> String {
    let hook = drop
        .place
        .hook
        .map_or_else(String::new, |hook| format!(" on {}", hook.to_uppercase()));
    let who = match (drop.place.engine, of(drop)) {
        (Some(engine), _) => engine,
        (None, Some(cause)) => dropped::who(cause),
        (None, None) => "the kernel",
    };
    let device = drop
        .device
        .as_ref()
        .map_or(String::new(), |device| format!(" at {device}"));
    format!(
        "{who} on this host dropped {}{hook}{device}{}{}",
        words(drop),
        stalled.case.elsewhere(drop.netns),
        ruling::named(drop)
    )
}

pub(super) fn of(drop: &SeenDrop) -> Option<&'static str> {
    if drop.is_netfilter() {
        return Some("firewall-drop");
    }
    cause_of(drop).filter(|cause| *cause != "unknown")
}

pub(super) fn words(drop: &SeenDrop) -> String {
    let whose = if drop.incoming {
        "that it should have received"
    } else {
        "that it sent"
    };
    match drop.count {
        1 => format!("a segment {whose}"),
        count => format!("{count} segments {whose}"),
    }
}

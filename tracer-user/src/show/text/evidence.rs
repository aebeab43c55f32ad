//! What was seen of a connection: dropped packets, RSTs, ICMP errors, and events by themselves.

use std::fmt::Write as _;

use crate::{
    record::{Drop, Event, Failure, Icmp, MatchedBy, Reset},
    show::page::GLUE,
};

/// The evidence of a failure, one sentence each.
#[must_use]
pub fn evidence(failure: &Failure) -> Vec<String> {
    seen(failure).map(|line| line.replace(GLUE, " ")).collect()
}

pub(super) fn seen(failure: &Failure) -> impl Iterator<Item = String> {
    failure
        .drops
        .iter()
        .map(dropped)
        .chain(failure.resets.iter().map(reset))
        .chain(failure.icmp.iter().map(icmp))
}

/// `3 x SYN tx dropped: NETFILTER_DROP at nft_do_chain, hook output, netns 4026531840, by socket`.
pub(super) fn dropped(drop: &Drop) -> String {
    let fate = fate(
        &drop.packet,
        drop.direction.as_deref(),
        drop.reason.as_deref(),
        drop.location.as_deref(),
    );
    let mut text = format!("{} x {fate}", drop.count);
    if let Some(hook) = &drop.hook {
        let _ = write!(text, ", hook {hook}");
    }
    if let Some(engine) = &drop.engine {
        let _ = write!(text, " ({engine})");
    }
    if let Some(device) = &drop.device {
        let _ = write!(text, ", device {device}");
    }
    seen_where(&mut text, drop.netns, drop.matched_by);
    text
}

/// What became of a packet: `SYN tx dropped: NETFILTER_DROP at nft_do_chain`.
///
/// `NO_SOCKET` is no refusal to let it through: it arrived, and nobody was there.
fn fate(
    packet: &str,
    direction: Option<&str>,
    reason: Option<&str>,
    location: Option<&str>,
) -> String {
    // Full accept queues carry the same reason there.
    let by_cookies = location.is_some_and(|name| name.starts_with("cookie_v"));
    let mut text = match (reason, packet) {
        (Some("NO_SOCKET"), "SYN") if !by_cookies => format!("{packet} found no listener"),
        (Some("NO_SOCKET"), _) if !by_cookies => format!("{packet} found no socket"),
        _ => {
            let direction = direction.map_or_else(String::new, |way| format!("{way} "));
            format!("{packet} {direction}dropped")
        }
    };
    let _ = write!(text, ": {}", reason.unwrap_or("no reason given"));
    if let Some(location) = location {
        let _ = write!(text, " at {location}");
    }
    text
}

/// What an event says, with those of its own facts that its summary leaves out.
pub(super) fn happened(event: &Event) -> String {
    let fact = |key: &str| event.detail.get(key).and_then(serde_json::Value::as_str);
    let (reason, location) = (fact("reason"), fact("location"));
    let flags = event
        .detail
        .get("tcp_flags")
        .and_then(serde_json::Value::as_u64);
    let mut text = event.summary.clone();
    if let (Some(flags), true) = (flags, text.starts_with("dropped")) {
        text = fate(packet_kind(flags), None, reason, location);
    } else {
        if let Some(reason) = reason.filter(|reason| !text.contains(reason)) {
            let _ = write!(text, ": {reason}");
        }
        if let Some(location) = location.filter(|location| !text.contains(location)) {
            let _ = write!(text, " at {location}");
        }
    }
    for key in ["hook", "device"] {
        if let Some(value) = fact(key) {
            let _ = write!(text, ", {key} {value}");
        }
    }
    text
}

/// What a packet of a handshake is, from its TCP flags (RFC 9293, 3.1); as records name it.
pub(super) fn packet_kind(flags: u64) -> &'static str {
    const SYN: u64 = 2;
    const RST: u64 = 4;
    const ACK: u64 = 16;
    if flags & RST != 0 {
        "RST"
    } else if flags & SYN == 0 {
        "segment"
    } else if flags & ACK == 0 {
        "SYN"
    } else {
        "SYN-ACK"
    }
}

fn reset(reset: &Reset) -> String {
    let mut text = format!("RST {}", reset.direction);
    if let Some(reason) = &reset.reason {
        let _ = write!(text, ": {reason}");
    }
    seen_where(&mut text, reset.netns, reset.matched_by);
    text
}

fn icmp(icmp: &Icmp) -> String {
    let mut text = format!("ICMP error {}", icmp.direction);
    if let Some(kind) = icmp.kind {
        let _ = write!(text, ": type {kind}");
    }
    if let Some(code) = icmp.code {
        let _ = write!(text, " code {code}");
    }
    if let Some(errno) = &icmp.errno {
        let _ = write!(text, " ({errno})");
    }
    seen_where(&mut text, icmp.netns, icmp.matched_by);
    text
}

fn seen_where(text: &mut String, netns: Option<u32>, matched_by: MatchedBy) {
    if let Some(netns) = netns {
        let _ = write!(text, ", netns{GLUE}{netns}");
    }
    let _ = write!(text, ", {}", by(matched_by));
}

pub(super) fn by(matched_by: MatchedBy) -> &'static str {
    match matched_by {
        MatchedBy::Socket => "by socket",
        MatchedBy::Listener => "by listener",
        MatchedBy::Tuple => "by addresses",
    }
}

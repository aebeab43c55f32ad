//! Records of what listeners turned away.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tracer_ebpf::listener::{AtListener, what};

use super::{Direction, MatchedBy, Phase, held::Held};
use crate::{
    attribute::{
        Way,
        listener::{Client, Dropped, Kind, Refusals},
    },
    clock::Clock,
    diagnose::{Verdict, inbound::only_client},
    net,
    record::{
        Confidence, Drop, Endpoint, Event, Failure, Family, Holder, Listener, ResentFor, Reset,
        Socket, Timing,
    },
};

/// `AF_INET6` (`include/linux/socket.h`).
const AF_INET6: u16 = 10;

/// The record of what a listener turned away.
#[must_use]
pub fn failure(
    refusals: &Refusals,
    verdict: &Verdict,
    held: Held,
    lost: u64,
    clock: Clock,
) -> Failure {
    let finding = &verdict.finding;
    let socket = socket(refusals);
    let subject = held.subject();
    let local = socket
        .local
        .map_or_else(String::new, |local| local.to_string());
    let mut missing = finding.missing.clone();
    missing.extend(held.missing);
    Failure {
        id: id(refusals, clock),
        time: clock.utc(refusals.until_ns),
        direction: Direction::Inbound,
        phase: Phase::Handshake,
        cause: finding.cause.to_owned(),
        confidence: finding.confidence,
        severity: verdict.severity,
        stuck_on: None,
        errno: None,
        summary: format!("{subject} on {local}: {}", finding.what),
        why: finding.why.clone(),
        fix: finding.fix.clone(),
        missing,
        matched_by: held.process.as_ref().map(|_| MatchedBy::Listener),
        process: held.process,
        holders: Vec::new(),
        socket,
        timing: Timing {
            start: Some(clock.utc(refusals.since_ns)),
            elapsed_us: Some(refusals.until_ns.saturating_sub(refusals.since_ns) / 1000),
            syn_sent: None,
        },
        tcp: None,
        drops: drops(refusals),
        resets: resets(refusals),
        icmp: Vec::new(),
        nat: Vec::new(),
        peer: None,
        listener: Some(listener(refusals, held.holders, clock)),
        lost,
    }
}

/// The listening socket, and its client where there was but one.
fn socket(refusals: &Refusals) -> Socket {
    let listener = &refusals.listener;
    let client = only_client(refusals);
    let family = match (client.or(last_client(refusals)), listener.family) {
        (Some(client), _) if client.is_ipv4() => Family::Ipv4,
        (None, family) if family != AF_INET6 => Family::Ipv4,
        _ => Family::Ipv6,
    };
    let nobody = match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Socket {
        family,
        ipv4_mapped: family == Family::Ipv4 && listener.family == AF_INET6,
        local: Some(Endpoint {
            addr: net::address(listener.local),
            port: Some(listener.local_port),
        }),
        remote: Endpoint {
            addr: client.map_or(nobody, |client| client.ip()),
            port: client.map(|client| client.port()),
        },
        netns: (listener.netns != 0).then_some(listener.netns),
        cookie: (listener.cookie != 0).then_some(listener.cookie),
    }
}

fn last_client(refusals: &Refusals) -> Option<std::net::SocketAddr> {
    match refusals.client {
        Client::Unseen => None,
        Client::One(client) | Client::Many(client) => Some(client),
    }
}

fn listener(refusals: &Refusals, holders: Vec<Holder>, clock: Clock) -> Listener {
    let seen = &refusals.listener;
    let cookies = refusals.kind == Kind::Cookies;
    let unless_cookies = |count| if cookies { 0 } else { count };
    Listener {
        addr: net::address(seen.local),
        port: seen.local_port,
        backlog: seen.backlog,
        backlog_limit: seen.backlog_limit,
        syn_queue: seen.syn_queue,
        somaxconn: refusals
            .counters
            .as_ref()
            .and_then(|counters| counters.somaxconn),
        drops: seen.drops,
        turned_away: unless_cookies(refusals.turned_away),
        since: clock.utc(refusals.since_ns),
        turned_away_total: unless_cookies(refusals.total),
        began: clock.utc(refusals.began_ns),
        cookies: cookies.then_some(refusals.turned_away),
        holders,
    }
}

fn drops(refusals: &Refusals) -> Vec<Drop> {
    let one = |drop: &Dropped| Drop {
        candidates: Vec::new(),
        reason: drop.reason.as_deref().map(str::to_owned),
        location: drop.location.as_deref().map(str::to_owned),
        hook: None,
        engine: None,
        count: drop.count,
        direction: Some(Way::Rx.name().to_owned()),
        packet: drop.packet.name().to_owned(),
        netns: (refusals.listener.netns != 0).then_some(refusals.listener.netns),
        device: None,
        matched_by: drop.matched_by,
    };
    let at_listener = refusals.drops.iter().map(one);
    let barred = refusals.barred.iter().map(|it| super::drop(&it.seen));
    at_listener.chain(barred).collect()
}

/// One for all of them: they are alike.
fn resets(refusals: &Refusals) -> Vec<Reset> {
    let sent = (refusals.resets > 0).then(|| Reset {
        direction: "sent".to_owned(),
        reason: None,
        netns: (refusals.listener.netns != 0).then_some(refusals.listener.netns),
        matched_by: MatchedBy::Listener,
    });
    sent.into_iter().collect()
}

/// Time, then what tells records of the same millisecond apart, as for attempts.
#[must_use]
pub fn id(refusals: &Refusals, clock: Clock) -> String {
    let utc_ns = i128::from(refusals.until_ns) + i128::from(clock.offset_ns);
    let millis = u64::try_from(utc_ns / 1_000_000).unwrap_or(0);
    let kind: u128 = match refusals.kind {
        Kind::AcceptQueue => 1,
        Kind::SynQueue => 2,
        Kind::Ignored => 3,
        Kind::Cookies => 4,
        Kind::Unanswered => 5,
        Kind::Dropped(_) => 6,
        Kind::SynBacklog => 7,
        Kind::Firewall { rejects } => 8 + u128::from(rejects),
        Kind::LastAck => 10,
    };
    let start = u128::from(refusals.since_ns & 0xffff_ffff);
    let rest = kind << 72
        | start << 40
        | u128::from(refusals.sk >> 6 & 0xff_ffff) << 16
        | u128::from(refusals.listener.local_port);
    ulid::Ulid::from_parts(millis, rest).to_string()
}

/// What happened to a packet at a listener, as it happened.
#[must_use]
pub fn event(at: &AtListener, reason: Option<&str>, location: Option<&str>, clock: Clock) -> Event {
    let (hook, summary) = match at.what {
        what::RESET => ("tcp_send_reset", "RST sent by a listener".to_owned()),
        what::ANSWERED_AGAIN => (
            "tcp_retransmit_synack",
            "SYN-ACK sent again by a listener".to_owned(),
        ),
        _ => (
            "kfree_skb",
            format!("dropped at a listener: {}", reason.unwrap_or("no reason")),
        ),
    };
    let again = (at.what == what::ANSWERED_AGAIN).then(|| {
        [
            ("class", ResentFor::SynAck.name().into()),
            ("retransmits", at.retransmits.into()),
        ]
    });
    let detail = [
        ("reason", reason.into()),
        ("location", location.into()),
        ("count", at.count.into()),
        ("backlog", at.listener.backlog.into()),
        ("backlog_limit", at.listener.backlog_limit.into()),
        ("syn_queue", at.listener.syn_queue.into()),
    ];
    Event {
        time: clock.utc(at.head.time_ns),
        hook: hook.to_owned(),
        summary,
        matched_by: Some(MatchedBy::Listener),
        process: None,
        socket: Some(super::packet_socket(&at.packet)),
        wire: None,
        detail: detail
            .into_iter()
            .chain(again.into_iter().flatten())
            .map(|(key, value): (&str, serde_json::Value)| (key.to_owned(), value))
            .collect(),
    }
}

/// Where events were lost, nothing is certain.
pub fn doubt(verdict: &mut Verdict, lost: u64) {
    if lost > 0 {
        let finding = &mut verdict.finding;
        finding.confidence = finding.confidence.min(Confidence::Likely);
        finding.missing.push(format!(
            "{lost} events were lost or held back meanwhile: see the ledger"
        ));
    }
}

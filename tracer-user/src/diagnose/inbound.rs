//! From what a listener turned away to a verdict.
//!
//! Pure, as everything here.

use std::net::SocketAddr;

use super::{
    Finding, Places, Verdict, fix, ruling,
    words::{self, some, were},
};
use crate::{
    attribute::{
        Ruling, SeenDrop,
        listener::{Barred, Client, Dropped, Kind, Refusals},
    },
    cause, net,
    record::{Confidence, MatchedBy, Severity},
};

/// Judges what a listener turned away. `places` serves only to make commands ready to run.
#[must_use]
pub fn diagnose(refusals: &Refusals, places: &Places) -> Verdict {
    let way = |netns: u32| match places.way(netns) {
        Some(way) => way.to_owned(),
        None => format!("(in network namespace {netns}) "),
    };
    let mut finding = match &refusals.kind {
        Kind::AcceptQueue => accept_queue(refusals),
        Kind::SynQueue => syn_queue(refusals),
        Kind::SynBacklog => syn_backlog(refusals),
        Kind::Cookies => cookies(refusals),
        Kind::Unanswered => unanswered(refusals),
        Kind::Dropped(_) => dropped(refusals),
        Kind::Ignored => ignored(refusals),
        Kind::Firewall { rejects } => firewall(refusals, *rejects),
        Kind::LastAck => last_ack(refusals),
    };
    for barred in &refusals.barred {
        finding = ruling::explain(&way(barred.seen.netns), &barred.seen, finding);
    }
    if !refusals.sure && finding.confidence == Confidence::Certain {
        finding.confidence = Confidence::Likely;
        finding.missing.push(
            "which queue was full: it is inferred from what the listener was like, since the counters \
             of its network namespace do not tell"
                .to_owned(),
        );
    }
    let steps = match refusals.kind {
        Kind::Firewall { .. } | Kind::LastAck => let_through(refusals, &way),
        _ => fix::steps(
            finding.cause,
            &values(refusals),
            &way(refusals.listener.netns),
        ),
    };
    finding.fix.extend(steps);
    // Nobody is turned away, or somebody wants it so.
    let harmless = matches!(refusals.kind, Kind::Cookies | Kind::Firewall { .. });
    Verdict {
        stuck_on: None,
        errno: None,
        severity: if harmless {
            Severity::Info
        } else {
            Severity::Warning
        },
        finding,
    }
}

/// The catalogue's commands let a client out; these let clients in.
fn let_through(refusals: &Refusals, way: &dyn Fn(u32) -> String) -> Vec<String> {
    let port = refusals.listener.local_port;
    let first = refusals.barred.first().map(|it| &it.seen);
    let (hook, end) = match first.and_then(|drop| drop.place.hook) {
        Some("output") if first.is_some_and(|drop| !drop.incoming) => ("output", "sport"),
        Some(hook) => (hook, "dport"),
        None => ("input", "dport"),
    };
    let chain = hook.to_uppercase();
    let way = way(first.map_or(refusals.listener.netns, |drop| drop.netns));
    vec![
        format!("{way}nft list ruleset | grep -nE 'drop|reject|\\b{port}\\b'"),
        format!("{way}iptables-save -c | grep -nE 'DROP|REJECT'    (IPv6: ip6tables-save)"),
        format!(
            "{way}nft insert rule FAMILY TABLE CHAIN tcp {end} {port} accept    (if clients elsewhere are \
             meant to reach it; into the chain that drops: an accept ends only its own base chain)"
        ),
        format!(
            "{way}iptables -I {chain} -p tcp --{end} {port} -j ACCEPT    (likewise; IPv6: ip6tables)"
        ),
    ]
}

/// Placeholders of the catalogue, and what stands for them here.
fn values(refusals: &Refusals) -> Vec<(&'static str, String)> {
    let listener = &refusals.listener;
    let mut values = vec![("PORT", listener.local_port.to_string())];
    let local = net::address(listener.local);
    values.extend((!local.is_unspecified()).then(|| ("LOCAL", local.to_string())));
    if let Client::One(client) | Client::Many(client) = refusals.client {
        values.push(("REMOTE", client.ip().to_string()));
    }
    values
}

/// ` within 1.0 s`; nothing where it took no time.
fn within(refusals: &Refusals) -> String {
    match refusals.until_ns.saturating_sub(refusals.since_ns) {
        0 => String::new(),
        ns => format!(" within {}", words::duration(ns)),
    }
}

/// The same kind had been told of before.
fn so_far(refusals: &Refusals) -> Option<String> {
    let since_ns = refusals.until_ns.saturating_sub(refusals.began_ns);
    (refusals.total > refusals.turned_away).then(|| {
        format!(
            "it has gone on for {}: {} in all",
            words::duration(since_ns),
            refusals.total
        )
    })
}

fn with_links(mut finding: Finding, refusals: &Refusals) -> Finding {
    finding.why.extend(so_far(refusals));
    finding.why.extend(from_whom(refusals));
    for drop in &refusals.drops {
        finding.why.push(format!(
            "the kernel dropped {} at the listener: {}",
            some(drop.count, drop.packet.name()),
            place(drop)
        ));
    }
    for Barred { seen, .. } in &refusals.barred {
        finding.why.push(format!(
            "the kernel dropped {}{}: {}",
            some(seen.count, seen.packet.name()),
            hook(refusals, seen),
            seen.place_text()
        ));
    }
    finding
}

/// ` on INPUT`, and where that is another network namespace than the listener's, in which.
fn hook(refusals: &Refusals, drop: &SeenDrop) -> String {
    let hook = drop.place.hook.map(str::to_uppercase);
    let hook = hook.map_or_else(String::new, |hook| format!(" on {hook}"));
    if drop.netns == refusals.listener.netns {
        hook
    } else {
        format!("{hook} in network namespace {}", drop.netns)
    }
}

fn from_whom(refusals: &Refusals) -> Option<String> {
    match refusals.client {
        Client::Unseen => None,
        Client::One(client) => Some(format!("from {client}")),
        Client::Many(last) => Some(format!("from more than one client port, the last {last}")),
    }
}

fn place(drop: &Dropped) -> String {
    match (drop.reason.as_deref(), drop.location.as_deref()) {
        (Some(reason), Some(location)) => format!("{reason} at {location}"),
        (Some(reason), None) => reason.to_owned(),
        (None, Some(location)) => format!("at {location}"),
        (None, None) => "no reason given".to_owned(),
    }
}

/// What the kernel's own counts say.
fn counted(refusals: &Refusals, counter: &str) -> String {
    let rose = format!(
        "the listener's count of drops rose by {}{}",
        refusals.turned_away,
        within(refusals)
    );
    if refusals.sure && refusals.counters.is_some() {
        format!("{rose}, and with it {counter} of its network namespace")
    } else {
        rose
    }
}

fn accept_queue(refusals: &Refusals) -> Finding {
    let listener = &refusals.listener;
    let mut finding = Finding::new(
        "accept-queue-full",
        Confidence::Certain,
        format!(
            "its accept queue is full, and {} turned away{} (SYNs and last ACKs of clients, each \
             repetition counted)",
            were(refusals.turned_away, "packet"),
            within(refusals)
        ),
    )
    .why(counted(refusals, "TcpExtListenOverflows"))
    .why(format!(
        "as last seen, {} for accept(), and the queue takes {} and one more",
        words::wait(listener.backlog),
        listener.backlog_limit
    ));
    if let Some(counters) = &refusals.counters
        && let Some(somaxconn) = counters.somaxconn
    {
        finding = finding.why(if somaxconn == u64::from(listener.backlog_limit) {
            format!("the limit is that of net.core.somaxconn, {somaxconn}: listen() may have asked for more")
        } else {
            format!("the limit is what listen() was given; net.core.somaxconn is {somaxconn}")
        });
    }
    if refusals.resets > 0 {
        finding = finding.why(format!(
            "net.ipv4.tcp_abort_on_overflow is on: {} answered by a RST",
            were(refusals.resets, "packet")
        ));
    }
    with_links(finding, refusals)
}

fn syn_queue(refusals: &Refusals) -> Finding {
    let finding = Finding::new(
        "syn-queue-full",
        Confidence::Certain,
        format!(
            "its SYN queue is full, and {} ignored{} (repetitions included)",
            were(refusals.turned_away, "SYN"),
            within(refusals)
        ),
    )
    .why(counted(refusals, "TcpExtTCPReqQFullDrop"))
    .why(queue_text(refusals));
    let off = refusals
        .counters
        .as_ref()
        .is_some_and(|counters| counters.syncookies == Some(0));
    let finding = if off {
        finding.why("net.ipv4.tcp_syncookies is 0: no SYN cookies are sent instead")
    } else {
        finding
    };
    with_links(finding, refusals)
}

/// No counter of its own tells of these.
fn syn_backlog(refusals: &Refusals) -> Finding {
    let finding = Finding::new(
        "syn-queue-full",
        Confidence::Likely,
        format!(
            "as many handshakes are under way as net.ipv4.tcp_max_syn_backlog allows without SYN \
             cookies, and {} ignored{} (repetitions included)",
            were(refusals.turned_away, "SYN"),
            within(refusals)
        ),
    )
    .why(counted(refusals, "TcpExtListenDrops"))
    .why(queue_text(refusals))
    .why(words::LAST_QUARTER)
    .missing(
        "that this is why: no counter of the kernel tells, and neither of the listener's own queues was \
         full",
    );
    with_links(finding, refusals)
}

fn queue_text(refusals: &Refusals) -> String {
    let listener = &refusals.listener;
    let most = refusals
        .counters
        .as_ref()
        .and_then(|counters| counters.max_syn_backlog)
        .map_or_else(String::new, |most| {
            format!("; net.ipv4.tcp_max_syn_backlog is {most}")
        });
    format!(
        "as last seen, {} under way, and the listener takes {}{most}",
        some(listener.syn_queue, "handshake"),
        listener.backlog_limit
    )
}

fn cookies(refusals: &Refusals) -> Finding {
    let finding = Finding::new(
        "syn-queue-full",
        Confidence::Certain,
        format!(
            "its SYN queue is full, so {} answered with a SYN cookie{}: nobody is turned away",
            were(refusals.turned_away, "SYN"),
            within(refusals)
        ),
    )
    .why(format!(
        "TcpExtTCPReqQFullDoCookies of its network namespace rose by {}",
        refusals.turned_away
    ))
    .why(queue_text(refusals));
    with_links(finding, refusals)
}

fn unanswered(refusals: &Refusals) -> Finding {
    let finding = Finding::new(
        "handshake-incomplete",
        Confidence::Likely,
        format!(
            "{} never completed: its SYN-ACK was sent again{}, and no ACK reached it",
            some(refusals.turned_away, "handshake"),
            match refusals.retransmits {
                1 => "",
                _ => " and again",
            }
        ),
    )
    .why(sent_again(refusals))
    .missing(GIVEN_UP)
    .missing(
        "whether the client answered at first: ACKs that a firewall of this host drops are looked for \
         from the first SYN-ACK on that was sent again, and none was seen",
    );
    with_links(finding, refusals)
}

const GIVEN_UP: &str = "that the kernel gave it up: no hook tells, it is inferred from the retransmission \
                        that did not follow";

fn sent_again(refusals: &Refusals) -> String {
    let retries = refusals
        .counters
        .as_ref()
        .and_then(|counters| counters.synack_retries)
        .map_or_else(String::new, |retries| {
            format!(" (net.ipv4.tcp_synack_retries is {retries})")
        });
    let up_to = match refusals.retransmits {
        1 => "once".to_owned(),
        times => format!("up to {times} times"),
    };
    format!("the SYN-ACK was sent again {up_to} in vain{retries}, and then no more")
}

/// The clients did answer, and their segments are joined to the handshake by its ends and its numbers.
fn last_ack(refusals: &Refusals) -> Finding {
    let seen = refusals.barred.first().map(|it| &it.seen);
    let rejected = rules_say(refusals, Ruling::answers);
    let (cause, did) = if rejected {
        ("firewall-reject", "rejected")
    } else {
        ("firewall-drop", "dropped")
    };
    let finding = Finding::new(
        cause,
        Confidence::Likely,
        format!(
            "{} never completed: {} on this host {did} what acknowledged its SYN-ACK{}{}",
            some(refusals.turned_away, "handshake"),
            engine(refusals),
            seen.map_or_else(String::new, |seen| hook(refusals, seen)),
            seen.map_or_else(String::new, ruling::named),
        ),
    )
    .why(sent_again(refusals))
    .missing(GIVEN_UP)
    .missing(
        "how many ACKs were dropped before: they are looked for from the first SYN-ACK on that was sent \
         again",
    );
    let mut finding = with_links(finding, refusals);
    finding.why.push(
        "the dropped segments are joined to the handshakes by both ends and the initial sequence number"
            .to_owned(),
    );
    finding
}

/// Whether the rules say so of all that was dropped.
fn rules_say(refusals: &Refusals, what: impl Fn(&Ruling) -> bool) -> bool {
    let all = &refusals.barred;
    let says = |it: &Barred| it.seen.ruling.as_ref().is_some_and(&what);
    !all.is_empty() && all.iter().all(says)
}

fn engine(refusals: &Refusals) -> &'static str {
    let first = refusals.barred.first();
    first
        .and_then(|it| it.seen.place.engine)
        .unwrap_or("a firewall")
}

/// The catalogue says which cause a reason stands for; illegal flags are of a handshake only where
/// the segment has a SYN.
fn cause_of(drop: &Dropped) -> &'static str {
    const SYN: u16 = 2;
    let reason = drop.reason.as_deref().unwrap_or_default();
    if reason == "TCP_FLAGS" && drop.flags & SYN == 0 {
        return "bad-segments";
    }
    cause::by_drop_reason(reason)
        .next()
        .map_or("unknown", |cause| cause.code)
}

fn dropped(refusals: &Refusals) -> Finding {
    let Some(first) = refusals.drops.first() else {
        return counted_only(refusals);
    };
    let cause = cause_of(first);
    let reason = first.reason.as_deref().unwrap_or_default();
    let what = format!(
        "{} dropped at it: {}",
        were(refusals.turned_away, "packet"),
        meaning(reason)
    );
    let is_its = |drop: &Dropped| drop.matched_by == MatchedBy::Listener;
    if refusals.drops.iter().all(is_its) {
        return with_links(Finding::new(cause, Confidence::Certain, what), refusals);
    }
    with_links(Finding::new(cause, Confidence::Likely, what), refusals).missing(
        "for which socket they were: this kernel does not name the receiver of what it drops (6.11 and \
         newer do), and the address and port tell",
    )
}

/// Their details were held back: only their number is known.
fn counted_only(refusals: &Refusals) -> Finding {
    let Kind::Dropped(reason) = &refusals.kind else {
        return ignored(refusals);
    };
    let reason = reason.as_deref().unwrap_or_default();
    let cause = cause::by_drop_reason(reason).next();
    Finding::new(
        cause.map_or("unknown", |cause| cause.code),
        Confidence::Likely,
        format!(
            "{} dropped at it: {}",
            were(refusals.turned_away, "packet"),
            meaning(reason)
        ),
    )
    .missing("their details: there were too many in too short a time, so they were only counted")
}

/// The packets never came to the listener, or its answers never left: joined by address and port.
fn firewall(refusals: &Refusals, rejects: bool) -> Finding {
    let engine = engine(refusals);
    let first = refusals.barred.first().map(|it| &it.seen);
    let (packets, hook) = match first.and_then(|drop| drop.place.hook) {
        Some("output") => ("SYN-ACK", "of it on OUTPUT"),
        _ => ("SYN", "to it on INPUT"),
    };
    let number = some(refusals.turned_away, packets);
    let within = within(refusals);
    let rule = match refusals.barred.as_slice() {
        [one] => ruling::named(&one.seen),
        _ => String::new(),
    };
    let rejected = Finding::new(
        "firewall-reject",
        Confidence::Likely,
        format!("{engine} on this host rejected {number} {hook}{within}{rule}"),
    );
    let dropped = Finding::new(
        "firewall-drop",
        Confidence::Likely,
        format!("{engine} on this host dropped {number} {hook}{within}{rule}"),
    );
    let finding = if rejects {
        rejected.why("each was answered with an ICMP error")
    } else if rules_say(refusals, Ruling::answers) {
        rejected.why("whatever of its rules can have dropped them answers")
    } else if rules_say(refusals, Ruling::answers_nothing) {
        dropped
    } else {
        dropped.missing(
            "whether it answered them: no hook tells of a firewall's RSTs and ICMPv6 errors",
        )
    };
    with_links(finding, refusals)
}

fn meaning(reason: &str) -> String {
    cause::reason::meaning(reason).map_or_else(
        || reason.to_owned(),
        |meaning| format!("{reason}, {meaning}"),
    )
}

/// Counted in `tcp_conn_request` (`net/ipv4/tcp_input.c`), and in `tcp_req_err` (`net/ipv4/tcp_ipv4.c`).
fn ignored(refusals: &Refusals) -> Finding {
    Finding::new(
        "unknown",
        Confidence::Unknown,
        format!(
            "{} ignored, or given up while under way{}, and neither of its queues was full",
            were(refusals.turned_away, "handshake"),
            within(refusals)
        ),
    )
    .why(counted(refusals, "TcpExtListenDrops"))
    .why(queue_text(refusals))
    .missing(
        "why: an ICMP error that answered a SYN-ACK, no memory for a request, no route back to the client, \
         or a security module; no hook and no counter tells these apart",
    )
}

/// The client, where there was but one.
#[must_use]
pub fn only_client(refusals: &Refusals) -> Option<SocketAddr> {
    match refusals.client {
        Client::One(client) => Some(client),
        _ => None,
    }
}

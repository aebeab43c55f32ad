//! Netfilter dropped a packet of the handshake: and said nothing, or rejected it.

use crate::{
    attribute::{Ruling, SeenDrop},
    diagnose::{case::Case, finding::Finding, ruling, words},
    errno,
    record::Confidence,
};

/// A rule that rejects sends its answer just before it drops.
pub(super) const ANSWER_FOLLOWS_NS: u64 = 50_000_000;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let drop = case
        .drops(|drop| drop.is_netfilter() && drop.is_of_handshake())
        .max_by_key(|drop| (drop.count, drop.last_ns))?;
    match answer(case, drop) {
        Some(answer) => Some(rejected(case, drop, &answer)),
        // Somebody else answered in spite of it: that decides.
        None if case.was_reset() || case.was_answered_by_error() => None,
        // Most of its SYNs got past: what became of those decides.
        None if !drop.packet.is_answer() && drop.count * 2 <= u64::from(case.syns()) => None,
        None => Some(dropped(case, drop)),
    }
}

/// What the rule that dropped it answered with, if it did.
fn answer(case: &Case<'_>, drop: &SeenDrop) -> Option<String> {
    if drop.ruling.as_ref().is_some_and(Ruling::answers_nothing) {
        return None;
    }
    let near = |at_ns: u64| at_ns.abs_diff(drop.last_ns) < ANSWER_FOLLOWS_NS;
    let evidence = &case.attempt.evidence;
    let icmp = evidence
        .icmp
        .iter()
        .find(|icmp| icmp.netns == drop.netns && near(icmp.last_ns));
    if let Some(icmp) = icmp {
        return Some(format!(
            "an ICMP error (type {}, code {})",
            icmp.kind, icmp.code
        ));
    }
    if evidence.resets_received.iter().any(|&at_ns| near(at_ns)) {
        return Some("a RST".to_owned());
    }
    let soft = evidence
        .soft_errors
        .iter()
        .rev()
        .find(|(at_ns, _)| near(*at_ns));
    // The end of the attempt itself may be the error that the answer left.
    let last = case
        .state
        .filter(|state| state.err != 0 && state.err != libc::ETIMEDOUT && near(state.head.time_ns));
    let err = soft
        .map(|&(_, err)| err)
        .or_else(|| last.map(|state| state.err))?;
    Some(format!("an ICMP error ({})", errno::name_or_number(err)))
}

fn engine(drop: &SeenDrop) -> &str {
    drop.place.engine.unwrap_or("netfilter")
}

/// `on OUTPUT`, `on INPUT in network namespace 4026532000`.
fn place(case: &Case<'_>, drop: &SeenDrop) -> String {
    let hook = drop
        .place
        .hook
        .map_or(String::new(), |hook| format!(" on {}", hook.to_uppercase()));
    format!("{hook}{}", case.elsewhere(drop.netns))
}

fn rejected(case: &Case<'_>, drop: &SeenDrop, answer: &str) -> Finding {
    let finding = Finding::new(
        "firewall-reject",
        drop.confidence(),
        format!(
            "{} on this host rejected {} with {answer}{}{}",
            engine(drop),
            drop.packets_text(),
            place(case, drop),
            ruling::named(drop)
        ),
    )
    .why(format!(
        "a firewall rule answered with {answer}, and dropped the packet"
    ));
    with_place(case, drop, unless_ruled(drop, finding))
}

/// A reject is certain only where the rules say so, and not the time alone.
pub(super) fn unless_ruled(drop: &SeenDrop, mut finding: Finding) -> Finding {
    if drop.ruling.as_ref().is_some_and(Ruling::answers) {
        return finding;
    }
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding.missing(
        "that the rule which dropped it is one that rejects: its answer is known by the time or the error \
         alone",
    )
}

fn dropped(case: &Case<'_>, drop: &SeenDrop) -> Finding {
    let (cause, whose) = kind(drop);
    let mut finding = Finding::new(
        cause,
        drop.confidence(),
        format!(
            "{whose} on this host dropped {}{}{}",
            drop.packets_text(),
            place(case, drop),
            ruling::named(drop)
        ),
    )
    .why(words::fate_of_syns(case, drop));
    let unexplained = u64::from(case.syns()).saturating_sub(drop.count);
    if !drop.packet.is_answer() && unexplained > 0 && !case.was_given_up() {
        finding.confidence = finding.confidence.min(Confidence::Likely);
        finding = finding.missing(format!("what became of the other {unexplained} SYNs"));
    }
    with_place(case, drop, conntrack_links(drop, cause, finding))
}

/// Conntrack drops by itself only what it has no room for (`nf_conntrack_in`), at the hooks that it
/// sits on; what it calls invalid is dropped by a rule.
fn kind(drop: &SeenDrop) -> (&'static str, String) {
    let engine = engine(drop).to_owned();
    let Some(conntrack) = &drop.place.conntrack else {
        return ("firewall-drop", engine);
    };
    let at_conntrack = matches!(drop.place.hook, Some("prerouting" | "output"));
    if conntrack.is_full() && at_conntrack && engine == "netfilter" {
        return (
            "conntrack-full",
            "connection tracking (its table is full)".to_owned(),
        );
    }
    if ruling::is_about_invalid(drop) {
        return (
            "conntrack-invalid",
            format!("{engine} (connection tracking called it invalid)"),
        );
    }
    ("firewall-drop", engine)
}

/// What connection tracking said of itself, where that decided.
fn conntrack_links(drop: &SeenDrop, cause: &str, mut finding: Finding) -> Finding {
    let Some(conntrack) = &drop.place.conntrack else {
        return finding;
    };
    match cause {
        "conntrack-full" => {
            finding = finding.why(format!(
                "nf_conntrack_count {} of nf_conntrack_max {}",
                conntrack.count.unwrap_or(0),
                conntrack.max.unwrap_or(0)
            ));
            finding.confidence = finding.confidence.min(Confidence::Likely);
        }
        "conntrack-invalid" => {
            finding = finding
                .why("connection tracking had no entry for the packet, so its state was invalid");
        }
        _ => {}
    }
    finding
}

fn with_place(case: &Case<'_>, drop: &SeenDrop, mut finding: Finding) -> Finding {
    finding = finding.why(format!(
        "the kernel dropped {}: {}",
        drop.packets_text(),
        drop.place_text()
    ));
    if let Some((from, to)) = drop.translated {
        finding = finding.why(format!("address translation had made it {from} -> {to}"));
    }
    let netns = if drop.netns == 0 {
        case.attempt.tuple().netns
    } else {
        drop.netns
    };
    match drop.place.hook {
        Some(hook) => finding = finding.why(format!("hook {}, netns {netns}", hook.to_uppercase())),
        None => finding = finding.missing("which hook: the kernel stack does not tell"),
    }
    if drop.confidence() != Confidence::Certain {
        finding = finding.why(
            "the dropped packet carried no socket: it is joined by its addresses and its initial \
             sequence number",
        );
    }
    let port = case.remote().port();
    let shell = case.way(drop.netns);
    finding = ruling::explain(&shell, drop, finding);
    if drop.place.engine == Some("iptables-legacy") {
        let tool = if case.is_ipv6() {
            "ip6tables"
        } else {
            "iptables"
        };
        return finding.fix(format!(
            "{shell}{tool}-legacy-save -c | grep -nE 'DROP|REJECT'"
        ));
    }
    finding
        .fix(format!(
            "{shell}nft list ruleset | grep -nE 'drop|reject|\\b{port}\\b'"
        ))
        .fix(format!("{shell}iptables-save -c | grep -nE 'DROP|REJECT'"))
}

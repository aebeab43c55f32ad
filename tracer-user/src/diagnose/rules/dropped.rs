//! The kernel itself dropped a packet of the handshake: the catalogue says which cause a reason
//! stands for; where the kernel gives no reason, the function that dropped it does.

use crate::{
    attribute::SeenDrop,
    cause,
    diagnose::{case::Case, finding::Finding, fix, words},
    record::Confidence,
};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    if case.was_reset() {
        return None;
    }
    let known = case.drops(|drop| drop.is_of_handshake() && !drop.is_netfilter());
    let (drop, cause) = known
        .filter_map(|drop| Some((drop, cause_of(drop)?)))
        .filter(|(_, cause)| !case.was_answered_by_error() || ENDS_IN_AN_ERROR.contains(cause))
        .max_by_key(|(drop, _)| (drop.count, drop.last_ns))?;
    Some(describe(case, drop, cause))
}

/// Causes that give the socket an error of their own; the others are silent, so that an error tells
/// of something else.
const ENDS_IN_AN_ERROR: &[&str] = &[
    "neighbor-unresolved",
    "no-route",
    "route-blackhole",
    "route-unreachable",
    "route-prohibited",
    "link-down",
];

pub(super) fn cause_of(drop: &SeenDrop) -> Option<&'static str> {
    by_location(drop).or_else(|| by_reason(drop.reason()))
}

/// Reasons that name a cause by themselves. `NO_SOCKET` and the listener's own are answered, not
/// silent: other rules look at those.
fn by_reason(reason: &str) -> Option<&'static str> {
    let ambiguous = [
        "",
        "NOT_SPECIFIED",
        "NO_SOCKET",
        "NETFILTER_DROP",
        "IP_INADDRERRORS",
    ];
    if ambiguous.contains(&reason) {
        return None;
    }
    let causes = cause::CAUSES
        .iter()
        .find(|cause| cause.drop_reasons.contains(&reason));
    Some(causes.map_or("unknown", |cause| cause.code))
}

/// Functions that drop without a reason, or for more than one.
fn by_location(drop: &SeenDrop) -> Option<&'static str> {
    if drop.reason() == "QDISC_DROP" || drop.reason() == "DEV_READY" {
        // A device without carrier has a queue that drops everything (noop_qdisc).
        return Some(if drop.link_down {
            "link-down"
        } else {
            "traffic-control-drop"
        });
    }
    match drop.location() {
        "ip_error"
        | "ip6_pkt_drop"
        | "ip6_pkt_discard"
        | "ip6_pkt_prohibit"
        | "dst_discard"
        | "dst_discard_out"
        | "ip6_pkt_discard_out"
        | "ip6_pkt_prohibit_out"
            if drop.route_err != 0 =>
        {
            Some(by_route_error(drop.route_err))
        }
        "do_xdp_generic" | "veth_xdp_rcv_skb" | "veth_xdp_rcv_one" => Some("traffic-control-drop"),
        "neigh_invalidate" | "neigh_event_send_probe" | "__neigh_event_send" => {
            Some("neighbor-unresolved")
        }
        "__dev_forward_skb" | "__dev_forward_skb2" | "dev_forward_skb" | "veth_xmit" => {
            Some("link-down")
        }
        "cookie_v4_check" | "cookie_v6_check" => Some("accept-queue-full"),
        _ => None,
    }
}

/// `dst_entry.error` of the route that refused (`ip_error`, `net/ipv4/route.c`).
fn by_route_error(err: i32) -> &'static str {
    match err {
        libc::EINVAL => "route-blackhole",
        libc::EHOSTUNREACH => "route-unreachable",
        libc::EACCES => "route-prohibited",
        _ => "no-route",
    }
}

fn describe(case: &Case<'_>, drop: &SeenDrop, cause: &'static str) -> Finding {
    let place = case.elsewhere(drop.netns);
    let device = drop
        .device
        .as_ref()
        .map_or(String::new(), |device| format!(" at {device}"));
    let what = if cause == "neighbor-unresolved" {
        let protocol = if case.is_ipv6() {
            "neighbour discovery"
        } else {
            "ARP"
        };
        let remote = case.remote().ip();
        format!("{protocol} found nobody at {remote}, or at the gateway to it{device}{place}")
    } else {
        let who = who(cause);
        format!(
            "{who} on this host{place}{device} dropped {}",
            drop.packets_text()
        )
    };
    let mut finding = Finding::new(cause, drop.confidence(), what);
    if cause == "unknown" {
        finding.confidence = Confidence::Unknown;
        finding = finding.missing(match cause::reason::meaning(drop.reason()) {
            Some(meaning) => format!(
                "what made it do so: {} ({meaning}) stands for no cause by itself",
                drop.reason()
            ),
            None => format!("the drop reason {} is not yet described", drop.reason()),
        });
    }
    finding = finding.why(words::fate_of_syns(case, drop)).why(format!(
        "the kernel dropped {}: {}",
        drop.packets_text(),
        drop.place_text()
    ));
    if drop.netns != 0 {
        finding = finding.why(format!("netns {}{device}", drop.netns));
    }
    if drop.confidence() != Confidence::Certain {
        finding = finding.why(
            "the dropped packet carried no socket: it is joined by its addresses and its initial \
             sequence number",
        );
    }
    fix::from_catalogue(case, finding, drop.netns, drop.device.as_deref())
}

/// What dropped it, in words.
pub(super) fn who(cause: &str) -> &'static str {
    match cause {
        "traffic-control-drop" => {
            "a BPF filter (traffic control, XDP, control group, socket) or a queue"
        }
        "link-down" => "a link that is down",
        "reverse-path-filter" => "the reverse-path filter",
        "route-blackhole" => "a blackhole route",
        "route-unreachable" => "an unreachable route",
        "route-prohibited" => "a prohibit route",
        "no-route" => "a router without a route",
        "accept-queue-full" => "a full accept queue",
        _ => "the kernel",
    }
}

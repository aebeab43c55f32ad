//! Each cause of the catalogue has rows in the lab's table: on every side where it can be met, over
//! IPv4 and IPv6.

use std::collections::BTreeSet;

use tests::scenario::{self, Scenario};
use tracer_user::{
    cause::CAUSES,
    record::{Family, Phase},
};

/// Where a cause is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    /// A `connect()` that fails.
    Connect,
    /// Handshakes that a listener does not take.
    Listener,
    /// A connection that this side opened, and that breaks.
    Opened,
    /// One that it accepted.
    Accepted,
}

use Side::*;

/// On which sides a cause can be met.
const WANTED: &[(&str, &[Side])] = &[
    ("no-route", &[Connect, Opened, Accepted]),
    ("route-blackhole", &[Connect]),
    ("route-unreachable", &[Connect]),
    ("route-prohibited", &[Connect]),
    ("ports-exhausted", &[Connect]),
    ("address-in-use", &[Connect]),
    ("denied-by-policy", &[Connect]),
    ("firewall-drop", &[Connect, Listener, Opened, Accepted]),
    ("firewall-reject", &[Connect, Opened, Accepted]),
    (
        "traffic-control-drop",
        &[Connect, Listener, Opened, Accepted],
    ),
    ("neighbor-unresolved", &[Connect]),
    ("link-down", &[Connect, Opened, Accepted]),
    ("reverse-path-filter", &[Connect]),
    ("conntrack-full", &[Connect]),
    ("conntrack-invalid", &[Connect]),
    ("mtu-blackhole", &[Opened, Accepted]),
    ("icmp-unreachable", &[Connect, Opened, Accepted]),
    ("icmp-prohibited", &[Opened, Accepted]),
    ("connection-refused", &[Connect]),
    ("no-answer", &[Connect]),
    ("accept-queue-full", &[Connect, Listener]),
    ("syn-queue-full", &[Connect, Listener]),
    ("handshake-incomplete", &[Listener]),
    ("handshake-rejected", &[Connect, Listener]),
    ("reset-by-peer", &[Opened, Accepted]),
    ("reset-by-local", &[Opened, Accepted]),
    ("retransmission-timeout", &[Opened, Accepted]),
    ("user-timeout", &[Opened, Accepted]),
    ("keepalive-timeout", &[Opened, Accepted]),
    ("zero-window-timeout", &[Opened, Accepted]),
    ("broken-pipe", &[Opened, Accepted]),
    ("bad-segments", &[Connect, Opened, Accepted]),
    ("out-of-memory", &[Opened, Accepted]),
    ("killed-by-admin", &[Connect, Opened, Accepted]),
    ("abandoned", &[Connect]),
    ("process-exited", &[Connect]),
    ("unknown", &[Connect]),
];

/// What has no row, and why; `None`: over both families.
const EXCEPTIONS: &[(&str, Option<Family>, &str)] = &[
    (
        "reverse-path-filter",
        Some(Family::Ipv6),
        "the kernel has no such filter for IPv6",
    ),
    (
        "icmp-prohibited",
        Some(Family::Ipv4),
        "the errno that it leaves is that of an unreachable host (icmp_err_convert, net/ipv4/icmp.c)",
    ),
];

fn is_exempt(code: &str, family: Family) -> bool {
    EXCEPTIONS
        .iter()
        .any(|(exempt, of, _)| *exempt == code && of.is_none_or(|of| of == family))
}

/// What a row covers; of an expectation `a|b` only the first.
fn covered(scenario: &Scenario) -> Vec<(&'static str, Side)> {
    let first = |set: &'static str| set.split('|').next().unwrap_or_default();
    let mut covered = Vec::new();
    if scenario.failures() > 0 {
        let side = match scenario.phase() {
            Phase::Connect | Phase::Handshake => Connect,
            Phase::Established | Phase::Close => Opened,
        };
        covered.push((first(scenario.cause()), side));
    }
    let listener = scenario.listener_causes();
    covered.extend(listener.map(|cause| (first(cause), Listener)));
    covered.extend(
        scenario
            .accepted_cause()
            .map(|cause| (first(cause), Accepted)),
    );
    covered
}

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

#[test]
fn each_cause_has_a_row_on_each_side_over_ipv4_and_ipv6() {
    let mut rows: BTreeSet<(&str, Side, bool)> = BTreeSet::new();
    for scenario in scenario::all() {
        let v6 = scenario.family == Family::Ipv6;
        let covered = covered(&scenario).into_iter();
        rows.extend(covered.map(|(cause, side)| (cause, side, v6)));
    }
    let mut missing = Vec::new();
    for (code, sides) in WANTED {
        for side in *sides {
            for family in FAMILIES {
                let there = rows.contains(&(code, *side, family == Family::Ipv6));
                if !there && !is_exempt(code, family) {
                    missing.push(format!("{code}: {side:?}, {family:?}"));
                }
                assert!(
                    !there || !is_exempt(code, family),
                    "{code} over {family:?} has a row: it is no exception any more"
                );
            }
        }
    }
    assert!(missing.is_empty(), "rows are missing: {missing:#?}");
}

#[test]
fn the_sides_are_said_of_every_cause_and_of_no_other() {
    let catalogue: BTreeSet<&str> = CAUSES.iter().map(|cause| cause.code).collect();
    let wanted: BTreeSet<&str> = WANTED.iter().map(|(code, _)| *code).collect();
    assert_eq!(catalogue, wanted);
    for (code, _, why) in EXCEPTIONS {
        assert!(catalogue.contains(code), "{code}");
        assert!(!why.is_empty());
    }
}

#[test]
fn rows_name_causes_of_the_catalogue_only() {
    let catalogue: BTreeSet<&str> = CAUSES.iter().map(|cause| cause.code).collect();
    for scenario in scenario::all() {
        for (cause, _) in covered(&scenario) {
            assert!(catalogue.contains(cause), "{}: {cause}", scenario.name);
        }
    }
}

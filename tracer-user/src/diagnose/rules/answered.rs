//! Somebody answered with an error: a RST, or ICMP.

use std::net::SocketAddr;

use super::nearby;
use crate::{
    attribute::IcmpSeen,
    diagnose::{case::Case, finding::Finding, fix},
    errno,
    record::Confidence,
};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    if case.was_reset() {
        return Some(refused(case));
    }
    case.state?;
    // A soft error ends in itself: at once where it is hard, or when the timer gives up.
    let err = match case.error() {
        0 | libc::ETIMEDOUT => case.soft_error()?,
        err => err,
    };
    match case.attempt.evidence.icmp.last() {
        Some(icmp) => Some(by_own_icmp(case, icmp)),
        None => by_errno(case, err),
    }
}

fn refused(case: &Case<'_>) -> Finding {
    let remote = case.remote();
    let port = remote.port();
    let Some((netns, reached)) = case.refused_here() else {
        let finding = Finding::new(
            "connection-refused",
            Confidence::Certain,
            format!("{} refused it: nothing listens on port {port} there, or a firewall says so", remote.ip()),
        )
        .why("a RST answered the SYN")
        .why(
            "no RST that this host sent answers that SYN; a firewall there that rejects with a RST looks \
             the same",
        )
        .fix(format!("on {}: ss -ltn 'sport = {port}'", remote.ip()))
        .fix("start the service, or correct the address and the port");
        return if case.attempt.beyond.forgotten {
            finding.missing(format!(
                "whether this host led it elsewhere first: {FORGOTTEN}"
            ))
        } else {
            finding
        };
    };
    refused_here(case, netns, reached)
}

const FORGOTTEN: &str =
    "connection tracking forgets at once what is refused, and with it any address translation";

/// This host sent the RST, in some network namespace; address translation may have led the SYN to
/// another address than the application asked for.
fn refused_here(case: &Case<'_>, netns: u32, reached: SocketAddr) -> Finding {
    let asked = case.remote();
    let place = case.elsewhere(netns);
    let mut finding = Finding::new(
        "connection-refused",
        Confidence::Certain,
        format!("nothing listens on {reached}, an address of this host{place}"),
    )
    .why("a RST answered the SYN");
    if reached != asked {
        finding.confidence = Confidence::Likely;
        finding = finding.why(format!(
            "address translation had led it from {asked} to {reached}"
        ));
        if case.attempt.beyond.forgotten {
            finding = finding.missing(format!("where it was translated: {FORGOTTEN}"));
        }
    }
    finding = finding.why(format!(
        "this host sent the RST: no socket for {reached} in netns {netns} (NO_SOCKET, joined by \
         addresses and initial sequence number)"
    ));
    nearby::say(case, finding, netns, reached)
}

/// ICMP type (RFC 792).
const TIME_EXCEEDED: u32 = 11;

/// An ICMP error that this host sent, as a router, as a peer, or to itself.
fn by_own_icmp(case: &Case<'_>, icmp: &IcmpSeen) -> Finding {
    let place = case.elsewhere(icmp.netns);
    let address = case.remote().ip();
    let own = icmp.netns == case.attempt.tuple().netns;
    let confidence = if own {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    // RFC 792, RFC 1122 (3.2.2.1) and RFC 1812 (5.2.7.1).
    let (cause, what) = match icmp.code {
        code if icmp.kind == TIME_EXCEEDED => (
            "icmp-unreachable",
            format!(
                "its time to live ran out at a router on this host{place} (code {code}): a routing loop, \
                 or IP_TTL is too small"
            ),
        ),
        0 => (
            "no-route",
            format!("a router on this host{place} has no route to {address}"),
        ),
        1 => (
            "neighbor-unresolved",
            format!("{address} did not answer ARP{place}"),
        ),
        3 => (
            "firewall-reject",
            format!("this host{place} rejected it with port-unreachable"),
        ),
        9 | 10 | 13 => (
            "icmp-prohibited",
            format!("a router on this host{place} prohibits it"),
        ),
        _ => (
            "icmp-unreachable",
            format!("this host{place} said that {address} is unreachable"),
        ),
    };
    let finding = Finding::new(cause, confidence, what).why(format!(
        "this host sent an ICMP error (type {}, code {}) about the SYN{place}",
        icmp.kind, icmp.code
    ));
    fix::at_home(case, finding)
}

/// An ICMP error from elsewhere: known by the errno that it left.
fn by_errno(case: &Case<'_>, err: i32) -> Option<Finding> {
    let remote = case.remote();
    let (cause, what) = match err {
        libc::ECONNREFUSED if may_have_missed_a_rst(case) => return Some(refused_somehow(remote)),
        libc::ECONNREFUSED => (
            "firewall-reject",
            format!("{remote}, or something on the way, rejected it with ICMP port-unreachable"),
        ),
        libc::EACCES => (
            "firewall-reject",
            format!("something on the way to {remote} rejected it as administratively prohibited"),
        ),
        libc::EHOSTUNREACH if waited_for_neighbor(case) => return None,
        libc::EHOSTUNREACH => (
            "icmp-unreachable",
            format!(
                "a router said that {} is unreachable, or prohibited",
                remote.ip()
            ),
        ),
        libc::ENETUNREACH => (
            "icmp-unreachable",
            format!("a router said that it has no route to {}", remote.ip()),
        ),
        libc::ENOPROTOOPT | libc::EPROTO | libc::EMSGSIZE | libc::EOPNOTSUPP => (
            "icmp-unreachable",
            format!("an ICMP error about {} came back", remote.ip()),
        ),
        _ => return None,
    };
    let finding = Finding::new(cause, Confidence::Likely, what)
        .why(format!(
            "an ICMP error left {} on the socket, and no RST came",
            errno::name_or_number(err)
        ))
        .missing("who sent the ICMP error: it was not this host");
    Some(fix::at_home(case, finding))
}

/// That no RST was seen tells nothing where events were lost, and no ICMP error was seen either.
fn may_have_missed_a_rst(case: &Case<'_>) -> bool {
    case.attempt.lost > 0 && case.soft_error().is_none()
}

fn refused_somehow(remote: SocketAddr) -> Finding {
    Finding::new(
        "unknown",
        Confidence::Unknown,
        format!("{remote} refused it, or something on the way did: by a RST or by ICMP"),
    )
    .why("connect() got ECONNREFUSED, which both leave")
    .missing("whether a RST came: its event may be among those that were lost")
    .fix(format!(
        "on {}: ss -ltn 'sport = {}'",
        remote.ip(),
        remote.port()
    ))
}

/// The SYN is still in the neighbour's queue: TCP could not send it again.
pub(super) fn waited_for_neighbor(case: &Case<'_>) -> bool {
    case.attempt
        .evidence
        .retransmits
        .iter()
        .any(|again| again.err == -libc::EBUSY)
}

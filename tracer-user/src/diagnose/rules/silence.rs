//! Nothing came back, and no drop was seen: what sending returned, else silence.

use tracer_ebpf::event;

use crate::{
    attribute::{PacketKind, is_down},
    diagnose::{case::Case, finding::Finding, words},
    net,
    record::Confidence,
};

/// `NET_XMIT_DROP` (`include/linux/netdevice.h`).
const NET_XMIT_DROP: i32 = 1;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let state = case.state?;
    if state.segs_out == 0 || !matches!(state.err, 0 | libc::ETIMEDOUT | libc::EHOSTUNREACH) {
        return None;
    }
    if let Some(finding) = link_down(case) {
        return Some(finding);
    }
    let last = case
        .attempt
        .evidence
        .retransmits
        .last()
        .map_or(0, |again| again.err);
    Some(match last {
        again if again == -libc::EBUSY => unresolved(case),
        NET_XMIT_DROP => not_sent(
            case,
            "traffic-control-drop",
            "traffic control refused its SYNs",
        ),
        again if again == -libc::EPERM => not_sent(
            case,
            "traffic-control-drop",
            "a filter of this host refused its SYNs",
        ),
        _ if state.err == libc::EHOSTUNREACH => return None,
        _ => no_answer(case),
    })
}

/// The device that the socket sends through was down, or had no carrier, when TCP tried again or
/// gave up.
fn link_down(case: &Case<'_>) -> Option<Finding> {
    let again = case
        .attempt
        .evidence
        .retransmits
        .iter()
        .map(|again| &again.path);
    let path = again
        .chain(case.state.map(|state| &state.path))
        .find(|path| is_down(path))?;
    let device = net::name(&path.device)?;
    let how = if path.flags & event::device::UP == 0 {
        "is down"
    } else {
        "has no carrier"
    };
    let finding = Finding::new(
        "link-down",
        Confidence::Certain,
        format!("the interface {device} that it was sent through {how}"),
    )
    .why(format!(
        "the socket's route leads through {device}, which {how}"
    ));
    Some(super::dropped::with_fixes(finding, "link-down"))
}

/// `tcp_retransmit_skb` says `-EBUSY` while the first SYN is still queued below: it waits for the
/// neighbour's link address (`skb_still_in_host_queue`, `net/ipv4/tcp_output.c`).
fn unresolved(case: &Case<'_>) -> Finding {
    let protocol = if case.is_ipv6() {
        "neighbour discovery"
    } else {
        "ARP"
    };
    let next_hop = case.remote().ip();
    let finding = Finding::new(
        "neighbor-unresolved",
        Confidence::Likely,
        format!("{protocol} found nobody at {next_hop} or its gateway"),
    )
    .why("the first SYN never left this host: it was still queued when TCP tried again (EBUSY)")
    .missing("the kernel's own word that the neighbour failed: the TCP timer was faster");
    super::dropped::with_fixes(finding, "neighbor-unresolved")
}

fn not_sent(case: &Case<'_>, cause: &'static str, what: &str) -> Finding {
    let finding = Finding::new(
        cause,
        Confidence::Likely,
        format!("{what} ({})", case.remote()),
    )
    .why("TCP's retransmissions did not get out of this host")
    .missing("the drop itself was not seen");
    super::dropped::with_fixes(finding, cause)
}

fn no_answer(case: &Case<'_>) -> Finding {
    let remote = case.remote();
    let syns = case.syns();
    let answered = case.attempt.evidence.synack_retransmits > 0;
    let mut finding = Finding::new(
        "no-answer",
        Confidence::Certain,
        format!("{} sent and nothing came back", words::syns_were(syns)),
    )
    .why(format!(
        "{} sent and none was answered",
        words::syns_were(syns)
    ));
    if answered {
        finding.confidence = Confidence::Likely;
        finding = finding.why("a listener on this host answered, but its SYN-ACKs did not arrive");
    }
    if case.was_given_up() && case.attempt.evidence.retransmits.is_empty() {
        finding.confidence = Confidence::Likely;
        finding = finding.missing(
            "whether the SYN left this host, or still waited for the neighbour: TCP had not yet \
             tried again",
        );
    }
    let answers = case.drops(|drop| drop.packet == PacketKind::SynAck).count();
    if answers == 0 {
        finding = finding
            .why("this host dropped none of its packets: they were lost or ignored beyond it");
    }
    finding
        .fix(format!("ping {}; tracepath {}", remote.ip(), remote.ip()))
        .fix(format!(
            "on {}: tcpdump -ni any 'tcp port {}' (do the SYNs arrive?)",
            remote.ip(),
            remote.port()
        ))
        .fix("ask for firewalls and security groups on the way: most drop in silence")
}

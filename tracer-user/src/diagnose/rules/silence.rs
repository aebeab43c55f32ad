//! Nothing came back, and no drop was seen: what sending returned, else silence.

use tracer_ebpf::event;

use crate::{
    attribute::{SeenDrop, is_down},
    diagnose::{case::Case, finding::Finding, fix, words},
    net,
    record::Confidence,
};

/// `NET_XMIT_DROP` (`include/linux/netdevice.h`).
const NET_XMIT_DROP: i32 = 1;

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let state = case.state?;
    if state.segs_out == 0 || !matches!(case.error(), 0 | libc::ETIMEDOUT | libc::EHOSTUNREACH) {
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
        _ if case.error() == libc::EHOSTUNREACH => return None,
        _ => match undescribed(case) {
            Some(finding) => finding,
            None => no_answer(case),
        },
    })
}

/// This kernel dropped its packets, but no rule knows the place.
fn undescribed(case: &Case<'_>) -> Option<Finding> {
    let drop = case
        .drops(|drop| drop.is_of_handshake() && drop.reason() != "NO_SOCKET")
        .max_by_key(|drop| (drop.count, drop.last_ns))?;
    if !drop.packet.is_answer() && drop.count * 2 <= u64::from(case.syns()) {
        return None;
    }
    let place = case.elsewhere(drop.netns);
    Some(
        Finding::new(
            "unknown",
            Confidence::Unknown,
            format!(
                "the kernel on this host{place} dropped {}",
                drop.packets_text()
            ),
        )
        .why(words::fate_of_syns(case, drop))
        .why(format!(
            "the kernel dropped {}: {}",
            drop.packets_text(),
            drop.place_text()
        ))
        .missing(format!(
            "what {} means: it is not yet described",
            drop.place_text()
        )),
    )
}

/// The device that the socket sends through was down, or had no carrier, when TCP tried again or
/// gave up.
pub(super) fn link_down(case: &Case<'_>) -> Option<Finding> {
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
    Some(fix::at_home(case, finding))
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
    fix::at_home(case, finding)
}

fn not_sent(case: &Case<'_>, cause: &'static str, what: &str) -> Finding {
    let finding = Finding::new(
        cause,
        Confidence::Likely,
        format!("{what} ({})", case.remote()),
    )
    .why("TCP's retransmissions did not get out of this host")
    .missing("the drop itself was not seen");
    fix::at_home(case, finding)
}

fn no_answer(case: &Case<'_>) -> Finding {
    let remote = case.remote();
    let sent = format!("{} sent", words::were(case.syns(), "SYN"));
    let finding = Finding::new(
        "no-answer",
        Confidence::Certain,
        format!("{sent} and nothing came back"),
    )
    .why(format!("{sent} and none was answered"));
    let finding = where_they_went(case, finding);
    finding
        .fix(format!(
            "{}ping {}",
            case.way(case.attempt.tuple().netns),
            remote.ip()
        ))
        .fix(format!(
            "on {}: tcpdump -ni any 'tcp port {}' (do the SYNs arrive?)",
            remote.ip(),
            remote.port()
        ))
        .fix(format!(
            "on {}: ss -ltn 'sport = {}' (is Recv-Q above Send-Q?)",
            remote.ip(),
            remote.port()
        ))
        .fix("ask for firewalls and security groups on the way: most drop in silence")
}

/// Silence is certain to come from beyond this host only where the SYNs left it through hardware.
fn where_they_went(case: &Case<'_>, mut finding: Finding) -> Finding {
    for drop in case.drops(SeenDrop::is_of_handshake) {
        finding.confidence = Confidence::Likely;
        let place = case.elsewhere(drop.netns);
        finding = finding.why(if drop.reason() == "NO_SOCKET" {
            format!(
                "they reached this host{place}, where nothing listens: its RSTs did not come back"
            )
        } else {
            format!(
                "this host{place} dropped {}: {}",
                drop.packets_text(),
                drop.place_text()
            )
        });
    }
    let path = case
        .state
        .map(|state| &state.path)
        .filter(|path| path.device_index != 0);
    let device = path.and_then(|path| net::name(&path.device));
    if case.attempt.evidence.synack_retransmits > 0 {
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
    let (Some(path), Some(device)) = (path, device) else {
        finding.confidence = Confidence::Likely;
        return finding.missing("which network device the SYNs were sent through");
    };
    let made = path.flags & (event::device::LOOPBACK | event::device::VIRTUAL) != 0;
    if !made {
        return finding.why(format!(
            "they left this host through {device}; no drop of them was seen"
        ));
    }
    finding.confidence = Confidence::Likely;
    finding.why(format!("they were sent through {device}, and no more was seen of them")).missing(
        format!(
            "what became of them behind {device}, a device made by software: a listener of this host \
             whose queue is full drops SYNs without a trace (nstat -az TcpExtListenDrops)"
        ),
    )
}

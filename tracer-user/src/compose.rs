//! From verdicts to records: every field filled from evidence, or left out.

mod beyond;
pub mod held;
pub mod inbound;
mod whose;

use std::fmt::Write as _;

use tracer_ebpf::{
    event::{Head, Owner, Retransmit, State, Tuple, owner_flag, stream_flag},
    tcp_state,
};

use self::whose::owner_only;
pub use self::whose::process;
pub(crate) use self::whose::{add_groups, add_identity};

use crate::{
    attribute::{Attempt, End, Evidence, SeenDrop, bytes_received, resent_for},
    clock::Clock,
    decode::Event as Seen,
    diagnose::{self, Verdict},
    errno, net,
    record::{
        Connection, Direction, Drop, Endpoint, Event, Failure, Family, Icmp, MatchedBy, Phase,
        Process, ResentFor, Reset, Severity, Socket, Stream, Tcp, Timing,
    },
};

/// The record of a failed attempt.
#[must_use]
pub fn failure(attempt: &Attempt, verdict: &Verdict, clock: Clock) -> Failure {
    let process = process(attempt);
    let finding = &verdict.finding;
    let socket = socket(attempt.tuple(), attempt.cookie());
    Failure {
        id: id(attempt, clock),
        time: clock.utc(attempt.end_ns()),
        direction: attempt.direction(),
        phase: phase(attempt),
        cause: finding.cause.to_owned(),
        confidence: finding.confidence,
        severity: verdict.severity,
        stuck_on: verdict.stuck_on.map(str::to_owned),
        errno: verdict.errno.map(errno::name_or_number),
        summary: summary(attempt, process.as_ref(), &socket, &finding.what),
        why: finding.why.clone(),
        fix: finding.fix.clone(),
        missing: finding.missing.clone(),
        matched_by: process.as_ref().map(whose::matched_by),
        process,
        holders: whose::holders(attempt),
        socket,
        timing: timing(attempt, clock),
        tcp: tcp(attempt),
        drops: drops(&attempt.evidence),
        resets: resets(attempt),
        icmp: icmp(attempt),
        listener: None,
        nat: beyond::nat(&attempt.beyond),
        peer: beyond::peer(&attempt.beyond),
        lost: attempt.lost,
    }
}

/// The record of an attempt that did not fail.
#[must_use]
pub fn connection(attempt: &Attempt, outcome: &str, ended: &str, clock: Clock) -> Connection {
    let process = process(attempt);
    let socket = socket(attempt.tuple(), attempt.cookie());
    let subject = subject(attempt, process.as_ref());
    let direction = attempt.direction();
    let summary = match (direction, socket.local) {
        (Direction::Inbound, Some(local)) => {
            format!("{subject} {ended} {} at {local}", socket.remote)
        }
        _ => format!("{subject} {ended} {}", socket.remote),
    };
    let tcp = tcp(attempt);
    let again = tcp.as_ref().and_then(Tcp::sent_again);
    let again = again.map_or_else(String::new, |again| format!("; {again}"));
    Connection {
        id: id(attempt, clock),
        time: clock.utc(attempt.end_ns()),
        direction,
        outcome: outcome.to_owned(),
        closed_by: attempt.closed_by(),
        severity: Severity::Info,
        summary: summary + &again,
        missing: diagnose::whose(attempt),
        matched_by: process.as_ref().map(whose::matched_by),
        process,
        holders: whose::holders(attempt),
        socket,
        timing: timing(attempt, clock),
        tcp,
    }
}

fn summary(attempt: &Attempt, process: Option<&Process>, socket: &Socket, what: &str) -> String {
    let (subject, remote) = (subject(attempt, process), socket.remote);
    match (attempt.stream(), attempt.direction(), socket.local) {
        (None, ..) => format!("{subject} could not reach {remote}: {what}"),
        (Some(state), Direction::Inbound, Some(local)) => {
            let lost = lost(state, "the");
            format!("{subject} {lost} from {remote} to {local}: {what}")
        }
        (Some(state), ..) => format!("{subject} {} to {remote}: {what}", lost(state, "its")),
    }
}

fn lost(state: &State, whose: &str) -> String {
    if state.stream.flags & stream_flag::ONE_OF_SEVERAL != 0 {
        "lost a subflow of a Multipath TCP connection".to_owned()
    } else {
        format!("lost {whose} connection")
    }
}

/// How far it had come.
fn phase(attempt: &Attempt) -> Phase {
    match attempt.stream().map(|state| state.old) {
        None => Phase::Connect,
        Some(tcp_state::ESTABLISHED) => Phase::Established,
        Some(_) => Phase::Close,
    }
}

fn subject(attempt: &Attempt, process: Option<&Process>) -> String {
    match process {
        Some(process) => format!("{}[{}]", process.comm, process.pid),
        None if attempt.is_kernels_own() => "the kernel".to_owned(),
        None => "an unknown process".to_owned(),
    }
}

/// Time, then what tells attempts of the same millisecond apart: sorts by time, and a replay gives
/// the same.
fn id(attempt: &Attempt, clock: Clock) -> String {
    let utc_ns = i128::from(attempt.end_ns()) + i128::from(clock.offset_ns);
    let millis = u64::try_from(utc_ns / 1_000_000).unwrap_or(0);
    let tuple = attempt.tuple();
    let start = match attempt.start_ns {
        // Its beginning was not seen: what is its own is its other end, and the moment of its end.
        0 => ((attempt.end_ns() % 1_000_000) << 16) | u64::from(tuple.remote_port),
        seen => seen & 0xffff_ffff_ffff,
    };
    let rest = u128::from(start) << 32
        | u128::from(tuple.local_port) << 16
        | u128::from(tuple.netns & 0xffff);
    ulid::Ulid::from_parts(millis, rest).to_string()
}

/// `AF_INET6`, `IPPROTO_MPTCP`: the socket's own family may differ from its packets'.
const AF_INET6: u16 = 10;

/// The two ends, as records have them.
#[must_use]
pub fn socket(tuple: &Tuple, cookie: Option<u64>) -> Socket {
    let end = |address: [u8; 16], port: u16| Endpoint {
        addr: net::address(address),
        port: (port != 0).then_some(port),
    };
    let remote = end(tuple.remote, tuple.remote_port);
    let local = end(tuple.local, tuple.local_port);
    let unchosen = local.addr.is_unspecified() && local.port.is_none();
    Socket {
        family: if remote.addr.is_ipv4() {
            Family::Ipv4
        } else {
            Family::Ipv6
        },
        ipv4_mapped: tuple.family == AF_INET6 && remote.addr.is_ipv4(),
        local: (!unchosen).then_some(local),
        remote,
        netns: (tuple.netns != 0).then_some(tuple.netns),
        cookie,
    }
}

fn timing(attempt: &Attempt, clock: Clock) -> Timing {
    let syn_sent = match &attempt.end {
        End::State(state) if matches!(state.old, 2 | 3) => Some(state.segs_out),
        End::State(_) => None,
        End::Unsent(_) => Some(0),
    };
    let began_ns = attempt.began_ns().or_else(|| attempt.accepted_ns());
    Timing {
        start: began_ns.map(|began_ns| clock.utc(began_ns)),
        elapsed_us: attempt.elapsed_ns().map(|ns| ns / 1000),
        syn_sent,
    }
}

/// Names of TCP states (RFC 9293, 3.3.2), by the kernel's numbers (`include/net/tcp_states.h`).
#[must_use]
pub fn state_name(state: u32) -> &'static str {
    const NAMES: [&str; 14] = [
        "UNKNOWN",
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE",
        "CLOSE_WAIT",
        "LAST_ACK",
        "LISTEN",
        "CLOSING",
        "NEW_SYN_RECV",
        "BOUND_INACTIVE",
    ];
    usize::try_from(state)
        .ok()
        .and_then(|state| NAMES.get(state))
        .copied()
        .unwrap_or("UNKNOWN")
}

fn tcp(attempt: &Attempt) -> Option<Tcp> {
    let End::State(state) = &attempt.end else {
        return None;
    };
    Some(Tcp {
        state: state_name(state.old).to_owned(),
        retransmits: state.retransmits,
        srtt_us: state.srtt_us,
        bytes_sent: state.bytes_sent.saturating_sub(state.bytes_retrans),
        bytes_received: bytes_received(state),
        // Only there is the oldest number that waits for its acknowledgment the initial one.
        isn: (state.old == tcp_state::SYN_SENT && state.write_seq != 0).then_some(state.isn),
        // Of an attempt that did not come up it is `retransmits`.
        resent: attempt
            .stream()
            .map(|_| attempt.evidence.resent)
            .filter(|it| it.sum() > 0),
        stream: attempt.stream().map(stream),
    })
}

fn stream(state: &State) -> Stream {
    let seen = &state.stream;
    Stream {
        rto_us: seen.rto_us,
        cwnd_segments: seen.cwnd,
        mss_bytes: seen.mss,
        unacked_bytes: seen.snd_nxt.wrapping_sub(state.isn),
        unsent_bytes: state.write_seq.wrapping_sub(seen.snd_nxt),
        send_window_bytes: seen.send_window,
        retransmits_total: seen.total_retrans,
        probes: seen.probes_out,
        last_sent_ms: seen.last_sent_ms,
        last_received_ms: seen.last_received_ms,
    }
}

fn drops(evidence: &Evidence) -> Vec<Drop> {
    evidence.drops.iter().map(drop).collect()
}

fn drop(seen: &SeenDrop) -> Drop {
    Drop {
        reason: seen.place.reason.as_deref().map(str::to_owned),
        location: seen.place.location.as_deref().map(str::to_owned),
        hook: seen.place.hook.map(str::to_owned),
        engine: seen.place.engine.map(str::to_owned),
        count: seen.count,
        direction: seen.way.map(|way| way.name().to_owned()),
        packet: seen.packet.name().to_owned(),
        netns: (seen.netns != 0).then_some(seen.netns),
        device: seen.device.clone(),
        matched_by: seen.matched_by,
        candidates: seen
            .ruling
            .as_ref()
            .map_or_else(Vec::new, |ruling| ruling.candidates.clone()),
    }
}

fn resets(attempt: &Attempt) -> Vec<Reset> {
    let evidence = &attempt.evidence;
    let netns = attempt.tuple().netns;
    let received = evidence.resets_received.iter().map(|_| Reset {
        direction: "received".to_owned(),
        reason: None,
        netns: (netns != 0).then_some(netns),
        matched_by: MatchedBy::Socket,
    });
    let sent = evidence.resets_sent.iter().map(|seen| Reset {
        direction: "sent".to_owned(),
        reason: seen.reason.as_deref().map(str::to_owned),
        netns: (seen.netns != 0).then_some(seen.netns),
        matched_by: seen.matched_by,
    });
    received.chain(sent).collect()
}

fn icmp(attempt: &Attempt) -> Vec<Icmp> {
    let evidence = &attempt.evidence;
    let netns = attempt.tuple().netns;
    let sent = evidence.icmp.iter().map(|seen| Icmp {
        direction: "sent".to_owned(),
        kind: u8::try_from(seen.kind).ok(),
        code: u8::try_from(seen.code).ok(),
        errno: None,
        netns: (seen.netns != 0).then_some(seen.netns),
        matched_by: seen.matched_by,
    });
    let received = evidence.soft_errors.iter().map(|&(_, err)| Icmp {
        direction: "received".to_owned(),
        kind: None,
        code: None,
        errno: Some(errno::name_or_number(err)),
        netns: (netns != 0).then_some(netns),
        matched_by: MatchedBy::Socket,
    });
    sent.chain(received).collect()
}

/// One piece of evidence as it happened; `None` for what is no evidence.
#[must_use]
pub fn event(seen: &Seen, owner: Option<&Owner>, clock: Clock) -> Option<Event> {
    if let Seen::AtListener(at, reason, location) = seen {
        let (reason, location) = (reason.as_deref(), location.as_deref());
        return Some(inbound::event(at, reason, location, clock));
    }
    let (hook, summary, socket, detail) = evidence(seen)?;
    let head: &Head = seen.head();
    let owner = owner.filter(|owner| owner.flags & owner_flag::KERNEL_THREAD == 0);
    Some(Event {
        time: clock.utc(head.time_ns),
        hook: hook.to_owned(),
        summary,
        matched_by: (head.attempt_ns != 0).then_some(MatchedBy::Socket),
        process: owner.map(owner_only),
        socket,
        detail: detail
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        wire: None,
    })
}

type Evident = (
    &'static str,
    String,
    Option<Socket>,
    Vec<(&'static str, serde_json::Value)>,
);

fn evidence(seen: &Seen) -> Option<Evident> {
    Some(match seen {
        Seen::Process(_) | Seen::Attempt(_) => return None,
        Seen::Listening(_) | Seen::AtListener(..) | Seen::CameUp(_) | Seen::Holder(_) => {
            return None;
        }
        // What happened at the listener tells the same.
        Seen::SynackRetransmit(_) => return None,
        Seen::State(state) => (
            "inet_sock_set_state",
            format!("{} -> {}", state_name(state.old), state_name(state.new)),
            Some(socket(&state.tuple, None)),
            vec![
                ("err", state.err.into()),
                ("err_soft", state.err_soft.into()),
            ],
        ),
        Seen::Unsent(unsent) => (
            "connect",
            "connect() ended before a SYN".to_owned(),
            Some(socket(&unsent.tuple, None)),
            vec![
                ("err", unsent.err.into()),
                ("cgroup_err", unsent.cgroup_err.into()),
            ],
        ),
        Seen::Retransmit(again) => (
            "tcp_retransmit_skb",
            sent_again(again),
            Some(socket(&again.tuple, None)),
            vec![
                ("class", resent_for(again).map(ResentFor::name).into()),
                ("err", again.err.into()),
                ("retransmits", again.retransmits.into()),
                (
                    "segments",
                    (again.segments > 0).then_some(again.segments).into(),
                ),
            ],
        ),
        Seen::ResetSent(reset, reason) => (
            "tcp_send_reset",
            "RST sent".to_owned(),
            Some(packet_socket(&reset.packet)),
            vec![("reason", reason.as_deref().into())],
        ),
        Seen::ResetReceived(reset) => (
            "tcp_receive_reset",
            "RST received".to_owned(),
            Some(socket(&reset.tuple, None)),
            vec![],
        ),
        Seen::SocketError(error) => (
            "inet_sk_error_report",
            format!("soft error {}", errno::name_or_number(error.err_soft)),
            Some(socket(&error.tuple, None)),
            vec![
                ("err", error.err.into()),
                ("err_soft", error.err_soft.into()),
            ],
        ),
        Seen::Drop(drop, place) => (
            "kfree_skb",
            format!(
                "dropped: {}",
                place.reason.as_deref().unwrap_or("no reason")
            ),
            Some(packet_socket(&drop.packet)),
            vec![
                ("reason", place.reason.as_deref().into()),
                ("location", place.location.as_deref().into()),
                ("hook", place.hook.into()),
                ("tcp_flags", drop.packet.flags.into()),
                ("device", net::name(&drop.path.device).into()),
            ],
        ),
        Seen::IcmpSent(icmp) => (
            "icmp_send",
            format!("ICMP type {} code {} sent", icmp.kind, icmp.code),
            Some(packet_socket(&icmp.packet)),
            vec![("icmp_type", icmp.kind.into()), ("code", icmp.code.into())],
        ),
    })
}

/// `ESTABLISHED retransmission 1 (RTO)`, `ESTABLISHED retransmission of 3 segments (fast)`: the number is
/// that of timeouts in a row.
fn sent_again(again: &Retransmit) -> String {
    let mut text = format!("{} retransmission", state_name(again.tuple.state));
    if again.retransmits > 0 {
        let _ = write!(text, " {}", again.retransmits);
    }
    if again.segments > 1 {
        let _ = write!(text, " of {} segments", again.segments);
    }
    if let Some(class) = resent_for(again) {
        let _ = write!(text, " ({})", class.name());
    }
    if again.err < 0 {
        let _ = write!(text, ", not sent: {}", errno::name_or_number(-again.err));
    }
    text
}

/// A packet's two ends, its source as the local one.
fn packet_socket(packet: &tracer_ebpf::event::Packet) -> Socket {
    let end = |address: [u8; 16], port: u16| Endpoint {
        addr: net::address(address),
        port: Some(port),
    };
    Socket {
        family: if packet.ip_version == 4 {
            Family::Ipv4
        } else {
            Family::Ipv6
        },
        ipv4_mapped: false,
        local: Some(end(packet.source, packet.source_port)),
        remote: end(packet.destination, packet.destination_port),
        netns: (packet.netns != 0).then_some(packet.netns),
        cookie: None,
    }
}

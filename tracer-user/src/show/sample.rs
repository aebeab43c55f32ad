//! Records for tests.

use std::collections::BTreeMap;

use crate::record::{
    Candidate, ClosedBy, Confidence, Connection, Context, Counters, Degradation, Direction, Drop,
    Endpoint, Event, Failure, Family, Header, HookLedger, Icmp, Incident, IncidentState, Ledger,
    Match, MatchedBy, Phase, Process, Rate, Record, Reset, SCHEMA, Severity, Socket, Tcp, Timing,
    Trailer, Usage, Way,
};

const NETNS: u32 = 4_026_531_840;

pub(crate) fn record() -> Record {
    Record::Failure(Box::new(failure()))
}

/// One record of every kind.
pub(crate) fn records() -> Vec<Record> {
    vec![
        Record::Header(Box::new(Header {
            schema: SCHEMA.to_owned(),
            version: "0.1.0".to_owned(),
            time: "2026-11-23T18:31:00.000000000Z".to_owned(),
            host: "host".to_owned(),
            kernel: "6.18.44".to_owned(),
            boot_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            clock_offset_ns: 1,
            command_line: vec!["tcpwhy".to_owned()],
            hooks: vec!["sock:inet_sock_set_state".to_owned()],
            degraded: vec![Degradation {
                what: "fentry".to_owned(),
                why: "EPERM".to_owned(),
                effect: "no errno of a refused bind()".to_owned(),
            }],
            part: None,
        })),
        record(),
        Record::Connection(Box::new(connection())),
        Record::Event(Box::new(event())),
        Record::Incident(Box::new(incident())),
        Record::Context(Box::new(Context::Ways {
            ways: vec![Way {
                netns: NETNS,
                way: Some("ip netns exec web ".to_owned()),
            }],
        })),
        Record::Counters(Box::new(Counters {
            time: "2026-11-23T18:31:10.000000000Z".to_owned(),
            since: Some("2026-11-23T18:31:00.000000000Z".to_owned()),
            netns: NETNS,
            counters: BTreeMap::from([("TcpAttemptFails".to_owned(), 3)]),
            sockets: BTreeMap::from([("TCP.inuse".to_owned(), 5)]),
            conntrack: Some(Usage {
                count: 2,
                max: 262_144,
            }),
            sysctls: BTreeMap::from([("net.core.somaxconn".to_owned(), "4096".to_owned())]),
        })),
        Record::Ledger(ledger()),
        Record::Trailer(Trailer {
            time: "2026-11-23T18:32:00.000000000Z".to_owned(),
            reason: "interrupted".to_owned(),
            ledger: ledger(),
        }),
    ]
}

/// The failure of the contract: a firewall on OUTPUT.
pub(crate) fn failure() -> Failure {
    Failure {
        id: "01JDD0000000000000000000000".to_owned(),
        time: "2026-11-23T18:31:02.123456789Z".to_owned(),
        direction: Direction::Outbound,
        phase: Phase::Connect,
        cause: "firewall-drop".to_owned(),
        confidence: Confidence::Certain,
        severity: Severity::Warning,
        stuck_on: None,
        errno: Some("ETIMEDOUT".to_owned()),
        summary: "curl[4242] could not reach 10.9.1.1:443: nftables on this host dropped its 3 \
                  SYNs on OUTPUT"
            .to_owned(),
        why: vec![
            "connect() timed out after 3.1 s (ETIMEDOUT)".to_owned(),
            "3 SYNs were sent and none was answered".to_owned(),
            "the kernel dropped all 3: NETFILTER_DROP at nft_do_chain".to_owned(),
        ],
        fix: vec!["nft list ruleset | grep -n 443".to_owned()],
        missing: vec![],
        process: Some(process()),
        matched_by: Some(MatchedBy::Socket),
        holders: vec![],
        socket: socket(),
        timing: Timing {
            start: Some("2026-11-23T18:30:59.023456789Z".to_owned()),
            elapsed_us: Some(3_100_000),
            syn_sent: Some(3),
        },
        tcp: Some(tcp()),
        drops: vec![Drop {
            reason: Some("NETFILTER_DROP".to_owned()),
            location: Some("nft_do_chain".to_owned()),
            hook: Some("output".to_owned()),
            engine: Some("nftables".to_owned()),
            count: 3,
            direction: Some("tx".to_owned()),
            packet: "SYN".to_owned(),
            netns: Some(NETNS),
            device: None,
            matched_by: MatchedBy::Socket,
            candidates: vec![candidate()],
        }],
        resets: vec![],
        icmp: vec![],
        listener: None,
        nat: vec![],
        peer: None,
        lost: 0,
    }
}

fn candidate() -> Candidate {
    Candidate {
        engine: "nftables".to_owned(),
        family: "inet".to_owned(),
        table: "filter".to_owned(),
        chain: "acme-out".to_owned(),
        hook: "output".to_owned(),
        priority: 0,
        handle: Some(7),
        rule: "ip daddr 10.9.1.1 tcp dport 443 counter drop comment \"acme-secret\"".to_owned(),
        verdict: "drop".to_owned(),
        packets: Some(3),
        bytes: Some(180),
        matches: Match::Certain,
        counted: true,
    }
}

pub(crate) fn reset() -> Reset {
    Reset {
        direction: "received".to_owned(),
        reason: None,
        netns: Some(NETNS),
        matched_by: MatchedBy::Socket,
    }
}

pub(crate) fn icmp() -> Icmp {
    Icmp {
        direction: "sent".to_owned(),
        kind: Some(3),
        code: Some(1),
        errno: Some("EHOSTUNREACH".to_owned()),
        netns: Some(NETNS + 1),
        matched_by: MatchedBy::Tuple,
    }
}

pub(crate) fn connection() -> Connection {
    Connection {
        id: "01JDD0000000000000000000001".to_owned(),
        time: "2026-11-23T18:31:02.123456789Z".to_owned(),
        direction: Direction::Outbound,
        outcome: "closed".to_owned(),
        closed_by: Some(ClosedBy::Local),
        severity: Severity::Info,
        summary: "curl[4242] was connected to 10.9.1.1:443 for 12 ms".to_owned(),
        missing: vec![],
        process: Some(process()),
        matched_by: Some(MatchedBy::Socket),
        holders: vec![],
        socket: socket(),
        timing: Timing {
            start: None,
            elapsed_us: Some(12_000),
            syn_sent: Some(1),
        },
        tcp: Some(Tcp {
            state: "FIN_WAIT2".to_owned(),
            ..tcp()
        }),
    }
}

pub(crate) fn event() -> Event {
    Event {
        time: "2026-11-23T18:31:02.123456789Z".to_owned(),
        hook: "kfree_skb".to_owned(),
        summary: "dropped: NETFILTER_DROP".to_owned(),
        matched_by: Some(MatchedBy::Socket),
        process: Some(process()),
        socket: Some(socket()),
        detail: BTreeMap::from(
            [
                ("reason", "NETFILTER_DROP".into()),
                ("location", "nft_do_chain".into()),
                ("hook", "output".into()),
                ("tcp_flags", 2.into()),
                ("device", "eth0".into()),
            ]
            .map(|(key, value): (&str, serde_json::Value)| (key.to_owned(), value)),
        ),
        wire: None,
    }
}

pub(crate) fn incident() -> Incident {
    let failure = failure();
    Incident {
        id: "F-20261123-001".to_owned(),
        time: failure.time.clone(),
        state: IncidentState::Open,
        severity: Severity::Critical,
        severity_reason: "3 attempts in a row to 10.9.1.1:443 failed".to_owned(),
        first: failure.time.clone(),
        last: failure.time,
        count: 3,
        direction: Direction::Outbound,
        cause: failure.cause,
        stuck_on: None,
        confidence: failure.confidence,
        summary: "curl (3 processes) could not reach 10.9.1.1:443: dropped".to_owned(),
        why: failure.why,
        fix: failure.fix,
        process: failure.process,
        pids: vec![4242, 4243, 4244],
        processes: 3,
        remote: Some(failure.socket.remote),
        local: None,
        netns: Some(NETNS),
        rate: Rate {
            start: "2026-11-23T18:31:02.000000000Z".to_owned(),
            bucket_s: 1,
            counts: vec![3],
        },
        share: Some(0.5),
        baseline: Some(0.25),
        failures: vec![failure.id],
    }
}

pub(crate) fn ledger() -> Ledger {
    Ledger {
        time: "2026-11-23T18:32:00.000000000Z".to_owned(),
        failures_seen: 12,
        failures_emitted: 10,
        failures_filtered: 2,
        hooks: BTreeMap::from([(
            "skb:kfree_skb".to_owned(),
            HookLedger {
                seen: 40,
                emitted: 40,
                ..HookLedger::default()
            },
        )]),
        by_cause: BTreeMap::from([("firewall-drop".to_owned(), 10)]),
        ..Ledger::default()
    }
}

fn process() -> Process {
    Process {
        pid: 4242,
        tid: 4242,
        comm: "curl".to_owned(),
        exe: Some("/usr/bin/curl".to_owned()),
        cmdline: Some("curl https://10.9.1.1".to_owned()),
        uid: 0,
        ppid: Some(1),
        cgroup: Some("/user.slice/session-1.scope".to_owned()),
        ..Process::default()
    }
}

fn socket() -> Socket {
    let end = |addr: [u8; 4], port| Endpoint {
        addr: addr.into(),
        port: Some(port),
    };
    Socket {
        family: Family::Ipv4,
        ipv4_mapped: false,
        local: Some(end([10, 9, 0, 1], 43_210)),
        remote: end([10, 9, 1, 1], 443),
        netns: Some(NETNS),
        cookie: Some(77),
    }
}

fn tcp() -> Tcp {
    Tcp {
        state: "SYN_SENT".to_owned(),
        retransmits: 2,
        srtt_us: 0,
        bytes_sent: 0,
        bytes_received: 0,
        isn: Some(1_234_567),
        resent: None,
        stream: None,
    }
}

//! Segments that are sent again on connections that end well: each is told with why, and counted, as the
//! kernel's own counters have it.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{
    client::CommandLine,
    lock::Host,
    net::{Lab, Place},
    recorder::{Directory, records},
    runner::{self, counter_at},
    shell,
    tracer::{self, Tracer},
    unseen::MAX_HIDDEN,
};
use tracer_user::record::{Connection, Direction, Family, Record, Resent, Socket};

const PATIENCE: Duration = Duration::from_secs(30);

/// A connection of the lab.
#[derive(Debug)]
struct Played {
    how: &'static str,
    port: u16,
    /// It was the accepted end that sent again.
    accepted: bool,
    class: &'static str,
    /// What the kernel counted meanwhile.
    counted: Resent,
}

/// The two ends of a connection, who opened it first.
fn ends(records: &[Record], port: u16) -> Option<[&Connection; 2]> {
    let end = |direction: Direction| {
        records.iter().find_map(|record| match record {
            Record::Connection(it) if it.direction == direction => {
                let socket = &it.socket;
                let listens = match direction {
                    Direction::Outbound => Some(socket.remote),
                    Direction::Inbound => socket.local,
                };
                (listens?.port == Some(port)).then_some(&**it)
            }
            _ => None,
        })
    };
    Some([end(Direction::Outbound)?, end(Direction::Inbound)?])
}

/// Why, and how many segments, were sent again, as it happened.
fn happened(records: &[Record], port: u16) -> Vec<(&str, u64)> {
    let events = records.iter().filter_map(|record| match record {
        Record::Event(event) if event.hook.starts_with("tcp_retransmit") => Some(event),
        _ => None,
    });
    let is_there = |socket: &Socket| {
        [socket.local.and_then(|it| it.port), socket.remote.port].contains(&Some(port))
    };
    events
        .filter(|event| event.socket.as_ref().is_some_and(is_there))
        .map(|event| {
            let class = event.detail["class"].as_str().unwrap();
            // A SYN-ACK is one.
            let segments = event.detail.get("segments").and_then(Value::as_u64);
            (class, segments.unwrap_or(1))
        })
        .collect()
}

/// What the kernel counts: SYNs and SYN-ACKs, fast, probes, all.
fn counters(lab: &Lab) -> [u32; 4] {
    [
        "TcpExtTCPSynRetrans",
        "TcpExtTCPFastRetrans",
        "TcpExtTCPLossProbes",
        "TcpRetransSegs",
    ]
    .map(|name| counter_at(lab, Place::Client, name).unwrap())
    .map(|count| u32::try_from(count).unwrap())
}

fn play(
    lab: &Lab,
    family: Family,
    port: u16,
    (how, accepted, class): (&'static str, bool, &'static str),
) -> Played {
    let before = counters(lab);
    let mirror = if accepted { "--mirror" } else { "" };
    let line = format!("resends.py {how} $lo {port} {mirror}");
    let mut client = CommandLine(&line)
        .command(lab, Place::Client, family, None)
        .unwrap();
    shell::output(&mut client).unwrap();
    let after = counters(lab);
    let [handshake, fast, tlp, all] = [0, 1, 2, 3].map(|at| after[at] - before[at]);
    let counted = Resent {
        syn: if accepted { 0 } else { handshake },
        syn_ack: if accepted { handshake } else { 0 },
        fast,
        tlp,
        // No counter has these alone.
        rto: all - handshake - fast - tlp,
    };
    Played {
        how,
        port,
        accepted,
        class,
        counted,
    }
}

/// The end that sent again, and the other one.
fn sides<'a>(told: &'a [Record], played: &Played) -> [&'a Connection; 2] {
    let [own, other] = ends(told, played.port).unwrap();
    if played.accepted {
        [other, own]
    } else {
        [own, other]
    }
}

fn is_whole(told: &[Record], played: &Played) -> bool {
    let [own, _] = sides(told, played);
    let resent = own.tcp.as_ref().and_then(|tcp| tcp.resent);
    resent.is_some_and(|it| it.sum() >= played.counted.sum())
}

fn check(told: &[Record], played: &Played) {
    let Played { how, counted, .. } = *played;
    let [own, other] = sides(told, played);
    let tcp = own.tcp.as_ref().unwrap();
    assert_eq!(tcp.resent, Some(counted), "{how}: {own:#?}");
    let total = tcp.stream.unwrap().retransmits_total;
    assert_eq!(total, counted.sum(), "{how}: {own:#?}");
    let said = format!("; {}", tcp.sent_again().unwrap());
    assert!(said.contains(played.class), "{how}: {said}");
    assert!(own.summary.ends_with(&said), "{how}: {}", own.summary);
    let tcp = other.tcp.as_ref().unwrap();
    assert_eq!(tcp.resent, None, "{how}: {other:#?}");
    assert_eq!(tcp.sent_again(), None, "{how}: {other:#?}");
}

#[test]
fn what_is_sent_again_is_classed_as_the_kernel_counts_it() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let directory = Directory::new("resent");
    let path = directory.join("trace.jsonl");
    let mut command = Command::new(tracer::binary().unwrap());
    command
        .args(["record", "--all", "--events", "-o"])
        .arg(&path);
    let recorder = Tracer::start(command).unwrap();
    // Without events the connections alone are told; whose an accepted one is the kernel half does not
    // know when something of it is sent again.
    let watch = Tracer::watch(&["--all", "--uid", "0"]).unwrap();

    let mut all = Vec::new();
    for how in [
        ("syn", false, "SYN"),
        ("synack", true, "SYN-ACK"),
        ("probe", false, "TLP"),
        ("probe", true, "TLP"),
        ("timeout", false, "RTO"),
        ("timeout", true, "RTO"),
        ("fast", false, "fast"),
        ("fast", true, "fast"),
    ] {
        for family in [Family::Ipv4, Family::Ipv6] {
            let port = 8200 + u16::try_from(all.len()).unwrap();
            all.push(play(&lab, family, port, how));
        }
    }
    watch.wait_for_records(Instant::now() + PATIENCE, |records| {
        all.iter().all(|it| ends(records, it.port).is_some())
    });
    let watched = watch.stop().unwrap().records;
    recorder.stop().unwrap();
    let recorded = records(&path);
    let replayed = replay(&path);
    let is_seen = |played: &&Played| is_whole(&watched, played) && is_whole(&recorded, played);
    let seen: Vec<&Played> = all.iter().filter(is_seen).collect();
    assert!(seen.len() + MAX_HIDDEN >= all.len(), "{all:#?}");
    for played in seen {
        for told in [&watched, &recorded, &replayed] {
            check(told, played);
        }
        let (how, all) = (played.how, happened(&recorded, played.port));
        assert!(all.iter().any(|it| it.0 == played.class), "{how}: {all:?}");
        let segments: u64 = all.iter().map(|it| it.1).sum();
        assert_eq!(segments, u64::from(played.counted.sum()), "{how}: {all:?}");
        assert_eq!(happened(&watched, played.port).len(), 0, "{how}");
    }
}

fn replay(path: &Path) -> Vec<Record> {
    let path = path.to_str().unwrap();
    let done = tracer::once(&["replay", path, "--format", "json"]).unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

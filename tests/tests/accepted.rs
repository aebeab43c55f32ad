//! Accepted connections that end well (`--all`): whose they were, and how they closed.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use tests::{
    client::CommandLine,
    lock::Host,
    net::{Lab, Place},
    recorder::{Directory, records},
    runner, shell,
    tracer::{self, Tracer},
};
use tracer_user::record::{ClosedBy, Connection, Direction, Family, MatchedBy, Record, Role};

/// What a client says of one connection.
#[derive(Debug, Deserialize)]
struct Truth {
    port: u16,
    client: u32,
    server: u32,
    first: String,
    sent: u64,
    received: u64,
}

/// The connections that a lab's client namespace accepted.
fn accepted<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    lab: &Lab,
) -> impl Iterator<Item = &'a Connection> {
    let netns = Some(lab.inode(Place::Client));
    let connections = records.into_iter().filter_map(|record| match record {
        Record::Connection(connection) => Some(&**connection),
        _ => None,
    });
    connections.filter(move |it| it.direction == Direction::Inbound && it.socket.netns == netns)
}

fn play(lab: &Lab, how: &str, times: u32, port: u16) -> Vec<Truth> {
    let line = format!("accepted.py {how} {times} {port}");
    let mut command = CommandLine(&line)
        .command(lab, Place::Client, Family::Ipv4, None)
        .unwrap();
    let said = shell::output(&mut command).unwrap();
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn wait(tracer: &Tracer, lab: &Lab, wanted: usize) {
    const PATIENCE: Duration = Duration::from_secs(30);
    tracer.wait_for_records(Instant::now() + PATIENCE, |records| {
        accepted(records, lab).count() >= wanted
    });
}

fn check(told: &Connection, truth: &Truth) {
    let process = told.process.as_ref().unwrap();
    assert_eq!(process.pid, truth.server, "{truth:?}: {told:#?}");
    assert_eq!(process.role, Some(Role::Acceptor), "{told:#?}");
    assert_eq!(told.matched_by, Some(MatchedBy::Socket), "{told:#?}");
    assert!(told.missing.is_empty(), "{told:#?}");
    let first = match &*truth.first {
        "local" => ClosedBy::Local,
        _ => ClosedBy::Remote,
    };
    assert_eq!(told.closed_by, Some(first), "{told:#?}");
    let tcp = told.tcp.as_ref().unwrap();
    let bytes = (tcp.bytes_sent, tcp.bytes_received);
    assert_eq!(bytes, (truth.sent, truth.received), "{told:#?}");
    let (start, elapsed_us) = (told.timing.start.as_ref(), told.timing.elapsed_us);
    assert!(start.is_some() && elapsed_us.is_some(), "{told:#?}");
}

#[test]
fn of_each_accepted_connection_the_server_is_named() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let tracer = Tracer::watch(&["--all"]).unwrap();
    let servers = ["forking", "prefork", "passing"];
    let truths: Vec<Truth> = (8000..)
        .zip(servers)
        .flat_map(|(port, how)| play(&lab, how, 40, port))
        .collect();
    assert_eq!(truths.len(), 120);
    wait(&tracer, &lab, truths.len());
    let trace = tracer.stop().unwrap();
    let told: Vec<&Connection> = accepted(&trace.records, &lab).collect();
    assert_eq!(told.len(), truths.len());
    for truth in &truths {
        let is_it = |it: &&&Connection| it.socket.remote.port == Some(truth.port);
        let found: Vec<_> = told.iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{truth:?}: {found:#?}");
        check(found[0], truth);
        // Its other end is one too.
        let other = trace.records.iter().find_map(|record| match record {
            Record::Connection(it)
                if it.direction == Direction::Outbound
                    && it.socket.local == Some(found[0].socket.remote) =>
            {
                Some(it)
            }
            _ => None,
        });
        let other = other.unwrap();
        let first = match &*truth.first {
            "local" => ClosedBy::Remote,
            _ => ClosedBy::Local,
        };
        assert_eq!(other.closed_by, Some(first), "{other:#?}");
        assert_eq!(other.process.as_ref().unwrap().pid, truth.client);
    }
    let failures = trace.failures();
    let own = failures.filter(|it| it.socket.netns == Some(lab.inode(Place::Client)));
    assert_eq!(own.count(), 0);
}

#[test]
fn filters_hold_for_accepted_connections() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let watch = |more: &[&str]| Tracer::watch(&[&["--all"], more].concat()).unwrap();
    let inbound = watch(&["--direction", "in", "--port", "8101"]);
    // Itself accepts nothing: what others do is left out in the kernel.
    let nobody = watch(&["--pid", &std::process::id().to_string()]);
    for port in [8101, 8102] {
        play(&lab, "prefork", 10, port);
    }
    wait(&inbound, &lab, 10);
    let trace = inbound.stop().unwrap();
    let all = |trace: &tracer::Trace| {
        let is_connection = |it: &&Record| matches!(it, Record::Connection(_));
        trace.records.iter().filter(is_connection).count()
    };
    assert_eq!(
        (accepted(&trace.records, &lab).count(), all(&trace)),
        (10, 10)
    );
    let ports = accepted(&trace.records, &lab).map(|it| it.socket.local.unwrap().port);
    assert!(ports.into_iter().all(|port| port == Some(8101)));
    let trace = nobody.stop().unwrap();
    assert_eq!(all(&trace), 0, "{:#?}", trace.records);
    let lost: u64 = trace.trailer().unwrap().ledger.failures_lost;
    assert_eq!(lost, 0);
}

/// Replays a trace.
fn replayed(path: &Path) -> Vec<Record> {
    let mut command = Command::new(tracer::binary().unwrap());
    command.args(["replay", "--format", "json"]).arg(path);
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_replay_tells_the_same_connections() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let directory = Directory::new("accepted");
    let path = directory.join("trace.jsonl.zst");
    let mut command = Command::new(tracer::binary().unwrap());
    command
        .args(["record", "--events", "--all", "-o"])
        .arg(&path);
    let recorder = Tracer::start(command).unwrap();
    let truths = play(&lab, "prefork", 30, 8201);
    recorder.stop().unwrap();
    let connections = |records: &[Record]| -> Vec<Connection> {
        let all = records.iter().filter_map(|record| match record {
            Record::Connection(it) => Some((**it).clone()),
            _ => None,
        });
        all.collect()
    };
    let recorded = records(&path);
    assert_eq!(accepted(&recorded, &lab).count(), truths.len());
    let again = replayed(&path);
    assert_eq!(connections(&again), connections(&recorded));
}

#[test]
fn what_is_missing_of_many_is_counted() {
    const TIMES: u64 = 10_000;
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
    let lab = Lab::new().unwrap();
    // A ring that is too small for them, to be sure that some are lost.
    let tracer = Tracer::watch(&["--all", "--ring-size", "64KiB"]).unwrap();
    let listen = CommandLine("listen.py 8301");
    let connect = CommandLine("connect.py $lo 8301 --times 10000 --close");
    let start = |line: CommandLine| {
        line.command(&lab, Place::Client, Family::Ipv4, None)
            .unwrap()
    };
    let server = tests::client::Daemon::start(listen.0, start(listen)).unwrap();
    let done = start(connect).output().unwrap();
    assert!(done.status.success());
    drop(server);
    let trace = tracer.stop().unwrap();
    let told = accepted(&trace.records, &lab).count() as u64;
    let ledger = &trace.trailer().unwrap().ledger;
    let lost: u64 = ledger.hooks.values().map(|hook| hook.lost_ring_full).sum();
    assert!(told <= TIMES && told + lost >= TIMES, "{told}: {ledger:#?}");
    // Whose end's owner is lost is nobody's, or the listener's.
    for connection in accepted(&trace.records, &lab) {
        let named = connection.process.is_some();
        assert!(named || !connection.missing.is_empty(), "{connection:#?}");
    }
}

//! Many connections: none invented, none unaccounted for.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use tests::{
    client::{CommandLine, Daemon},
    lock::Host,
    net::{Lab, Place},
    runner,
    tracer::{self, Trace, Tracer},
};
use tracer_user::record::{Family, Ledger};

/// Makes so many attempts from one process, and gives its pid and what it counted itself.
fn attempts(lab: &Lab, line: &str) -> (u32, serde_json::Value) {
    let line = CommandLine(line);
    let mut command = line
        .command(lab, Place::Client, Family::Ipv4, None)
        .unwrap();
    let child = command.spawn().unwrap();
    let pid = child.id();
    let done = child.wait_with_output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    (pid, serde_json::from_slice(&done.stdout).unwrap())
}

/// Seen is what was emitted, filtered, lost and not failed after all: nothing else.
fn assert_balanced(trace: &Trace) -> &Ledger {
    let ledger = &trace.trailer().unwrap().ledger;
    assert_eq!(ledger.failures_pending, 0, "{ledger:#?}");
    let accounted =
        ledger.failures_emitted + ledger.failures_filtered + ledger.failures_lost + ledger.races;
    assert_eq!(ledger.failures_seen, accounted, "{ledger:#?}");
    assert_eq!(
        ledger.failures_emitted,
        trace.failures().count() as u64,
        "{ledger:#?}"
    );
    assert_eq!(
        ledger.failures_emitted,
        ledger.by_cause.values().sum::<u64>(),
        "{ledger:#?}"
    );
    ledger
}

#[test]
fn ten_thousand_healthy_connections_make_no_failure() {
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
    let lab = Lab::new().unwrap();
    // Ports in TIME_WAIT are enough for all of them.
    let ports = "echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range";
    lab.sh(Place::Client, Family::Ipv4, ports).unwrap();
    let line = CommandLine("listen.py 8080");
    let command = line
        .command(&lab, Place::Server, Family::Ipv4, None)
        .unwrap();
    let _server = Daemon::start("listen.py", command).unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let (_, counted) = attempts(&lab, "connect.py $s 8080 --times 10000 --close");
    assert_eq!(counted, serde_json::json!({"connected": 10000}));
    let trace = tracer.stop().unwrap();
    assert_balanced(&trace);
    let own = trace
        .failures()
        .filter(|it| it.socket.netns.is_some_and(|ns| lab.holds(ns)));
    let own: Vec<_> = own.collect();
    assert!(
        own.is_empty(),
        "{} failures, first {:#?}",
        own.len(),
        own[0]
    );
}

#[test]
fn twenty_thousand_refused_connections_are_all_accounted_for() {
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
    let lab = Lab::new().unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let (pid, counted) = attempts(&lab, "connect.py $lo 9 --times 20000 --close");
    assert_eq!(counted, serde_json::json!({"ECONNREFUSED": 20000}));
    let deadline = Instant::now() + Duration::from_secs(10);
    tracer.wait_for(20_000, deadline, |failure| tracer::is_from(failure, pid));
    let trace = tracer.stop().unwrap();
    let ledger = assert_balanced(&trace);
    assert!(
        ledger
            .by_errno
            .get("ECONNREFUSED")
            .is_some_and(|seen| *seen >= 20_000),
        "{ledger:#?}"
    );
    let own = trace
        .failures()
        .filter(|failure| tracer::is_from(failure, pid))
        .count() as u64;
    // What is missing among the records is exactly what the ledger says was lost.
    assert!(own <= 20_000, "{own} records of 20000 failures");
    let others = ledger.failures_seen - 20_000;
    assert!(
        own + ledger.failures_lost >= 20_000,
        "{own} records: {ledger:#?}"
    );
    assert!(
        own + ledger.failures_lost <= 20_000 + others,
        "{own} records: {ledger:#?}"
    );
}

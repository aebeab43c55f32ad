//! Ends of connections that no hook sees, as where the kernel skips it: told once their socket goes, and
//! only where it shows that they did not end well. Hooks are taken away from the tracer by
//! [`tests::unhook`], which knows one architecture.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]
#![cfg(target_arch = "x86_64")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdout, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use tests::{
    client::CommandLine,
    lock::Host,
    net::{Lab, Place},
    runner,
    tracer::Tracer,
    unhook::unhook,
};
use tracer_user::record::{Confidence, Direction, Failure, Family};

/// What the client tells of each connection.
#[derive(Deserialize)]
struct End {
    end: String,
    ports: (u16, u16),
    errno: String,
}

/// The ends of which must be told, and the cause, where neither the change of state nor the error that
/// follows it was seen. All others end well, or leave nothing that shows it.
const TOLD: &[(&str, &str)] = &[
    ("idle", "keepalive-timeout"),
    ("reset", "reset-by-peer"),
    ("silence", "user-timeout"),
    ("silence_told", "user-timeout"),
    ("silence_when_closed", "user-timeout"),
    ("unread", "zero-window-timeout"),
];

struct Client {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Client {
    /// Started; every connection is up.
    fn start(lab: &Lab, family: Family) -> Self {
        let mut command = CommandLine("ends.py $lo")
            .command(lab, Place::Client, family, None)
            .unwrap();
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "up");
        Self { child, lines }
    }

    fn end(mut self) -> Vec<End> {
        let mut stdin = self.child.stdin.take().unwrap();
        stdin.write_all(b"\n").unwrap();
        let ends = self.lines.map(|line| line.unwrap());
        let ends = ends.map(|line| serde_json::from_str(&line).unwrap());
        let ends = ends.collect();
        assert!(self.child.wait().unwrap().success());
        ends
    }
}

/// Of the client's own ends of connections, which are told, by the name of the way in which they ended.
fn told<'a>(
    lab: &Lab,
    ends: &'a [End],
    failures: impl Iterator<Item = &'a Failure>,
) -> BTreeMap<&'a str, &'a Failure> {
    let mut told = BTreeMap::new();
    let own = failures.filter(|it| it.socket.netns.is_some_and(|netns| lab.holds(netns)));
    for failure in own.filter(|it| it.direction == Direction::Outbound) {
        let local = failure.socket.local.as_ref().unwrap().port.unwrap();
        let is_its = |end: &&End| end.ports == (local, failure.socket.remote.port.unwrap());
        let end = ends.iter().find(is_its).unwrap();
        let before = told.insert(end.end.as_str(), failure);
        assert!(before.is_none(), "{} is told twice: {failure:#?}", end.end);
    }
    told
}

fn play(family: Family, without: &[&str]) -> (Vec<End>, Lab, tests::tracer::Trace) {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let client = Client::start(&lab, family);
    if !without.is_empty() {
        unhook(tracer.pid(), without).unwrap();
    }
    let ends = client.end();
    assert!(ends.len() > 12, "{}", ends.len());
    let deadline = Instant::now() + Duration::from_secs(10);
    tracer.wait_for(TOLD.len(), deadline, |failure| {
        let netns = failure.socket.netns;
        failure.direction == Direction::Outbound && netns.is_some_and(|netns| lab.holds(netns))
    });
    (ends, lab, tracer.stop().unwrap())
}

const BOTH: &[&str] = &["inet_sock_set_state", "inet_sk_error_report"];

fn unseen(family: Family, hooks: &[&str]) {
    let (ends, lab, trace) = play(family, hooks);
    let told = told(&lab, &ends, trace.failures());
    let causes: Vec<(&str, &str)> = told
        .iter()
        .map(|(end, failure)| (*end, failure.cause.as_str()))
        .collect();
    assert_eq!(causes, TOLD, "{told:#?}");
    for (end, failure) in &told {
        assert_ne!(failure.confidence, Confidence::Certain, "{failure:#?}");
        let missing = failure.missing.iter().any(|it| it.contains("how and when"));
        assert!(missing, "{failure:#?}");
        assert_eq!(failure.timing.elapsed_us, None, "{failure:#?}");
        let process = failure.process.as_ref();
        assert_eq!(process.map(|it| it.comm.as_str()), Some("python3"));
        // The application has taken it.
        let taken = ends.iter().find(|it| it.end == *end).unwrap();
        assert_eq!(
            failure.errno.is_some(),
            taken.errno.is_empty(),
            "{failure:#?}"
        );
    }
}

#[test]
fn ends_that_no_hook_saw_are_told_when_the_socket_goes() {
    unseen(Family::Ipv4, BOTH);
}

#[test]
fn ends_that_no_hook_saw_are_told_when_the_socket_goes_v6() {
    unseen(Family::Ipv6, BOTH);
}

#[test]
fn ends_whose_change_of_state_alone_was_not_seen_are_told_likewise() {
    unseen(Family::Ipv4, &BOTH[..1]);
}

/// What is told later is told once, and nothing else is.
#[test]
fn ends_that_a_hook_saw_are_told_once() {
    let (ends, lab, trace) = play(Family::Ipv4, &[]);
    let told = told(&lab, &ends, trace.failures());
    let causes = told.iter().map(|(end, it)| (*end, it.cause.as_str()));
    assert_eq!(causes.collect::<Vec<_>>(), TOLD, "{told:#?}");
    let late = told.values().find(|it| it.timing.elapsed_us.is_none());
    assert!(late.is_none(), "{late:#?}");
}

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

use serde::{Deserialize, de::DeserializeOwned};
use tests::{
    client::CommandLine,
    lock::Host,
    net::{Lab, Place},
    runner,
    tracer::Tracer,
    unhook::unhook,
    unseen::MAX_HIDDEN,
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
    ("closed_unread", "reset-by-local"),
    ("idle", "keepalive-timeout"),
    ("refused", "firewall-drop"),
    ("reset", "reset-by-peer"),
    ("reset_taken", "reset-by-peer"),
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
    fn start(words: &str, lab: &Lab, family: Family) -> Self {
        let mut command = CommandLine(words)
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

    /// What it tells, once it may go on.
    fn end<T: DeserializeOwned>(mut self) -> Vec<T> {
        let mut stdin = self.child.stdin.take().unwrap();
        stdin.write_all(b"\n").unwrap();
        let told = self.lines.map(|line| line.unwrap());
        let told = told.map(|line| serde_json::from_str(&line).unwrap());
        let told = told.collect();
        assert!(self.child.wait().unwrap().success());
        told
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
    let client = Client::start("ends.py $lo", &lab, family);
    if !without.is_empty() {
        unhook(tracer.pid(), without).unwrap();
    }
    let ends: Vec<End> = client.end();
    assert!(ends.len() > 12, "{}", ends.len());
    let deadline = Instant::now() + Duration::from_secs(10);
    tracer.wait_for(TOLD.len(), deadline, |failure| {
        let netns = failure.socket.netns;
        failure.direction == Direction::Outbound && netns.is_some_and(|netns| lab.holds(netns))
    });
    (ends, lab, tracer.stop().unwrap())
}

const BOTH: &[&str] = &["inet_sock_set_state", "inet_sk_error_report"];

/// Where the RSTs were not seen either, nothing tells of the error that the application has taken.
const TOLD_WITHOUT_RSTS: &[(&str, &str)] = &[
    ("closed_unread", "unknown"),
    ("idle", "keepalive-timeout"),
    ("refused", "firewall-drop"),
    ("reset", "reset-by-peer"),
    ("reset_taken", "unknown"),
    ("silence", "user-timeout"),
    ("silence_told", "user-timeout"),
    ("silence_when_closed", "user-timeout"),
    ("unread", "zero-window-timeout"),
];

fn unseen(family: Family, hooks: &[&str], expected: &[(&str, &str)]) {
    let (ends, lab, trace) = play(family, hooks);
    let told = told(&lab, &ends, trace.failures());
    let causes: Vec<(&str, &str)> = told
        .iter()
        .map(|(end, failure)| (*end, failure.cause.as_str()))
        .collect();
    assert_eq!(causes, expected, "{told:#?}");
    for (end, failure) in &told {
        assert_ne!(failure.confidence, Confidence::Certain, "{failure:#?}");
        let missing = failure.missing.iter().any(|it| it.contains("how and when"));
        assert!(missing, "{failure:#?}");
        assert_eq!(failure.timing.elapsed_us, None, "{failure:#?}");
        let process = failure.process.as_ref();
        assert_eq!(process.map(|it| it.comm.as_str()), Some("python3"));
        // The application has taken it, or there was none.
        let taken = ends.iter().find(|it| it.end == *end).unwrap();
        let left = taken.errno.is_empty() && *end != "closed_unread";
        assert_eq!(failure.errno.is_some(), left, "{failure:#?}");
    }
}

#[test]
fn ends_that_no_hook_saw_are_told_when_the_socket_goes() {
    unseen(Family::Ipv4, BOTH, TOLD);
}

#[test]
fn ends_that_no_hook_saw_are_told_when_the_socket_goes_v6() {
    unseen(Family::Ipv6, BOTH, TOLD);
}

#[test]
fn ends_whose_change_of_state_alone_was_not_seen_are_told_likewise() {
    unseen(Family::Ipv4, &BOTH[..1], TOLD);
}

#[test]
fn ends_of_which_even_the_rst_was_not_seen_are_told_without_a_cause() {
    let hooks = [BOTH, &["tcp_receive_reset", "tcp_send_reset"]].concat();
    unseen(Family::Ipv4, &hooks, TOLD_WITHOUT_RSTS);
}

/// What is told later is told once, and nothing else is.
#[test]
fn ends_that_a_hook_saw_are_told_once() {
    let (ends, lab, trace) = play(Family::Ipv4, &[]);
    let told = told(&lab, &ends, trace.failures());
    let causes = told.iter().map(|(end, it)| (*end, it.cause.as_str()));
    assert_eq!(causes.collect::<Vec<_>>(), TOLD, "{told:#?}");
    let late = told.values().filter(|it| it.timing.elapsed_us.is_none());
    let late: Vec<_> = late.collect();
    assert!(late.len() <= MAX_HIDDEN, "{late:#?}");
}

/// Who did what in `reused.py`.
#[derive(Deserialize)]
struct Reused {
    server: u32,
    closes: u32,
    aborts: u32,
    connections: usize,
    port: u16,
}

/// Where no hook sees that a socket goes, what is known of it stands for its address, which is soon that
/// of another one.
#[test]
fn connections_at_the_addresses_of_sockets_that_went_unseen_are_nobody_elses() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let client = Client::start("reused.py $lo", &lab, Family::Ipv4);
    unhook(tracer.pid(), &["tcp_destroy_sock"]).unwrap();
    let played: Vec<Reused> = client.end();
    let [played] = played.as_slice() else {
        panic!("it says one line");
    };
    let is_own = |it: &Failure| it.socket.netns.is_some_and(|netns| lab.holds(netns));
    let deadline = Instant::now() + Duration::from_secs(10);
    tracer.wait_for(2 * played.connections, deadline, is_own);
    let trace = tracer.stop().unwrap();
    let mut told = BTreeMap::new();
    for failure in trace.failures().filter(|it| is_own(it)) {
        let port = failure.socket.local.as_ref().unwrap().port.unwrap();
        let pid = failure.process.as_ref().map(|it| it.pid);
        let end = (failure.direction == Direction::Inbound, port == played.port);
        *told.entry((end, pid)).or_insert(0) += 1;
    }
    // Every accepted end is the server's, and every other one the child's that aborted it.
    let expected = [
        (((false, false), Some(played.aborts)), played.connections),
        (((true, true), Some(played.server)), played.connections),
    ];
    assert_eq!(
        told,
        BTreeMap::from(expected),
        "{} closed its own well",
        played.closes
    );
}

//! Two pairs of namespaces with equal addresses and equal ports, failing at the same moment in
//! different ways: no evidence of one may be told of the other.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use tests::{
    client::{self, CommandLine, Story},
    lock::Host,
    net::{Lab, Place},
    runner::{self, Happened},
    scenario::Scenario,
    tracer::{self, Tracer},
};
use tracer_user::record::{Failure, Family};

const CLIENT: &str = "connect.py $s 8080 --bind 20003";
const DROP: &str = "nft 'table inet lab { chain input { type filter hook input priority 0; \
                    tcp dport 8080 drop; }; }'";

fn connect(lab: &Lab, family: Family) -> Story {
    let line = CommandLine(CLIENT);
    client::run(
        line,
        line.command(lab, Place::Client, family, None).unwrap(),
    )
    .unwrap()
}

fn only<'a>(failures: &[&'a Failure], story: &Story) -> &'a Failure {
    let own: Vec<_> = failures
        .iter()
        .copied()
        .filter(|failure| tracer::is_from(failure, story.pid))
        .collect();
    assert_eq!(own.len(), 1, "{own:#?}");
    own[0]
}

fn twins(family: Family) {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (dropped, refused) = (Lab::with_slot(126).unwrap(), Lab::with_slot(126).unwrap());
    dropped.sh(Place::Server, family, DROP).unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    // While one client waits for answers, the other is refused again and again.
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| connect(&dropped, family));
        let second = scope.spawn(|| {
            (0..5)
                .map(|_| connect(&refused, family))
                .collect::<Vec<_>>()
        });
        (first.join().unwrap(), second.join().unwrap())
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    tracer.wait_for(1, deadline, |failure| tracer::is_from(failure, first.pid));
    let trace = tracer.stop().unwrap();
    let failures: Vec<&Failure> = trace.failures().collect();

    let failure = only(&failures, &first);
    assert_eq!(failure.cause, "firewall-drop", "{failure:#?}");
    assert_eq!(failure.errno.as_deref(), Some("ETIMEDOUT"));
    assert_eq!(failure.socket.netns, Some(dropped.inode(Place::Client)));
    assert!(failure.resets.is_empty(), "{failure:#?}");
    let places: Vec<_> = failure.drops.iter().filter_map(|drop| drop.netns).collect();
    assert!(
        places.iter().all(|netns| dropped.holds(*netns)),
        "{failure:#?}"
    );
    assert!(!places.is_empty(), "{failure:#?}");
    for story in &second {
        let failure = only(&failures, story);
        assert_eq!(failure.cause, "connection-refused", "{failure:#?}");
        assert_eq!(failure.errno.as_deref(), Some("ECONNREFUSED"));
        assert_eq!(failure.socket.netns, Some(refused.inode(Place::Client)));
        let netfilter = |reason: Option<&str>| reason == Some("NETFILTER_DROP");
        let strange = failure
            .drops
            .iter()
            .any(|drop| netfilter(drop.reason.as_deref()));
        assert!(!strange, "{failure:#?}");
        let sent = failure.resets.iter().filter_map(|reset| reset.netns);
        assert!(
            sent.into_iter().all(|netns| refused.holds(netns)),
            "{failure:#?}"
        );
    }
}

#[test]
fn equal_addresses_in_two_namespaces_are_told_apart() {
    twins(Family::Ipv4);
}

#[test]
fn equal_ipv6_addresses_in_two_namespaces_are_told_apart() {
    twins(Family::Ipv6);
}

/// Rows of the table: each is played beside each other one, at the same addresses.
const ROWS: &[&str] = &[
    "refused-remote",
    "peer-input-drop-listener",
    "accept-queue-full",
    "peer-aborts",
    "stream-user-timeout",
];

/// Plays two rows at once in namespaces with equal addresses; what is not as the table says.
fn pair(slot: u32, rows: [&Scenario; 2], tracer: &Tracer) -> [Happened; 2] {
    let labs = [(); 2].map(|()| Lab::with_slot(slot).unwrap());
    std::thread::scope(|scope| {
        let mut labs = labs.into_iter();
        let played = rows.map(|row| {
            let lab = labs.next().unwrap();
            scope.spawn(move || runner::happen_in(lab, row, Some(tracer)).unwrap())
        });
        played.map(|it| it.join().unwrap())
    })
}

/// Plays pairs at once, each in namespaces of its own; those that are not told as the table says.
/// Never may one be told with anything of the other's.
fn play<'a>(pairs: &[[&'a Scenario; 2]]) -> Vec<[&'a Scenario; 2]> {
    let tracer = Tracer::watch(&[]).unwrap();
    let played: Vec<[Happened; 2]> = std::thread::scope(|scope| {
        let tracer = &tracer;
        let numbered = (0..).zip(pairs);
        let started = numbered.map(|(slot, rows)| scope.spawn(move || pair(slot, *rows, tracer)));
        let started: Vec<_> = started.collect();
        started.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let trace = tracer.stop().unwrap();
    let failures: Vec<&Failure> = trace.failures().collect();
    let mut again = Vec::new();
    for (rows, [first, second]) in pairs.iter().zip(&played) {
        let mut wrong = Vec::new();
        for (it, other) in [(first, second), (second, first)] {
            let strange = failures.iter().find(|failure| is_mixed(it, other, failure));
            assert!(strange.is_none(), "{strange:#?}");
            wrong.extend(it.mismatches(Some(&failures)));
        }
        if !wrong.is_empty() {
            let names = rows.map(|row| row.name.as_str());
            eprintln!("{names:?}: {wrong:#?}");
            again.push(*rows);
        }
    }
    again
}

/// A record of one pair's half that has a process, or a place, of the other.
fn is_mixed(it: &Happened, other: &Happened, failure: &Failure) -> bool {
    let own = failure
        .socket
        .netns
        .is_some_and(|netns| it.lab.holds(netns));
    let drops = failure.drops.iter().filter_map(|drop| drop.netns);
    let resets = failure.resets.iter().filter_map(|reset| reset.netns);
    let peer = failure.peer.iter().map(|peer| peer.netns);
    let nat = failure.nat.iter().map(|nat| nat.netns);
    let mut places = drops.chain(resets).chain(peer).chain(nat);
    let process = failure.process.as_ref();
    let others = process
        .is_some_and(|it| it.pid == other.story.pid || other.story.daemons.contains(&it.pid));
    own && (others || places.any(|netns| other.lab.holds(netns)))
}

/// A kernel may skip a hook now and then: what it hid is played again.
const PLAYS: usize = 3;

/// Each is told as the table says: its own cause, namespace, process and listener.
#[test]
fn rows_are_told_alike_beside_another_at_the_same_addresses() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let names: Vec<String> = ROWS.iter().map(|&name| name.to_owned()).collect();
    let rows = runner::choose(&names).unwrap();
    let mut pairs = Vec::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let rows: Vec<&Scenario> = rows.iter().filter(|it| it.family == family).collect();
        for (nth, first) in rows.iter().enumerate() {
            pairs.extend(rows[nth + 1..].iter().map(|second| [*first, *second]));
        }
    }
    assert_eq!(pairs.len(), ROWS.len() * (ROWS.len() - 1));
    for _ in 0..PLAYS {
        pairs = play(&pairs);
        if pairs.is_empty() {
            return;
        }
    }
    panic!("again and again not as expected: {pairs:#?}");
}

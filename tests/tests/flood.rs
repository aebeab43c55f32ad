//! Ten thousand connections that are reset at once: each is told, of the right one, and they are two
//! incidents.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tests::{
    client::{self, CommandLine, Daemon},
    lock::Host,
    net::{Lab, Place},
    runner,
    tracer::Tracer,
};
use tracer_user::record::{Confidence, Failure, Family, Phase, Record};

const RESETS: usize = 10_000;

#[test]
fn ten_thousand_resets_are_told_exactly_and_are_two_incidents() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let ports = "echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range";
    lab.sh(Place::Client, Family::Ipv4, ports).unwrap();
    let line = CommandLine("ordinary.py 9000 --serve");
    let server = line
        .command(&lab, Place::Server, Family::Ipv4, None)
        .unwrap();
    let _server = Daemon::start(line.0, server).unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let line = format!("ordinary.py $s 9000 --abort {RESETS}");
    let line = CommandLine(&line);
    let command = line
        .command(&lab, Place::Client, Family::Ipv4, None)
        .unwrap();
    let story = client::run(line, command).unwrap();
    assert!(story.status.success());
    let here = |failure: &Failure, place| {
        failure.phase == Phase::Established && failure.socket.netns == Some(lab.inode(place))
    };
    tracer.wait_until(Instant::now() + Duration::from_secs(30), |failures| {
        failures
            .iter()
            .filter(|it| here(it, Place::Client) || here(it, Place::Server))
            .count()
            >= 2 * RESETS
    });
    let trace = tracer.stop().unwrap();
    assert_eq!(trace.trailer().unwrap().ledger.failures_lost, 0);

    let of = |place| trace.failures().filter(move |it| here(it, place));
    // A port is free again at once.
    let sockets: BTreeSet<_> = of(Place::Client)
        .map(|it| (it.socket.cookie, &it.id))
        .collect();
    assert_eq!(of(Place::Client).count(), RESETS);
    assert_eq!(sockets.len(), RESETS, "each once");
    for failure in of(Place::Client) {
        assert_eq!(failure.cause, "reset-by-local", "{failure:#?}");
        assert_eq!(failure.resets.len(), 1, "its own RST alone: {failure:#?}");
        let pid = failure.process.as_ref().map(|process| process.pid);
        assert_eq!(pid, Some(story.pid), "{failure:#?}");
    }
    let doubtful = of(Place::Client)
        .filter(|it| it.lost == 0 && it.confidence != Confidence::Certain)
        .count();
    assert_eq!(doubtful, 0, "their RSTs were seen");
    assert_eq!(of(Place::Server).count(), RESETS);
    assert!(of(Place::Server).all(|it| it.cause == "reset-by-peer"));

    let incidents: BTreeSet<String> = trace
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Incident(incident) if incident.count >= 1000 => Some(incident.id.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(incidents.len(), 2, "{incidents:?}");
}

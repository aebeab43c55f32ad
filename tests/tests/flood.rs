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
    tracer::{Tracer, is_from},
};
use tracer_user::record::{Confidence, Failure, Family, Phase, Record};

const RESETS: usize = 10_000;

#[test]
fn ten_thousand_resets_are_told_exactly_and_are_two_incidents() {
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
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
        let seen = failure.resets.len();
        let is_lost = seen == 0 && failure.lost > 0;
        assert!(seen == 1 || is_lost, "its own RST alone: {failure:#?}");
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

/// About a connection of ours that is being opened, one that is open, and one that there is not: the
/// kernel rations none of them by itself.
#[test]
fn a_storm_of_icmp_errors_hides_nothing() {
    const ERRORS: u64 = 100_000;
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
    for family in [Family::Ipv4, Family::Ipv6] {
        let lab = Lab::new().unwrap();
        let daemon = |place, line: &str| {
            let command = CommandLine(line)
                .command(&lab, place, family, None)
                .unwrap();
            Daemon::start(line, command).unwrap()
        };
        let silent = "nft 'table inet lab { chain input { type filter hook input priority 0; \
                      tcp dport { 8081, 8083 } drop; }; }'";
        lab.sh(Place::Server, family, silent).unwrap();
        let _server = daemon(Place::Server, "stream.py 8082 --serve");
        let storm = |how: &str| daemon(Place::Router, &format!("storm.py {how} --count {ERRORS}"));
        let _storms = [
            storm("8081 --kind host"),
            storm("8082 --kind port --established"),
            storm("8083 --kind too-big --stranger"),
        ];
        let tracer = Tracer::watch(&[]).unwrap();
        let clients = [
            ("connect.py $s 8081", "icmp-unreachable", "EHOSTUNREACH", 1),
            (
                "stream.py $s 8082 --end peer-aborts",
                "reset-by-peer",
                "ECONNRESET",
                1,
            ),
            ("connect.py $s 8083", "firewall-drop", "ETIMEDOUT", 1),
            (
                "connect.py $s 8084 --times 50 --close",
                "connection-refused",
                "ECONNREFUSED",
                50,
            ),
        ];
        let stories = std::thread::scope(|scope| {
            let run = |line| {
                let line = CommandLine(line);
                let command = line.command(&lab, Place::Client, family, None).unwrap();
                client::run(line, command).unwrap()
            };
            let all = clients.map(|(line, ..)| scope.spawn(move || run(line)));
            all.map(|one| one.join().unwrap())
        });
        for (story, (.., number)) in stories.iter().zip(clients) {
            let deadline = Instant::now() + Duration::from_secs(30);
            tracer.wait_for(number, deadline, |it| is_from(it, story.pid));
        }
        let received = match family {
            Family::Ipv4 => "IcmpInDestUnreachs",
            Family::Ipv6 => "Icmp6InDestUnreachs",
        };
        let received = runner::counter_at(&lab, Place::Client, received).unwrap();
        assert!(received >= ERRORS, "{received}");
        let trace = tracer.stop().unwrap();
        let ledger = &trace.trailer().unwrap().ledger;
        assert_eq!((ledger.failures_lost, ledger.evicted), (0, 0));
        for (story, (line, cause, errno, number)) in stories.iter().zip(clients) {
            let told: Vec<_> = trace
                .failures()
                .filter(|it| is_from(it, story.pid))
                .collect();
            assert_eq!(told.len(), number, "{line}");
            for failure in told {
                let got = (failure.cause.as_str(), failure.errno.as_deref());
                assert_eq!(got, (cause, Some(errno)), "{failure:#?}");
                assert_eq!(failure.lost, 0, "{failure:#?}");
            }
        }
        // None of the errors was handed over but those that told something new.
        let handed_over: u64 = ledger.hooks.values().map(|hook| hook.emitted).sum();
        assert!(handed_over < ERRORS / 100, "{ledger:#?}");
    }
}

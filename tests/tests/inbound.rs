//! Listeners under attack, through the real binary.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use tests::{
    client::{self, CommandLine, Daemon},
    lock::Host,
    net::{Lab, Place},
    runner,
    tracer::{Trace, Tracer},
};
use tracer_user::record::{Direction, Failure, Family, Phase};

/// How long records may take. No measurement: a wait.
const PATIENCE: Duration = Duration::from_secs(30);

fn daemon(lab: &Lab, line: &str) -> Daemon {
    let command = CommandLine(line)
        .command(lab, Place::Server, Family::Ipv4, None)
        .unwrap();
    Daemon::start(line, command).unwrap()
}

fn run(lab: &Lab, line: &str) {
    let line = CommandLine(line);
    let command = line
        .command(lab, Place::Client, Family::Ipv4, None)
        .unwrap();
    assert!(client::run(line, command).unwrap().status.success());
}

/// A handshake that a listener of a lab's server did not take.
fn in_server(failure: &Failure, lab: &Lab) -> bool {
    failure.direction == Direction::Inbound
        && failure.phase == Phase::Handshake
        && failure.socket.netns == Some(lab.inode(Place::Server))
}

/// How many were turned away, or answered with a cookie, by the listeners of a lab's server.
fn sum<'a>(failures: impl IntoIterator<Item = &'a Failure>, lab: &Lab, cause: &str) -> u64 {
    let of_it = failures
        .into_iter()
        .filter(|it| in_server(it, lab) && it.cause == cause);
    let listeners = of_it.filter_map(|failure| failure.listener.as_ref());
    listeners
        .map(|it| it.turned_away + it.cookies.unwrap_or(0))
        .sum()
}

/// Waits for what the kernel has counted, until it counts no more: packets that were sent may still
/// lie in a busy host's backlog.
fn wait(tracer: &Tracer, lab: &Lab, cause: &str, counter: &str) -> u64 {
    let mut counted = runner::counter(lab, counter).unwrap();
    loop {
        tracer.wait_until(Instant::now() + PATIENCE, |failures| {
            sum(failures.iter().copied(), lab, cause) >= counted
        });
        let again = runner::counter(lab, counter).unwrap();
        if again == counted {
            return counted;
        }
        counted = again;
    }
}

fn records<'a>(trace: &'a Trace, lab: &Lab) -> Vec<&'a Failure> {
    trace.failures().filter(|it| in_server(it, lab)).collect()
}

#[test]
fn a_flood_is_a_few_records_with_exact_numbers() {
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
    for (syncookies, counter) in [
        (0, "TcpExtTCPReqQFullDrop"),
        (1, "TcpExtTCPReqQFullDoCookies"),
    ] {
        let lab = Lab::new().unwrap();
        lab.sh(
            Place::Server,
            Family::Ipv4,
            &format!("echo {syncookies} > /proc/sys/net/ipv4/tcp_syncookies"),
        )
        .unwrap();
        lab.sh(
            Place::Client,
            Family::Ipv4,
            "nft 'table inet lab { chain out { type filter hook output priority 0; \
             tcp flags rst drop; }; }'",
        )
        .unwrap();
        let tracer = Tracer::watch(&[]).unwrap();
        let listener = daemon(&lab, "listen.py 8080 --backlog 64");
        run(&lab, "syn.py $s 8080 --count 100000 --fast");
        let counted = wait(&tracer, &lab, "syn-queue-full", counter);
        let trace = tracer.stop().unwrap();
        let told = records(&trace, &lab);
        assert!(counted > 90_000, "{counted}");
        assert_eq!(sum(told.iter().copied(), &lab, "syn-queue-full"), counted);
        // One when it begins, then one every five seconds.
        assert!(told.len() < 40, "{}", told.len());
        for failure in told {
            let process = failure.process.as_ref().unwrap();
            assert_eq!(process.pid, listener.pid(), "{failure:?}");
        }
        let ledger = &trace.trailer().unwrap().ledger;
        let booked = ledger.turned_away.get("syn-queue-full").copied();
        let turned_away = if syncookies == 0 { Some(counted) } else { None };
        assert_eq!(booked, turned_away);
        assert_eq!(ledger.failures_lost, 0);
    }
}

#[test]
fn listeners_at_the_same_address_are_told_apart() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let labs = [(); 2].map(|()| Lab::with_slot(std::process::id()).unwrap());
    let tracer = Tracer::watch(&[]).unwrap();
    let stuck = daemon(&labs[0], "listen.py 8080 --backlog 1 --stuck");
    let healthy = daemon(&labs[1], "listen.py 8080");
    for lab in &labs {
        run(lab, "connect.py $s 8080 --times 4");
    }
    let counter = "TcpExtListenOverflows";
    let counted = wait(&tracer, &labs[0], "accept-queue-full", counter);
    assert!(counted > 0);
    let trace = tracer.stop().unwrap();
    assert_eq!(
        sum(trace.failures(), &labs[0], "accept-queue-full"),
        counted
    );
    for failure in records(&trace, &labs[0]) {
        assert_eq!(failure.process.as_ref().unwrap().pid, stuck.pid());
    }
    let wrong = records(&trace, &labs[1]);
    assert!(wrong.is_empty(), "{} blamed: {wrong:?}", healthy.pid());
}

#[test]
fn a_listener_that_is_opened_again_begins_anew() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let mut counted = 0;
    for _ in 0..2 {
        let listener = daemon(&lab, "listen.py 8080 --backlog 1 --stuck");
        run(&lab, "connect.py $s 8080 --times 4");
        let before = counted;
        counted = wait(&tracer, &lab, "accept-queue-full", "TcpExtListenOverflows");
        assert!(counted > before);
        tracer.wait_until(Instant::now() + PATIENCE, |failures| {
            let of_it = |failure: &&&Failure| {
                let process = failure.process.as_ref();
                in_server(failure, &lab) && process.is_some_and(|it| it.pid == listener.pid())
            };
            let own: Vec<&Failure> = failures.iter().filter(of_it).copied().collect();
            let total = own.last().and_then(|failure| failure.listener.as_ref());
            total.is_some_and(|it| it.turned_away_total == counted - before)
        });
    }
    let trace = tracer.stop().unwrap();
    assert_eq!(sum(trace.failures(), &lab, "accept-queue-full"), counted);
    let pids: std::collections::BTreeSet<u32> = records(&trace, &lab)
        .iter()
        .map(|failure| failure.process.as_ref().unwrap().pid)
        .collect();
    assert_eq!(pids.len(), 2, "one for each of the two listeners");
}

#[test]
fn ten_thousand_healthy_connections_are_no_failure() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let _listener = daemon(&lab, "listen.py 8080");
    let mut clients: Vec<_> = (0..2)
        .map(|_| {
            let line = CommandLine("connect.py $s 8080 --times 5000 --close");
            let mut command = line
                .command(&lab, Place::Client, Family::Ipv4, None)
                .unwrap();
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for client in &mut clients {
        assert!(client.wait().unwrap().success());
    }
    let trace = tracer.stop().unwrap();
    let wrong = records(&trace, &lab);
    let dropped = runner::counter(&lab, "TcpExtListenDrops").unwrap();
    assert_eq!(sum(trace.failures(), &lab, "accept-queue-full"), dropped);
    assert!(wrong.is_empty() || dropped > 0, "{wrong:?}");
}

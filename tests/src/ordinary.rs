//! Ordinary traffic by real programs: nginx, redis, ab, wrk, curl and Python, each in its own way, and
//! a few connections among it that truly fail.
//!
//! What truly failed is known from the programs that were told to fail, and from the kernel's own
//! counts: `TcpEstabResets` of a network namespace rises by one for each connection that ends other
//! than by FIN while it may still be written to (`tcp_set_state`, `net/ipv4/tcp.c`).

mod servers;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::Scope,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use tracer_user::record::{Direction, Failure, Family, Phase};

use self::servers::Servers;
use crate::{
    client::{self, CommandLine},
    net::{Lab, Place},
    runner, shell,
    tracer::{Trace, Tracer},
};

/// Connections to a port where nobody listens, and connections that the client aborts.
const REFUSED: usize = 5;
const ABORTED: u64 = 5;

/// How connections end other than by FIN: aborted; left with answers that nobody reads, by wrk when its
/// time is over; or used once more in the moment in which nginx closes them, since they were idle or its
/// workers change. All of these are true, and counted by the kernel.
const BROKEN: &[&str] = &["reset-by-local", "reset-by-peer", "broken-pipe"];

/// What the traffic was, and what tcpwhy must say of it.
#[derive(Debug)]
pub struct Truth {
    /// Connections that the client's namespace opened, by its own count.
    pub connections: u64,
    /// Connections that broke after they had come up: the client's ends, and the server's.
    pub broken: [u64; 2],
    /// What the listeners of the server ignored.
    pub ignored: u64,
    /// The process whose connections were refused.
    refused: u32,
}

/// Makes about so many connections.
pub fn run(lab: &Lab, connections: u32) -> Result<Truth> {
    prepare(lab)?;
    let started = Servers::start(lab)?;
    let (servers, over) = (&started, &AtomicBool::new(false));
    let refused = std::thread::scope(|scope| -> Result<u32> {
        let reloads = scope.spawn(move || servers.reload_until(over));
        let programs: Vec<_> = scripts(connections)?
            .into_iter()
            .map(|(family, script)| spawn(scope, lab, family, script))
            .collect();
        let refused = refuse(lab);
        let mut done = Ok(());
        for program in programs {
            let ended = program.join().map_err(|_| anyhow!("a program panicked"));
            done = done.and(ended.and_then(|ended| ended));
        }
        over.store(true, Ordering::Relaxed);
        let reloaded = reloads.join().map_err(|_| anyhow!("reloading panicked"));
        done.and(reloaded.and_then(|ended| ended)).and(refused)
    })?;
    // What they still hold ends with them.
    drop(started);
    let broken = |place| runner::counter_at(lab, place, "TcpEstabResets");
    Ok(Truth {
        connections: runner::counter_at(lab, Place::Client, "TcpActiveOpens")?,
        broken: [broken(Place::Client)?, broken(Place::Server)?],
        ignored: runner::counter(lab, "TcpExtListenDrops")?,
        refused,
    })
}

/// Ports for all of them, and a service that is there for IPv4 only.
fn prepare(lab: &Lab) -> Result<()> {
    let ports = "echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range";
    lab.sh(Place::Client, Family::Ipv4, ports)?;
    let silent = "nft 'table inet lab { chain in { type filter hook input priority 0; \
                  meta nfproto ipv6 tcp dport 81 drop; }; }'";
    lab.sh(Place::Server, Family::Ipv4, silent)?;
    Ok(())
}

/// What runs beside each other in the client's namespace, once over IPv4 and once over IPv6.
fn scripts(connections: u32) -> Result<Vec<(Family, String)>> {
    let (tenth, twentieth) = (connections / 10, connections / 20);
    let python = format!(
        "{} {}",
        shell::python()?.display(),
        shell::clients().display()
    );
    let scripts = [
        // A connection for each request; then connections that are used a hundred times.
        format!("ab -q -n {} -c 16 http://$url/", 3 * twentieth),
        format!("ab -q -r -k -n {tenth} -c 16 http://$url/"),
        "wrk -t 1 -c 16 -d 3s http://$url/".to_owned(),
        format!("redis-benchmark -q -h $s -c 16 -k 0 -t ping -n {twentieth}"),
        format!("redis-benchmark -q -h $s -c 50 -t get,set -n {tenth}"),
        format!(
            "{python}/ordinary.py $s 9000 --http 80 --count {}",
            5 * twentieth
        ),
        format!("{python}/ordinary.py $s 9000 --abort {ABORTED}"),
        "curl -sf -Z http://$url/?[1-50] http://$url/?[51-99] > /dev/null
         for i in 1 2 3 4 5 6 7 8 9; do curl -sf http://$url/ > /dev/null; done"
            .to_owned(),
        "for i in 1 2 3 4 5; do
            curl -sf --resolve lab:81:[$s6],$s4 http://lab:81/ > /dev/null
         done"
            .to_owned(),
    ];
    let families = [Family::Ipv4, Family::Ipv6];
    let both = |script: String| families.map(|family| (family, script.clone()));
    Ok(scripts.into_iter().flat_map(both).collect())
}

fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    lab: &'scope Lab,
    family: Family,
    script: String,
) -> std::thread::ScopedJoinHandle<'scope, Result<()>> {
    scope.spawn(move || lab.sh(Place::Client, family, &script).map(drop))
}

/// The process whose connections are refused.
fn refuse(lab: &Lab) -> Result<u32> {
    let line = format!("connect.py $s 9 --times {REFUSED}");
    let line = CommandLine(&line);
    let command = line.command(lab, Place::Client, Family::Ipv4, None)?;
    Ok(client::run(line, command)?.pid)
}

/// Waits until all that truly failed is told.
pub fn wait_for(tracer: &Tracer, lab: &Lab, truth: &Truth) {
    let deadline = Instant::now() + Duration::from_secs(30);
    tracer.wait_until(deadline, |failures| {
        let told = |place| {
            let all = broken(lab, place, failures);
            all.filter(|failure| is_counted(failure)).count() as u64
        };
        told(Place::Client) >= truth.broken[0] && told(Place::Server) >= truth.broken[1]
    });
}

fn broken<'a>(
    lab: &Lab,
    place: Place,
    failures: &'a [&'a Failure],
) -> impl Iterator<Item = &'a Failure> {
    let netns = Some(lab.inode(place));
    failures.iter().copied().filter(move |failure| {
        let up = matches!(failure.phase, Phase::Established | Phase::Close);
        up && failure.socket.netns == netns
    })
}

/// It could still be written to, so that the kernel counts its end.
fn is_counted(failure: &Failure) -> bool {
    matches!(state(failure), "ESTABLISHED" | "CLOSE_WAIT")
}

fn state(failure: &Failure) -> &str {
    failure.tcp.as_ref().map_or("", |tcp| &tcp.state)
}

/// Closed, and then broken with data under way, of which the kernel counts nothing.
fn has_lost_data(failure: &Failure) -> bool {
    let closed = matches!(state(failure), "FIN_WAIT1" | "CLOSING" | "LAST_ACK");
    let stream = failure.tcp.as_ref().and_then(|tcp| tcp.stream);
    closed && stream.is_some_and(|it| it.unacked_bytes + it.unsent_bytes > 0)
}

/// What is told that did not happen, or not told that did: one line each.
#[must_use]
pub fn wrong(lab: &Lab, truth: &Truth, trace: &Trace) -> Vec<String> {
    let failures: Vec<&Failure> = trace.failures().collect();
    let mut wrong = Vec::new();
    let mut check = |right: bool, what: String| wrong.extend((!right).then_some(what));
    let mut refused = 0;
    for failure in &failures {
        let here = failure.socket.netns.is_some_and(|netns| lab.holds(netns));
        if !here || matches!(failure.phase, Phase::Established | Phase::Close) {
            continue;
        }
        let is_true = failure.cause == "connection-refused"
            && failure.socket.remote.port == Some(9)
            && failure
                .process
                .as_ref()
                .is_some_and(|it| it.pid == truth.refused);
        refused += usize::from(is_true);
        // What a listener ignored is counted, not told one by one.
        let ignored = failure.direction == Direction::Inbound && truth.ignored > 0;
        check(is_true || ignored, told(failure));
    }
    check(
        refused == REFUSED,
        format!("{refused} of {REFUSED} refused"),
    );
    for (place, count) in [Place::Client, Place::Server].into_iter().zip(truth.broken) {
        let all: Vec<_> = broken(lab, place, &failures).collect();
        for failure in &all {
            let is_known = BROKEN.contains(&failure.cause.as_str());
            let is_true = is_counted(failure) || has_lost_data(failure);
            check(is_known && is_true, told(failure));
        }
        let number = all.iter().filter(|it| is_counted(it)).count() as u64;
        let lines: Vec<String> = all.iter().map(|failure| told(failure)).collect();
        let what = format!("{place:?}: {number} are told of {count} that broke: {lines:#?}");
        check(number == count, what);
    }
    let made = 2 * ABORTED;
    check(
        truth.broken[1] >= made,
        format!("{} broke, {made} were aborted", truth.broken[1]),
    );
    wrong
}

fn told(failure: &Failure) -> String {
    format!(
        "{:?} {:?} {} {} ({:?}): {}",
        failure.direction,
        failure.phase,
        state(failure),
        failure.cause,
        failure.confidence,
        failure.summary
    )
}

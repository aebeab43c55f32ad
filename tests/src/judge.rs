//! Compares what tcpwhy said of a scenario with what it had to say.

use std::{fmt::Display, os::unix::process::ExitStatusExt, sync::OnceLock};

use tracer_user::{
    kernel::Kernel,
    record::{Confidence, Direction, Drop, Failure, Match, MatchedBy, PeerRole, Phase, Role},
};

use crate::{
    client::Story,
    net::{Lab, Place},
    scenario::{Accepted, Dropped, Inbound, Local, Nat, Scenario},
};

/// Something that is not as it must be.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// The field, or what it is about.
    pub what: String,
    /// What it had to be.
    pub expected: String,
    /// What it was.
    pub got: String,
}

/// Collects mismatches.
#[derive(Debug, Default)]
struct Findings(Vec<Mismatch>);

impl Findings {
    fn check(&mut self, right: bool, what: &str, expected: impl Display, got: impl Display) {
        if !right {
            let (expected, got) = (expected.to_string(), got.to_string());
            self.0.push(Mismatch {
                what: what.to_owned(),
                expected,
                got,
            });
        }
    }

    fn one_of(&mut self, what: &str, set: &str, got: Option<&str>) {
        let got = got.unwrap_or_default();
        self.check(is_one_of(set, got), what, set, got);
    }
}

/// Whether a value is in a set written `a|b`; an empty alternative stands for absence.
fn is_one_of(set: &str, value: &str) -> bool {
    set.split('|').any(|alternative| alternative == value)
}

/// What the running kernel can tell; `None` where it does not even say that.
fn kernel() -> Option<&'static Kernel> {
    static KERNEL: OnceLock<Option<Kernel>> = OnceLock::new();
    KERNEL.get_or_init(|| Kernel::running().ok()).as_ref()
}

fn has_reason(name: &str) -> bool {
    kernel().is_some_and(|kernel| kernel.reasons.drop_reason_value(name).is_some())
}

/// Whether socket cookies can be read (5.12).
fn has_cookies() -> bool {
    kernel().is_some_and(|kernel| kernel.has_cookie)
}

/// Reasons came one by one: on a kernel that is too old for all of these a drop has none, and
/// before 5.17 it has not even `NOT_SPECIFIED`.
fn is_reason(set: &str, got: Option<&str>) -> bool {
    match got {
        None => is_one_of(set, "") || !has_reason("NOT_SPECIFIED"),
        Some("NOT_SPECIFIED") if !set.split('|').any(has_reason) => true,
        Some(got) => is_one_of(set, got),
    }
}

/// Before 6.7, and its stable series of later, nftables leaves the freeing to `nf_hook_slow`.
fn is_location(set: &str, got: &str) -> bool {
    let by_caller = got == "nf_hook_slow" && is_one_of(set, "nft_do_chain");
    is_one_of(set, got) || (by_caller && is_before(6, 7))
}

/// By the release: nothing in the kernel's types tells who frees.
fn is_before(major: u32, minor: u32) -> bool {
    kernel().is_some_and(|kernel| {
        let mut numbers = kernel
            .release
            .split('.')
            .map_while(|part| part.parse().ok());
        (numbers.next(), numbers.next()) < (Some(major), Some(minor))
    })
}

/// What the client itself got, without any tracer.
#[must_use]
pub fn client(scenario: &Scenario, story: &Story) -> Vec<Mismatch> {
    let mut findings = Findings::default();
    let code = story
        .status
        .code()
        .or(story.status.signal().map(|signal| -signal));
    let exit = scenario.row.exit;
    findings.check(
        code == Some(exit),
        "client's exit status",
        exit,
        format!("{code:?}"),
    );
    let told = match scenario.row.outcome {
        Some(told) => told.to_owned(),
        None if story.comm != "python3" => String::new(),
        None => vec![scenario.errno(); scenario.failures()].join(" "),
    };
    let expected: Vec<&str> = told.split(' ').filter(|word| !word.is_empty()).collect();
    let right = expected.len() == story.outcomes.len()
        && expected
            .iter()
            .zip(&story.outcomes)
            .all(|(set, got)| is_one_of(set, got));
    findings.check(right, "what the client got", told, story.outcomes.join(" "));
    findings.0
}

/// What is said of the server's listener and a cause: the records, and how many they count together.
fn told<'a>(lab: &Lab, cause: &str, all: &[&'a Failure]) -> (Vec<&'a Failure>, u64) {
    let of_it = |failure: &&&Failure| is_inbound(failure, lab) && failure.cause == cause;
    let records: Vec<&Failure> = all.iter().filter(of_it).copied().collect();
    let count = |failure: &&Failure| {
        let listener = failure.listener.as_ref();
        listener.map_or(0, |it| it.turned_away + it.cookies.unwrap_or(0))
    };
    let sum = records.iter().map(count).sum();
    (records, sum)
}

/// A handshake that the server's listener did not take.
fn is_inbound(failure: &Failure, lab: &Lab) -> bool {
    failure.direction == Direction::Inbound
        && failure.phase == Phase::Handshake
        && failure.socket.netns.is_some_and(|netns| lab.holds(netns))
}

/// Whether all that the listener turned away is told, and how the connection ended that it accepted.
#[must_use]
pub fn is_all_told(scenario: &Scenario, lab: &Lab, story: &Story, all: &[&Failure]) -> bool {
    if let Some(wanted) = &scenario.row.server
        && !all
            .iter()
            .any(|failure| is_end(wanted, scenario, lab, failure))
    {
        return false;
    }
    let mut wanted = scenario.row.inbound.iter().zip(&story.counted);
    wanted.all(|(inbound, counted)| told(lab, inbound.cause, all).1 >= *counted.start())
}

/// What tcpwhy said of the server's listener: all that there was, and nothing else.
#[must_use]
pub fn inbound(scenario: &Scenario, lab: &Lab, story: &Story, all: &[&Failure]) -> Vec<Mismatch> {
    let mut findings = Findings::default();
    let wanted = &scenario.row.inbound;
    for failure in all.iter().filter(|failure| is_inbound(failure, lab)) {
        match wanted.iter().find(|it| it.cause == failure.cause) {
            Some(inbound) => refusals(&mut findings, scenario, inbound, lab, story, failure),
            None => {
                let got = format!("{}: {}", failure.cause, failure.summary);
                findings.check(false, "of the listener", "nothing", got);
            }
        }
    }
    for (inbound, counted) in wanted.iter().zip(&story.counted) {
        let (records, sum) = told(lab, inbound.cause, all);
        let reasons: Vec<&str> = records
            .iter()
            .flat_map(|failure| &failure.drops)
            .filter(|drop| drop.matched_by == MatchedBy::Listener)
            .filter_map(|drop| drop.reason.as_deref())
            .collect();
        let what = format!("turned away, {}", inbound.cause);
        let expected = format!("{counted:?}");
        findings.check(counted.contains(&sum), &what, expected, sum);
        let seen = inbound.reason.is_empty() || reasons.contains(&inbound.reason);
        findings.check(seen, "reason", inbound.reason, format!("{reasons:?}"));
    }
    findings.0
}

/// A connection that the server accepted, and that failed.
fn is_accepted(failure: &Failure, lab: &Lab) -> bool {
    failure.direction == Direction::Inbound
        && failure.phase != Phase::Handshake
        && failure.socket.netns == Some(lab.inode(Place::Server))
}

/// Whether a record tells of the server's end what the row says.
fn is_end(wanted: &Accepted, scenario: &Scenario, lab: &Lab, failure: &Failure) -> bool {
    let (process, socket) = (failure.process.as_ref(), &failure.socket);
    let local = socket.local.as_ref().and_then(|local| local.port);
    is_accepted(failure, lab)
        && process.is_some_and(|it| it.role == Some(Role::Acceptor))
        && is_one_of(wanted.cause, &failure.cause)
        && is_one_of(wanted.errno, failure.errno.as_deref().unwrap_or_default())
        && local == Some(scenario.row.remote.1)
        && socket.remote.addr == lab.address(Place::Client, scenario.family)
        && failure.confidence != Confidence::Unknown
}

/// What tcpwhy said of the server's own ends of connections: whose they are, and what the row names.
/// When a scenario ends, its server leaves what it had not accepted or not read.
#[must_use]
pub fn accepted(scenario: &Scenario, lab: &Lab, story: &Story, all: &[&Failure]) -> Vec<Mismatch> {
    let mut findings = Findings::default();
    let mut got = Vec::new();
    for failure in all.iter().filter(|failure| is_accepted(failure, lab)) {
        let process = failure.process.as_ref();
        let right = process.is_none_or(|it| story.daemons.contains(&it.pid));
        let daemons = format!("{:?}", story.daemons);
        findings.check(right, "holder", daemons, format!("{process:?}"));
        let role = process.and_then(|it| it.role);
        got.push(format!(
            "{} {:?} {role:?}: {}",
            failure.cause, failure.errno, failure.summary
        ));
    }
    if let Some(wanted) = &scenario.row.server {
        let told = all
            .iter()
            .any(|failure| is_end(wanted, scenario, lab, failure));
        let expected = format!("{} {}, an acceptor's", wanted.cause, wanted.errno);
        findings.check(told, "of the server's end", expected, got.join("; "));
    }
    findings.0
}

fn refusals(
    findings: &mut Findings,
    scenario: &Scenario,
    wanted: &Inbound,
    lab: &Lab,
    story: &Story,
    failure: &Failure,
) {
    let netns = lab.inode(Place::Server);
    let (socket, process) = (&failure.socket, failure.process.as_ref());
    let got = format!("{:?}", socket.netns);
    findings.check(socket.netns == Some(netns), "netns", netns, got);
    let phase = failure.phase == Phase::Handshake;
    findings.check(phase, "phase", "Handshake", format!("{:?}", failure.phase));
    let sure = wanted.sure.allows(failure.confidence);
    let got = format!("{:?}", failure.confidence);
    findings.check(sure, "confidence", format!("{:?}", wanted.sure), got);
    let port = scenario.row.remote.1;
    let listener = failure.listener.as_ref();
    let right = listener.is_some_and(|it| it.port == port && it.addr.is_unspecified());
    findings.check(right, "listener", port, format!("{listener:?}"));
    let bounds = listener.is_some_and(|it| it.turned_away <= it.turned_away_total);
    findings.check(
        bounds,
        "total",
        "not less than its part",
        format!("{listener:?}"),
    );
    let cookies = listener.is_some_and(|it| it.cookies.is_some()) == wanted.cookies;
    findings.check(cookies, "cookies", wanted.cookies, format!("{listener:?}"));
    whose(findings, wanted, story, failure);
    let justified = failure.matched_by == process.map(|_| MatchedBy::Listener);
    let got = format!("{:?}", failure.matched_by);
    findings.check(
        justified,
        "how its process was joined",
        "by the listener",
        got,
    );
    let remote = &socket.remote;
    let client = lab.address(Place::Client, scenario.family);
    let right = remote.addr == client || (remote.addr.is_unspecified() && remote.port.is_none());
    findings.check(right, "remote", client, format!("{remote:?}"));
    let told = !failure.summary.is_empty() && !failure.why.is_empty() && !failure.fix.is_empty();
    findings.check(told, "summary, why and fix", "said", &failure.summary);
    if !wanted.rule.is_empty() {
        rule(findings, wanted.rule, failure);
    }
}

/// Whose the listener is; where it is one of several processes' that nothing tells apart, all of them.
fn whose(findings: &mut Findings, wanted: &Inbound, story: &Story, failure: &Failure) {
    let process = failure.process.as_ref();
    let listener = failure.listener.as_ref();
    let mut holders: Vec<u32> = listener
        .iter()
        .flat_map(|it| &it.holders)
        .map(|it| it.pid)
        .collect();
    let (daemons, right) = if wanted.one_of > 0 {
        let mut daemons = story.daemons.clone();
        daemons.truncate(wanted.one_of);
        daemons.sort_unstable();
        holders.sort_unstable();
        let count = format!("{} processes", wanted.one_of);
        let said = failure.missing.iter().any(|it| it.contains(&count));
        let right = process.is_none() && holders == daemons && said;
        (format!("nobody, holders {daemons:?}"), right)
    } else {
        let right = process.is_some_and(|it| {
            let named = it.comm == "python3" && it.role == Some(Role::Listener);
            named && story.daemons.contains(&it.pid)
        });
        (format!("{:?}, a listener", story.daemons), right)
    };
    let got = format!("{process:?}, holders {holders:?}, {:?}", failure.missing);
    findings.check(right, "process", daemons, got);
}

/// What tcpwhy said: exactly the failures there were, each of them right, and nobody else's.
#[must_use]
pub fn failures(scenario: &Scenario, lab: &Lab, story: &Story, all: &[&Failure]) -> Vec<Mismatch> {
    let mut findings = Findings::default();
    let here = |failure: &&&Failure| {
        failure.direction == Direction::Outbound
            && failure.socket.netns.is_some_and(|netns| lab.holds(netns))
    };
    let pid = |failure: &Failure| failure.process.as_ref().map(|process| process.pid);
    let (own, others): (Vec<&Failure>, Vec<&Failure>) = all
        .iter()
        .filter(here)
        .partition(|failure| pid(failure) == Some(story.pid));
    for failure in others {
        let name = failure
            .process
            .as_ref()
            .map_or("nobody", |process| &process.comm);
        let got = format!("{:?} ({name}): {}", pid(failure), failure.summary);
        findings.check(false, "pid", story.pid, got);
    }
    let wanted = scenario.failures();
    findings.check(own.len() == wanted, "number of failures", wanted, own.len());
    for failure in &own {
        one(&mut findings, scenario, lab, story, failure);
    }
    let cookies: Vec<_> = own.iter().map(|failure| failure.socket.cookie).collect();
    if scenario.name.starts_with("refused-retry") {
        let same = cookies
            .windows(2)
            .all(|pair| pair[0].is_some() && pair[0] == pair[1]);
        let right = same || (!has_cookies() && cookies.iter().all(Option::is_none));
        findings.check(right, "cookies", "one socket's", format!("{cookies:?}"));
    }
    findings.0
}

fn one(findings: &mut Findings, scenario: &Scenario, lab: &Lab, story: &Story, failure: &Failure) {
    let row = &scenario.row;
    findings.one_of("cause", row.cause, Some(&failure.cause));
    let errnos = scenario.errno();
    findings.one_of("errno", errnos, failure.errno.as_deref());
    if let [told] = story.outcomes.as_slice() {
        let same = failure.errno.as_ref().is_none_or(|errno| errno == told);
        let got = failure.errno.as_deref().unwrap_or_default();
        findings.check(same, "errno, as the client was told", told, got);
    }
    let sure = row.sure.allows(failure.confidence);
    let got = format!("{:?}", failure.confidence);
    findings.check(sure, "confidence", format!("{:?}", row.sure), got);
    let phase = format!("{:?}", failure.phase);
    let wanted = format!("{:?}", row.phase);
    findings.check(failure.phase == row.phase, "phase", wanted, phase);
    let stuck_on = if failure.cause == "abandoned" || row.stuck_on.is_empty() {
        row.stuck_on.trim_start_matches('|')
    } else {
        row.stuck_on
    };
    findings.one_of("stuck_on", stuck_on, failure.stuck_on.as_deref());
    findings.check(failure.lost == 0, "lost", 0, failure.lost);
    let justified = failure.matched_by == Some(MatchedBy::Socket);
    let got = format!("{:?}", failure.matched_by);
    findings.check(
        justified,
        "how its process was joined",
        "by its socket",
        got,
    );
    process(findings, scenario, story, failure);
    socket(findings, scenario, lab, failure);
    for wanted in &row.drops {
        drop(findings, lab, wanted, &failure.drops);
    }
    let resets = failure.resets.len();
    findings.check(!row.reset || resets > 0, "resets", "at least one", resets);
    let told = !failure.summary.is_empty() && !failure.why.is_empty() && !failure.fix.is_empty();
    findings.check(told, "summary, why and fix", "said", &failure.summary);
    let daemon = story.daemons.first().map_or(0, |&pid| pid);
    let says = row.says.replace("$daemon", &daemon.to_string());
    let said = failure.why.iter().any(|link| is_like(&says, link));
    let got = failure.why.join(" / ");
    findings.check(says.is_empty() || said, "why", says, got);
    if !row.rule.is_empty() {
        rule(findings, row.rule, failure);
    }
}

/// What is told beyond the connection's own socket: translations, and its other end. A host that is
/// busy may not get to it, so that only tests that leave it idle ask.
#[must_use]
pub fn beyond(scenario: &Scenario, lab: &Lab, story: &Story, all: &[&Failure]) -> Vec<Mismatch> {
    let mut findings = Findings::default();
    let pid = |failure: &Failure| failure.process.as_ref().map(|process| process.pid);
    let own = all.iter().filter(|failure| pid(failure) == Some(story.pid));
    let own: Vec<_> = own.collect();
    findings.check(!own.is_empty(), "failures", "one of the client's", 0);
    let row = &scenario.row;
    // The first of several is what is told where it is known what lies beyond.
    let cause = row.cause.split('|').next().unwrap_or_default();
    for failure in own {
        findings.one_of("cause", cause, Some(&failure.cause));
        for (place, what) in &row.nat {
            translated(&mut findings, lab.inode(*place), *what, failure);
        }
        let (server, daemon) = (lab.inode(Place::Server), story.daemons.first());
        if let (Some(role), Some(&daemon)) = (row.peer, daemon) {
            peer(&mut findings, role, server, daemon, failure);
        }
    }
    findings.0
}

/// A network namespace translates it.
fn translated(findings: &mut Findings, netns: u32, what: Nat, failure: &Failure) {
    let own = (failure.socket.local, Some(failure.socket.remote));
    let first = failure.nat.first().map(|it| it.original);
    let followed = first.map(|it| (Some(it.source), Some(it.destination))) == Some(own);
    let there = failure.nat.iter().any(|it| {
        let destination = it.reply.source != it.original.destination;
        let source = it.reply.destination != it.original.source;
        it.netns == netns
            && (destination, source) == (what == Nat::Destination, what == Nat::Source)
    });
    let got = format!("{:?}", failure.nat);
    findings.check(
        followed && there,
        "nat",
        format!("{what:?} at {netns}"),
        got,
    );
}

/// The other end is the server's process, and nobody else.
fn peer(findings: &mut Findings, role: PeerRole, netns: u32, pid: u32, failure: &Failure) {
    let right = failure.peer.as_ref().is_some_and(|it| {
        let held = it.process.as_ref().map(|process| process.pid);
        (it.netns, it.role, held) == (netns, role, Some(pid))
    });
    let got = format!("{:?}", failure.peer);
    findings.check(right, "peer", format!("{role:?} {pid} at {netns}"), got);
}

/// One rule is named, in the drop and in a sentence.
fn rule(findings: &mut Findings, wanted: &str, failure: &Failure) {
    let named = failure.drops.iter().any(|drop| {
        let [one] = drop.candidates.as_slice() else {
            return false;
        };
        is_like(wanted, &one.rule)
            && (one.matches == Match::Certain || one.counted)
            && failure.summary.contains(&one.rule)
            && failure.why.iter().any(|it| it.contains(&one.rule))
    });
    let got = format!("{:?}: {:?}", failure.why, failure.drops);
    findings.check(named, "rule", wanted, got);
}

/// Whether a text is as a pattern says, in which `*` stands for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    rest.is_empty() || last == Some("")
}

fn process(findings: &mut Findings, scenario: &Scenario, story: &Story, failure: &Failure) {
    let Some(process) = &failure.process else {
        return;
    };
    findings.check(
        process.comm == story.comm,
        "comm",
        &story.comm,
        &process.comm,
    );
    findings.check(process.uid == 0, "uid", 0, process.uid);
    match scenario.row.thread {
        None => findings.check(process.tid == story.pid, "tid", story.pid, process.tid),
        Some(name) => {
            findings.check(process.tid != story.pid, "tid", "the thread's", process.tid);
            findings.one_of("thread_comm", name, process.thread_comm.as_deref());
        }
    }
}

fn socket(findings: &mut Findings, scenario: &Scenario, lab: &Lab, failure: &Failure) {
    let (row, socket) = (&scenario.row, &failure.socket);
    let netns = lab.inode(Place::Client);
    findings.check(
        socket.netns == Some(netns),
        "netns",
        netns,
        format!("{:?}", socket.netns),
    );
    let family = socket.family == scenario.family && socket.ipv4_mapped == row.mapped;
    let wanted = format!("{:?}, mapped {}", scenario.family, row.mapped);
    let got = format!("{:?}, mapped {}", socket.family, socket.ipv4_mapped);
    findings.check(family, "family", wanted, got);

    let (name, port) = row.remote;
    let address = lab.variable(scenario.family, name);
    let remote = Some(socket.remote.addr) == address && socket.remote.port == Some(port);
    let got = format!("{:?}", socket.remote);
    findings.check(remote, "remote", format!("{address:?} {port}"), got);

    let from = if name == "lo" {
        address
    } else {
        Some(lab.address(Place::Client, scenario.family))
    };
    let local = socket.local.filter(|local| Some(local.addr) == from);
    let right = match row.local {
        Local::Unchosen => true,
        Local::Known => local.is_some_and(|local| local.port.is_some_and(|port| port != 0)),
        Local::Port(port) => local.is_some_and(|local| local.port == Some(port)),
    };
    let got = format!("{:?}", socket.local);
    findings.check(right, "local", format!("{from:?} {:?}", row.local), got);
}

fn drop(findings: &mut Findings, lab: &Lab, wanted: &Dropped, drops: &[Drop]) {
    let netns = lab.inode(wanted.place);
    let found = drops.iter().any(|drop| {
        let matched_by = match drop.matched_by {
            MatchedBy::Tuple => "tuple",
            MatchedBy::Listener => "listener",
            MatchedBy::Socket => "socket",
        };
        let location = drop.location.as_deref().unwrap_or_default();
        is_reason(wanted.reason, drop.reason.as_deref())
            && (wanted.location.is_empty() || is_location(wanted.location, location))
            && wanted.hook == drop.hook.as_deref().unwrap_or_default()
            && drop.netns == Some(netns)
            && is_one_of(wanted.matched_by, matched_by)
            && (wanted.way.is_empty() || drop.direction.as_deref() == Some(wanted.way))
            && drop.count > 0
    });
    let Dropped {
        reason,
        location,
        hook,
        matched_by,
        way,
        ..
    } = wanted;
    let expected = format!("{reason}@{location} {way} hook {hook:?} netns {netns} by {matched_by}");
    findings.check(found, "drops", expected, format!("{drops:?}"));
}

//! The pure middle: events in, verdicts out. No kernel, no clock, no root: each test is a recording
//! of what the hooks say, made by hand.

use std::net::IpAddr;

use tracer_ebpf::event::{self, Head, Wire, drop_socket, kind, seen_by, unsent};
use tracer_user::{
    attribute::{Attempt, FullQueue, HOLD_NS, RouteAnswer, Ruling, Tracker},
    decode::{Event, Place},
    diagnose::{Outcome, Places, Verdict, diagnose},
    record::{Candidate, Confidence, Match},
};

const NETNS: u32 = 4_026_531_840;
const PEER_NETNS: u32 = 4_026_532_000;
const SK: u64 = 0xffff_8881_0000_1000;
const START_NS: u64 = 1_000_000_000;
const ISN: u32 = 0x1234_5678;
const CLIENT: ([u8; 16], u16) = (v4([10, 9, 0, 1]), 43_210);
const SERVER: ([u8; 16], u16) = (v4([10, 9, 1, 1]), 443);
const SYN: u16 = 2;
const RST_ACK: u16 = 4 | 16;

const fn v4(a: [u8; 4]) -> [u8; 16] {
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a[0], a[1], a[2], a[3],
    ]
}

fn head(kind: u32, time_ns: u64, sk: u64, attempt_ns: u64) -> Head {
    Head {
        kind,
        cpu: 0,
        time_ns,
        sk,
        attempt_ns,
    }
}

fn text<const N: usize>(name: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

fn tuple() -> event::Tuple {
    event::Tuple {
        local: CLIENT.0,
        remote: SERVER.0,
        local_port: CLIENT.1,
        remote_port: SERVER.1,
        family: 2,
        protocol: 6,
        netns: NETNS,
        state: 7,
    }
}

fn attempt() -> Event {
    let owner = event::Owner {
        tgid: 4242,
        tid: 4242,
        started_ns: 77,
        comm: text("curl"),
        thread_comm: text("curl"),
        ..event::Owner::ZERO
    };
    Event::Attempt(event::Attempt {
        head: head(kind::ATTEMPT, START_NS, SK, START_NS),
        owner,
    })
}

fn packet(flags: u16, seq: u32, ack: u32) -> event::Packet {
    let (from, to) = if flags == SYN {
        (CLIENT, SERVER)
    } else {
        (SERVER, CLIENT)
    };
    event::Packet {
        source: from.0,
        destination: to.0,
        source_port: from.1,
        destination_port: to.1,
        flags,
        ip_version: 4,
        seq,
        ack,
        netns: PEER_NETNS,
        device_index: 2,
    }
}

/// A SYN that carries no socket, dropped at the peer.
fn loose_drop(
    time_ns: u64,
    seq: u32,
    reason: &str,
    location: &str,
    hook: Option<&'static str>,
) -> Event {
    let drop = event::Drop {
        head: head(kind::DROP, time_ns, 0, 0),
        packet: packet(SYN, seq, 0),
        socket: drop_socket::NONE,
        conntrack: u32::MAX,
        ..event::Drop::ZERO
    };
    Event::Drop(Box::new(drop), place(reason, location, hook))
}

/// A SYN dropped on the way out, with its socket.
fn own_drop(time_ns: u64, reason: &str, location: &str, hook: Option<&'static str>) -> Event {
    let mut packet = packet(SYN, ISN, 0);
    packet.netns = NETNS;
    let drop = event::Drop {
        head: head(kind::DROP, time_ns, SK, START_NS),
        packet,
        socket: drop_socket::SKB,
        socket_state: 2,
        conntrack: u32::MAX,
        ..event::Drop::ZERO
    };
    Event::Drop(Box::new(drop), place(reason, location, hook))
}

fn place(reason: &str, location: &str, hook: Option<&'static str>) -> Place {
    Place {
        reason: Some(reason.into()),
        location: Some(location.into()),
        hook,
        engine: hook.map(|_| "nftables"),
        course: None,
        conntrack: None,
    }
}

fn state(time_ns: u64, err: i32, syns: u32) -> event::State {
    event::State {
        head: head(kind::STATE, time_ns, SK, START_NS),
        tuple: tuple(),
        cookie: 7,
        old: 2,
        new: 7,
        err,
        segs_out: syns,
        isn: ISN,
        write_seq: ISN.wrapping_add(1),
        seen_by: seen_by::STATE,
        failure: 1,
        ..event::State::ZERO
    }
}

fn end(time_ns: u64, err: i32, syns: u32) -> Event {
    Event::State(Box::new(state(time_ns, err, syns)))
}

fn reset(time_ns: u64) -> Event {
    Event::ResetReceived(event::ResetReceived {
        head: head(kind::RESET_RECEIVED, time_ns, SK, START_NS),
        tuple: tuple(),
    })
}

fn soft_error(time_ns: u64, err_soft: i32) -> Event {
    Event::SocketError(event::SocketError {
        head: head(kind::SOCKET_ERROR, time_ns, SK, START_NS),
        tuple: tuple(),
        err: 0,
        err_soft,
    })
}

fn attempts(events: Vec<Event>) -> Vec<Attempt> {
    let mut tracker = Tracker::new(64);
    for event in events {
        tracker.observe(event);
    }
    tracker.due(u64::MAX)
}

fn outcome(events: Vec<Event>) -> Outcome {
    let attempts = attempts(events);
    assert_eq!(attempts.len(), 1);
    diagnose(&attempts[0], &Places::default())
}

fn verdict(events: Vec<Event>) -> Verdict {
    match outcome(events) {
        Outcome::Failed(verdict) => *verdict,
        other => panic!("no failure: {other:?}"),
    }
}

fn cause(events: Vec<Event>) -> (&'static str, Confidence) {
    let verdict = verdict(events);
    (verdict.finding.cause, verdict.finding.confidence)
}

const T: u64 = START_NS;
const SECOND: u64 = 1_000_000_000;

#[test]
fn a_rst_is_a_refusal() {
    let events = vec![
        attempt(),
        reset(T + 1000),
        end(T + 2000, libc::ECONNREFUSED, 1),
    ];
    assert_eq!(cause(events), ("connection-refused", Confidence::Certain));
}

#[test]
fn what_was_not_asked_is_said_where_it_may_matter() {
    let silent = vec![attempt(), end(T + 3 * SECOND, libc::ETIMEDOUT, 2)];
    let refused = vec![
        attempt(),
        reset(T + 1000),
        end(T + 2000, libc::ECONNREFUSED, 1),
    ];
    for (events, said) in [(silent, true), (refused, false)] {
        let mut attempt = attempts(events).remove(0);
        attempt.beyond.unasked = Some("they were asked before it".to_owned());
        let Outcome::Failed(verdict) = diagnose(&attempt, &Places::default()) else {
            panic!("no failure")
        };
        let missing = verdict.finding.missing;
        let found = missing
            .iter()
            .any(|it| it.ends_with("they were asked before it"));
        assert_eq!(found, said, "{missing:?}");
    }
}

#[test]
fn a_rule_that_only_drops_answers_nothing() {
    let rule = |verdict: &str| Candidate {
        engine: "nftables".to_owned(),
        family: "inet".to_owned(),
        table: "filter".to_owned(),
        chain: "output".to_owned(),
        hook: "output".to_owned(),
        priority: 0,
        handle: Some(2),
        rule: format!("tcp dport 443 {verdict}"),
        verdict: verdict.to_owned(),
        packets: None,
        bytes: None,
        matches: Match::Certain,
        counted: false,
    };
    let known = |verdict: &str| Ruling {
        candidates: vec![rule(verdict)],
        complete: true,
        unknown: None,
    };
    let unread = Ruling {
        unknown: Some("its rules could not be read in time".to_owned()),
        ..Ruling::default()
    };
    for (ruling, cause, confidence) in [
        (known("reject"), "firewall-reject", Confidence::Certain),
        (known("drop"), "icmp-unreachable", Confidence::Likely),
        // The time alone is no proof.
        (unread, "firewall-reject", Confidence::Likely),
    ] {
        // An ICMP error of somebody else's came right after the drop.
        let mut attempt = attempts(vec![
            attempt(),
            own_drop(T + 10, "NETFILTER_DROP", "nft_do_chain", Some("output")),
            soft_error(T + 100, libc::EHOSTUNREACH),
            end(T + 3 * SECOND, libc::EHOSTUNREACH, 2),
        ])
        .remove(0);
        attempt.evidence.drops[0].ruling = Some(ruling);
        let Outcome::Failed(verdict) = diagnose(&attempt, &Places::default()) else {
            panic!("no failure")
        };
        let finding = verdict.finding;
        assert_eq!((finding.cause, finding.confidence), (cause, confidence));
        let missing = finding
            .missing
            .iter()
            .any(|it| it.contains("one that rejects"));
        let inferred = confidence == Confidence::Likely && cause == "firewall-reject";
        assert_eq!(missing, inferred, "{:?}", finding.missing);
    }
}

#[test]
fn an_error_without_a_rst_is_icmp() {
    let events = vec![attempt(), end(T + 2000, libc::ECONNREFUSED, 1)];
    assert_eq!(cause(events), ("firewall-reject", Confidence::Likely));
}

#[test]
fn evidence_without_a_socket_is_joined_by_its_sequence_number_only() {
    let dropped = |seq| {
        let at = |n| loose_drop(T + n, seq, "NETFILTER_DROP", "nft_do_chain", Some("input"));
        cause(vec![
            attempt(),
            at(100),
            at(SECOND),
            end(T + 3 * SECOND, libc::ETIMEDOUT, 2),
        ])
    };
    assert_eq!(dropped(ISN), ("firewall-drop", Confidence::Likely));
    // The same addresses and ports in another network namespace: another attempt's.
    assert_eq!(dropped(ISN + 1).0, "no-answer");
}

#[test]
fn a_drop_with_the_socket_is_certain() {
    let at = |n| own_drop(T + n, "NETFILTER_DROP", "nft_do_chain", Some("output"));
    let events = vec![
        attempt(),
        at(10),
        at(SECOND),
        end(T + 3 * SECOND, libc::ETIMEDOUT, 2),
    ];
    assert_eq!(cause(events), ("firewall-drop", Confidence::Certain));
}

/// What the one listener that takes the destination and turned packets away meanwhile was like.
fn full_queue(syn_queue: bool) -> FullQueue {
    FullQueue {
        syn_queue,
        handshakes: 97,
        max_syn_backlog: None,
        local: ([0, 0, 0, 0], 443).into(),
        netns: PEER_NETNS,
        backlog: 129,
        backlog_limit: 128,
        turned_away: 7,
        since_ns: T,
        holder: Some(("nginx".to_owned(), 99)),
    }
}

fn ignored(events: Vec<Event>, syn_queue: bool) -> (&'static str, Confidence, String) {
    let mut attempt = attempts(events).remove(0);
    attempt.queue = Some(std::sync::Arc::new(full_queue(syn_queue)));
    let Outcome::Failed(verdict) = diagnose(&attempt, &Places::default()) else {
        panic!("no failure")
    };
    let finding = verdict.finding;
    (finding.cause, finding.confidence, finding.what)
}

#[test]
fn silence_of_a_listener_with_a_full_queue_is_likely_that() {
    let silent = || vec![attempt(), end(T + 3 * SECOND, libc::ETIMEDOUT, 2)];
    let (cause, confidence, what) = ignored(silent(), false);
    assert_eq!(
        (cause, confidence),
        ("accept-queue-full", Confidence::Likely)
    );
    assert!(what.contains("nginx[99]"), "{what}");
    assert_eq!(ignored(silent(), true).0, "syn-queue-full");
    // What was dropped on the way, or answered, is no matter of queues.
    let dropped = vec![
        attempt(),
        own_drop(T + 10, "NETFILTER_DROP", "nft_do_chain", Some("output")),
        end(T + 3 * SECOND, libc::ETIMEDOUT, 1),
    ];
    assert_eq!(ignored(dropped, false).0, "firewall-drop");
    let unreachable = vec![
        attempt(),
        soft_error(T + 10, libc::EHOSTUNREACH),
        end(T + 3 * SECOND, libc::EHOSTUNREACH, 2),
    ];
    assert_eq!(ignored(unreachable, false).0, "icmp-unreachable");
}

#[test]
fn one_dropped_syn_of_three_is_no_root_cause() {
    let events = vec![
        attempt(),
        own_drop(T + 10, "NETFILTER_DROP", "nft_do_chain", Some("output")),
        end(T + 7 * SECOND, libc::ETIMEDOUT, 3),
    ];
    assert_eq!(cause(events), ("no-answer", Confidence::Likely));
}

#[test]
fn a_drop_does_not_outrank_the_answer_that_ended_it() {
    let first = own_drop(T + 10, "NETFILTER_DROP", "nft_do_chain", Some("output"));
    let refused = vec![
        attempt(),
        first.clone(),
        reset(T + SECOND),
        end(T + SECOND, libc::ECONNREFUSED, 2),
    ];
    assert_eq!(cause(refused).0, "connection-refused");
    let unreachable = vec![
        attempt(),
        first,
        soft_error(T + SECOND, libc::EHOSTUNREACH),
        end(T + 3 * SECOND, libc::EHOSTUNREACH, 2),
    ];
    assert_eq!(cause(unreachable).0, "icmp-unreachable");
}

#[test]
fn evidence_that_follows_the_end_still_counts() {
    let at = T + 3 * SECOND;
    let mut late = own_drop(at + 150_000, "NEIGH_FAILED", "neigh_invalidate", None);
    if let Event::Drop(drop, _) = &mut late {
        // The kernel half has forgotten the attempt by then.
        drop.head.attempt_ns = 0;
        drop.socket_state = 7;
    }
    let events = vec![attempt(), end(at, libc::ETIMEDOUT, 2), late];
    assert_eq!(cause(events).0, "neighbor-unresolved");
}

#[test]
fn nothing_is_judged_before_its_time() {
    let mut tracker = Tracker::new(64);
    tracker.observe(attempt());
    tracker.observe(end(T + 100, libc::ETIMEDOUT, 1));
    assert!(tracker.due(T + 100 + HOLD_NS - 1).is_empty());
    assert_eq!(tracker.due(T + 100 + HOLD_NS).len(), 1);
}

#[test]
fn loss_lowers_confidence_and_is_said() {
    let mut tracker = Tracker::new(64);
    tracker.observe(attempt());
    tracker.observe(reset(T + 1000));
    tracker.observe(end(T + 2000, libc::ECONNREFUSED, 1));
    tracker.lost(T, T + 1500, 3);
    let attempt = tracker.due(u64::MAX).remove(0);
    assert_eq!(attempt.lost, 3);
    let Outcome::Failed(verdict) = diagnose(&attempt, &Places::default()) else {
        panic!("no failure");
    };
    assert_eq!(verdict.finding.confidence, Confidence::Likely);
    assert!(verdict.finding.missing[0].contains("3 events were lost"));
}

#[test]
fn a_rst_that_was_not_seen_may_have_been_lost() {
    let mut tracker = Tracker::new(64);
    tracker.observe(attempt());
    tracker.observe(end(T + 2000, libc::ECONNREFUSED, 1));
    tracker.lost(T, T + 1500, 3);
    let attempt = tracker.due(u64::MAX).remove(0);
    let Outcome::Failed(verdict) = diagnose(&attempt, &Places::default()) else {
        panic!("no failure");
    };
    assert_eq!(verdict.finding.cause, "unknown");
    assert_eq!(verdict.finding.confidence, Confidence::Unknown);
}

#[test]
fn without_its_announcement_nobody_is_named() {
    let attempts = attempts(vec![end(T + 2000, libc::ECONNREFUSED, 1)]);
    assert!(attempts[0].process_owner().is_none());
}

#[test]
fn a_second_attempt_on_the_same_socket_has_its_own_evidence() {
    let mut second = state(T + SECOND, libc::ETIMEDOUT, 1);
    second.head.attempt_ns = START_NS + 500;
    second.isn = ISN + 99;
    let mut again = attempt();
    if let Event::Attempt(attempt) = &mut again {
        attempt.head.attempt_ns = START_NS + 500;
    }
    let attempts = attempts(vec![
        attempt(),
        reset(T + 100),
        end(T + 200, libc::ECONNREFUSED, 1),
        again,
        Event::State(Box::new(second)),
    ]);
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0].evidence.resets_received.len(), 1);
    assert_eq!(attempts[1].evidence.resets_received.len(), 0);
}

#[test]
fn an_error_taken_by_the_application_is_what_it_got() {
    let events = vec![
        attempt(),
        soft_error(T + 100, libc::ECONNREFUSED),
        end(T + 300, 0, 1),
    ];
    let verdict = verdict(events);
    assert_eq!(verdict.finding.cause, "firewall-reject");
    assert_eq!(verdict.errno, Some(libc::ECONNREFUSED));
}

#[test]
fn an_application_that_gives_up_was_stuck_on_something() {
    let at = |n| loose_drop(T + n, ISN, "NETFILTER_DROP", "nft_do_chain", Some("input"));
    let verdict = verdict(vec![attempt(), at(100), end(T + SECOND / 2, 0, 1)]);
    assert_eq!(verdict.finding.cause, "abandoned");
    assert_eq!(verdict.stuck_on, Some("firewall-drop"));
    assert_eq!(verdict.errno, None);
}

#[test]
fn a_killed_process_is_no_application_that_gave_up() {
    let mut killed = state(T + SECOND, 0, 1);
    killed.closer_tgid = 4242;
    killed.closer_flags = 4;
    killed.closer_exit_code = 9;
    let died = verdict(vec![attempt(), Event::State(Box::new(killed))]);
    assert_eq!(died.finding.cause, "process-exited");
    assert!(died.finding.why[0].contains("SIGKILL"));
}

/// The kernel skipped the hooks that tell of the end; `tcp_disconnect` has cleared the socket by the
/// time another one does.
fn told_late(time_ns: u64) -> Event {
    let mut state = state(time_ns, 0, 0);
    (state.isn, state.write_seq, state.seen_by) = (0, 77, seen_by::LATER);
    (state.tuple.local, state.closer_tgid) = (v4([0; 4]), 4242);
    Event::State(Box::new(state))
}

fn retransmit(time_ns: u64) -> Event {
    Event::Retransmit(event::Retransmit {
        head: head(kind::RETRANSMIT, time_ns, SK, START_NS),
        tuple: tuple(),
        isn: ISN,
        ..event::Retransmit::ZERO
    })
}

#[test]
fn a_route_that_goes_while_it_connects_is_no_icmp_error() {
    for (again, sure) in [
        (libc::ENETUNREACH, Confidence::Certain),
        (libc::EHOSTUNREACH, Confidence::Likely),
    ] {
        let mut refused = retransmit(T + SECOND);
        if let Event::Retransmit(event) = &mut refused {
            event.err = -again;
        }
        let events = vec![
            attempt(),
            refused,
            end(T + 3 * SECOND, libc::ENETUNREACH, 2),
        ];
        assert_eq!(cause(events), ("no-route", sure));
    }
    let sent = vec![
        attempt(),
        retransmit(T + SECOND),
        end(T + 3 * SECOND, libc::ENETUNREACH, 2),
    ];
    assert_eq!(cause(sent), ("icmp-unreachable", Confidence::Likely));
}

#[test]
fn an_end_that_was_told_late_is_a_failure_all_the_same() {
    let at = |n| loose_drop(T + n, ISN, "NETFILTER_DROP", "nft_do_chain", Some("input"));
    let events = vec![
        attempt(),
        at(100),
        at(SECOND),
        retransmit(T + SECOND),
        told_late(T + 3 * SECOND),
    ];
    let attempt = attempts(events.clone()).remove(0);
    assert_eq!(attempt.tuple().local, CLIENT.0);
    assert_eq!(attempt.elapsed_ns(), None);
    let verdict = verdict(events);
    assert_eq!(verdict.finding.cause, "firewall-drop");
    assert_eq!(verdict.finding.confidence, Confidence::Likely);
    assert_eq!(verdict.errno, None);
    assert!(verdict.finding.missing[0].starts_with("how and when it ended"));
}

#[test]
fn nothing_is_made_of_an_end_that_was_told_late_without_evidence() {
    let without = vec![attempt(), told_late(T + SECOND)];
    assert_eq!(cause(without), ("unknown", Confidence::Unknown));
    let reset = vec![attempt(), reset(T + 1000), told_late(T + SECOND)];
    assert_eq!(cause(reset), ("connection-refused", Confidence::Likely));
}

#[test]
fn only_a_race_is_a_race() {
    let raced = |sibling_start_ns, sibling_ns, closed_ns| {
        let mut lost = state(closed_ns, 0, 1);
        lost.sibling_start_ns = sibling_start_ns;
        lost.sibling_ns = sibling_ns;
        lost.sibling = v4([10, 9, 1, 2]);
        outcome(vec![attempt(), Event::State(Box::new(lost))])
    };
    let winner: IpAddr = "10.9.1.2".parse().unwrap();
    let won = T + 300_000_000;
    assert_eq!(
        raced(T + 250_000_000, won, won + 1_000_000),
        Outcome::LostRace { winner }
    );
    // Given up long after: not because of the other one.
    assert!(matches!(
        raced(T + 250_000_000, won, won + SECOND),
        Outcome::Failed(_)
    ));
    // Another connection of a busy process, begun long after.
    let late = T + 2 * SECOND;
    assert!(matches!(
        raced(late, late + 1000, late + 2000),
        Outcome::Failed(_)
    ));
}

#[test]
fn ports_run_out_or_clash() {
    let mut exhausted = state(T + 20_000, 0, 0);
    exhausted.tuple.local_port = 0;
    exhausted.write_seq = 0;
    let mut clash = exhausted;
    clash.tuple.local_port = 5555;
    for (state, expected) in [(exhausted, "ports-exhausted"), (clash, "address-in-use")] {
        let verdict = verdict(vec![attempt(), Event::State(Box::new(state))]);
        assert_eq!(verdict.finding.cause, expected);
        assert_eq!(verdict.errno, Some(libc::EADDRNOTAVAIL));
    }
}

fn unsent(how: u32, err: i32, cgroup_err: i32) -> Event {
    Event::Unsent(event::Unsent {
        head: head(kind::UNSENT, T + 1000, SK, START_NS),
        tuple: tuple(),
        how,
        err,
        cgroup_err,
        ..event::Unsent::ZERO
    })
}

#[test]
fn an_attempt_without_a_syn_is_explained_by_policy_or_route() {
    let denied = vec![attempt(), unsent(unsent::DESTROYED, 0, libc::EPERM)];
    assert_eq!(cause(denied), ("denied-by-policy", Confidence::Certain));
    let read = vec![attempt(), unsent(unsent::RETURNED, libc::ENETUNREACH, 0)];
    assert_eq!(cause(read), ("no-route", Confidence::Certain));
    let mut tracker = Tracker::new(64);
    tracker.observe(attempt());
    tracker.observe(unsent(unsent::DESTROYED, 0, 0));
    tracker.route_answer(SK, START_NS, RouteAnswer::Refused(libc::EINVAL));
    let attempt = tracker.due(u64::MAX).remove(0);
    let Outcome::Failed(verdict) = diagnose(&attempt, &Places::default()) else {
        panic!("no failure");
    };
    assert_eq!(verdict.finding.cause, "route-blackhole");
    assert_eq!(verdict.finding.confidence, Confidence::Likely);
}

#[test]
fn a_rst_dropped_on_its_way_back_is_seen() {
    let drop = event::Drop {
        head: head(kind::DROP, T + 500, 0, 0),
        packet: packet(RST_ACK, 0, ISN.wrapping_add(1)),
        conntrack: u32::MAX,
        ..event::Drop::ZERO
    };
    let place = place("NETFILTER_DROP", "nft_do_chain", Some("input"));
    let events = vec![
        attempt(),
        Event::Drop(Box::new(drop), place),
        end(T + 3 * SECOND, libc::ETIMEDOUT, 2),
    ];
    assert_eq!(cause(events), ("firewall-drop", Confidence::Likely));
}

#[test]
fn the_table_of_open_attempts_is_bounded() {
    let mut tracker = Tracker::new(8);
    for n in 0..100 {
        let mut event = attempt();
        if let Event::Attempt(attempt) = &mut event {
            attempt.head.sk = n + 1;
        }
        tracker.observe(event);
    }
    assert_eq!(tracker.evicted, 92);
}

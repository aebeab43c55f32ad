//! The pure middle on connections that had come up: recordings of what the hooks say, made by hand.

use tracer_ebpf::event::{
    self, Head, Owner, State, Stream, Wire, kind, owner_flag, seen_by, stream_flag,
};
use tracer_user::{
    attribute::{self, Attempt, OtherEnd, RouteAnswer, Tracker},
    clock::Clock,
    compose,
    decode::{Event, Place},
    diagnose::{Outcome, Places, Verdict, diagnose},
    judge::{Judged, judge},
    record::{ClosedBy, Confidence, Direction, PeerRole, Resent, Severity},
};

const CLOCK: Clock = Clock { offset_ns: 0 };

const SK: u64 = 0xffff_8881_0000_1000;
const START_NS: u64 = 1_000_000_000;
const END_NS: u64 = 9_000_000_000;
const ESTABLISHED: u32 = 1;
const SYN_SENT: u32 = 2;
const FIN_WAIT1: u32 = 4;
const FIN_WAIT2: u32 = 5;
const CLOSE_WAIT: u32 = 8;
const LAST_ACK: u32 = 9;
const CLOSING: u32 = 11;

const fn v4(a: [u8; 4]) -> [u8; 16] {
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a[0], a[1], a[2], a[3],
    ]
}

fn head(kind: u32, time_ns: u64, attempt_ns: u64) -> Head {
    Head {
        kind,
        cpu: 0,
        time_ns,
        sk: SK,
        attempt_ns,
    }
}

fn tuple() -> event::Tuple {
    event::Tuple {
        local: v4([10, 9, 0, 1]),
        remote: v4([10, 9, 1, 1]),
        local_port: 43_210,
        remote_port: 443,
        family: 2,
        protocol: 6,
        netns: 77,
        state: 7,
    }
}

/// 100 bytes sent and acknowledged, by the side that sent the SYN.
fn state(old: u32, err: i32) -> State {
    State {
        head: head(kind::STATE, END_NS, START_NS),
        tuple: tuple(),
        stream: Stream {
            inode: 5,
            bytes_acked: 101,
            snd_nxt: 1000,
            send_window: 65_536,
            ..Stream::ZERO
        },
        old,
        new: 7,
        err,
        isn: 1000,
        write_seq: 1000,
        bytes_sent: 100,
        seen_by: seen_by::STATE,
        failure: 1,
        ..State::ZERO
    }
}

fn opened(flags: u32) -> Event {
    let owner = Owner {
        tgid: 4242,
        tid: 4242,
        flags,
        ..Owner::ZERO
    };
    Event::Attempt(event::Attempt {
        head: head(kind::ATTEMPT, START_NS, START_NS),
        owner,
    })
}

fn reset_sent(reason: &str) -> Event {
    let sent = event::ResetSent {
        head: head(kind::RESET_SENT, END_NS + 10_000, 0),
        ..event::ResetSent::ZERO
    };
    Event::ResetSent(sent, Some(reason.into()))
}

/// A packet of the connection that was up is dropped.
fn dropped_packet(at_ns: u64, start_ns: u64, packet: event::Packet, place: Place) -> Event {
    let drop = event::Drop {
        head: head(kind::DROP, at_ns, start_ns),
        packet: event::Packet {
            ip_version: 4,
            netns: 77,
            ..packet
        },
        socket_state: ESTABLISHED,
        conntrack: u32::MAX,
        ..event::Drop::ZERO
    };
    Event::Drop(Box::new(drop), place)
}

/// As kernels tell that give no reasons.
fn reset_sent_without_reason() -> Event {
    match reset_sent("") {
        Event::ResetSent(sent, _) => Event::ResetSent(sent, None),
        other => other,
    }
}

fn reset_reasons(attempt: &Attempt) -> Vec<&str> {
    let sent = attempt.evidence.resets_sent.iter();
    sent.filter_map(|sent| sent.reason.as_deref()).collect()
}

fn ended(state: State, others: Vec<Event>) -> Attempt {
    let mut tracker = Tracker::new(64);
    tracker.observe(opened(0));
    tracker.observe(Event::State(Box::new(state)));
    others.into_iter().for_each(|event| tracker.observe(event));
    let mut due = tracker.due(u64::MAX);
    assert_eq!(due.len(), 1);
    due.remove(0)
}

fn judged(attempt: &Attempt) -> Verdict {
    match diagnose(attempt, &Places::default()) {
        Outcome::Failed(verdict) => *verdict,
        other => panic!("no failure: {other:?}"),
    }
}

fn verdict(state: State, others: Vec<Event>) -> Verdict {
    judged(&ended(state, others))
}

#[test]
fn errnos_tell_how_the_peer_ended_it() {
    let by_rst = verdict(state(ESTABLISHED, libc::ECONNRESET), vec![]);
    assert_eq!(by_rst.finding.cause, "reset-by-peer");
    assert_eq!(by_rst.finding.confidence, Confidence::Certain);
    assert_eq!(by_rst.severity, Severity::Warning);
    let pipe = verdict(state(CLOSE_WAIT, libc::EPIPE), vec![]);
    assert_eq!(pipe.finding.cause, "broken-pipe");
    assert_eq!(pipe.errno, Some(libc::EPIPE));
}

#[test]
fn the_kernels_reason_tells_why_this_side_reset_it() {
    let reset = |reason| verdict(state(ESTABLISHED, 0), vec![reset_sent(reason)]);
    let unread = reset("TCP_ABORT_ON_CLOSE");
    assert_eq!(unread.finding.cause, "reset-by-local");
    assert_eq!(unread.severity, Severity::Info);
    assert!(unread.finding.what.contains("had not read"));
    assert_eq!(reset("TCP_ABORT_ON_MEMORY").finding.cause, "out-of-memory");
    let without = verdict(state(ESTABLISHED, 0), vec![]);
    assert_eq!(without.finding.confidence, Confidence::Likely);
    let by_close = verdict(state(ESTABLISHED, 0), vec![reset_sent_without_reason()]);
    assert_eq!(by_close.finding.confidence, Confidence::Certain);
    // Afterwards it may have been for want of memory.
    let mut orphan = state(FIN_WAIT1, 0);
    orphan.stream.flags = stream_flag::ORPHAN;
    orphan.write_seq = 1101;
    let afterwards = verdict(orphan, vec![reset_sent_without_reason()]);
    assert_eq!(afterwards.finding.cause, "reset-by-local");
    assert_eq!(afterwards.finding.confidence, Confidence::Likely);
}

#[test]
fn a_rst_of_another_moment_explains_nothing() {
    let mut early = reset_sent("TCP_ABORT_ON_MEMORY");
    if let Event::ResetSent(sent, _) = &mut early {
        sent.head.time_ns = START_NS;
    }
    let attempt = ended(state(ESTABLISHED, 0), vec![early]);
    assert!(attempt.evidence.resets_sent.is_empty());
}

#[test]
fn each_timer_is_told_apart() {
    let mut silent = state(ESTABLISHED, libc::ETIMEDOUT);
    silent.write_seq = 1400;
    silent.stream.snd_nxt = 1400;
    let cause = |state| verdict(state, vec![]).finding.cause;
    assert_eq!(cause(silent), "retransmission-timeout");
    let mut user = silent;
    user.stream.user_timeout_ms = 1500;
    assert_eq!(cause(user), "user-timeout");
    let mut window = user;
    (window.stream.send_window, window.stream.snd_nxt) = (0, 1000);
    assert_eq!(cause(window), "zero-window-timeout");
    let mut idle = state(ESTABLISHED, libc::ETIMEDOUT);
    idle.stream.flags = stream_flag::KEEPALIVE;
    idle.stream.probes_out = 3;
    assert_eq!(cause(idle), "keepalive-timeout");
}

#[test]
fn a_drop_of_its_own_segments_explains_the_silence() {
    let dropped = |port, err| {
        let packet = event::Packet {
            source: tuple().local,
            destination: tuple().remote,
            source_port: port,
            destination_port: 443,
            flags: 16,
            ..event::Packet::ZERO
        };
        let place = Place {
            reason: Some("NETFILTER_DROP".into()),
            location: Some("nft_do_chain".into()),
            hook: Some("output"),
            engine: Some("nftables"),
            course: None,
            conntrack: None,
        };
        let mut tracker = Tracker::new(64);
        tracker.observe(dropped_packet(END_NS - 1000, 0, packet, place));
        let mut silent = state(ESTABLISHED, err);
        silent.head.attempt_ns = 0;
        tracker.observe(Event::State(Box::new(silent)));
        judged(&tracker.due(u64::MAX)[0]).finding.cause
    };
    assert_eq!(dropped(43_210, libc::ETIMEDOUT), "firewall-drop");
    // The address of its socket was another's before.
    assert_eq!(dropped(43_211, libc::ETIMEDOUT), "retransmission-timeout");
    // Its rules could not be asked; a port that is unreachable nobody else says of what is up.
    assert_eq!(dropped(43_210, libc::ECONNREFUSED), "firewall-reject");
}

#[test]
fn resets_that_tcp_ignores_are_not_nothing() {
    let ignored = |reason: &str, before_ns| {
        let (own, other) = (tuple().local, tuple().remote);
        let packet = event::Packet {
            source: other,
            destination: own,
            source_port: tuple().remote_port,
            destination_port: tuple().local_port,
            flags: 4,
            ..event::Packet::ZERO
        };
        let place = Place {
            reason: Some(reason.into()),
            location: Some("tcp_validate_incoming".into()),
            hook: None,
            engine: None,
            course: None,
            conntrack: None,
        };
        dropped_packet(END_NS - before_ns, START_NS, packet, place)
    };
    let mut tracker = Tracker::new(64);
    tracker.observe(opened(0));
    tracker.observe(ignored("TCP_INVALID_SEQUENCE", 2000));
    tracker.observe(ignored("TCP_RESET", 1000));
    tracker.observe(Event::State(Box::new(state(ESTABLISHED, libc::ETIMEDOUT))));
    let finding = judged(&tracker.due(u64::MAX)[0]).finding;
    let what = &finding.what;
    assert!(
        what.contains("and nothing but 2 ignored RSTs came back"),
        "{what}"
    );
    let missing = finding.missing;
    assert!(missing[0].starts_with("who sent those RSTs"), "{missing:?}");
    assert!(
        !missing.iter().any(|it| it.contains("no drop")),
        "{missing:?}"
    );
}

#[test]
fn an_orphan_has_nobody_to_warn() {
    let mut orphan = state(FIN_WAIT1, libc::ECONNRESET);
    orphan.stream.flags = stream_flag::ORPHAN;
    orphan.write_seq = 1101;
    let verdict = verdict(orphan, vec![]);
    assert_eq!(verdict.finding.cause, "reset-by-peer");
    assert_eq!(verdict.severity, Severity::Info);
}

#[test]
fn who_opened_it_is_told_by_tcps_own_counts() {
    let mut seen = state(ESTABLISHED, libc::ECONNRESET);
    assert_eq!(attribute::direction(&seen), Some(Direction::Outbound));
    seen.stream.bytes_acked = 100;
    assert_eq!(attribute::direction(&seen), Some(Direction::Inbound));
    // 50 of the 100 bytes are under way.
    (seen.stream.snd_nxt, seen.stream.bytes_acked) = (1050, 51);
    assert_eq!(attribute::direction(&seen), Some(Direction::Outbound));
    // One more byte, that IP refused to send again.
    (seen.bytes_sent, seen.retransmits) = (101, 1);
    assert_eq!(attribute::direction(&seen), None);
    // One more byte, that it refused at first and that waits.
    (seen.write_seq, seen.retransmits) = (1051, 0);
    assert_eq!(attribute::direction(&seen), None);
    // A kernel that does not count.
    (seen.stream.bytes_acked, seen.bytes_sent) = (0, 0);
    assert_eq!(attribute::direction(&seen), None);
    // A FIN is under way, too.
    let mut closing = state(FIN_WAIT1, libc::ETIMEDOUT);
    closing.stream.snd_nxt = 1001;
    closing.write_seq = 1001;
    assert_eq!(attribute::direction(&closing), Some(Direction::Outbound));
    // It is acknowledged: 100 bytes, the FIN, and for who opened it the SYN.
    let mut closed = state(FIN_WAIT2, 0);
    (closed.isn, closed.write_seq, closed.stream.snd_nxt) = (1001, 1001, 1001);
    closed.stream.bytes_acked = 102;
    assert_eq!(attribute::direction(&closed), Some(Direction::Outbound));
    closed.stream.bytes_acked = 101;
    assert_eq!(attribute::direction(&closed), Some(Direction::Inbound));
}

#[test]
fn who_closed_it_first_is_told_by_its_last_state() {
    for (old, first) in [
        (ESTABLISHED, None),
        (CLOSE_WAIT, None),
        (FIN_WAIT1, Some(ClosedBy::Local)),
        (FIN_WAIT2, Some(ClosedBy::Local)),
        (LAST_ACK, Some(ClosedBy::Remote)),
        (CLOSING, Some(ClosedBy::Both)),
    ] {
        assert_eq!(ended(state(old, 0), vec![]).closed_by(), first, "{old}");
    }
}

#[test]
fn an_accepted_connection_lasts_from_when_it_came_up() {
    let mut accepted = state(LAST_ACK, 0);
    (accepted.isn, accepted.write_seq, accepted.stream.snd_nxt) = (1001, 1001, 1001);
    accepted.failure = 0;
    accepted.accepted_ns = END_NS - 7;
    // The event that names who closed it is lost: it is not taken for who opened it.
    let mut tracker = Tracker::new(64);
    tracker.observe(Event::State(Box::new(accepted)));
    let attempt = tracker.due(u64::MAX).remove(0);
    assert_eq!(attempt.direction(), Direction::Inbound);
    assert_eq!((attempt.began_ns(), attempt.elapsed_ns()), (None, Some(7)));
}

#[test]
fn what_was_accepted_is_not_taken_for_what_was_opened_at_its_address() {
    let end_of = |state: State| {
        let mut tracker = Tracker::new(64);
        tracker.observe(opened(0));
        tracker.observe(Event::State(Box::new(state)));
        tracker.due(u64::MAX).remove(0)
    };
    let mut accepted = state(ESTABLISHED, libc::ECONNRESET);
    accepted.stream.bytes_acked = 100;
    let found = end_of(accepted);
    assert_eq!((found.owner, found.began_ns()), (None, None));
    assert_eq!(found.direction(), Direction::Inbound);
    // A byte that was sent again makes the counts doubtful: this one may have been opened.
    (accepted.stream.snd_nxt, accepted.write_seq) = (1001, 1001);
    accepted.bytes_sent = 101;
    let found = end_of(accepted);
    assert_eq!(found.owner.map(|owner| owner.tgid), Some(4242));
    assert_eq!(found.direction(), Direction::Outbound);
}

#[test]
fn who_ended_it_did_not_begin_it() {
    let mut tracker = Tracker::new(64);
    tracker.observe(opened(owner_flag::ENDED_IT));
    tracker.observe(Event::State(Box::new(state(ESTABLISHED, 0))));
    let attempt = tracker.due(u64::MAX).remove(0);
    assert_eq!(attempt.process_owner().map(|owner| owner.tgid), Some(4242));
    assert_eq!((attempt.began_ns(), attempt.elapsed_ns()), (None, None));
}

#[test]
fn an_ordinary_end_is_no_failure_and_is_forgotten() {
    let mut closed = state(ESTABLISHED, 0);
    closed.failure = 0;
    assert_eq!(
        diagnose(&ended(closed, vec![]), &Places::default()),
        Outcome::Closed
    );
    let mut tracker = Tracker::new(64);
    tracker.observe(opened(0));
    closed.seen_by = seen_by::LATER;
    tracker.observe(Event::State(Box::new(closed)));
    assert!(tracker.due(u64::MAX).is_empty());
}

/// Data waits, though the peer's window is open and nothing is under way.
fn stuck_here(err: i32) -> State {
    let mut stuck = state(ESTABLISHED, err);
    stuck.write_seq += 7;
    stuck.stream.probes_out = 3;
    stuck.stream.user_timeout_ms = 1500;
    stuck
}

#[test]
fn what_never_left_for_want_of_a_route_is_no_silence_and_no_icmp() {
    for err in [libc::ETIMEDOUT, libc::ENETUNREACH] {
        let mut attempt = ended(stuck_here(err), vec![]);
        attempt.route = Some(RouteAnswer::Refused(libc::ENETUNREACH));
        let verdict = judged(&attempt);
        assert_eq!(verdict.finding.cause, "no-route");
        assert_eq!(verdict.finding.confidence, Confidence::Likely);
        assert_eq!(verdict.errno, Some(err));
    }
    let mut attempt = ended(stuck_here(libc::ETIMEDOUT), vec![]);
    attempt.route = Some(RouteAnswer::Found);
    assert_eq!(judged(&attempt).finding.cause, "user-timeout");
}

#[test]
fn what_waits_for_the_peers_window_has_not_met_a_missing_route() {
    let mut full = stuck_here(libc::ETIMEDOUT);
    full.stream.send_window = 0;
    assert!(!attribute::never_left(&full));
    let mut attempt = ended(full, vec![]);
    attempt.route = Some(RouteAnswer::Refused(libc::ENETUNREACH));
    assert_eq!(judged(&attempt).finding.cause, "zero-window-timeout");
}

/// The end of an accepted connection that nobody is known to own, and who closed a socket.
fn accepted(closed: Head) -> Attempt {
    let mut failed = state(ESTABLISHED, libc::ECONNRESET);
    failed.head.attempt_ns = 0;
    failed.stream.bytes_acked = 100;
    let owner = Owner {
        tgid: 77,
        flags: owner_flag::HELD_IT,
        ..Owner::ZERO
    };
    let mut tracker = Tracker::new(64);
    tracker.observe(Event::State(Box::new(failed)));
    tracker.observe(Event::Holder(event::Holder {
        head: closed,
        owner,
        how: event::holder::CLOSED,
        ..event::Holder::ZERO
    }));
    tracker.due(u64::MAX).remove(0)
}

#[test]
fn who_closes_an_accepted_connection_as_it_fails_held_it() {
    let attempt = accepted(head(kind::HOLDER, END_NS + 1000, 0));
    assert_eq!(attempt.owner.map(|owner| owner.tgid), Some(77));
    assert_eq!(attempt.direction(), Direction::Inbound);
    // When it began is not known: only when it ended.
    assert_eq!(attempt.began_ns(), None);
    for other in [
        Head {
            sk: SK + 64,
            ..head(kind::HOLDER, END_NS + 1000, 0)
        },
        head(kind::HOLDER, END_NS + 1000, START_NS),
    ] {
        assert_eq!(accepted(other).owner, None, "another socket's");
    }
}

#[test]
fn of_an_older_connection_that_several_held_it_is_said() {
    for (flags, said) in [(0, 0), (owner_flag::SHARED, 1)] {
        let mut tracker = Tracker::new(64);
        tracker.observe(opened(owner_flag::HELD_IT | flags));
        let failed = state(ESTABLISHED, libc::ECONNRESET);
        tracker.observe(Event::State(Box::new(failed)));
        let attempt = tracker.due(u64::MAX).remove(0);
        assert_eq!(attempt.direction(), Direction::Outbound);
        let missing = judged(&attempt).finding.missing;
        let found = missing
            .iter()
            .filter(|it| it.contains("others held it too"));
        assert_eq!(found.count(), said, "{missing:?}");
    }
}

/// No hook saw the end: the socket was closed by a system call, after the application had taken the error.
fn unseen() -> State {
    let mut state = state(ESTABLISHED, 0);
    state.write_seq += 500;
    state.stream.snd_nxt += 500;
    state.seen_by = seen_by::LATER;
    state.stream.flags = stream_flag::ORPHAN | stream_flag::IN_CALL;
    state
}

fn assert_doubtful(verdict: &Verdict, cause: &str, confidence: Confidence) {
    assert_eq!(verdict.finding.cause, cause);
    assert_eq!(verdict.finding.confidence, confidence);
    let missing = &verdict.finding.missing;
    assert!(
        missing
            .iter()
            .any(|it| it.starts_with("how and when it ended")),
        "{missing:?}"
    );
}

#[test]
fn an_end_that_no_hook_saw_is_judged_by_what_is_left_of_it() {
    assert_doubtful(&verdict(unseen(), vec![]), "unknown", Confidence::Unknown);
    let mut again = unseen();
    again.retransmits = 4;
    let silent = verdict(again, vec![]);
    assert_doubtful(&silent, "retransmission-timeout", Confidence::Likely);
    assert_eq!((silent.errno, silent.severity), (None, Severity::Warning));
    let mut reset = unseen();
    reset.err = libc::ECONNRESET;
    assert_doubtful(&verdict(reset, vec![]), "reset-by-peer", Confidence::Likely);
    let local = verdict(unseen(), vec![reset_sent("TCP_ABORT_ON_CLOSE")]);
    assert_doubtful(&local, "reset-by-local", Confidence::Likely);
    let received = event::ResetReceived {
        head: head(kind::RESET_RECEIVED, END_NS - 1_000_000_000, START_NS),
        tuple: tuple(),
    };
    let mut tracker = Tracker::new(64);
    tracker.observe(opened(0));
    tracker.observe(Event::ResetReceived(received));
    tracker.observe(Event::State(Box::new(again)));
    let by_peer = judged(&tracker.due(u64::MAX)[0]);
    assert_doubtful(&by_peer, "reset-by-peer", Confidence::Likely);
}

#[test]
fn what_was_closed_before_its_unseen_end_had_nobody_to_warn() {
    let mut left = unseen();
    left.old = FIN_WAIT1;
    left.stream.flags = stream_flag::ORPHAN;
    left.err = libc::ETIMEDOUT;
    let verdict = verdict(left, vec![]);
    assert_doubtful(&verdict, "retransmission-timeout", Confidence::Likely);
    assert_eq!(verdict.severity, Severity::Info);
}

#[test]
fn resets_go_to_the_connections_that_one_socket_address_had_one_after_the_other() {
    const APART_NS: u64 = 100_000;
    let reasons = ["TCP_ABORT_ON_LINGER", "TCP_ABORT_ON_CLOSE", "TCP_STATE"];
    let mut tracker = Tracker::new(64);
    for (nth, reason) in (0..).zip(reasons) {
        let mut ended = state(ESTABLISHED, 0);
        ended.head.time_ns += nth * APART_NS;
        ended.head.attempt_ns += nth;
        ended.tuple.local_port += 1;
        tracker.observe(Event::State(Box::new(ended)));
        let sent = event::ResetSent {
            head: head(kind::RESET_SENT, END_NS + nth * APART_NS + 90_000, 0),
            ..event::ResetSent::ZERO
        };
        tracker.observe(Event::ResetSent(sent, Some(reason.into())));
    }
    let due = tracker.due(u64::MAX);
    let got: Vec<Vec<_>> = due.iter().map(reset_reasons).collect();
    assert_eq!(got, reasons.map(|reason| vec![reason]));
}

#[test]
fn a_rst_of_an_open_socket_belongs_to_the_end_that_follows() {
    const APART_NS: u64 = 100_000;
    const CLOSE: u32 = 7;
    let reasons = ["TCP_KEEPALIVE_TIMEOUT", "TCP_ABORT_ON_CLOSE", "TCP_STATE"];
    let mut tracker = Tracker::new(64);
    for (nth, (reason, open)) in (0..).zip(reasons.into_iter().zip([false, true, true])) {
        let mut ended = state(ESTABLISHED, 0);
        ended.head.time_ns += nth * APART_NS;
        ended.head.attempt_ns += nth;
        let (sent_ns, state) = if open {
            (ended.head.time_ns - 10_000, ESTABLISHED)
        } else {
            (ended.head.time_ns + 10_000, CLOSE)
        };
        let sent = event::ResetSent {
            head: head(kind::RESET_SENT, sent_ns, 0),
            state,
            ..event::ResetSent::ZERO
        };
        tracker.observe(Event::State(Box::new(ended)));
        tracker.observe(Event::ResetSent(sent, Some(reason.into())));
    }
    let due = tracker.due(u64::MAX);
    let got: Vec<Vec<_>> = due.iter().map(reset_reasons).collect();
    assert_eq!(got, reasons.map(|reason| vec![reason]));
    let what = judged(&due[1]).finding.what;
    assert!(what.starts_with("Multipath TCP closed it"), "{what}");
}

#[test]
fn who_closes_what_another_process_opened_is_a_holder_of_it() {
    let closes = |attempt_ns| {
        let owner = Owner {
            tgid: 99,
            comm: *b"receiver\0\0\0\0\0\0\0\0",
            flags: owner_flag::HELD_IT,
            ..Owner::ZERO
        };
        Event::Holder(event::Holder {
            head: head(kind::HOLDER, END_NS + 1000, attempt_ns),
            owner,
            how: event::holder::CLOSED,
            reserved: 0,
        })
    };
    let reset = state(ESTABLISHED, libc::ECONNRESET);
    let attempt = ended(reset, vec![closes(START_NS)]);
    assert_eq!(attempt.process_owner().map(|owner| owner.tgid), Some(4242));
    let why = judged(&attempt).finding.why;
    let said = "receiver[99] closed it, and so held it by then; process 4242 had opened it";
    assert!(why.iter().any(|it| it == said), "{why:?}");
    let Judged::Failed(failure) = judge(&attempt, &Places::default(), CLOCK) else {
        panic!("no failure");
    };
    let holders: Vec<_> = failure
        .holders
        .iter()
        .map(|it| (it.pid, &*it.comm))
        .collect();
    assert_eq!(holders, [(99, "receiver")]);
    // Another connection's.
    assert_eq!(ended(reset, vec![closes(START_NS + 1)]).closer, None);
}

/// Before the end nobody can tell `shutdown()` from `close()`; at the end a socket that nobody left tells.
#[test]
fn who_shuts_down_what_another_process_opened_has_not_closed_it() {
    for (flags, said) in [
        (0, "process 99 shut it down, and so held it by then"),
        (stream_flag::ORPHAN, "process 99 began to close it, and so"),
    ] {
        let mut end = state(FIN_WAIT1, libc::ETIMEDOUT);
        end.stream.flags = flags;
        end.write_seq = end.isn + 501;
        let closes = event::Holder {
            head: head(kind::HOLDER, END_NS - 1000, START_NS),
            owner: Owner {
                tgid: 99,
                flags: owner_flag::HELD_IT,
                ..Owner::ZERO
            },
            how: event::holder::CLOSED,
            reserved: 0,
        };
        let mut tracker = Tracker::new(64);
        tracker.observe(opened(0));
        tracker.observe(Event::Holder(closes));
        tracker.observe(Event::State(Box::new(end)));
        let finding = judged(&tracker.due(u64::MAX)[0]).finding;
        assert!(
            finding.why.iter().any(|it| it.starts_with(said)),
            "{finding:?}"
        );
        // A FIN is none of the bytes.
        assert!(
            finding.what.starts_with("500 bytes were not"),
            "{finding:?}"
        );
    }
}

#[test]
fn a_peer_that_has_the_connection_still_has_not_reset_it() {
    let mut attempt = ended(state(ESTABLISHED, libc::ECONNRESET), vec![]);
    for (state, sure) in [
        ("ESTABLISHED", Confidence::Likely),
        ("CLOSE", Confidence::Certain),
    ] {
        attempt.beyond.other_end = Some(OtherEnd {
            netns: 7,
            role: PeerRole::Acceptor,
            state: state.to_owned(),
            process: None,
        });
        let finding = judged(&attempt).finding;
        assert_eq!(finding.cause, "reset-by-peer");
        assert_eq!(finding.confidence, sure, "{finding:?}");
        let by_peer = finding.what == "the peer reset it";
        assert_eq!(by_peer, sure == Confidence::Certain, "{finding:?}");
    }
}

#[test]
fn who_ends_a_connection_that_another_process_opened_is_told() {
    const IN_CALL: u32 = stream_flag::IN_CALL;
    for (err, flags, closer, told) in [
        (0, IN_CALL, 99, true),
        (0, IN_CALL, 4242, false),
        // Whatever ran at that moment.
        (0, 0, 99, false),
        (libc::ECONNRESET, IN_CALL, 99, false),
    ] {
        let mut state = state(ESTABLISHED, err);
        state.stream.flags = flags;
        state.closer_tgid = closer;
        let why = judged(&ended(state, vec![reset_sent("TCP_STATE")]))
            .finding
            .why;
        let said = "process 99 ended it, and so held it by then; process 4242 had opened it";
        assert_eq!(why.iter().any(|it| it == said), told, "{why:?}");
    }
}

/// 10 segments of 1448 bytes and one of 100 were sent 3 s ago, the first of them 4 times more; the last
/// arrived. Nothing else was ever sent, and what the peer had asked for came 3.1 s ago.
fn sent_in_vain() -> State {
    const SENT_NS: u64 = END_NS - 3_000_000_000;
    let mut state = state(ESTABLISHED, libc::ETIMEDOUT);
    state.write_seq = state.isn + 14_580;
    state.path.mtu = 1500;
    state.retransmits = 4;
    state.bytes_sent = 14_580 + 4 * 1448;
    state.bytes_retrans = 4 * 1448;
    state.stream = Stream {
        snd_nxt: state.write_seq,
        mss: 1448,
        bytes_acked: 1,
        last_sent_ms: 1400,
        last_received_ms: 3100,
        ..state.stream
    };
    state.in_vain = event::InVain {
        sacked: [0, 0, 0, 0, 0, 0, state.isn + 14_480, state.write_seq],
        sent_ns: SENT_NS,
        delivered_us: SENT_NS / 1000,
        len: 1448,
        times: 4,
        last_heard_ms: 2990,
        ..event::InVain::ZERO
    };
    state
}

fn cause_of(change: impl FnOnce(&mut State)) -> &'static str {
    let mut state = sent_in_vain();
    change(&mut state);
    verdict(state, vec![]).finding.cause
}

/// The same, but that nothing arrived; what the peer tells is said by the test.
fn cause_without_sack(change: impl FnOnce(&mut State)) -> &'static str {
    cause_of(|state| {
        state.in_vain.sacked = [0; 8];
        state.in_vain.last_heard_ms = 3100;
        change(state);
    })
}

const SMALL_LINK: &str = "mtu-blackhole";
const SILENCE: &str = "retransmission-timeout";

#[test]
fn large_segments_that_vanish_while_smaller_ones_arrive_met_a_small_link() {
    let found = verdict(sent_in_vain(), vec![]).finding;
    assert_eq!(found.cause, SMALL_LINK);
    assert_eq!(found.confidence, Confidence::Likely);
    assert!(found.fix[0].contains("ping -c3 -M do -s 1472 10.9.1.1 "));
    assert!(found.why.iter().any(|why| why.contains("100 bytes")));
    // What arrived twice is told twice.
    let twice = |state: &mut State| state.in_vain.sacked.copy_within(6..8, 4);
    assert_eq!(cause_of(twice), SMALL_LINK);
}

#[test]
fn what_is_lost_whatever_its_size_met_none() {
    // One as large arrived, or what is missing is small itself.
    let one_arrived = |state: &mut State| state.in_vain.sacked[6] -= 1448;
    assert_eq!(cause_of(one_arrived), SILENCE);
    assert_eq!(cause_of(|state| state.in_vain.len = 500), SILENCE);
    let several_arrived = |state: &mut State| {
        for n in 0..3 {
            let start = state.isn + 1448 + 1000 * n;
            state.in_vain.sacked[2 * n as usize..][..2].copy_from_slice(&[start, start + 500]);
        }
    };
    assert_eq!(cause_of(several_arrived), SILENCE);
    // Too few to tell.
    assert_eq!(cause_of(|state| state.in_vain.times = 2), SILENCE);
    // Nothing arrived, and nothing came.
    assert_eq!(cause_without_sack(|_| ()), SILENCE);
    // What was reported before it was acknowledged tells nothing.
    let of_old = |state: &mut State| state.in_vain.sacked[..2].copy_from_slice(&[900, 1000]);
    assert_eq!(cause_without_sack(of_old), SILENCE);
    // The peer takes less than that.
    assert_eq!(cause_of(|state| state.stream.send_window = 1000), SILENCE);
}

#[test]
fn other_ends_than_by_a_timer_are_not_explained_by_size() {
    assert_eq!(
        cause_of(|state| state.err = libc::ECONNRESET),
        "reset-by-peer"
    );
    assert_eq!(
        cause_of(|state| state.err = libc::EHOSTUNREACH),
        "icmp-unreachable"
    );
}

#[test]
fn what_is_acknowledged_after_large_segments_were_sent_tells_that_smaller_ones_pass() {
    let heading = |acked: u64, after_us: u64| {
        cause_without_sack(|state| {
            state.stream.bytes_acked = acked;
            state.in_vain.delivered_us += after_us;
        })
    };
    assert_eq!(heading(201, 30_000), SMALL_LINK);
    // Large ones had passed before; only the SYN was acknowledged; nothing was meanwhile.
    assert_eq!(heading(20_000, 30_000), SILENCE);
    assert_eq!(heading(1, 30_000), SILENCE);
    assert_eq!(heading(201, 0), SILENCE);
}

#[test]
fn a_peer_that_sends_and_does_not_repeat_itself_has_got_small_answers() {
    let heard = |data_ms: u32, ms: u32, after: u32| {
        cause_without_sack(|state| {
            state.stream.last_received_ms = data_ms;
            state.in_vain.last_heard_ms = ms;
            state.in_vain.heard_after = after;
        })
    };
    // New data, early and late; a repetition that was the last one.
    assert_eq!(heard(2500, 3100, 0), SMALL_LINK);
    assert_eq!(heard(500, 3100, 1), SMALL_LINK);
    assert_eq!(heard(3100, 2600, 0), SMALL_LINK);
    // Repeated until shortly before the end, or since in a form that is not looked at.
    assert_eq!(heard(2500, 1500, 0), SILENCE);
    assert_eq!(heard(2500, 3100, 1), SILENCE);
    // Before they were sent.
    assert_eq!(heard(3010, 3100, 0), SILENCE);
    // Large ones had passed before.
    let passed = cause_without_sack(|state| {
        state.stream.last_received_ms = 2500;
        state.stream.bytes_acked = 1449;
    });
    assert_eq!(passed, SILENCE);
}

#[test]
fn what_is_under_way_did_leave_this_host() {
    let mut sent = stuck_here(libc::ETIMEDOUT);
    assert!(attribute::never_left(&sent));
    sent.stream.snd_nxt += 3;
    assert!(!attribute::never_left(&sent));
    sent.stream.send_window = 0;
    let verdict = verdict(sent, vec![]);
    assert_eq!(
        verdict.finding.cause, "user-timeout",
        "no window was waited for"
    );
}

/// A probe, or a retransmission after a timeout.
fn again(attempt_ns: u64, of_state: u32, timeouts: u32) -> Event {
    let mut tuple = state(ESTABLISHED, 0).tuple;
    tuple.state = of_state;
    Event::Retransmit(event::Retransmit {
        head: head(kind::RETRANSMIT, END_NS - 1, attempt_ns),
        tuple,
        retransmits: timeouts,
        ca_state: if timeouts > 0 { 4 } else { 0 },
        timer: if timeouts > 0 { 0 } else { 5 },
        segments: 1,
        ..event::Retransmit::ZERO
    })
}

#[test]
fn what_is_sent_again_is_counted_whoever_opened_it() {
    // Who closes an accepted connection becomes known while it still sends.
    let mut accepted = state(LAST_ACK, 0);
    accepted.failure = 0;
    accepted.stream.total_retrans = 2;
    let mut tracker = Tracker::new(64);
    tracker.observe(again(0, ESTABLISHED, 0));
    tracker.observe(opened(owner_flag::HELD_IT));
    tracker.observe(again(START_NS, LAST_ACK, 1));
    tracker.observe(Event::State(Box::new(accepted)));
    // One that is accepted at the same address right after.
    tracker.observe(again(0, ESTABLISHED, 0));
    let attempt = tracker.due(u64::MAX).remove(0);
    let counted = Resent {
        tlp: 1,
        rto: 1,
        ..Resent::default()
    };
    assert_eq!(attempt.evidence.resent, counted);

    // The SYN of one that was opened here.
    let mut tracker = Tracker::new(64);
    tracker.observe(opened(0));
    tracker.observe(again(START_NS, SYN_SENT, 1));
    let mut up = state(SYN_SENT, 0);
    up.new = ESTABLISHED;
    tracker.observe(Event::State(Box::new(up)));
    let mut over = state(FIN_WAIT2, 0);
    over.failure = 0;
    // Its SYN and its FIN count, too.
    (over.stream.bytes_acked, over.stream.total_retrans) = (102, 1);
    tracker.observe(Event::State(Box::new(over)));
    let attempt = tracker.due(u64::MAX).remove(0);
    assert_eq!(
        (attempt.evidence.resent.syn, attempt.evidence.resent.sum()),
        (1, 1)
    );
    assert!(attempt.evidence.retransmits.is_empty());
}

#[test]
fn what_was_not_sent_again_after_all_is_told_so() {
    let Event::Retransmit(mut refused) = again(START_NS, ESTABLISHED, 3) else {
        unreachable!()
    };
    for (err, segments, told) in [
        (0, 1, "ESTABLISHED retransmission 3 (RTO)"),
        (0, 4, "ESTABLISHED retransmission 3 of 4 segments (RTO)"),
        (
            -libc::EPERM,
            1,
            "ESTABLISHED retransmission 3 (RTO), not sent: EPERM",
        ),
    ] {
        (refused.err, refused.segments) = (err, segments);
        let event = compose::event(&Event::Retransmit(refused), None, CLOCK).unwrap();
        assert_eq!(event.summary, told);
    }
}

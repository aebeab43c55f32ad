#![allow(clippy::unwrap_used)]

use tracer_ebpf::{
    event::{self, Head, Packet, Tuple, Wire as _},
    listener::{CameUp, flag, kind},
};

use super::*;
use crate::{attribute::PacketKind, decode::Place, kernel::way::Course, record::MatchedBy};

const SK: u64 = 0xffff_8880_1234_5600;
const NETNS: u32 = 4_026_532_177;
const SECOND: u64 = 1_000_000_000;

fn ip(last: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[10] = 0xff;
    address[11] = 0xff;
    address[12..].copy_from_slice(&[10, 9, 0, last]);
    address
}

fn head(kind: u32, sk: u64, time_ns: u64) -> Head {
    Head {
        kind,
        time_ns,
        sk,
        ..Head::ZERO
    }
}

fn listener(drops: u32, backlog: u32, syn_queue: u32) -> Listener {
    Listener {
        local: ip(1),
        local_port: 80,
        family: 2,
        netns: NETNS,
        inode: 77,
        backlog,
        backlog_limit: 1,
        syn_queue,
        drops,
        state: 10,
        ..Listener::ZERO
    }
}

fn listening(how: u32, sk: u64, at_ns: u64, listener: Listener) -> Event {
    Event::Listening(Box::new(Listening {
        head: head(kind::LISTENING, sk, at_ns),
        listener,
        owner: Owner {
            tgid: 4242,
            ..Owner::ZERO
        },
        how,
        reserved: 0,
    }))
}

fn packet(client: u8, flags: u16) -> Packet {
    Packet {
        source: ip(client),
        source_port: 5000,
        destination: ip(1),
        destination_port: 80,
        flags,
        ip_version: 4,
        netns: NETNS,
        ..Packet::ZERO
    }
}

fn at(what: u32, at_ns: u64, packet: Packet, count: u64, reason: Option<&str>) -> Event {
    let event = AtListener {
        head: head(kind::AT_LISTENER, SK, at_ns),
        listener: listener(0, 0, 0),
        packet,
        count,
        what,
        reason: reason.map_or(u32::MAX, |reason| u32::try_from(reason.len()).unwrap()),
        ..AtListener::ZERO
    };
    Event::AtListener(Box::new(event), reason.map(Into::into), None)
}

fn came_up(client: u8) -> Event {
    Event::CameUp(CameUp {
        head: head(kind::CAME_UP, 1, 0),
        tuple: Tuple {
            local: ip(1),
            local_port: 80,
            remote: ip(client),
            remote_port: 5000,
            netns: NETNS,
            ..Tuple::ZERO
        },
        ..CameUp::ZERO
    })
}

fn counters(drops: u64, overflows: u64, syn_queue: u64, cookies: u64) -> Counters {
    Counters {
        listen_drops: drops,
        listen_overflows: overflows,
        syn_queue_drops: syn_queue,
        syn_queue_cookies: cookies,
        ..Counters::default()
    }
}

fn look(at_ns: u64, listeners: &[(u64, Listener)], counters: Option<Counters>) -> Look {
    Look {
        time_ns: at_ns,
        listeners: listeners.to_vec(),
        counters: counters.into_iter().map(|it| (NETNS, it)).collect(),
        ..Look::default()
    }
}

/// One listener, whose namespace has counted nothing yet.
fn watching() -> Listeners {
    begun(Listeners::new(false, true))
}

/// The same on a kernel that does not name the receivers of what it drops.
fn watching_unnamed() -> Listeners {
    begun(Listeners::new(false, false))
}

fn begun(mut listeners: Listeners) -> Listeners {
    listeners.observe(&listening(how::BEGAN, SK, SECOND, listener(0, 0, 0)));
    listeners.look(&look(SECOND, &[], Some(Counters::default())));
    listeners
}

/// Time passes, and nothing else.
fn pass(listeners: &mut Listeners, now_ns: u64) {
    listeners.look(&look(now_ns, &[], None));
}

fn told(listeners: &mut Listeners, now_ns: u64) -> Vec<(Kind, u64)> {
    let due = listeners.due(now_ns);
    due.into_iter()
        .map(|it| (it.kind, it.turned_away))
        .collect()
}

#[test]
fn a_quiet_listener_gives_nothing() {
    let mut listeners = watching();
    for second in 2..100 {
        let now = [(SK, listener(0, 1, 0))];
        assert!(listeners.moved(&now).is_empty());
        listeners.look(&look(second * SECOND, &now, None));
        assert_eq!(listeners.due(second * SECOND), []);
    }
}

#[test]
fn drops_are_divided_by_what_the_namespace_counts() {
    for (counted, expected, sure) in [
        (counters(5, 5, 0, 0), vec![(Kind::AcceptQueue, 5)], true),
        (counters(5, 0, 5, 0), vec![(Kind::SynQueue, 5)], true),
        (
            counters(5, 2, 3, 0),
            vec![(Kind::AcceptQueue, 2), (Kind::SynQueue, 3)],
            true,
        ),
        (counters(5, 0, 0, 0), vec![(Kind::Ignored, 5)], true),
        // Read a moment later, in the midst of a flood.
        (counters(9, 9, 0, 0), vec![(Kind::AcceptQueue, 5)], true),
        (
            counters(9, 2, 7, 0),
            vec![(Kind::AcceptQueue, 2), (Kind::SynQueue, 3)],
            false,
        ),
    ] {
        let mut listeners = watching();
        let now = [(SK, listener(5, 0, 0))];
        assert_eq!(listeners.moved(&now), [NETNS]);
        listeners.look(&look(2 * SECOND, &now, Some(counted.clone())));
        let mut due = listeners.due(3 * SECOND);
        due.sort_by_key(|it| it.turned_away);
        assert!(due.iter().all(|it| it.sure == sure), "{counted:?}: {due:?}");
        let told: Vec<_> = due
            .into_iter()
            .map(|it| (it.kind, it.turned_away))
            .collect();
        assert_eq!(told, expected, "{counted:?}");
    }
}

#[test]
fn what_no_counter_names_the_queues_tell_at_the_next_look() {
    for (now, kind) in [
        (listener(3, 2, 0), Kind::AcceptQueue),
        (listener(3, 0, 1), Kind::SynQueue),
        (listener(3, 0, 0), Kind::Ignored),
    ] {
        // The namespace's counters were first read after these drops, or cannot be read at all.
        for counted in [None, Some(Counters::default())] {
            let mut listeners = watching();
            listeners.look(&look(2 * SECOND, &[(SK, now)], counted.clone()));
            assert_eq!(listeners.due(3 * SECOND), [], "an event may explain it yet");
            listeners.look(&look(3 * SECOND, &[(SK, now)], counted));
            let due = listeners.due(4 * SECOND);
            assert_eq!((&due[0].kind, due[0].turned_away), (&kind, 3));
            assert_eq!((due[0].sure, due[0].since_ns), (false, SECOND));
            listeners.look(&look(5 * SECOND, &[(SK, now)], None));
            assert_eq!(listeners.due(u64::MAX), []);
        }
    }
}

#[test]
fn a_flood_is_told_every_few_seconds_and_adds_up() {
    let mut listeners = watching();
    let (mut records, mut sum) = (0, 0);
    for tenth in 1..=600_u64 {
        let drops = u32::try_from(tenth * 1000).unwrap();
        let now_ns = SECOND + tenth * SECOND / 10;
        // The counters are always a little ahead.
        let ahead = u64::from(drops) + 37;
        let counted = counters(ahead, ahead, 0, 0);
        listeners.look(&look(now_ns, &[(SK, listener(drops, 2, 0))], Some(counted)));
        for refusals in listeners.due(now_ns) {
            records += 1;
            sum += refusals.turned_away;
            assert_eq!(refusals.kind, Kind::AcceptQueue);
            assert_eq!((refusals.began_ns, refusals.total), (SECOND, sum));
        }
    }
    assert_eq!(listeners.due(u64::MAX).len(), 1);
    assert!((11..=13).contains(&records), "{records}");
    let left = 600_000 - sum;
    assert!(left <= 50_000, "{left}");
}

#[test]
fn what_was_dropped_for_a_reason_is_no_matter_of_queues() {
    // The event may come before the look that shows it, or after.
    for event_first in [true, false] {
        let mut listeners = watching();
        let dropped = at(
            what::DROPPED,
            2 * SECOND,
            packet(2, 2),
            1,
            Some("TCP_MD5NOTFOUND"),
        );
        let looked = look(
            2 * SECOND + 1,
            &[(SK, listener(1, 0, 0))],
            Some(Counters::default()),
        );
        if event_first {
            listeners.observe(&dropped);
            listeners.look(&looked);
        } else {
            listeners.look(&looked);
            listeners.observe(&dropped);
        }
        let kind = Kind::Dropped(Some("TCP_MD5NOTFOUND".into()));
        assert_eq!(told(&mut listeners, 3 * SECOND), [(kind, 1)]);
        // And the books are even.
        let counted = counters(1, 1, 0, 0);
        let now = [(SK, listener(2, 2, 0))];
        listeners.look(&look(9 * SECOND, &now, Some(counted)));
        assert_eq!(told(&mut listeners, 10 * SECOND), [(Kind::AcceptQueue, 1)]);
    }
}

#[test]
fn what_was_only_counted_is_told_too() {
    let mut listeners = watching();
    let reason = "TCP_MD5FAILURE";
    let seen = |count| at(what::DROPPED, 2 * SECOND, packet(2, 2), count, Some(reason));
    listeners.observe(&seen(1));
    assert_eq!(told(&mut listeners, 3 * SECOND).len(), 1);
    let keys = listeners.counted(&[(SK, listener(1, 0, 0))]);
    let [key] = keys[..] else { panic!("{keys:?}") };
    assert_eq!((key.listener, key.what), (77, what::DROPPED));
    listeners.look(&Look {
        time_ns: 4 * SECOND,
        counts: vec![(key, 100_000)],
        ..Look::default()
    });
    let due = listeners.due(20 * SECOND);
    assert_eq!((due[0].turned_away, due[0].total), (99_999, 100_000));
}

#[test]
fn an_overflow_waits_for_the_look_that_counts_it() {
    let mut listeners = watching();
    listeners.observe(&at(what::RESET, 2 * SECOND, packet(2, 16), 1, None));
    listeners.observe(&at(
        what::DROPPED,
        2 * SECOND + 1000,
        packet(2, 16),
        1,
        Some("TCP_LISTEN_OVERFLOW"),
    ));
    assert!(listeners.wants_look());
    assert_eq!(listeners.due(3 * SECOND), []);
    let counted = counters(1, 1, 0, 0);
    listeners.look(&look(3 * SECOND, &[(SK, listener(1, 2, 0))], Some(counted)));
    let due = listeners.due(3 * SECOND + 1);
    assert_eq!((due[0].turned_away, due[0].resets), (1, 1));
    let client = SocketAddr::new("10.9.0.2".parse().unwrap(), 5000);
    assert_eq!(due[0].client, Client::One(client));
    assert_eq!(due[0].drops[0].packet, PacketKind::Other);
}

#[test]
fn strays_are_nobodys_failure() {
    let mut listeners = watching();
    for (flags, reason) in [(16, "TCP_FLAGS"), (4, "TCP_RESET"), (2, "NOT_SPECIFIED")] {
        listeners.observe(&at(
            what::DROPPED,
            2 * SECOND,
            packet(2, flags),
            1,
            Some(reason),
        ));
    }
    assert_eq!(listeners.due(u64::MAX), []);
    listeners.observe(&at(
        what::DROPPED,
        2 * SECOND,
        packet(2, 3),
        2,
        Some("TCP_FLAGS"),
    ));
    assert_eq!(listeners.due(u64::MAX).len(), 1, "SYN and FIN");
}

/// The kernel's way: 1, 3, 7, 15, 31 seconds after the first answer.
const AGAIN: [u64; 5] = [1, 3, 7, 15, 31];

#[test]
fn a_client_that_never_answers_is_told_once_nobody_waits_any_more() {
    let mut listeners = watching();
    for (count, second) in (1..).zip(AGAIN) {
        pass(&mut listeners, second * SECOND);
        assert_eq!(listeners.due(second * SECOND), [], "not yet");
        let again = at(
            what::ANSWERED_AGAIN,
            second * SECOND,
            packet(2, 0),
            count,
            None,
        );
        listeners.observe(&again);
    }
    assert!(listeners.awaits_anyone());
    pass(&mut listeners, 63 * SECOND);
    assert_eq!(listeners.due(63 * SECOND), []);
    pass(&mut listeners, 81 * SECOND);
    let due = listeners.due(81 * SECOND);
    assert_eq!((&due[0].kind, due[0].turned_away), (&Kind::Unanswered, 1));
    assert_eq!((due[0].retransmits, due[0].since_ns), (5, SECOND));
    assert!(!listeners.awaits_anyone());
}

#[test]
fn a_client_that_answers_late_is_none() {
    let mut listeners = watching();
    listeners.observe(&at(what::ANSWERED_AGAIN, 2 * SECOND, packet(2, 0), 1, None));
    listeners.observe(&at(what::ANSWERED_AGAIN, 2 * SECOND, packet(3, 0), 2, None));
    listeners.observe(&came_up(2));
    pass(&mut listeners, 60 * SECOND);
    let due = listeners.due(60 * SECOND);
    let client = SocketAddr::new("10.9.0.3".parse().unwrap(), 5000);
    assert_eq!((due.len(), due[0].client), (1, Client::One(client)));
}

#[test]
fn a_client_whose_answer_found_the_queue_full_is_told_as_that() {
    let mut listeners = watching();
    listeners.observe(&at(what::ANSWERED_AGAIN, 2 * SECOND, packet(2, 0), 1, None));
    let overflow = Some("TCP_LISTEN_OVERFLOW");
    listeners.observe(&at(what::DROPPED, 3 * SECOND, packet(2, 16), 1, overflow));
    let counted = counters(1, 1, 0, 0);
    listeners.look(&look(3 * SECOND, &[(SK, listener(1, 2, 0))], Some(counted)));
    pass(&mut listeners, 60 * SECOND);
    assert_eq!(told(&mut listeners, 60 * SECOND), [(Kind::AcceptQueue, 1)]);
}

#[test]
fn cookies_turn_nobody_away() {
    let mut listeners = watching();
    let full = [(SK, listener(0, 0, 1))];
    assert_eq!(listeners.moved(&full), [NETNS]);
    listeners.look(&look(2 * SECOND, &full, Some(counters(0, 0, 0, 900))));
    assert_eq!(told(&mut listeners, 3 * SECOND), [(Kind::Cookies, 900)]);
}

#[test]
fn what_a_listener_turned_away_is_told_after_its_end() {
    let mut listeners = watching();
    let ended = listening(how::ENDED, SK, 2 * SECOND, listener(4, 2, 0));
    let Event::Listening(event) = &ended else {
        panic!("another event")
    };
    let last = listeners.last_look(event).unwrap();
    listeners.look(&look(2 * SECOND, &[last], Some(counters(4, 4, 0, 0))));
    listeners.observe(&ended);
    pass(&mut listeners, 60 * SECOND);
    let due = listeners.due(2 * SECOND);
    assert_eq!(
        (due[0].turned_away, due[0].creator.unwrap().tgid),
        (4, 4242)
    );
    // Who waited until then is judged a moment later.
    pass(&mut listeners, 2 * SECOND + 20_000_000);
    let remote = SocketAddr::new(net::address(ip(1)), 80);
    assert_eq!(listeners.full(remote, &(SECOND..=2 * SECOND)).len(), 1);
    pass(&mut listeners, 4 * SECOND);
    assert_eq!(listeners.watched().count(), 0);
}

#[test]
fn another_listener_at_the_same_address_is_another() {
    let mut listeners = watching();
    let full = look(
        2 * SECOND,
        &[(SK, listener(4, 2, 0))],
        Some(counters(4, 4, 0, 0)),
    );
    listeners.look(&full);
    assert_eq!(told(&mut listeners, 3 * SECOND), [(Kind::AcceptQueue, 4)]);
    // Its end was missed; the new one has the old one's place in memory.
    let mut new = listener(0, 0, 0);
    new.inode = 78;
    listeners.observe(&listening(how::BEGAN, SK, 4 * SECOND, new));
    listeners.look(&look(5 * SECOND, &[(SK, new)], None));
    assert_eq!(listeners.due(u64::MAX), []);
    new.drops = 1;
    new.backlog = 2;
    let one = look(6 * SECOND, &[(SK, new)], Some(counters(5, 5, 0, 0)));
    listeners.look(&one);
    let due = listeners.due(7 * SECOND);
    assert_eq!((due[0].turned_away, due[0].total), (1, 1));
}

#[test]
fn a_socket_that_is_gone_gives_nothing() {
    let mut listeners = watching();
    listeners.look(&look(2 * SECOND, &[(SK, Listener::ZERO)], None));
    pass(&mut listeners, 4 * SECOND);
    assert_eq!(listeners.watched().count(), 0);
    assert_eq!(listeners.due(u64::MAX), []);
}

#[test]
fn only_known_listeners_where_a_command_is_followed() {
    let mut listeners = Listeners::new(true, true);
    let dropped = at(
        what::DROPPED,
        SECOND,
        packet(2, 2),
        1,
        Some("TCP_MD5FAILURE"),
    );
    listeners.observe(&dropped);
    assert_eq!(listeners.due(u64::MAX), []);
    listeners.observe(&listening(how::BEGAN, SK, SECOND, listener(0, 0, 0)));
    listeners.observe(&dropped);
    assert_eq!(listeners.due(u64::MAX).len(), 1);
}

#[test]
fn two_listeners_of_one_namespace_each_get_their_own() {
    let mut listeners = watching();
    let mut other = listener(0, 0, 0);
    (other.inode, other.local_port) = (78, 81);
    listeners.observe(&listening(how::FOUND, SK + 64, SECOND, other));
    let (mut one, mut two) = (listener(3, 2, 0), other);
    (two.drops, two.backlog) = (4, 2);
    let now = [(SK, one), (SK + 64, two)];
    listeners.look(&look(2 * SECOND, &now, Some(counters(7, 7, 0, 0))));
    let due = listeners.due(3 * SECOND);
    let mut told: Vec<_> = due
        .iter()
        .map(|it| (it.listener.local_port, it.turned_away, it.sure))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [(80, 3, true), (81, 4, true)]);
    // One has a full accept queue, the other a full SYN queue: only their state tells which is which.
    (one.drops, two.drops, two.backlog, two.syn_queue) = (4, 6, 0, 1);
    let now = [(SK, one), (SK + 64, two)];
    listeners.look(&look(9 * SECOND, &now, Some(counters(10, 8, 2, 0))));
    let mut told: Vec<_> = listeners
        .due(10 * SECOND)
        .into_iter()
        .map(|it| (it.listener.local_port, it.kind, it.turned_away, it.sure))
        .collect();
    told.sort_unstable_by_key(|it| it.0);
    let expected = [
        (80, Kind::AcceptQueue, 1, false),
        (81, Kind::SynQueue, 2, false),
    ];
    assert_eq!(told, expected);
}

#[test]
fn without_cookies_the_last_quarter_of_the_backlog_is_not_for_strangers() {
    // Of 128, more than 96. Handshakes may have ended by the time of the look.
    for (before, now, syncookies, kind) in [
        (0, 97, 0, Kind::SynBacklog),
        (97, 3, 0, Kind::SynBacklog),
        (96, 96, 0, Kind::Ignored),
        (97, 97, 1, Kind::Ignored),
    ] {
        let settings = |drops| Counters {
            max_syn_backlog: Some(128),
            syncookies: Some(syncookies),
            ..counters(drops, 0, 0, 0)
        };
        let with = |drops, syn_queue| Listener {
            backlog_limit: 1000,
            ..listener(drops, 0, syn_queue)
        };
        let mut listeners = watching();
        listeners.look(&look(2 * SECOND, &[(SK, with(0, before))], None));
        let moved = [(SK, with(5, now))];
        listeners.look(&look(3 * SECOND, &moved, Some(settings(5))));
        let span = 2 * SECOND..=3 * SECOND;
        let full = listeners.full(([10, 9, 0, 1], 80).into(), &span);
        let limit = full.first().and_then(|(_, queue)| queue.max_syn_backlog);
        let expected = (kind == Kind::SynBacklog).then_some(128);
        assert_eq!(limit, expected, "{before} {now}");
        assert_eq!(told(&mut listeners, 4 * SECOND), [(kind, 5)]);
    }
}

#[test]
fn a_packet_that_counts_twice_is_told_once() {
    // Since some kernels the drop itself counts among the listener's, too.
    let mut listeners = watching();
    for count in 1..=3 {
        let overflow = Some("TCP_LISTEN_OVERFLOW");
        let dropped = at(what::DROPPED, 2 * SECOND, packet(2, 16), count, overflow);
        listeners.observe(&dropped);
    }
    let now = [(SK, listener(6, 2, 0))];
    listeners.look(&look(3 * SECOND, &now, Some(counters(3, 3, 0, 0))));
    listeners.look(&look(4 * SECOND, &now, None));
    listeners.look(&look(5 * SECOND, &now, None));
    assert_eq!(told(&mut listeners, 6 * SECOND), [(Kind::AcceptQueue, 3)]);
    assert_eq!(listeners.due(u64::MAX), []);
}

#[test]
fn strays_among_the_drops_hide_nothing() {
    let mut listeners = watching();
    let stray = at(
        what::DROPPED,
        2 * SECOND,
        packet(2, 16),
        50,
        Some("TCP_FLAGS"),
    );
    listeners.observe(&stray);
    let now = [(SK, listener(54, 2, 0))];
    listeners.look(&look(3 * SECOND, &now, Some(counters(4, 4, 0, 0))));
    listeners.look(&look(4 * SECOND, &now, None));
    assert_eq!(told(&mut listeners, 5 * SECOND), [(Kind::AcceptQueue, 4)]);
    assert_eq!(listeners.due(u64::MAX), []);
}

#[test]
fn a_packet_that_comes_between_a_look_and_its_counters_is_told_once() {
    let mut listeners = watching();
    let overflow = |at_ns, count| {
        let packet = packet(7, 16);
        at(
            what::DROPPED,
            at_ns,
            packet,
            count,
            Some("TCP_LISTEN_OVERFLOW"),
        )
    };
    // One packet counts twice by the look, and two are in the counters, which are read after it.
    listeners.observe(&overflow(SECOND, 1));
    let seen = [(SK, listener(2, 2, 0))];
    listeners.look(&look(SECOND, &seen, Some(counters(2, 2, 0, 0))));
    listeners.observe(&overflow(SECOND + 1, 2));
    for at_ns in [2 * SECOND, 3 * SECOND, 4 * SECOND] {
        let seen = [(SK, listener(4, 2, 0))];
        listeners.look(&look(at_ns, &seen, Some(counters(2, 2, 0, 0))));
    }
    assert_eq!(told(&mut listeners, 9 * SECOND), [(Kind::AcceptQueue, 2)]);
}

const SYN: u16 = 2;

/// A firewall drops it at this hook.
fn dropped(at_ns: u64, packet: Packet, hook: &'static str) -> Event {
    let drop = event::Drop {
        head: head(event::kind::DROP, 0, at_ns),
        packet,
        ..event::Drop::ZERO
    };
    let place = Place {
        reason: Some("NETFILTER_DROP".into()),
        hook: Some(hook),
        ..Place::default()
    };
    Event::Drop(Box::new(drop), place)
}

fn syn(isn: u32) -> Packet {
    Packet {
        seq: isn,
        ..packet(7, SYN)
    }
}

fn firewall(count: u64) -> Vec<(Kind, u64)> {
    vec![(Kind::Firewall { rejects: false }, count)]
}

#[test]
fn strangers_that_a_firewall_keeps_from_a_listener_are_told() {
    let mut listeners = watching();
    for nth in 0..3 {
        listeners.observe(&dropped((2 + nth) * SECOND, syn(5), "input"));
    }
    // Whoever was on this host would have been heard of by then.
    assert_eq!(told(&mut listeners, 5 * SECOND - 1), []);
    assert_eq!(told(&mut listeners, 5 * SECOND), firewall(1));
    assert_eq!(told(&mut listeners, 60 * SECOND), firewall(2));
    // Its answers likewise.
    let answer = Packet {
        source: ip(1),
        source_port: 80,
        destination: ip(7),
        destination_port: 5000,
        ack: 6,
        ..packet(7, SYN | 16)
    };
    listeners.observe(&dropped(70 * SECOND, answer, "output"));
    let due = listeners.due(80 * SECOND);
    assert_eq!(due[0].client, Client::One("10.9.0.7:5000".parse().unwrap()));
    assert_eq!(due[0].barred[0].seen.packet, PacketKind::SynAck);
}

#[test]
fn what_a_firewall_keeps_from_a_listener_of_a_client_of_this_host_is_its_own_record() {
    let mut listeners = watching();
    listeners.observe(&dropped(2 * SECOND, syn(5), "input"));
    listeners.observe(&dropped(2 * SECOND, syn(6), "input"));
    let again = event::Retransmit {
        tuple: Tuple {
            state: 2,
            ..Tuple::ZERO
        },
        isn: 5,
        ..event::Retransmit::ZERO
    };
    listeners.observe(&Event::Retransmit(again));
    let given_up = event::State {
        old: 2,
        new: 7,
        isn: 6,
        ..event::State::ZERO
    };
    listeners.observe(&Event::State(Box::new(given_up)));
    assert_eq!(told(&mut listeners, 60 * SECOND), []);
}

#[test]
fn nobody_is_told_of_what_a_firewall_drops_elsewhere() {
    let mut listeners = watching();
    let other_port = Packet {
        destination_port: 81,
        ..syn(1)
    };
    let other_netns = Packet {
        netns: NETNS + 1,
        ..syn(2)
    };
    for packet in [other_port, other_netns, packet(7, 16)] {
        listeners.observe(&dropped(2 * SECOND, packet, "input"));
    }
    listeners.observe(&dropped(2 * SECOND, syn(3), "forward"));
    assert_eq!(told(&mut listeners, 60 * SECOND), []);
}

#[test]
fn of_several_that_listen_on_one_end_all_are_told() {
    let mut listeners = watching();
    let mut other = listening(how::BEGAN, SK + 64, 3 * SECOND, listener(0, 0, 0));
    if let Event::Listening(listening) = &mut other {
        listening.owner.tgid = 4243;
    }
    listeners.observe(&other);
    let elsewhere = Listener {
        local: [0; 16],
        ..listener(0, 0, 0)
    };
    listeners.observe(&listening(how::BEGAN, SK + 128, 3 * SECOND, elsewhere));
    listeners.observe(&dropped(4 * SECOND, syn(4), "input"));
    listeners.observe(&dropped(4 * SECOND, syn(5), "input"));
    let due = listeners.due(60 * SECOND);
    let [one] = due.as_slice() else {
        panic!("{due:?}")
    };
    assert_eq!((one.turned_away, one.beside.len()), (2, 1));
    let owner = one.beside[0].creator.unwrap();
    assert_ne!(owner.tgid, one.creator.unwrap().tgid);
}

#[test]
fn a_listener_for_ipv6_alone_takes_no_ipv4() {
    for (flags, expected) in [
        (flag::IPV6_ONLY, vec![]),
        (flag::BOTH_FAMILIES, firewall(1)),
        (0, firewall(1)),
    ] {
        let mut listeners = Listeners::new(false, true);
        let ipv6 = Listener {
            local: [0; 16],
            family: 10,
            flags,
            ..listener(0, 0, 0)
        };
        listeners.observe(&listening(how::BEGAN, SK, SECOND, ipv6));
        listeners.observe(&dropped(2 * SECOND, syn(5), "input"));
        assert_eq!(told(&mut listeners, 60 * SECOND), expected, "{flags}");
    }
}

#[test]
fn a_full_queue_is_of_the_listener_that_takes_what_comes() {
    let full = |local, family| Listener {
        local,
        family,
        drops: 3,
        ..listener(0, 2, 0)
    };
    let mut ipv4 = [0; 16];
    (ipv4[10], ipv4[11]) = (0xff, 0xff);
    for (local, family, remote, expected) in [
        (ipv4, 2, "10.9.0.1:80", 1),
        (ipv4, 2, "[fd00::1]:80", 0),
        ([0; 16], 10, "[fd00::1]:80", 1),
        ([0; 16], 10, "10.9.0.1:80", 1),
    ] {
        let mut listeners = Listeners::new(false, true);
        let quiet = Listener {
            drops: 0,
            ..full(local, family)
        };
        listeners.observe(&listening(how::BEGAN, SK, SECOND, quiet));
        listeners.look(&look(SECOND, &[], Some(Counters::default())));
        let now = [(SK, full(local, family))];
        listeners.look(&look(2 * SECOND, &now, Some(counters(3, 3, 0, 0))));
        let span = SECOND..=3 * SECOND;
        let remote = remote.parse().unwrap();
        let found = listeners.full(remote, &span);
        assert_eq!(found.len(), expected, "{local:?} {remote}");
        // One that listens on the very address takes it instead.
        let closer = Listener {
            inode: 78,
            local: ip(1),
            ..quiet
        };
        listeners.observe(&listening(how::BEGAN, SK + 64, SECOND, closer));
        if remote.is_ipv4() {
            assert_eq!(listeners.full(remote, &span), []);
        }
    }
}

/// What a client sends whose SYN had this number.
fn ack(isn: u32) -> Packet {
    Packet {
        seq: isn.wrapping_add(1),
        ..packet(7, 16)
    }
}

#[test]
fn acknowledgments_that_a_firewall_drops_are_joined_to_their_handshake() {
    let isn = u32::MAX;
    let again = Packet {
        seq: isn,
        ..packet(7, 0)
    };
    let old = Packet {
        seq: 7_000_000,
        ..ack(0)
    };
    let rst = Packet {
        flags: 4,
        ..ack(isn)
    };
    for (packets, kind, count) in [
        (vec![ack(isn), ack(isn)], Kind::LastAck, 2),
        (vec![ack(isn), rst], Kind::LastAck, 1),
        (vec![rst, ack(isn)], Kind::LastAck, 1),
        (vec![rst], Kind::Unanswered, 1),
        // Of an earlier connection between the same ends.
        (vec![old], Kind::Unanswered, 0),
        (vec![old, ack(isn)], Kind::LastAck, 1),
    ] {
        let mut listeners = watching();
        // Nobody is waited for yet.
        listeners.observe(&dropped(2 * SECOND, ack(isn), "input"));
        listeners.observe(&at(what::ANSWERED_AGAIN, 3 * SECOND, again, 1, None));
        for packet in &packets {
            listeners.observe(&dropped(3 * SECOND, *packet, "input"));
        }
        pass(&mut listeners, 60 * SECOND);
        let due = listeners.due(61 * SECOND);
        let [one] = due.as_slice() else {
            panic!("{due:?}")
        };
        assert_eq!((&one.kind, one.turned_away), (&kind, 1), "{packets:?}");
        let seen: u64 = one.barred.iter().map(|it| it.seen.count).sum();
        assert_eq!(seen, count, "{packets:?}");
    }
}

#[test]
fn a_flood_that_a_firewall_drops_is_told_every_five_seconds() {
    let mut listeners = watching();
    let mut records = Vec::new();
    for tenth in 20..320_u32 {
        let now_ns = u64::from(tenth) * SECOND / 10;
        listeners.observe(&dropped(now_ns, syn(tenth), "input"));
        records.extend(told(&mut listeners, now_ns).into_iter().map(|(_, it)| it));
    }
    records.extend(
        told(&mut listeners, 60 * SECOND)
            .into_iter()
            .map(|(_, it)| it),
    );
    assert_eq!(records.iter().sum::<u64>(), 300);
    assert_eq!(records.len(), 7, "{records:?}");
}

/// As kernels tell that do not name the receiver of what they drop.
#[test]
fn a_syn_that_tcp_drops_is_of_the_one_listener_that_takes_it() {
    let drop = |at_ns: u64, location: &str| {
        let event = event::Drop {
            head: head(event::kind::DROP, 0, at_ns),
            packet: syn(7),
            ..event::Drop::ZERO
        };
        let place = Place {
            reason: Some("TCP_MD5NOTFOUND".into()),
            location: Some(location.into()),
            course: Some(Course::Received),
            ..Place::default()
        };
        Event::Drop(Box::new(event), place)
    };
    let mut listeners = watching_unnamed();
    listeners.observe(&drop(2 * SECOND, "tcp_v4_rcv"));
    // It is in the listener's own count of drops, too.
    listeners.look(&look(
        3 * SECOND,
        &[(SK, listener(1, 0, 0))],
        Some(Counters::default()),
    ));
    let told = listeners.due(10 * SECOND);
    let [refusals] = told.as_slice() else {
        panic!("{told:#?}");
    };
    let kind = Kind::Dropped(Some("TCP_MD5NOTFOUND".into()));
    assert_eq!((&refusals.kind, refusals.turned_away), (&kind, 1));
    assert_eq!(refusals.drops[0].matched_by, MatchedBy::Tuple);
    // On its way to TCP it is nobody's yet.
    let mut listeners = watching_unnamed();
    listeners.observe(&drop(2 * SECOND, "ip_rcv_core"));
    assert!(listeners.due(10 * SECOND).is_empty());
    // Where the kernel names receivers, TCP had none for it, as for a segment with a wrong checksum.
    let mut listeners = watching();
    listeners.observe(&drop(2 * SECOND, "tcp_v4_rcv"));
    assert!(listeners.due(10 * SECOND).is_empty());
}

/// Strays are among a listener's drops there, and what finds its accept queue full counts twice.
#[test]
fn where_no_receiver_is_named_only_what_the_namespace_counts_is_told() {
    let mut listeners = watching_unnamed();
    let strays = [(SK, listener(60, 0, 0))];
    listeners.look(&look(2 * SECOND, &strays, Some(Counters::default())));
    listeners.look(&look(3 * SECOND, &strays, Some(Counters::default())));
    assert_eq!(told(&mut listeners, 4 * SECOND), []);
    let full = [(SK, listener(80, 2, 0))];
    let counted = || Some(counters(10, 10, 0, 0));
    listeners.look(&look(5 * SECOND, &full, counted()));
    listeners.look(&look(6 * SECOND, &full, counted()));
    assert_eq!(told(&mut listeners, 12 * SECOND), [(Kind::AcceptQueue, 10)]);
}

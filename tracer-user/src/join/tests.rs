use super::*;
use crate::record::{Direction, Endpoint, Socket};

const SECOND_NS: i64 = 1_000_000_000;

fn endpoint(addr: [u8; 4], port: u16) -> Endpoint {
    Endpoint {
        addr: addr.into(),
        port: Some(port),
    }
}

/// The client's end on host 0 and the server's on host 1, whose clock is 7 s ahead.
fn both(port: u16, at_s: i64, isn: Option<u32>) -> [End; 2] {
    let client = End {
        host: 0,
        side: Side::Client,
        client: Some(endpoint([10, 0, 0, 1], port)),
        server: endpoint([10, 0, 0, 2], 80),
        isn,
        netns: Some(4),
        start_ns: Some(at_s * SECOND_NS),
        end_ns: (at_s + 3) * SECOND_NS,
        reset: false,
        turned_away: true,
        group: Some(1),
    };
    let server = End {
        host: 1,
        side: Side::Server,
        start_ns: Some((at_s + 7) * SECOND_NS + i64::from(port)),
        end_ns: (at_s + 10) * SECOND_NS,
        ..client
    };
    [client, server]
}

#[test]
fn ends_are_joined_by_addresses_and_sequence_number() {
    let ends = [both(1000, 0, Some(5)), both(1001, 1, Some(6))].concat();
    let joined = join(2, &ends);
    let by: Vec<_> = joined
        .pairs
        .iter()
        .map(|it| (it.client, it.server, it.by))
        .collect();
    assert_eq!(by, [(0, 1, By::TupleAndIsn), (2, 3, By::TupleAndIsn)]);
    let clock = joined.clocks[1].unwrap();
    assert_eq!((clock.ahead_ns / SECOND_NS, clock.joined), (7, 2));
    assert!(clock.spread_ns < 10);
    assert_eq!(joined.clocks[0], Some(Offset::default()));
}

#[test]
fn a_port_that_is_used_again_is_another_connection() {
    let ends = [both(1000, 0, Some(5)), both(1000, 60, Some(6))].concat();
    let joined = join(2, &ends);
    let pairs: Vec<_> = joined
        .pairs
        .iter()
        .map(|it| (it.client, it.server))
        .collect();
    assert_eq!(pairs, [(0, 1), (2, 3)]);

    let [client, mut server] = both(1000, 0, Some(5));
    server.isn = Some(9);
    assert_eq!(join(2, &[client, server]).pairs, []);
}

#[test]
fn translated_addresses_are_joined_by_the_sequence_number_and_one_end() {
    let [client, mut server] = both(1000, 0, Some(5));
    server.client = Some(endpoint([192, 0, 2, 1], 7777));
    let joined = join(2, &[client, server]);
    assert_eq!(joined.pairs[0].by, By::IsnAndOneEnd);
    server.server = endpoint([192, 168, 0, 1], 8080);
    assert_eq!(
        join(2, &[client, server]).pairs,
        [],
        "the number alone is no proof"
    );
}

#[test]
fn without_a_sequence_number_the_time_must_fit() {
    let known = both(999, 0, Some(5));
    let fits = both(1000, 10, None);
    let mut late = both(1001, 10, None);
    late[1].start_ns = Some(47 * SECOND_NS);
    let joined = join(2, &[known, fits, late].concat());
    let pairs: Vec<_> = joined.pairs.iter().map(|it| (it.client, it.by)).collect();
    assert_eq!(pairs, [(0, By::TupleAndIsn), (2, By::Tuple)]);
}

#[test]
fn clocks_are_known_by_addresses_alone_where_they_are_unique() {
    let ends = [
        both(1000, 0, None),
        both(1001, 9, None),
        both(1002, 11, None),
    ]
    .concat();
    let joined = join(2, &ends);
    assert_eq!(joined.pairs.len(), 3);
    assert_eq!(joined.clocks[1].unwrap().ahead_ns / SECOND_NS, 7);
}

#[test]
fn a_late_first_sight_does_not_spoil_the_clock() {
    let mut all: Vec<End> = (0..9)
        .flat_map(|nth| both(1000 + nth, i64::from(nth), Some(u32::from(nth))))
        .collect();
    for server in all
        .iter_mut()
        .filter(|end| end.side == Side::Server)
        .take(3)
    {
        server.start_ns = server.start_ns.map(|start_ns| start_ns + 3 * SECOND_NS);
    }
    let clock = join(2, &all).clocks[1].unwrap();
    assert_eq!(clock.ahead_ns / SECOND_NS, 7);
    assert!(clock.spread_ns < 1000);
}

#[test]
fn clocks_are_chained_and_unknown_ones_stay_unknown() {
    let first = both(1000, 0, Some(1));
    let second = both(1001, 0, Some(2)).map(|end| End {
        host: end.host + 1,
        ..end
    });
    let joined = join(4, &[first, second].concat());
    let ahead: Vec<_> = joined
        .clocks
        .iter()
        .map(|clock| clock.map(|clock| clock.ahead_ns / SECOND_NS))
        .collect();
    assert_eq!(ahead, [Some(0), Some(7), Some(14), None]);
}

#[test]
fn one_host_alone_is_never_joined_with_itself() {
    let [client, mut server] = both(1000, 0, Some(5));
    server.host = 0;
    assert_eq!(join(1, &[client, server]).pairs, []);
}

#[test]
fn addresses_that_every_host_has_say_nothing() {
    let socket = |addr: &str| Socket {
        family: crate::record::Family::Ipv4,
        ipv4_mapped: false,
        local: Some(endpoint([10, 0, 0, 1], 1000)),
        remote: Endpoint {
            addr: addr.parse().unwrap(),
            port: Some(80),
        },
        netns: None,
        cookie: None,
    };
    for addr in [
        "127.0.0.1",
        "::1",
        "fe80::1",
        "169.254.0.1",
        "::ffff:127.0.0.2",
    ] {
        assert_eq!(
            End::of(0, Direction::Outbound, &socket(addr)),
            None,
            "{addr}"
        );
    }
    let end = End::of(0, Direction::Inbound, &socket("::ffff:10.0.0.9"));
    let end = end.unwrap();
    assert_eq!(
        (end.side, end.client),
        (Side::Server, Some(endpoint([10, 0, 0, 9], 80)))
    );
}

#[test]
fn a_listener_that_turned_many_away_is_joined_by_its_address_and_the_time() {
    let [client, mut listener] = both(1000, 0, None);
    listener.client = None;
    listener.end_ns = 8 * SECOND_NS;
    // The clocks are not known: 7 s apart, it is another time.
    assert_eq!(join(2, &[client, listener]).pairs, []);
    let known = both(999, -100, Some(5));
    let second = both(1001, 1, None)[0];
    let mut late = both(1002, 60, None)[0];
    let joined = join(
        2,
        &[known.to_vec(), vec![client, listener, second, late]].concat(),
    );
    let pairs: Vec<_> = joined
        .pairs
        .iter()
        .map(|it| (it.client, it.server, it.by))
        .collect();
    assert_eq!(
        pairs,
        [
            (0, 1, By::TupleAndIsn),
            (2, 3, By::Listener),
            (4, 3, By::Listener)
        ]
    );
    late.start_ns = listener.start_ns;
    late.end_ns = 7 * SECOND_NS;
    let joined = join(2, &[listener, late]);
    assert_eq!(joined.pairs[0].by, By::ListenerOnly);
}

#[test]
fn a_beginning_that_was_not_seen_says_nothing_about_the_clock() {
    let [client, mut server] = both(1000, 0, Some(5));
    server.start_ns = None;
    let joined = join(2, &[client, server]);
    assert_eq!((joined.pairs.len(), joined.clocks[1]), (1, None));
    // A RST is seen by both.
    let reset = [client, server].map(|end| End { reset: true, ..end });
    let clock = join(2, &reset).clocks[1].unwrap();
    assert_eq!(clock.ahead_ns, 7 * SECOND_NS);
}

#[test]
fn a_listener_on_all_addresses_is_joined_where_the_address_is_its_own() {
    let known = both(999, -100, Some(5));
    let [client, mut listener] = both(1000, 0, None);
    listener.client = None;
    listener.server.addr = "::".parse().unwrap();
    let by = |ends: &[End]| -> Vec<_> {
        let pairs = join(3, ends).pairs;
        let new = pairs.iter().filter(|pair| pair.by != By::TupleAndIsn);
        new.map(|it| (it.client, it.server, it.by)).collect()
    };
    let ends = [known.to_vec(), vec![client, listener]].concat();
    assert_eq!(by(&ends), [(2, 3, By::Listener)]);
    // Another host, or another namespace of that host, may have another address.
    for other in [
        End {
            host: 2,
            ..listener
        },
        End {
            netns: Some(5),
            ..listener
        },
    ] {
        assert_eq!(by(&[known.to_vec(), vec![client, other]].concat()), []);
    }
    let v4_only = "0.0.0.0".parse().unwrap();
    assert_eq!(
        by(&[
            known.to_vec(),
            vec![
                client,
                End {
                    server: Endpoint {
                        addr: v4_only,
                        ..listener.server
                    },
                    ..listener
                }
            ]
        ]
        .concat())
        .len(),
        1
    );

    // A client that is named says which address it is.
    let [client, mut listener] = both(1000, 0, None);
    listener.server.addr = v4_only;
    assert_eq!(by(&[client, listener]), [(0, 1, By::Tuple)]);
}

#[test]
fn who_was_refused_met_no_listener() {
    let [mut client, mut listener] = both(1000, 0, None);
    client.turned_away = false;
    listener.client = None;
    let known = both(999, -100, Some(5));
    let joined = join(2, &[known.to_vec(), vec![client, listener]].concat());
    assert_eq!(joined.pairs.len(), 1, "{joined:?}");
}

use serde_json::json;

use super::{
    evidence::{dropped, packet_kind},
    *,
};
use crate::{
    diagnose::words,
    record::{Drop, Endpoint, HookLedger, Ledger, MatchedBy, Resent, Stream},
    show::{page::GLUE, sample},
};

fn text(record: &Record, color: bool) -> String {
    let mut out = Vec::new();
    Text {
        page: Page {
            color,
            columns: COLUMNS,
        },
        zone: TimeZone::UTC,
    }
    .show(record, &mut out)
    .unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(failure: Failure) -> String {
    text(&Record::Failure(Box::new(failure)), false)
}

#[test]
fn a_failure_tells_the_story_from_the_top() {
    let expected = "\
18:31:02.123 FAIL curl[4242] -> 10.9.1.1:443 (from 10.9.0.1:43210)  firewall-drop  ETIMEDOUT  3.1 s
            nftables on this host dropped its 3 SYNs on OUTPUT
       why  connect() timed out after 3.1 s (ETIMEDOUT)
            3 SYNs were sent and none was answered
            the kernel dropped all 3: NETFILTER_DROP at nft_do_chain
       fix  nft list ruleset | grep -n 443
      seen  3 x SYN tx dropped: NETFILTER_DROP at nft_do_chain, hook output (nftables),
              netns 4026531840, by socket
   process  uid 0, ppid 1, exe /usr/bin/curl, cmdline: curl https://10.9.1.1
     where  certain, netns 4026531840, cookie 77, cgroup /user.slice/session-1.scope
";
    assert_eq!(plain(sample::failure()), expected);
}

#[test]
fn shows_resets_icmp_doubt_and_losses() {
    let mut failure = sample::failure();
    failure.cause = "abandoned".to_owned();
    failure.stuck_on = Some("no-answer".to_owned());
    failure.severity = Severity::Info;
    failure.confidence = Confidence::Likely;
    failure.errno = None;
    failure.missing = vec!["no drop reasons on this kernel".to_owned()];
    failure.resets = vec![sample::reset()];
    failure.icmp = vec![sample::icmp()];
    failure.lost = 1;
    let Some(process) = failure.process.as_mut() else {
        panic!("no process")
    };
    process.cmdline = Some("ä".repeat(1000));
    let text = plain(failure);
    let cut = format!("{}…\n", "ä".repeat(200));
    assert!(text.contains(&cut), "{text}");
    for part in [
        "18:31:02.123 info curl[4242]",
        "abandoned (likely, stuck on no-answer)  3.1 s\n",
        "RST received, netns 4026531840, by socket\n",
        "ICMP error sent: type 3 code 1 (EHOSTUNREACH), netns 4026531841, by addresses\n",
        "   missing  no drop reasons on this kernel\n",
        "     where  likely, netns",
        "1 event lost",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn says_what_is_not_known() {
    let mut failure = sample::failure();
    failure.process = None;
    failure.socket.local = None;
    failure.socket.remote = Endpoint {
        addr: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
        port: Some(443),
    };
    failure.timing.elapsed_us = None;
    let text = plain(failure);
    assert!(
        text.starts_with(
            "18:31:02.123 FAIL (process not known) -> [2001:db8::1]:443  firewall-drop  ETIMEDOUT\n"
        ),
        "{text}"
    );
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let evil = "\x1b]0;owned\x07\nx\u{9b}2J\u{202e}";
    let mut failure = sample::failure();
    failure.summary = evil.to_owned();
    failure.why = vec![evil.to_owned()];
    failure.fix = vec![evil.to_owned()];
    failure.missing = vec![evil.to_owned()];
    failure.drops[0].location = Some(evil.to_owned());
    failure.drops[0].device = Some(evil.to_owned());
    let Some(process) = failure.process.as_mut() else {
        panic!("no process")
    };
    process.comm = evil.to_owned();
    process.thread_comm = Some(evil.to_owned());
    process.exe = Some(evil.to_owned());
    process.cmdline = Some(evil.to_owned());
    process.cgroup = Some(evil.to_owned());
    process.unit = Some(evil.to_owned());
    process.container = Some(evil.to_owned());
    let mut event = sample::event();
    event.process.clone_from(&failure.process);
    event.summary = evil.to_owned();
    for fact in ["reason", "location", "hook", "device"] {
        event.detail.insert(fact.to_owned(), evil.into());
    }
    let mut connection = sample::connection();
    connection.process.clone_from(&failure.process);
    for record in [
        Record::Failure(Box::new(failure)),
        Record::Event(Box::new(event)),
        Record::Connection(Box::new(connection)),
    ] {
        let text = text(&record, false);
        assert!(
            !text.contains(|c: char| c != '\n' && c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'), "{text:?}");
        assert!(
            text.contains(r"\x1b]0;owned\x07\nx\x9b2J\u{202e}"),
            "{text:?}"
        );
    }
}

#[test]
fn colours_only_when_asked() {
    let record = sample::record();
    assert!(!text(&record, false).contains('\x1b'));
    let colored = text(&record, true);
    assert!(
        colored.contains("\x1b[1m\x1b[31mfirewall-drop\x1b[0m"),
        "{colored:?}"
    );
    assert!(
        colored.contains("\x1b[2m(from 10.9.0.1:43210)\x1b[0m"),
        "{colored:?}"
    );
}

#[test]
fn a_connection_and_an_event_take_one_line_each() {
    assert_eq!(
        text(&Record::Connection(Box::new(sample::connection())), false),
        "18:31:02.123 ok   curl[4242] -> 10.9.1.1:443 (from 10.9.0.1:43210)  closed by this end first  12 ms\n"
    );
    assert_eq!(
        text(&Record::Event(Box::new(sample::event())), false),
        "18:31:02.123 seen kfree_skb  curl[4242] 10.9.0.1:43210 -> 10.9.1.1:443  SYN dropped: \
         NETFILTER_DROP at nft_do_chain, hook output, device eth0  by socket\n"
    );
}

#[test]
fn a_connection_says_what_it_sent_again_and_why() {
    let mut connection = sample::connection();
    let tcp = connection.tcp.as_mut().unwrap();
    tcp.stream = Some(Stream {
        rto_us: 201_000,
        cwnd_segments: 10,
        mss_bytes: 1448,
        unacked_bytes: 0,
        unsent_bytes: 0,
        send_window_bytes: 65_536,
        retransmits_total: 4,
        probes: 0,
        last_sent_ms: 1,
        last_received_ms: 1,
    });
    tcp.resent = Some(Resent {
        tlp: 1,
        rto: 2,
        ..Resent::default()
    });
    let shown = text(&Record::Connection(Box::new(connection)), false);
    assert!(
        shown.ends_with("  12 ms  4 segments sent again (1 TLP, 2 RTO)\n"),
        "{shown}"
    );
}

#[test]
fn an_incident_says_when_it_begins_and_ends() {
    let mut incident = sample::incident();
    assert_eq!(
        text(&Record::Incident(Box::new(incident.clone())), false),
        "18:31:02.123 CRIT F-20261123-001  firewall-drop  3 failures since 18:31:02.123\n            \
         curl (3 processes) could not reach 10.9.1.1:443: dropped\n            3 attempts in a \
         row to 10.9.1.1:443 failed\n"
    );
    incident.state = IncidentState::Closed;
    let text = text(&Record::Incident(Box::new(incident)), false);
    assert!(text.contains(" over F-20261123-001  firewall-drop  3 failures from 18:31:02.123 to"));
}

#[test]
fn an_event_that_is_not_yet_joined_says_so() {
    let mut event = sample::event();
    event.process = None;
    event.matched_by = None;
    assert_eq!(
        text(&Record::Event(Box::new(event.clone())), false),
        "18:31:02.123 seen kfree_skb  10.9.0.1:43210 -> 10.9.1.1:443  SYN dropped: \
         NETFILTER_DROP at nft_do_chain, hook output, device eth0  not yet joined\n"
    );
    event.socket = None;
    event.detail.clear();
    assert_eq!(
        text(&Record::Event(Box::new(event)), false),
        "18:31:02.123 seen kfree_skb  dropped: NETFILTER_DROP  not yet joined\n"
    );
}

#[test]
fn an_event_shows_the_facts_that_its_summary_leaves_out() {
    let mut event = sample::event();
    for (hook, summary, facts, expected) in [
        (
            "kfree_skb",
            "dropped: NO_SOCKET",
            json!({"reason": "NO_SOCKET", "location": "tcp_v4_rcv", "tcp_flags": 0xc2,
                   "hook": null, "device": "lo"}),
            "SYN found no listener: NO_SOCKET at tcp_v4_rcv, device lo",
        ),
        (
            "kfree_skb",
            "dropped: no reason",
            json!({"reason": null, "location": "ip_error", "tcp_flags": 18}),
            "SYN-ACK dropped: no reason given at ip_error",
        ),
        (
            "kfree_skb",
            "RST dropped: TCP_RESET at tcp_v4_rcv",
            json!({"reason": "TCP_RESET", "location": "tcp_v4_rcv", "tcp_flags": 20}),
            "RST dropped: TCP_RESET at tcp_v4_rcv",
        ),
        (
            "tcp_send_reset",
            "RST sent",
            json!({"reason": "NO_SOCKET"}),
            "RST sent: NO_SOCKET",
        ),
        (
            "tcp_receive_reset",
            "RST received",
            json!({}),
            "RST received",
        ),
    ] {
        event.hook = hook.to_owned();
        event.summary = summary.to_owned();
        event.detail = serde_json::from_value(facts).unwrap();
        assert_eq!(happened(&event), expected);
    }
}

#[test]
fn packets_are_named_by_their_flags() {
    for (flags, kind) in [
        (2, "SYN"),
        (18, "SYN-ACK"),
        (4, "RST"),
        (20, "RST"),
        (16, "segment"),
    ] {
        assert_eq!(packet_kind(flags), kind);
    }
}

#[test]
fn a_missing_listener_is_no_firewall() {
    let mut failure = sample::failure();
    failure.drops[0] = Drop {
        reason: Some("NO_SOCKET".to_owned()),
        location: Some("tcp_v4_rcv".to_owned()),
        hook: None,
        engine: None,
        count: 1,
        direction: Some("rx".to_owned()),
        device: Some("lo".to_owned()),
        matched_by: MatchedBy::Tuple,
        ..failure.drops[0].clone()
    };
    let seen = |failure: &Failure| dropped(&failure.drops[0]).replace(GLUE, " ");
    assert_eq!(
        seen(&failure),
        "1 x SYN found no listener: NO_SOCKET at tcp_v4_rcv, device lo, netns 4026531840, by \
         addresses"
    );
    failure.drops[0].packet = "segment".to_owned();
    assert!(seen(&failure).starts_with("1 x segment found no socket: NO_SOCKET at"));
    // There the accept queue was full.
    failure.drops[0].location = Some("cookie_v4_check".to_owned());
    assert!(seen(&failure).starts_with("1 x segment rx dropped: NO_SOCKET at cookie_v4"));
}

#[test]
fn doubt_stands_behind_the_cause() {
    let mut failure = sample::failure();
    for (confidence, headline, place) in [
        (
            Confidence::Likely,
            "  firewall-drop (likely)  ETIMEDOUT  3.1 s\n",
            "     where  likely, ",
        ),
        (
            Confidence::Unknown,
            "  firewall-drop (not sure)  ETIMEDOUT  3.1 s\n",
            "     where  not sure, ",
        ),
    ] {
        failure.confidence = confidence;
        let text = plain(failure.clone());
        assert!(text.contains(headline) && text.contains(place), "{text}");
    }
}

#[test]
fn the_news_stands_first_only_where_the_rest_repeats_the_headline() {
    let mut failure = sample::failure();
    assert_eq!(
        news(&failure),
        "nftables on this host dropped its 3 SYNs on OUTPUT"
    );
    for summary in [
        "curl[4243] could not reach 10.9.1.1:443: another process",
        "curl[4242] could not reach 10.9.1.1:4430: another port",
        "curl[4242] could not reach 10.9.1.1:443: ",
        "nothing is repeated",
    ] {
        failure.summary = summary.to_owned();
        assert_eq!(news(&failure), summary);
    }
    // Names may hold anything.
    if let Some(process) = failure.process.as_mut() {
        process.comm = "a: b".to_owned();
    }
    failure.summary = "a: b[4242] could not reach 10.9.1.1:443: c: d".to_owned();
    assert_eq!(news(&failure), "c: d");
    failure.process = None;
    assert_eq!(news(&failure), failure.summary);
}

#[test]
fn headers_and_ledgers_say_nothing() {
    for record in sample::records() {
        if matches!(
            record,
            Record::Header(_)
                | Record::Context(_)
                | Record::Counters(_)
                | Record::Ledger(_)
                | Record::Trailer(_)
        ) {
            assert_eq!(text(&record, true), "");
        }
    }
}

#[test]
fn closes_with_the_counts_and_the_losses() {
    let mut ledger = sample::ledger();
    assert_eq!(
        closing(&ledger, "shown"),
        "tcpwhy: 12 failures, 10 shown, 2 filtered out"
    );
    ledger.failures_seen = 1;
    ledger.failures_lost = 1;
    ledger.hooks.insert(
        "tcp:tcp_retransmit_skb".to_owned(),
        HookLedger {
            lost_ring_full: 7,
            ..HookLedger::default()
        },
    );
    assert_eq!(
        closing(&ledger, "shown"),
        "tcpwhy: 1 failure, 10 shown, 2 filtered out; LOST: 1 failure without a record; 7 \
         events, ring buffer full (--ring-size)"
    );
}

#[test]
fn counts_of_losses_agree_with_their_nouns() {
    let mut ledger = Ledger {
        unowned: 1,
        ..Ledger::default()
    };
    assert_eq!(
        closing(&ledger, "shown"),
        "tcpwhy: 0 failures, 0 shown; LOST: 1 attempt whose beginning is not known (older \
         than tcpwhy, or more than --max-attempts at once)"
    );
    // What another program made good is not lost.
    let hook = HookLedger {
        missed: 3,
        recovered: 3,
        ..HookLedger::default()
    };
    ledger.hooks.insert("kfree_skb".to_owned(), hook);
    assert!(!closing(&ledger, "shown").contains("skipped"));
    ledger.unowned = 2;
    assert!(closing(&ledger, "shown").contains("LOST: 2 attempts whose "));
}

#[test]
fn the_headline_and_the_why_lines_agree_on_the_time() {
    for (elapsed_us, text) in [
        (0, "0 µs"),
        (340, "340 µs"),
        (1_000, "1 ms"),
        (820_000, "820 ms"),
        (3_059_999, "3.1 s"),
        (59_999_999, "60.0 s"),
        (127_000_000, "127.0 s"),
    ] {
        assert_eq!(elapsed(elapsed_us), text);
        assert_eq!(elapsed(elapsed_us), words::duration(elapsed_us * 1_000));
    }
}

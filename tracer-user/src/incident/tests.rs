use super::*;
use crate::{
    clock::{utc_ns, utc_text},
    record::{Confidence, Direction, Endpoint, Failure, IncidentState, Severity},
    show::sample,
};

const SECOND_NS: i64 = 1_000_000_000;

/// The sample failure, so many seconds later.
fn at(seconds: i64) -> Failure {
    let mut failure = sample::failure();
    for time in [&mut failure.time]
        .into_iter()
        .chain(&mut failure.timing.start)
    {
        *time = utc_text(utc_ns(time).unwrap() + seconds * SECOND_NS);
    }
    failure.id = format!("id{seconds}");
    failure
}

fn groups(failures: &[Failure]) -> Vec<Group> {
    let mut tracker = Tracker::offline(Thresholds::default(), false);
    for failure in failures {
        tracker.failed(failure);
    }
    tracker.finish()
}

fn connection_at(seconds: i64) -> crate::record::Connection {
    let mut connection = sample::connection();
    connection.timing.start = at(seconds).timing.start;
    connection
}

#[test]
fn the_flags_have_the_defaults_of_the_code() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        thresholds: Thresholds,
    }
    let line = <Line as clap::Parser>::parse_from(["tcpwhy"]);
    assert_eq!(line.thresholds, Thresholds::default());
}

#[test]
fn like_failures_are_one_incident() {
    let mut second = at(1);
    let process = second.process.as_mut().unwrap();
    process.pid = 4243;
    process.cmdline = Some("curl -v".to_owned());
    second.socket.local = None;
    second.errno = None;
    let all = groups(&[at(0), second, at(30)]);
    assert_eq!(all.len(), 1);
    let record = all[0].record(0);
    assert_eq!(record.id, "F-20261123-001");
    assert_eq!((record.count, record.processes), (3, 2));
    assert_eq!(record.pids, [4242, 4243]);
    assert_eq!(record.first, at(0).time);
    assert_eq!(record.last, at(30).time);
    assert_eq!(record.failures, ["id0", "id1", "id30"]);
    assert_eq!(
        record.summary,
        "curl (2 processes) could not reach 10.9.1.1:443: nftables on this host dropped its 3 SYNs \
         on OUTPUT"
    );
    assert_eq!(record.rate.counts.iter().sum::<u64>(), 3);
}

#[test]
fn what_differs_in_process_end_or_cause_is_another_incident() {
    let changes: [fn(&mut Failure); 9] = [
        |_| {},
        |it| it.process = None,
        |it| it.process.as_mut().unwrap().comm = "wget".to_owned(),
        |it| it.process.as_mut().unwrap().exe = Some("/opt/curl".to_owned()),
        |it| it.process.as_mut().unwrap().unit = Some("a.service".to_owned()),
        |it| it.process.as_mut().unwrap().container = Some("a.service".to_owned()),
        |it| it.socket.remote.port = Some(444),
        |it| it.cause = "no-answer".to_owned(),
        |it| it.stuck_on = Some("no-answer".to_owned()),
    ];
    let failures: Vec<Failure> = changes
        .iter()
        .map(|change| {
            let mut failure = at(0);
            change(&mut failure);
            failure
        })
        .collect();
    assert_eq!(groups(&failures).len(), changes.len());
}

#[test]
fn a_service_is_the_same_whatever_its_executable() {
    let of_unit = |exe: Option<&str>| {
        let mut failure = at(0);
        let process = failure.process.as_mut().unwrap();
        process.unit = Some("shop.service".to_owned());
        process.exe = exe.map(str::to_owned);
        failure
    };
    assert_eq!(groups(&[of_unit(Some("/bin/a")), of_unit(None)]).len(), 1);
}

#[test]
fn loopback_is_another_place_in_each_netns_and_other_addresses_are_not() {
    let elsewhere = |addr: [u8; 4], netns| {
        let mut failure = at(0);
        failure.socket.remote.addr = addr.into();
        failure.socket.netns = Some(netns);
        failure
    };
    let loopback = [elsewhere([127, 0, 0, 1], 1), elsewhere([127, 0, 0, 1], 2)];
    assert_eq!(groups(&loopback).len(), 2);
    assert_eq!(
        groups(&[elsewhere([10, 0, 0, 1], 1), elsewhere([10, 0, 0, 1], 2)]).len(),
        1
    );
}

#[test]
fn inbound_failures_are_grouped_by_listener() {
    let from = |client: u8, port| {
        let mut failure = at(0);
        failure.direction = Direction::Inbound;
        failure.socket.local = Some(Endpoint {
            addr: [10, 0, 0, 1].into(),
            port: Some(port),
        });
        failure.socket.remote.addr = [10, 0, 1, client].into();
        failure
    };
    let all = groups(&[from(1, 80), from(2, 80), from(3, 81)]);
    let counts: Vec<_> = all.iter().map(|group| group.count).collect();
    assert_eq!(counts, [2, 1]);
    let record = all[0].record(0);
    assert_eq!(
        record.local.map(|end| end.to_string()),
        Some("10.0.0.1:80".to_owned())
    );
    assert_eq!(record.remote, None);
}

#[test]
fn three_in_a_row_are_critical_and_without_successes_it_says_what_is_not_known() {
    let all = groups(&[at(0), at(1)]);
    assert_eq!(all[0].severity, Severity::Info);
    let all = groups(&[at(0), at(1), at(2)]);
    assert_eq!(all[0].severity, Severity::Critical);
    let reason = all[0].record(0).severity_reason;
    assert!(
        reason.starts_with(
            "3 attempts in a row to 10.9.1.1:443 failed; attempts that succeed are not"
        ),
        "{reason}"
    );
    assert_eq!(all[0].record(0).baseline, None);
    assert_eq!(all[0].record(0).share, None);
}

#[test]
fn failures_that_are_far_apart_are_no_row_unless_nothing_succeeds() {
    let apart = [0, 3600, 7200].map(at);
    assert!(
        groups(&apart)
            .iter()
            .all(|group| group.severity == Severity::Info)
    );
    let mut tracker = Tracker::offline(Thresholds::default(), true);
    apart.iter().for_each(|failure| {
        tracker.failed(failure);
    });
    let last = tracker.finish().pop().unwrap();
    assert_eq!(last.severity, Severity::Critical);
}

#[test]
fn a_success_in_between_breaks_the_row_but_an_older_one_does_not() {
    for (began, expected) in [(1, Severity::Info), (-100, Severity::Critical)] {
        let mut tracker = Tracker::offline(Thresholds::default(), true);
        tracker.failed(&at(0));
        tracker.failed(&at(1));
        tracker.came_up(&connection_at(began));
        tracker.failed(&at(2));
        let all = tracker.finish();
        assert_eq!(all[0].severity, expected, "{began}");
    }
}

/// Every second an attempt, of which one in `one_in` fails; never three in a row.
fn traffic(tracker: &mut Tracker, seconds: std::ops::Range<i64>, one_in: i64) {
    for second in seconds {
        if second % one_in == 0 {
            tracker.failed(&at(second));
        } else {
            tracker.came_up(&connection_at(second));
        }
    }
}

#[test]
fn a_share_that_rises_is_a_warning_and_a_steady_one_is_not() {
    let mut tracker = Tracker::offline(Thresholds::default(), true);
    traffic(&mut tracker, 0..3600, 20);
    // As before: nothing new.
    traffic(&mut tracker, 3600..4800, 20);
    let steady = tracker.finish();
    assert_eq!(steady.len(), 1);
    assert_eq!(steady[0].severity, Severity::Info);

    let mut tracker = Tracker::offline(Thresholds::default(), true);
    traffic(&mut tracker, 0..3600, 20);
    traffic(&mut tracker, 3600..3900, 2);
    let risen = tracker.finish();
    assert_eq!(risen[0].severity, Severity::Warning);
    let record = risen[0].record(0);
    assert!(record.share.unwrap() > 0.4, "{record:?}");
    assert!(
        record
            .severity_reason
            .contains("of attempts to 10.9.1.1:443 rose to"),
        "{record:?}"
    );
}

#[test]
fn chance_alone_is_no_rise_and_neither_is_an_unknown_baseline() {
    let mut tracker = Tracker::offline(Thresholds::default(), true);
    traffic(&mut tracker, 0..10, 2);
    assert_eq!(tracker.finish()[0].severity, Severity::Info);
}

#[test]
fn it_is_over_after_a_quiet_time_and_the_next_one_is_another() {
    let mut tracker = Tracker::live(Thresholds::default(), false);
    for second in [0, 1] {
        tracker.failed(&at(second));
    }
    let news = tracker.take_news();
    assert_eq!(news.len(), 1, "one failure alone is no news");
    assert_eq!((news[0].count, news[0].state), (2, IncidentState::Open));
    tracker.failed(&at(2));
    let news = tracker.take_news();
    assert_eq!(news.len(), 1);
    assert_eq!(news[0].severity, Severity::Critical);
    tracker.failed(&at(3));
    assert_eq!(tracker.take_news(), []);

    let end = utc_ns(&at(303).time).unwrap();
    tracker.pass(end);
    assert_eq!(tracker.take_news(), []);
    tracker.pass(end + 1);
    let news = tracker.take_news();
    assert_eq!(news.len(), 1);
    assert_eq!((news[0].count, news[0].state), (4, IncidentState::Closed));
    assert_eq!(news[0].last, at(3).time);

    tracker.failed(&at(400));
    tracker.failed(&at(401));
    assert_eq!(tracker.take_news()[0].id, "F-20261123-002");
}

#[test]
fn live_and_offline_group_alike() {
    let failures: Vec<_> = [0, 1, 2, 400, 401, 900].into_iter().map(at).collect();
    let offline = groups(&failures);
    let mut live = Tracker::live(Thresholds::default(), false);
    failures.iter().for_each(|failure| live.failed(failure));
    let told = live.finish();
    let news: Vec<_> = offline
        .iter()
        .map(|group| (group.id(), group.count))
        .collect();
    assert_eq!(
        news,
        [
            ("F-20261123-001".to_owned(), 3),
            ("F-20261123-002".to_owned(), 2),
            ("F-20261123-003".to_owned(), 1)
        ]
    );
    assert_eq!(told.len(), 1, "live, what is over is forgotten");
    assert_eq!(told[0].id(), "F-20261123-003");
}

#[test]
fn a_flood_is_one_incident_with_an_exact_count_in_bounded_memory() {
    let mut tracker = Tracker::offline(Thresholds::default(), false);
    for nth in 0..20_000u32 {
        let mut failure = at(i64::from(nth / 100));
        failure.process.as_mut().unwrap().pid = nth;
        failure.summary = format!("curl[{nth}] could not reach it");
        tracker.failed(&failure);
    }
    let all = tracker.finish();
    assert_eq!((all.len(), all[0].count), (1, 20_000));
    let record = all[0].record(0);
    assert_eq!((record.pids.len(), record.processes), (16, 1024));
    assert!(record.rate.counts.len() <= 60);
    assert_eq!(record.rate.counts.iter().sum::<u64>(), 20_000);
    assert!(
        record
            .summary
            .starts_with("curl (1024 processes or more) could")
    );
}

#[test]
fn beyond_the_bound_the_quietest_is_closed() {
    let limits = Thresholds {
        max_incidents: 2,
        ..Thresholds::default()
    };
    let mut tracker = Tracker::offline(limits, false);
    for port in 1..=3 {
        let mut failure = at(i64::from(port));
        failure.socket.remote.port = Some(port);
        tracker.failed(&failure);
    }
    let closed = tracker.take_closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].destination().end.port, Some(1));
    assert_eq!(tracker.finish().len(), 2);
}

#[test]
fn the_surest_failure_is_the_sample() {
    let mut unsure = at(0);
    unsure.confidence = Confidence::Likely;
    let all = groups(&[unsure, at(1), at(2)]);
    let sample = all[0].sample.as_ref().and_then(Sample::read);
    assert_eq!(sample.unwrap().id, "id1");
    assert_eq!(all[0].confidence(), Confidence::Certain);
}

#[test]
fn a_loser_of_a_race_alarms_nobody() {
    let failures: Vec<Failure> = (0..9)
        .map(|second| {
            let mut failure = at(second);
            failure.severity = Severity::Info;
            failure
        })
        .collect();
    assert_eq!(groups(&failures)[0].severity, Severity::Info);
}

#[test]
fn disorder_and_nonsense_of_time_do_no_harm() {
    let mut nonsense = at(0);
    nonsense.time = "soon".to_owned();
    let all = groups(&[at(100), nonsense, at(0), at(50)]);
    assert_eq!((all.len(), all[0].count), (1, 3));
    assert_eq!(all[0].record(0).first, at(0).time);
}

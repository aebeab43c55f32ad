mod both_ends;
mod hostile;

use std::{io::Cursor, time::Duration};

use super::{
    collect::{Collector, Options},
    model::{Gap, Report},
    window::{Moment, Window},
    *,
};
use crate::{
    clock::{utc_ns, utc_text},
    filter::Filter,
    record::{
        Confidence, Connection, Direction, Endpoint, Failure, Forgotten, Header, HookLedger, Phase,
        Record, Severity,
    },
    show::sample,
    trace::{Fault, Reader, open},
};

const SECOND_NS: i64 = 1_000_000_000;

/// The sample failure, so many seconds later, to a port.
pub(super) fn at(seconds: i64, port: u16) -> Failure {
    let mut failure = sample::failure();
    for time in [&mut failure.time]
        .into_iter()
        .chain(&mut failure.timing.start)
    {
        *time = utc_text(utc_ns(time).unwrap() + seconds * SECOND_NS);
    }
    failure.id = format!("id{seconds}-{port}");
    failure.socket.remote.port = Some(port);
    failure.summary = format!("curl[4242] could not reach 10.9.1.1:{port}: dropped");
    failure
}

pub(super) fn header(host: &str, all: bool) -> Header {
    let Some(Record::Header(mut header)) = sample::records().into_iter().next() else {
        panic!("no header")
    };
    header.host = host.to_owned();
    header.boot_id = format!("boot of {host}");
    header.degraded.clear();
    if all {
        header.command_line.push("--all".to_owned());
    }
    *header
}

/// A trace that holds these failures, between a header and a trailer.
fn trace(failures: &[Failure]) -> Vec<Record> {
    let mut records = vec![Record::Header(Box::new(header("web1", false)))];
    records.extend(
        failures
            .iter()
            .map(|failure| Record::Failure(Box::new(failure.clone()))),
    );
    records.extend(sample::records().pop());
    records
}

pub(super) fn lines(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        serde_json::to_writer(&mut bytes, record).unwrap();
        bytes.push(b'\n');
    }
    bytes
}

pub(super) fn report_of(traces: &[Vec<u8>], options: Options) -> Report {
    let mut collector = Collector::new(options);
    for (nth, bytes) in traces.iter().enumerate() {
        let input = open::unpack(Cursor::new(bytes.clone())).unwrap();
        collector.read(&mut Reader::new(format!("trace{nth}"), input));
    }
    collector.finish()
}

fn report(failures: &[Failure], options: Options) -> Report {
    report_of(&[lines(&trace(failures))], options)
}

fn show(format: &Format, report: &Report, look: Look) -> String {
    let mut out = Vec::new();
    (format.write)(report, look, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn ids(report: &Report) -> Vec<(&str, u64)> {
    let incidents = report.incidents.iter().map(|story| &story.incident);
    incidents.map(|it| (it.id.as_str(), it.count)).collect()
}

/// The same connections from both ends; the server's clock is 7 s ahead.
fn two_hosts(server_cause: &str) -> [Vec<u8>; 2] {
    let client = |nth: u16| {
        let mut failure = at(i64::from(nth), 80);
        failure.cause = "no-answer".to_owned();
        failure.confidence = Confidence::Likely;
        failure.socket.local = Some(Endpoint {
            addr: [10, 9, 0, 1].into(),
            port: Some(40_000 + nth),
        });
        failure.tcp.as_mut().unwrap().isn = Some(70 + u32::from(nth));
        failure
    };
    let server = |nth: u16| {
        let mut failure = client(nth);
        failure.direction = Direction::Inbound;
        failure.phase = Phase::Handshake;
        failure.cause = server_cause.to_owned();
        failure.confidence = Confidence::Certain;
        failure.summary = "nginx[7] dropped a SYN: its accept queue is full".to_owned();
        failure.fix = vec!["ss -ltn 'sport = 80'".to_owned()];
        let local = failure.socket.local.unwrap();
        failure.socket.local = Some(failure.socket.remote);
        failure.socket.remote = local;
        for time in [&mut failure.time]
            .into_iter()
            .chain(&mut failure.timing.start)
        {
            *time = utc_text(utc_ns(time).unwrap() + 7 * SECOND_NS);
        }
        failure.process.as_mut().unwrap().comm = "nginx".to_owned();
        failure
    };
    let whole = |host: &str, failures: Vec<Failure>| {
        let mut records = trace(&failures);
        records[0] = Record::Header(Box::new(header(host, false)));
        lines(&records)
    };
    [
        whole("web1", (0..4).map(client).collect()),
        whole("db1", (0..4).map(server).collect()),
    ]
}

fn joined(traces: &[Vec<u8>]) -> Report {
    report_of(
        traces,
        Options {
            several: true,
            ..Options::default()
        },
    )
}

#[test]
fn the_worst_incident_comes_first_and_of_equal_ones_the_earliest() {
    let failures = [
        at(0, 80),
        at(1, 81),
        at(2, 81),
        at(3, 81),
        at(4, 82),
        at(5, 82),
        at(6, 82),
    ];
    let report = report(&failures, Options::default());
    assert_eq!(
        ids(&report),
        [
            ("F-20261123-002", 3),
            ("F-20261123-003", 3),
            ("F-20261123-001", 1)
        ]
    );
    assert_eq!(report.overview.failures, 7);
    assert_eq!(report.overview.incidents.critical, 2);
    assert_eq!(report.overview.first, Some(at(0, 80).time));
    assert_eq!(report.overview.last, Some(at(6, 82).time));
    assert_eq!(report.timeline.total.counts.iter().sum::<u64>(), 7);
    assert_eq!(report.timeline.causes[0].counts.iter().sum::<u64>(), 7);
    assert_eq!(report.destinations.rows[0].name, "10.9.1.1:81");
    assert_eq!(report.causes.rows.len(), 1);
    assert_eq!(report.processes.rows[0].count, 7);
}

#[test]
fn filters_choose_failures_but_do_not_rename_incidents() {
    let failures = [at(0, 80), at(1, 81), at(2, 82)];
    let options = |filter| Options {
        filter,
        words: Some("--port 82".to_owned()),
        ..Options::default()
    };
    let filter = Filter {
        port: vec![82],
        ..Filter::default()
    };
    let report = report(&failures, options(filter));
    assert_eq!(ids(&report), [("F-20261123-003", 1)]);
    assert_eq!((report.overview.failures, report.overview.filtered), (1, 2));
    assert!(report.unseen.iter().any(|gap| gap.kind == Gap::Filtered));
    let text = show(&text::FORMAT, &report, Look::default());
    assert!(text.contains("only: --port 82"), "{text}");
}

#[test]
fn a_window_count_and_duration_choose_by_time() {
    let failures = [at(0, 80), at(100, 80), at(200, 80)];
    let middle = utc_ns(&at(100, 80).time).unwrap();
    let window = Window::new(Moment::Known(middle), Duration::from_secs(50));
    for (options, expected) in [
        (
            Options {
                window: Some(window),
                ..Options::default()
            },
            1,
        ),
        (
            Options {
                count: Some(2),
                ..Options::default()
            },
            2,
        ),
        (
            Options {
                duration: Some(Duration::from_secs(150)),
                ..Options::default()
            },
            2,
        ),
    ] {
        let report = report(&failures, options);
        assert_eq!(report.overview.failures, expected);
        assert_eq!(report.incidents[0].wanted, expected);
    }
}

#[test]
fn one_incident_may_be_asked_for() {
    let options = |id: &str| Options {
        incident: Some(id.to_owned()),
        ..Options::default()
    };
    let failures = [at(0, 80), at(1, 81)];
    let one = report(&failures, options("F-20261123-002"));
    assert_eq!(ids(&one), [("F-20261123-002", 1)]);
    assert_eq!(one.destinations.rows.len(), 1);
    assert_eq!(one.destinations.rows[0].name, "10.9.1.1:81");
    assert_eq!(one.overview.failures, 1);
    assert_eq!(
        ids(&report(&failures, options("F-20261123-002@web1"))).len(),
        1
    );
    assert_eq!(
        ids(&report(&failures, options("F-20261123-002@web2"))).len(),
        0
    );
}

#[test]
fn the_most_important_incidents_are_kept_and_the_one_asked_for() {
    // Of as many as keep the bound busy, the last one has failed three times: critical.
    let mut failures: Vec<_> = (1..=9000).map(|port| at(0, port)).collect();
    failures.extend([at(1, 9000), at(2, 9000)]);
    let all = report(&failures, Options::default());
    assert_eq!(all.incidents.len(), 2000);
    assert_eq!(all.overview.incidents_left_out, 7000);
    assert_eq!(
        ids(&all)[..2],
        [("F-20261123-9000", 3), ("F-20261123-001", 1)]
    );
    let asked = Options {
        incident: Some("F-20261123-8500".to_owned()),
        ..Options::default()
    };
    assert_eq!(ids(&report(&failures, asked)), [("F-20261123-8500", 1)]);
}

#[test]
fn what_was_read_twice_counts_once() {
    let bytes = lines(&trace(&[at(0, 80), at(1, 80)]));
    let report = report_of(&[bytes.clone(), bytes], Options::default());
    assert_eq!(report.overview.failures, 2);
    assert_eq!(report.overview.hosts, ["web1"]);
    assert_eq!(report.sources[1].problems[0].fault, Fault::Duplicate);
    assert_eq!(report.sources[1].problems[0].line, Some(2));
}

#[test]
fn disorder_is_told_and_no_failure_is_lost() {
    let report = report(&[at(500, 80), at(0, 80), at(3, 80)], Options::default());
    assert_eq!(report.overview.failures, 3);
    let problem = &report.sources[0].problems[0];
    assert_eq!((problem.fault, problem.line), (Fault::OutOfOrder, Some(3)));
}

#[test]
fn what_could_not_be_seen_is_told() {
    let mut records = trace(&[at(0, 80)]);
    records.pop();
    let mut lossy = at(1, 80);
    lossy.lost = 3;
    records.push(Record::Failure(Box::new(lossy)));
    let mut ledger = sample::ledger();
    ledger.failures_lost = 2;
    records.push(Record::Ledger(ledger));
    if let Record::Header(header) = &mut records[0] {
        header.degraded = header_with_degradation();
    }
    let mut bytes = lines(&records);
    bytes.extend(b"{\"type\":\"fail");
    let report = report_of(&[bytes], Options::default());
    assert!(report.sources[0].cut_short);
    let kinds: Vec<Gap> = report.unseen.iter().map(|gap| gap.kind).collect();
    for kind in [
        Gap::Lost,
        Gap::Degraded,
        Gap::Filtered,
        Gap::CutShort,
        Gap::Damaged,
        Gap::NotRecorded,
    ] {
        let expected = kind != Gap::Damaged;
        assert_eq!(
            kinds.contains(&kind),
            expected,
            "{kind:?} {:?}",
            report.unseen
        );
    }
}

#[test]
fn what_a_ledger_says_is_told_of_each_file() {
    let mut ledger = sample::ledger();
    ledger.unwritten = 5;
    ledger.forgotten = Some(Forgotten {
        expired: 11,
        evicted: 12,
        failures: 13,
    });
    ledger.hooks.insert(
        "kfree_skb".to_owned(),
        HookLedger {
            summarized: 14,
            missed: 16,
            recovered: 1,
            ..HookLedger::default()
        },
    );
    let mut with_ledger = trace(&[at(0, 80)]);
    with_ledger.pop();
    with_ledger.push(Record::Ledger(ledger));
    let mut without = trace(&[at(1, 80)]);
    without[0] = Record::Header(Box::new(header("web2", false)));
    without.retain(|record| !matches!(record, Record::Ledger(_) | Record::Trailer(_)));
    let files = [lines(&with_ledger), lines(&without)];
    let report = report_of(&files, Options::default());
    for (of, part) in [
        (0, "5 records not written, disk full"),
        (0, "15 runs of a hook skipped by the kernel"),
        (0, "13 failures were no longer in the history"),
        (0, "12 records went from the history"),
        (0, "11 records were older than --last"),
        (0, "14 events at listeners are only counted"),
        (1, "it has no ledger"),
    ] {
        let file = Some(&report.sources[of].file);
        let told = report
            .unseen
            .iter()
            .any(|gap| gap.text.starts_with(part) && gap.of.as_ref() == file);
        assert!(told, "{part:?} is not in {:?}", report.unseen);
    }
}

fn header_with_degradation() -> Vec<crate::record::Degradation> {
    let Some(Record::Header(header)) = sample::records().into_iter().next() else {
        panic!("no header")
    };
    header.degraded
}

#[test]
fn connections_that_came_up_give_shares() {
    let mut records = vec![Record::Header(Box::new(header("web1", true)))];
    for second in 0..10 {
        let mut connection: Connection = sample::connection();
        connection.id = format!("c{second}");
        records.push(Record::Connection(Box::new(connection)));
    }
    records.push(Record::Failure(Box::new(at(20, 443))));
    let report = report_of(&[lines(&records)], Options::default());
    assert_eq!(report.overview.connections, Some(10));
    assert_eq!(report.destinations.rows[0].came_up, Some(10));
    assert!(!report.unseen.iter().any(|gap| gap.kind == Gap::NotRecorded));
    assert_eq!(report.incidents[0].incident.severity, Severity::Info);
}

#[test]
fn json_fulfils_its_schema() {
    let report = report(&[at(0, 80), at(1, 81)], Options::default());
    let text = show(&json::FORMAT, &report, Look::default());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let schema = json::schema();
    let validator = jsonschema::draft202012::new(schema.as_value()).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn text_and_markdown_tell_the_whole_story() {
    let report = report(&[at(0, 80), at(1, 80), at(70, 80)], Options::default());
    for format in [&text::FORMAT, &markdown::FORMAT] {
        let text = show(format, &report, Look::default());
        for part in [
            "F-20261123-001",
            "firewall-drop",
            "3 failures",
            "connect() timed out after 3.1 s (ETIMEDOUT)",
            "3 x SYN tx dropped: ",
            "nft list ruleset | grep -n 443",
            "web1",
            "could not reach 10.9.1.1:80",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains('\x1b'), "{text}");
    }
}

#[test]
fn text_fits_the_terminal() {
    let report = report(&[at(0, 80), at(1, 80), at(70, 81)], Options::default());
    for columns in [60, 80, 120] {
        let look = Look {
            color: false,
            columns,
        };
        let text = show(&text::FORMAT, &report, look);
        // Headlines and commands are not wrapped.
        let prose = text.lines().filter(|line| line.starts_with("   "));
        for line in prose.filter(|line| !line.contains("grep")) {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let evil = "\x1b]0;owned\x07\nx\u{202e}";
    let mut failure = at(0, 80);
    failure.cause = evil.to_owned();
    failure.id = evil.to_owned();
    failure.summary = evil.to_owned();
    failure.stuck_on = Some(evil.to_owned());
    failure.why = vec![evil.to_owned()];
    failure.fix = vec![evil.to_owned()];
    failure.missing = vec![evil.to_owned()];
    failure.drops[0].reason = Some(evil.to_owned());
    let process = failure.process.as_mut().unwrap();
    process.comm = evil.to_owned();
    process.exe = Some(evil.to_owned());
    process.cmdline = Some(evil.to_owned());
    process.unit = Some(evil.to_owned());
    let mut other = at(1, 81);
    other.cause = "no-answer".to_owned();
    let mut records = trace(&[failure, other]);
    records[0] = Record::Header(Box::new(Header {
        kernel: evil.to_owned(),
        degraded: vec![crate::record::Degradation {
            what: evil.to_owned(),
            why: evil.to_owned(),
            effect: evil.to_owned(),
        }],
        ..header(evil, false)
    }));
    let mut bytes = lines(&records);
    bytes.extend(b"\x1b]0;owned\x07\n");
    let mut report = report_of(&[bytes], Options::default());
    report.overview.restricted_to = Some(evil.to_owned());
    for format in [&text::FORMAT, &markdown::FORMAT] {
        let text = show(format, &report, Look::default());
        assert!(
            !text.contains(|c: char| c != '\n' && c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("owned"), "{text:?}");
    }
}

#[test]
fn an_empty_trace_says_that_nothing_failed() {
    let report = report(&[], Options::default());
    for format in [&text::FORMAT, &markdown::FORMAT] {
        let text = show(format, &report, Look::default());
        assert!(text.contains("No connection failed."), "{text}");
    }
}

#[test]
fn finds_formats_by_name() {
    assert!(FORMATS.iter().all(|format| find(format.name).is_some()));
    assert!(find("xml").is_none());
}

#[test]
fn the_parts_of_one_run_tell_their_losses_once() {
    let part = |number: u32, lost: u64| {
        let mut records = trace(&[at(i64::from(number), 80)]);
        if let Some(Record::Header(header)) = records.first_mut() {
            header.part = Some(number);
        }
        if let Some(Record::Trailer(trailer)) = records.last_mut() {
            trailer.ledger.failures_lost = lost;
        }
        lines(&records)
    };
    let report = joined(&[part(1, 2), part(2, 5)]);
    let lost: Vec<&str> = report
        .unseen
        .iter()
        .filter(|gap| gap.kind == Gap::Lost)
        .map(|gap| gap.text.as_str())
        .collect();
    assert_eq!(lost, ["5 failures without a record"]);
    assert_eq!(report.incidents.len(), 1);
}

#[test]
fn hosts_are_bounded_and_what_is_left_out_is_told() {
    let mut all = Vec::new();
    for nth in 0..1100 {
        let header = Record::Header(Box::new(header(&format!("h{nth}"), false)));
        let mut failure = at(nth, 80);
        failure.id = format!("of {nth}");
        all.extend(lines(&[header, Record::Failure(Box::new(failure))]));
    }
    let report = report_of(&[all], Options::default());
    assert_eq!(report.overview.failures, 1024);
    let problems = &report.sources[0].problems;
    // Of each of 76 hosts its header and its failure.
    let more = "147 more lines: not as the schema wants it, skipped";
    assert!(
        problems
            .iter()
            .any(|it| it.text.contains("more hosts than")),
        "{problems:?}"
    );
    assert!(problems.iter().any(|it| it.text == more), "{problems:?}");
}

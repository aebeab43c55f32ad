//! `tcpwhy replay`: a recorded trace comes to the same records, on any machine.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use jsonschema::validator_for;
use serde_json::Value;
use tests::{
    lock::Host,
    recorder::{Directory, failures, records},
    runner,
    tracer::{self, Tracer},
};
use tracer_user::record::Record;

/// Traces that `fixtures/make.sh` made, and the causes of their failures.
const FIXTURES: [(&str, &[&str]); 6] = [
    ("refused", &["connection-refused"]),
    ("firewall", &["firewall-drop", "firewall-drop"]),
    (
        "unsent",
        &["route-blackhole", "no-route", "neighbor-unresolved"],
    ),
    (
        "inbound",
        &[
            "accept-queue-full",
            "accept-queue-full",
            "syn-queue-full",
            "accept-queue-full",
            "handshake-incomplete",
            "handshake-rejected",
            "handshake-rejected",
            "handshake-rejected",
        ],
    ),
    (
        "established",
        &[
            "reset-by-local",
            "reset-by-peer",
            "reset-by-local",
            "reset-by-peer",
            "broken-pipe",
        ],
    ),
    (
        "small_link",
        &["mtu-blackhole", "mtu-blackhole", "user-timeout"],
    ),
];

fn fixture(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let plain = directory.join(format!("{name}.jsonl"));
    let packed = directory.join(format!("{name}.jsonl.gz"));
    if packed.exists() { packed } else { plain }
}

/// The inbound trace, line by line.
fn inbound_lines() -> Vec<String> {
    let recorded = records(&fixture("inbound"));
    let line = |record| serde_json::to_string(record).unwrap() + "\n";
    recorded.iter().map(line).collect()
}

/// What listeners turned away, all in all.
fn turned_away(records: &[Record]) -> u64 {
    let all = failures(records);
    let at_listeners = all.iter().filter_map(|it| it.listener.as_ref());
    at_listeners.map(|it| it.turned_away).sum()
}

fn replay(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(tracer::binary().unwrap());
    command.arg("replay").arg(file);
    command.args(["--format", "json"]).args(more);
    command.output().unwrap()
}

fn replayed(file: &Path, more: &[&str]) -> Vec<Record> {
    let done = replay(file, more);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Failures and connections: what attribution and diagnosis come to.
fn verdicts(records: &[Record]) -> Vec<&Record> {
    let is_one = |record: &&Record| matches!(record, Record::Failure(_) | Record::Connection(_));
    records.iter().filter(is_one).collect()
}

#[test]
fn stored_traces_come_to_the_same_records() {
    for (name, causes) in FIXTURES {
        let recorded = records(&fixture(name));
        let done = replay(&fixture(name), &[]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let same = format!(
            "{} come out the same, 0 otherwise, 0 not at all",
            causes.len()
        );
        assert!(said.contains(&same), "{name}: {said}");
        assert!(!said.contains("as they were recorded"), "{name}: {said}");
        let again = replayed(&fixture(name), &[]);
        assert_eq!(verdicts(&again), verdicts(&recorded), "{name}");
        let found: Vec<&str> = failures(&again)
            .iter()
            .map(|it| it.cause.as_str())
            .collect();
        assert_eq!(found, causes, "{name}");
        assert!(matches!(again.first(), Some(Record::Header(_))), "{name}");
        let Some(Record::Trailer(trailer)) = again.last() else {
            panic!("{name}: no trailer")
        };
        assert_eq!(trailer.ledger.failures_emitted, causes.len() as u64);
    }
}

#[test]
fn filters_apply_afterwards() {
    for (filter, wanted) in [
        (&["--cause", "no-route"][..], 1),
        (&["--cause", "!no-route"], 2),
        (&["--addr", "10.9.0.0/24"], 1),
        (&["--comm", "curl", "--uid", "4242"], 3),
        (&["--comm", "wget"], 0),
        (&["--count", "2"], 2),
    ] {
        let again = replayed(&fixture("unsent"), filter);
        assert_eq!(failures(&again).len(), wanted, "{filter:?}");
    }
}

#[test]
fn a_trace_without_events_is_refused_and_a_damaged_one_replayed_as_far_as_it_goes() {
    let directory = Directory::new("damaged");
    let path = directory.join("trace.jsonl");
    let text = fs::read_to_string(fixture("firewall")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();

    let without: String = lines
        .iter()
        .filter(|line| !line.contains("\"wire\"") && !line.contains("\"context\""))
        .copied()
        .collect();
    fs::write(&path, without).unwrap();
    let done = replay(&path, &[]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("record --events"), "{said}");

    // Cut off at every line, and in the middle of it; one line missing; one line garbled.
    for cut in 1..lines.len() {
        let begin = lines[..cut].concat();
        let half = &lines[cut][..lines[cut].len() / 2];
        let rest = lines[cut + 1..].concat();
        let garbled = lines[cut].replace(':', ":\"x\",\"x\":");
        for damaged in [
            begin.clone(),
            format!("{begin}{half}"),
            format!("{begin}{rest}"),
            format!("{begin}{garbled}{rest}"),
        ] {
            fs::write(&path, damaged).unwrap();
            let done = replay(&path, &[]);
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(matches!(done.status.code(), Some(0 | 1)), "{said}");
            assert!(!said.contains("panicked"), "{said}");
        }
    }
}

#[test]
fn what_listeners_turned_away_follows_from_what_was_counted() {
    let directory = Directory::new("counted");
    let path = directory.join("trace.jsonl");
    // As if the kernel had counted the accept queue's packets as the SYN queue's.
    let swapped = inbound_lines().concat().replace("listen_overflows", "x");
    let swapped = swapped
        .replace("syn_queue_drops", "listen_overflows")
        .replace("\"x\"", "\"syn_queue_drops\"");
    fs::write(&path, swapped).unwrap();
    let recorded = records(&fixture("inbound"));
    let again = replayed(&path, &[]);
    let at_listeners = |records: &[Record], cause: &str| -> u64 {
        let all = failures(records);
        let of_cause = all.iter().filter(|it| it.cause == cause);
        let listeners = of_cause.filter_map(|it| it.listener.as_ref());
        listeners.map(|it| it.turned_away).sum()
    };
    for (before, after) in [
        ("accept-queue-full", "syn-queue-full"),
        ("syn-queue-full", "accept-queue-full"),
        ("handshake-rejected", "handshake-rejected"),
    ] {
        let count = at_listeners(&recorded, before);
        assert!(count > 0, "{before}");
        assert_eq!(at_listeners(&again, after), count, "{after}");
    }
    let said = String::from_utf8(replay(&path, &[]).stderr).unwrap();
    // Of a full accept queue it is no wonder that handshakes are never completed.
    assert!(said.contains("3 otherwise, 1 not at all"), "{said}");
}

#[test]
fn a_trace_without_what_listeners_were_judged_by_has_their_failures_as_recorded() {
    let directory = Directory::new("handed-on");
    let path = directory.join("trace.jsonl");
    let recorded = records(&fixture("inbound"));
    let lines = inbound_lines();
    // As earlier versions wrote it; and without its beginning, as from a flight recorder.
    let is_new = |line: &&String| {
        line.contains("\"context\":\"look\"") || line.contains("\"context\":\"turned_away\"")
    };
    let old = lines.iter().filter(|line| !is_new(line));
    let old: String = old.map(String::as_str).collect();
    let old = old.replace(",\"known_listeners_only\":false", "");
    let headless = [&lines[..1], &lines[2..]].concat().concat();
    assert!(lines[1].contains("known_listeners_only"), "{}", lines[1]);
    for text in [old, headless] {
        fs::write(&path, text).unwrap();
        let said = String::from_utf8(replay(&path, &[]).stderr).unwrap();
        assert!(
            said.contains("6 failures at listeners are as they were recorded"),
            "{said}"
        );
        let again = replayed(&path, &[]);
        assert_eq!(failures(&again).len(), failures(&recorded).len());
        assert_eq!(turned_away(&again), turned_away(&recorded));
    }
}

#[test]
fn a_damaged_inbound_trace_tells_nothing_twice_and_loses_nothing() {
    let directory = Directory::new("inbound-damaged");
    let path = directory.join("trace.jsonl");
    let lines = inbound_lines();
    let ids = |records: &[Record]| -> Vec<String> {
        failures(records).iter().map(|it| it.id.clone()).collect()
    };
    for cut in (2..lines.len()).filter(|cut| lines[*cut - 1].contains("\"failure\"")) {
        fs::write(&path, lines[..cut].concat()).unwrap();
        let (recorded, again) = (ids(&records(&path)), ids(&replayed(&path, &[])));
        for id in &recorded {
            assert_eq!(
                again.iter().filter(|it| *it == id).count(),
                1,
                "{cut}: {id}"
            );
        }
        // The rest of a listener that was under way may follow.
        assert!(again.len() <= recorded.len() + 2, "{cut}");
    }
    let whole = turned_away(&records(&fixture("inbound")));
    for lost in 0..lines.len() {
        if !lines[lost].contains("\"context\":\"turned_away\"") {
            continue;
        }
        fs::write(
            &path,
            [&lines[..lost], &lines[lost + 1..]].concat().concat(),
        )
        .unwrap();
        let again = replayed(&path, &[]);
        assert_eq!(turned_away(&again), whole, "without line {lost}");
    }
}

#[test]
fn parts_of_an_inbound_trace_are_replayed_as_one_and_a_missing_one_loses_no_other() {
    let directory = Directory::new("parts");
    let lines = inbound_lines();
    let third = lines.len() / 3;
    let header =
        |part: usize| lines[0].replacen("\"schema\"", &format!("\"part\":{part},\"schema\""), 1);
    let parts = [
        &lines[1..third],
        &lines[third..2 * third],
        &lines[2 * third..],
    ];
    let paths = ["1.jsonl", "2.jsonl", "3.jsonl"].map(|name| directory.join(name));
    for (part, path) in (1..).zip(&paths) {
        fs::write(path, header(part) + &parts[part - 1].concat()).unwrap();
    }
    let replayed = |paths: &[&PathBuf]| -> (Vec<String>, String) {
        let mut command = Command::new(tracer::binary().unwrap());
        command.arg("replay").args(paths).args(["--format", "json"]);
        let done = command.output().unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        let told = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let told: Vec<Record> = told.collect();
        let ids = failures(&told).iter().map(|it| it.id.clone()).collect();
        (ids, String::from_utf8(done.stderr).unwrap())
    };
    let (all, said) = replayed(&paths.each_ref());
    assert!(!said.contains("as they were recorded"), "{said}");
    let recorded = records(&fixture("inbound"));
    let ids: Vec<String> = failures(&recorded).iter().map(|it| it.id.clone()).collect();
    assert_eq!(all, ids);
    for there in [&[&paths[1], &paths[2]][..], &[&paths[0], &paths[2]]] {
        let (told, said) = replayed(there);
        assert!(said.contains("as they were recorded"), "{said}");
        for path in there {
            for failure in failures(&records(path)) {
                let times = told.iter().filter(|id| **id == failure.id).count();
                assert_eq!(times, 1, "{}", failure.cause);
            }
        }
    }
}

#[test]
fn scenarios_of_the_lab_come_to_the_same_records() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let directory = Directory::new("replay");
    let path = directory.join("trace.jsonl.gz");
    let names = [
        "peer-input-drop",
        "refused-remote",
        "no-route",
        "abandoned-silent",
        "healthy",
        "accept-queue-full",
        "accept-queue-full-late",
        "abort-on-overflow",
        "syn-queue-full",
        "syn-flood-cookies",
        "handshake-incomplete",
        "md5-missing",
        "md5-unexpected",
        "peer-aborts",
        "accepted-silence",
        "accepted-user-timeout",
        "accepted-killed-by-ss",
    ];
    let chosen = runner::choose(&names.map(str::to_owned)).unwrap();
    let mut command = Command::new(tracer::binary().unwrap());
    command
        .args(["record", "--events", "--all", "-o"])
        .arg(&path);
    let recorder = Tracer::start(command).unwrap();
    let happened = runner::run(&chosen, None);
    for (scenario, done) in happened {
        done.unwrap_or_else(|error| panic!("{}: {error:#}", scenario.name));
    }
    let trace = recorder.stop().unwrap();
    assert!(trace.status.success(), "{}: {}", trace.status, trace.stderr);

    let recorded = records(&path);
    assert!(
        failures(&recorded).len() >= 8,
        "{}",
        failures(&recorded).len()
    );
    let done = replay(&path, &[]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!said.contains("as they were recorded"), "{said}");
    let again = replayed(&path, &[]);
    assert_eq!(verdicts(&again), verdicts(&recorded));

    let schema = tracer::once(&["schema"]).unwrap();
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let validator = validator_for(&schema).unwrap();
    for record in recorded.iter().chain(&again) {
        let value = serde_json::to_value(record).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&value)
            .map(|it| it.to_string())
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}: {value}");
    }
}

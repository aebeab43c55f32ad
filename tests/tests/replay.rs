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
const FIXTURES: [(&str, &[&str]); 3] = [
    ("refused", &["connection-refused"]),
    ("firewall", &["firewall-drop", "firewall-drop"]),
    (
        "unsent",
        &["route-blackhole", "no-route", "neighbor-unresolved"],
    ),
];

fn fixture(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    directory.join(format!("{name}.jsonl"))
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

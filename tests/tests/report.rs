//! `tcpwhy report`: the story of a recorded trace, and of broken ones.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tests::{
    recorder::Directory,
    report::{json, run, text},
    tracer,
};

/// A trace of the first version that recorded any: an outage in a lab.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/outage-v1.jsonl")
}

/// Cause, severity, process, count and destination of each incident.
fn incidents(report: &Value) -> Vec<(String, String, String, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let stories = report["incidents"].as_array().unwrap();
    let tell = |story: &Value| {
        let incident = &story["incident"];
        let remote = &incident["remote"];
        (
            text(&incident["cause"]),
            text(&incident["severity"]),
            text(&incident["process"]["comm"]),
            incident["count"].as_u64().unwrap(),
            format!("{}:{}", text(&remote["addr"]), remote["port"]),
        )
    };
    stories.iter().map(tell).collect()
}

#[test]
fn a_trace_of_the_first_version_is_still_read() {
    let report = json(&[&fixture()], &[]);
    let found: Vec<_> = incidents(&report)
        .into_iter()
        .map(|(cause, severity, comm, count, _)| (cause, severity, comm, count))
        .collect();
    let expected = |cause: &str, count| {
        let (severity, comm) = ("critical".to_owned(), "shop".to_owned());
        (cause.to_owned(), severity, comm, count)
    };
    assert_eq!(
        found,
        [
            expected("firewall-drop", 4),
            expected("connection-refused", 5)
        ]
    );
    assert_eq!(report["overview"]["hosts"], serde_json::json!(["web1"]));
    assert_eq!(report["sources"][0]["problems"], serde_json::json!([]));
    let told = text(&[&fixture()], &[]);
    for part in [
        "2 incidents, 9 failures, ",
        "on web1",
        "nftables on this host dropped its",
        "WHAT ELSE MOVED",
        "fix  ",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}

#[test]
fn filters_and_times_choose_what_it_is_about() {
    let fixture = fixture();
    let failures = |more: &[&str]| json(&[&fixture], more)["overview"]["failures"].clone();
    assert_eq!(failures(&[]), 9);
    assert_eq!(failures(&["--cause", "firewall-drop"]), 4);
    assert_eq!(failures(&["--cause", "!firewall-drop"]), 5);
    assert_eq!(failures(&["--remote-port", "8082"]), 5);
    assert_eq!(failures(&["--comm", "nobody"]), 0);
    assert_eq!(failures(&["--direction", "in"]), 0);
    assert_eq!(failures(&["--count", "3"]), 3);
    let first = json(&[&fixture], &[])["overview"]["first"].clone();
    let around = ["--around", first.as_str().unwrap(), "--within", "1ms"];
    assert_eq!(failures(&around), 1);
}

#[test]
fn other_forms_and_places_to_go_to() {
    let directory = Directory::new("forms");
    let (fixture, out) = (fixture(), directory.join("out.md"));
    let arguments = ["--format", "markdown", "-o", out.to_str().unwrap()];
    assert!(text(&[&fixture], &arguments).is_empty());
    let markdown = fs::read_to_string(&out).unwrap();
    assert!(markdown.contains("## F-2026"), "{markdown}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&out).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // Standard input.
    let mut command = Command::new(tracer::binary().unwrap());
    command.args(["report", "-", "--format", "json"]);
    command.stdin(fs::File::open(&fixture).unwrap());
    let done = command.output().unwrap();
    let piped: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(piped["overview"], json(&[&fixture], &[])["overview"]);
    // The same file twice is the same story.
    let twice = json(&[&fixture, &fixture], &[]);
    assert_eq!(twice["overview"]["failures"], 9);
    // Every JSON report fulfils its schema.
    let schema = tracer::once(&["schema", "report"]).unwrap();
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&twice));
}

#[test]
fn broken_traces_are_told_and_read_as_far_as_they_go() {
    let directory = Directory::new("broken");
    let whole = fs::read(fixture()).unwrap();
    let cut = directory.join("cut.jsonl");
    fs::write(&cut, &whole[..whole.len() - 2000]).unwrap();
    let mut rubbish = fs::File::create(directory.join("rubbish.jsonl")).unwrap();
    rubbish.write_all(&whole).unwrap();
    rubbish.write_all(&[0xff, 0, b'\n', b'{', b'\n']).unwrap();
    let report_of_cut = json(&[&cut], &[]);
    assert_eq!(report_of_cut["sources"][0]["cut_short"], true);
    assert!(report_of_cut["overview"]["failures"].as_u64() > Some(0));
    let damaged = json(&[&directory.join("rubbish.jsonl")], &[]);
    assert_eq!(damaged["overview"]["failures"], 9);
    let lines = whole.iter().filter(|&&byte| byte == b'\n').count() as u64;
    assert_eq!(damaged["sources"][0]["problems"][0]["line"], lines + 1);

    fs::write(directory.join("empty"), "").unwrap();
    fs::write(directory.join("binary"), [0u8, 159, 146, 150].repeat(1000)).unwrap();
    fs::write(directory.join("half.gz"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    for name in ["empty", "binary", "half.gz", "nowhere", "."] {
        let done = run(&[&directory.join(name)], &[]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(said.starts_with("tcpwhy: "), "{name}: {said}");
    }
    for arguments in [
        &["--incident", "F-20000101-001"][..],
        &["--connection", "nothing"],
    ] {
        let done = run(&[&fixture()], arguments);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}");
    }
    for arguments in [
        &["report"][..],
        &["report", "x", "--format", "xml"],
        &["report", "x", "--around", "noon"],
        &["report", "x", "--within", "5m"],
    ] {
        let done = tracer::once(arguments).unwrap();
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
    }
}

//! `tcpwhy report`: the story of traces that the real binary recorded, and of broken ones.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tests::{
    client::{self, CommandLine, Daemon},
    lock::Host,
    net::{Lab, Place},
    recorder::{Directory, failures, record, records},
    runner, tracer,
};
use tracer_user::record::Family;

/// A trace of the first version that recorded any: an outage in a lab.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/outage-v1.jsonl")
}

fn report(files: &[&Path], more: &[&str]) -> Output {
    let mut command = Command::new(tracer::binary().unwrap());
    command.arg("report").args(files).args(more);
    command.stdin(Stdio::null()).env("TZ", "UTC");
    command.output().unwrap()
}

fn text(done: &Output) -> String {
    assert!(
        done.status.success(),
        "{}: {}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout.clone()).unwrap()
}

fn json(files: &[&Path], more: &[&str]) -> Value {
    let more = [more, &["--format", "json"]].concat();
    serde_json::from_str(&text(&report(files, &more))).unwrap()
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

fn connect(lab: &Lab, port: u16, times: u32) {
    let line = format!("connect.py $s {port} --times {times}");
    let line = CommandLine(&line);
    let command = line.command(lab, Place::Client, Family::Ipv4, None);
    client::run(line, command.unwrap()).unwrap();
}

fn backend(lab: &Lab, line: &'static str) -> Daemon {
    let command = CommandLine(line).command(lab, Place::Server, Family::Ipv4, None);
    Daemon::start(line, command.unwrap()).unwrap()
}

#[test]
fn an_outage_is_told_incident_by_incident_and_nothing_else() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("outage"));
    let path = directory.join("trace.jsonl.gz");
    let _first = backend(&lab, "listen.py 8081");
    let second = backend(&lab, "listen.py 8082");
    let recorder = record(&lab, &path, &["--all"]);
    connect(&lab, 8081, 5);
    connect(&lab, 8082, 5);
    // A firewall rule appears.
    let rule = "nft 'add table inet t; add chain inet t i { type filter hook input priority 0; }; \
                add rule inet t i tcp dport 8081 drop'";
    lab.sh(Place::Server, Family::Ipv4, rule).unwrap();
    connect(&lab, 8081, 3);
    connect(&lab, 8082, 5);
    // The other backend is stopped.
    drop(second);
    connect(&lab, 8082, 4);
    std::thread::sleep(std::time::Duration::from_millis(300));
    recorder.stop().unwrap();

    let report = json(&[&path], &[]);
    let address = lab.address(Place::Server, Family::Ipv4);
    let expected = [
        ("firewall-drop", 3, format!("{address}:8081")),
        ("connection-refused", 4, format!("{address}:8082")),
    ]
    .map(|(cause, count, end)| {
        let (severity, comm) = ("critical".to_owned(), "python3".to_owned());
        (cause.to_owned(), severity, comm, count, end)
    });
    assert_eq!(incidents(&report), expected, "{report:#}");
    let ids: Vec<&Value> = report["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|story| &story["incident"]["id"])
        .collect();
    assert!(ids[0].as_str().unwrap().ends_with("-001"), "{ids:?}");
    assert!(ids[1].as_str().unwrap().ends_with("-002"), "{ids:?}");
    assert_eq!(report["overview"]["failures"], 7);
    assert_eq!(report["overview"]["connections"], 15);
    assert_eq!(report["sources"][0]["cut_short"], false);
    assert_eq!(report["sources"][0]["problems"], serde_json::json!([]));

    // The times are those of the failures.
    let written = records(&path);
    let all = failures(&written);
    let times: Vec<&str> = all.iter().map(|failure| failure.time.as_str()).collect();
    assert_eq!(report["overview"]["first"], times[0]);
    assert_eq!(report["overview"]["last"], times[6]);
    assert_eq!(report["incidents"][1]["incident"]["first"], times[3]);

    // One connection, and one incident.
    let one = text(&self::report(&[&path], &["--connection", &all[5].id]));
    assert!(one.contains("ONE CONNECTION"), "{one}");
    let id = ids[1].as_str().unwrap();
    let only = json(&[&path], &["--incident", id]);
    assert_eq!(incidents(&only), expected[1..]);
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
    let told = text(&self::report(&[&fixture()], &[]));
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
    assert!(text(&report(&[&fixture], &arguments)).is_empty());
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
        let done = report(&[&directory.join(name)], &[]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(said.starts_with("tcpwhy: "), "{name}: {said}");
    }
    for arguments in [
        &["--incident", "F-20000101-001"][..],
        &["--connection", "nothing"],
    ] {
        let done = report(&[&fixture()], arguments);
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

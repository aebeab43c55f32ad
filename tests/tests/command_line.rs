//! The commands' contract: exit statuses, `run`, the schema.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

use jsonschema::validator_for;
use serde_json::Value;
use tests::{
    lock::Host,
    net::{Lab, Place},
    runner, scenario, shell,
    tracer::{self, Tracer},
};
use tracer_user::record::{Failure, Record};

#[test]
fn bad_usage_ends_with_2() {
    for arguments in [
        &["--no-such-flag"][..],
        &["watch", "--format", "yaml"],
        &["watch", "--pid", "not-a-pid"],
        &["watch", "--addr", "10.9.0.0/99"],
        &["watch", "--port", "65536"],
        &["watch", "--duration", "soon"],
        &["watch", "--cause", "no-such-cause"],
        &["run"],
        &["no-such-command"],
    ] {
        let done = tracer::once(arguments).unwrap();
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        assert!(done.stdout.is_empty(), "{arguments:?}");
        assert!(!done.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_done_ends_with_1_and_one_line() {
    runner::prepare().unwrap();
    let done = tracer::once(&["run", "--", "/no/such/program"]).unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    let complaints = said.lines().filter(|line| *line != "tcpwhy: ready").count();
    assert_eq!(complaints, 1, "{said}");
}

#[test]
fn without_root_it_says_so_in_one_line() {
    runner::prepare().unwrap();
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--bounding-set=-all",
    ]);
    // The binary's own directory may be closed to others: it is given as standard input.
    command.args(["--inh-caps=-all", "--", "/proc/self/fd/0", "watch"]);
    let binary = std::fs::File::open(tracer::binary().unwrap()).unwrap();
    let done = command.stdin(binary).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("root"), "{said}");
}

#[test]
fn run_follows_its_command_only_and_ends_as_it_did() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let netns = lab.netns(Place::Client);
    let refuse = "import socket, sys, os; s = socket.socket(); s.connect_ex(('127.0.0.1', 9)); \
                  print(os.getpid()); sys.exit(7)";
    let python = shell::python().unwrap();
    // One failure of a stranger in the same namespace, over and over, beside it.
    let stranger = "import socket\nwhile True: socket.socket().connect_ex(('127.0.0.1', 9))";
    let mut beside = runner::in_netns(&lab, Place::Client, &python.to_string_lossy())
        .args(["-c", stranger])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let trace = std::env::temp_dir().join(format!("tcpwhy-lab-run-{}.json", std::process::id()));
    let done = Command::new(tracer::binary().unwrap())
        .args(["run", "--format", "json", "-o"])
        .arg(&trace)
        .args(["--", "ip", "netns", "exec", &netns])
        .arg(python)
        .args(["-c", refuse])
        .stdin(Stdio::null())
        .output();
    beside.kill().unwrap();
    beside.wait().unwrap();
    let done = done.unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(7), "{said}");
    let pid: u32 = String::from_utf8_lossy(&done.stdout)
        .trim()
        .parse()
        .unwrap();
    let text = std::fs::read_to_string(&trace).unwrap();
    std::fs::remove_file(&trace).unwrap();
    let records: Vec<Record> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let failures: Vec<&Failure> = records
        .iter()
        .filter_map(|record| match record {
            Record::Failure(failure) => Some(&**failure),
            _ => None,
        })
        .collect();
    assert_eq!(failures.len(), 1, "{failures:#?}");
    assert!(tracer::is_from(failures[0], pid), "{failures:#?}");
    assert_eq!(failures[0].cause, "connection-refused");
    assert!(matches!(records.last(), Some(Record::Trailer(_))), "{text}");
}

#[test]
fn every_record_satisfies_the_schema() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let done = tracer::once(&["schema"]).unwrap();
    assert!(done.status.success());
    let schema: Value = serde_json::from_slice(&done.stdout).unwrap();
    let validator = validator_for(&schema).unwrap();
    assert!(!validator.is_valid(&serde_json::json!({"type": "failure"})));
    assert!(!validator.is_valid(&serde_json::json!({"type": "no-such-type"})));

    let names = [
        "peer-input-drop",
        "refused-remote",
        "no-route",
        "abandoned-silent",
        "healthy",
    ];
    let chosen = runner::choose(&names.map(str::to_owned)).unwrap();
    let tracer = Tracer::watch(&["--all", "--events"]).unwrap();
    let happened = runner::run(&chosen, Some(&tracer));
    let trace = tracer.stop().unwrap();
    for (scenario, done) in happened {
        done.unwrap_or_else(|error| panic!("{}: {error:#}", scenario.name));
    }
    for line in &trace.lines {
        let value: Value = serde_json::from_str(line).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|it| it.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}: {line}");
        assert!(line.starts_with("{\"type\":"), "type comes first: {line}");
    }
    for wanted in ["header", "failure", "connection", "event", "trailer"] {
        let start = format!("{{\"type\":\"{wanted}\"");
        assert!(
            trace.lines.iter().any(|line| line.starts_with(&start)),
            "no {wanted}"
        );
    }
}

#[test]
fn explain_takes_any_name_and_says_what_it_does_not_know() {
    for (name, kind) in [
        ("Accept-Queue-Full", "causes"),
        ("skb_drop_reason_netfilter_drop", "drop_reasons"),
        ("TCP_ABORT_ON_CLOSE", "reset_reasons"),
        ("-111", "errnos"),
    ] {
        let output = tracer::once(&["explain", "--format", "json", name]).unwrap();
        assert!(output.status.success(), "{name}");
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            found[kind].as_array().map(Vec::len),
            Some(1),
            "{name}: {found}"
        );
    }
    let output = tracer::once(&["explain", "NETFILTER_DRP"]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("did you mean NETFILTER_DROP"), "{said}");
}

#[test]
fn the_table_names_known_causes_only() {
    let text = tracer::once(&["explain"]).unwrap();
    assert!(text.status.success());
    let known = String::from_utf8_lossy(&text.stdout).into_owned();
    for scenario in scenario::all() {
        for cause in scenario
            .cause()
            .split('|')
            .filter(|cause| !cause.is_empty())
        {
            assert!(
                known.contains(cause),
                "{}: {cause} is not in `explain`",
                scenario.name
            );
        }
    }
}

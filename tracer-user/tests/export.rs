//! `tcpwhy export`: the real binary on a real trace (a shop's checkout service in a network
//! namespace, before a firewall, without a listener, without a route, without a neighbour).

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use common::{TRACE, originals, records, run};

/// What an export writes, where it has nothing to complain of.
fn export(arguments: &[&str]) -> String {
    let done = run(&[&["export"], arguments].concat());
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.is_empty(), "{said}");
    String::from_utf8(done.stdout).unwrap()
}

/// One line on stderr, and the exit status.
fn complaint(arguments: &[&str]) -> (i32, String) {
    let done = run(&[&["export"], arguments].concat());
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    (done.status.code().unwrap(), said)
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tcpwhy-export-{}-{name}", std::process::id()))
}

fn valid(schema: &Value, document: &Value) {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let faults: Vec<_> = validator
        .iter_errors(document)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The parts of Chrome's trace event format that are used, as its description has them.
fn chrome_trace_schema() -> Value {
    let common = json!({
        "name": {"type": "string", "minLength": 1},
        "cat": {"type": "string", "minLength": 1},
        "ts": {"type": "number", "minimum": 0},
        "pid": {"type": "integer", "minimum": 0},
        "tid": {"type": "integer", "minimum": 0},
        "args": {"type": "object"},
    });
    let event = |ph: &[&str], more: Value, required: &[&str]| {
        let mut properties = common.clone();
        properties["ph"] = json!({"enum": ph});
        for (name, value) in more.as_object().unwrap() {
            properties[name] = value.clone();
        }
        let required: Vec<_> = [&["name", "ph", "pid"], required].concat();
        json!({
            "type": "object", "properties": properties, "required": required,
            "additionalProperties": false,
        })
    };
    let id = json!({"id": {"type": "string", "pattern": "^0x[0-9a-f]{1,16}$"}});
    json!({
        "type": "object",
        "required": ["traceEvents"],
        "additionalProperties": false,
        "properties": {
            "displayTimeUnit": {"enum": ["ms", "ns"]},
            "otherData": {"type": "object"},
            "traceEvents": {"type": "array", "items": {"oneOf": [
                event(&["b", "n"], id.clone(), &["cat", "ts", "tid", "id", "args"]),
                event(&["e"], id, &["cat", "ts", "tid", "id"]),
                event(&["i"], json!({"s": {"enum": ["t"]}}), &["cat", "ts", "tid", "s"]),
                event(&["M"], json!({
                    "name": {"enum": ["process_name", "process_labels", "thread_name"]},
                }), &["args"]),
            ]}},
        },
    })
}

#[test]
fn chrome_trace_is_as_the_format_wants_it() {
    let document: Value = serde_json::from_str(&export(&[TRACE, "--to", "chrome-trace"])).unwrap();
    valid(&chrome_trace_schema(), &document);
    let events = document["traceEvents"].as_array().unwrap();
    let count = |ph: &str| events.iter().filter(|event| event["ph"] == ph).count();
    let (failures, connections) = (records("failure"), records("connection"));
    assert_eq!(count("b"), failures.len() + connections.len());
    assert_eq!(count("n") + count("i"), records("event").len());
    // In the order of time, each id is opened and closed in turn: nothing nests.
    let mut order: Vec<_> = events.iter().filter(|event| event["ph"] != "M").collect();
    order.sort_by(|one, two| one["ts"].as_f64().partial_cmp(&two["ts"].as_f64()).unwrap());
    let mut open = BTreeMap::new();
    for event in order {
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        match event["ph"].as_str().unwrap() {
            "b" => assert_eq!(open.insert(id, event["pid"].clone()), None),
            "e" => assert_eq!(open.remove(&id).as_ref(), Some(&event["pid"])),
            // Evidence that was joined lies within its connection.
            "n" => assert_eq!(open.get(&id), Some(&event["pid"]), "{event}"),
            _ => {}
        }
    }
    assert!(open.is_empty());
}

#[test]
fn chrome_trace_names_every_process_before_it_is_used() {
    let document: Value = serde_json::from_str(&export(&[TRACE, "--to", "chrome-trace"])).unwrap();
    let mut named = BTreeMap::new();
    for event in document["traceEvents"].as_array().unwrap() {
        let pid = event["pid"].as_u64().unwrap();
        if event["name"] == "process_name" {
            named.insert(pid, event["args"]["name"].clone());
        }
        assert!(named.contains_key(&pid), "{event}");
    }
    for failure in records("failure") {
        let process = &failure["process"];
        assert_eq!(named[&process["pid"].as_u64().unwrap()], process["comm"]);
    }
}

/// OTLP's `LogsData`, by the JSON mapping of its protocol buffers.
fn otlp_schema() -> Value {
    json!({
        "$defs": {
            "attributes": {"type": "array", "items": {
                "type": "object",
                "required": ["key", "value"],
                "additionalProperties": false,
                "properties": {
                    "key": {"type": "string", "pattern": "^[a-z0-9_]+(\\.[a-z0-9_]+)+$"},
                    "value": {"$ref": "#/$defs/any"},
                },
            }},
            "any": {
                "type": "object", "maxProperties": 1, "additionalProperties": false,
                "properties": {
                    "stringValue": {"type": "string"},
                    "boolValue": {"type": "boolean"},
                    "intValue": {"type": "string", "pattern": "^-?[0-9]+$"},
                    "doubleValue": {"type": "number"},
                    "arrayValue": {"type": "object", "properties": {
                        "values": {"type": "array", "items": {"$ref": "#/$defs/any"}},
                    }},
                    "kvlistValue": {"type": "object"},
                },
            },
        },
        "type": "object", "required": ["resourceLogs"], "additionalProperties": false,
        "properties": {"resourceLogs": {"type": "array", "items": {
            "type": "object",
            "required": ["resource", "scopeLogs"], "additionalProperties": false,
            "properties": {
                "schemaUrl": {"type": "string"},
                "resource": {"type": "object", "properties": {
                    "attributes": {"$ref": "#/$defs/attributes"},
                }},
                "scopeLogs": {"type": "array", "items": {
                    "type": "object",
                    "required": ["scope", "logRecords"], "additionalProperties": false,
                    "properties": {
                        "schemaUrl": {"type": "string"},
                        "scope": {"type": "object"},
                        "logRecords": {"type": "array", "items": {
                            "type": "object",
                            "required": ["timeUnixNano", "severityNumber", "body", "attributes"],
                            "additionalProperties": false,
                            "properties": {
                                "timeUnixNano": {"type": "string", "pattern": "^[0-9]{19}$"},
                                "observedTimeUnixNano": {"type": "string"},
                                "severityNumber": {"type": "integer", "minimum": 1, "maximum": 24},
                                "severityText": {"type": "string"},
                                "eventName": {"type": "string"},
                                "body": {"$ref": "#/$defs/any"},
                                "attributes": {"$ref": "#/$defs/attributes"},
                            },
                        }},
                    },
                }},
            },
        }}},
    })
}

#[test]
fn otlp_json_is_as_the_protocol_wants_it() {
    let document: Value = serde_json::from_str(&export(&[TRACE, "--to", "otlp-json"])).unwrap();
    valid(&otlp_schema(), &document);
    let logs = &document["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    let logs = logs.as_array().unwrap();
    let count = |name: &str| logs.iter().filter(|log| log["eventName"] == name).count();
    assert_eq!(count("tcpwhy.failure"), records("failure").len());
    assert_eq!(count("tcpwhy.connection"), records("connection").len());
    assert_eq!(count("tcpwhy.event"), records("event").len());
}

fn rows(text: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    reader.records().map(Result::unwrap).collect()
}

#[test]
fn csv_has_one_row_a_failure() {
    let text = export(&[TRACE, "--to", "csv"]);
    let failures = records("failure");
    let ids: Vec<_> = failures
        .iter()
        .map(|failure| failure["id"].as_str())
        .collect();
    let found = rows(&text);
    assert_eq!(found.iter().map(|row| row.get(0)).collect::<Vec<_>>(), ids);
    assert!(text.starts_with("id,time,host,"));
    assert_eq!(text.matches("\r\n").count(), failures.len() + 1);
}

#[test]
fn filters_and_limits_are_those_of_watch() {
    let count = |more: &[&str]| {
        let arguments = [&[TRACE, "--to", "csv"], more].concat();
        rows(&export(&arguments)).len()
    };
    let all = records("failure").len();
    assert_eq!(count(&["--cause", "connection-refused"]), 3);
    assert_eq!(count(&["--cause", "!connection-refused"]), all - 3);
    assert_eq!(count(&["--remote-port", "6379"]), 1);
    assert_eq!(count(&["--addr", "fd09::/64"]), 3);
    assert_eq!(count(&["--comm", "<b>x"]), 1);
    assert_eq!(count(&["--direction", "in"]), 0);
    assert_eq!(count(&["--count", "2"]), 2);
    assert_eq!(count(&["--duration", "2s"]), 1);
}

#[test]
fn nothing_is_left_of_what_is_redacted() {
    let originals = originals();
    assert!(originals.len() > 12, "{originals:?}");
    for format in ["chrome-trace", "csv", "otlp-json"] {
        let plain = export(&[TRACE, "--to", format]);
        assert!(plain.contains("10.9.0.2") && plain.contains("ip netns exec shop"));
        let text = export(&[TRACE, "--to", format, "--redact"]);
        for original in &originals {
            assert!(!text.contains(original.as_str()), "{format}: {original}");
        }
        // What the tool says itself is still there.
        for kept in [
            "nothing listens on",
            "NETFILTER_DROP",
            "this host has no route to",
        ] {
            assert!(text.contains(kept), "{format}: {kept}");
        }
    }
}

#[test]
fn pseudonyms_are_the_keys() {
    let with = |secret: &str| export(&[TRACE, "--to", "csv", "--redact", "--redact-key", secret]);
    let (one, two) = (with("0123456789abcdef"), with("fedcba9876543210"));
    assert_eq!(one, with("0123456789abcdef"));
    assert_ne!(one, two);
    assert_ne!(
        export(&[TRACE, "--to", "csv", "--redact"]),
        export(&[TRACE, "--to", "csv", "--redact"])
    );
    // Several files of one run share their pseudonyms.
    let other = temporary("other.jsonl");
    let text = fs::read_to_string(TRACE).unwrap();
    let boot = records("header")[0]["boot_id"].as_str().unwrap().to_owned();
    fs::write(&other, text.replace(&boot, "another boot")).unwrap();
    let twice = export(&[TRACE, other.to_str().unwrap(), "--to", "csv", "--redact"]);
    fs::remove_file(&other).unwrap();
    let rows = rows(&twice);
    let half = rows.len() / 2;
    assert_eq!(half, records("failure").len());
    assert_eq!(rows[..half], rows[half..]);
}

#[test]
fn what_was_read_already_is_exported_once_and_told() {
    for format in ["csv", "otlp-json", "chrome-trace"] {
        let done = run(&["export", TRACE, TRACE, "--to", format]);
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(said.contains("a record that was already read"), "{said}");
        if format == "csv" {
            let once = export(&[TRACE, "--to", format]);
            assert_eq!(String::from_utf8(done.stdout).unwrap(), once);
        }
    }
}

#[test]
fn what_cannot_be_read_destroys_no_earlier_export() {
    let (path, bad) = (temporary("earlier.csv"), temporary("bad.jsonl"));
    fs::write(&path, "earlier").unwrap();
    for text in ["", "no json\n", "{\"type\":\"failure\"}\n"] {
        fs::write(&bad, text).unwrap();
        let (bad, path) = (bad.to_str().unwrap(), path.to_str().unwrap());
        let done = run(&["export", bad, "--to", "csv", "-o", path]);
        assert_eq!(done.status.code(), Some(1), "{text}: {done:?}");
        assert_eq!(fs::read_to_string(path).unwrap(), "earlier", "{text}");
    }
    fs::remove_file(&path).unwrap();
    fs::remove_file(&bad).unwrap();
}

#[test]
fn bad_usage_ends_with_2_and_one_line() {
    for (arguments, part) in [
        (&[TRACE][..], "--to"),
        (&[TRACE, "--to", "xml"], "chrome-trace, csv, otlp-json"),
        (&["--to", "csv"], "FILE"),
        (
            &[TRACE, "--to", "csv", "--redact-key", "0123456789abcdef"],
            "--redact",
        ),
        (
            &[TRACE, "--to", "csv", "--redact", "--redact-key", "short"],
            "16 characters",
        ),
    ] {
        let (status, said) = complaint(arguments);
        assert_eq!(status, 2, "{said}");
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn what_cannot_be_read_or_written_ends_with_1_and_one_line() {
    let copy = temporary("copy.jsonl");
    fs::copy(TRACE, &copy).unwrap();
    let copy_name = copy.to_str().unwrap();
    for (arguments, part) in [
        (&["/no/such/trace", "--to", "csv"][..], "/no/such/trace"),
        (
            &[TRACE, "--to", "csv", "-o", "/no/such/place"],
            "/no/such/place",
        ),
        (
            &[copy_name, "--to", "csv", "-o", copy_name],
            "is a trace to be read",
        ),
        (&["-", "-", "--to", "csv"], "only once"),
        (
            &["/dev/null", "--to", "csv"],
            "/dev/null: there is nothing in it",
        ),
    ] {
        let (status, said) = complaint(arguments);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(part), "{said}");
    }
    let kept = fs::read(&copy).unwrap();
    fs::remove_file(&copy).unwrap();
    assert_eq!(kept, fs::read(TRACE).unwrap());
}

#[test]
fn a_damaged_trace_is_redacted_too() {
    let path = temporary("damaged.jsonl");
    let whole = fs::read_to_string(TRACE).unwrap();
    let cut = whole.len() / 2;
    fs::write(&path, [&whole[..cut], "\n7\n{\"type\":\"x\"}\n"].concat()).unwrap();
    let done = run(&[
        "report",
        path.to_str().unwrap(),
        "--redact",
        "--format",
        "json",
    ]);
    fs::remove_file(&path).unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let faults = &report["sources"][0]["problems"];
    assert_eq!(faults[1]["fault"], "not-json", "{faults}");
}

#[test]
fn an_error_that_quotes_a_file_is_harmless_to_the_terminal() {
    let path = temporary("hostile.jsonl");
    fs::write(&path, "{\"type\":\"\\u001b[31mX\"}\n").unwrap();
    let name = path.to_str().unwrap();
    for arguments in [
        &["report", name][..],
        &["export", name, "--to", "csv"],
        &["replay", name],
    ] {
        let done = run(arguments);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(
            said.contains(r"\x1b[31mX") && !said.contains('\u{1b}'),
            "{said}"
        );
    }
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_trace_that_was_cut_is_exported_as_far_as_it_goes() {
    let whole = fs::read(TRACE).unwrap();
    let cut = temporary("cut.jsonl");
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let done = run(&["export", cut.to_str().unwrap(), "--to", "csv"]);
    fs::remove_file(&cut).unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{said}");
    assert!(said.contains("cut short"), "{said}");
    let found = rows(&String::from_utf8(done.stdout).unwrap()).len();
    assert!(found > 0 && found < records("failure").len());
}

#[test]
fn files_are_for_their_owner_only() {
    let path = temporary("out.csv");
    assert!(export(&[TRACE, "--to", "csv", "-o", path.to_str().unwrap()]).is_empty());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(Path::new(&path)).unwrap();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(text, export(&[TRACE, "--to", "csv"]));
}

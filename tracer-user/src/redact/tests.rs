use std::collections::BTreeSet;

use super::{
    names::{is_common_chain, is_common_device},
    *,
};
use crate::{
    record::{Process, TurnedAway, Way},
    show::sample,
};

fn redactor() -> Redactor {
    Redactor::new(Key::from_secret("test"))
}

/// One record of every kind; the host's name is none of our words.
fn records() -> Vec<Record> {
    let mut records = sample::records();
    for record in &mut records {
        if let Record::Header(header) = record {
            header.host = "db7.example".to_owned();
            header.degraded[0].why = "db7.example says no".to_owned();
        }
    }
    records
}

/// Every string of a record that stands in a field with a name in it, and every address.
fn originals(record: &Record) -> Vec<String> {
    fn walk(value: &Value, holds: Option<Holds>, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields
                .iter()
                .for_each(|(name, value)| walk(value, within(holds, name), found)),
            Value::Array(values) => values.iter().for_each(|value| walk(value, holds, found)),
            Value::String(text) if !matches!(holds, None | Some(Holds::Ours | Holds::Table)) => {
                found.push(text.clone());
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::to_value(record).unwrap(), None, &mut found);
    found.retain(|text| !is_common_device(text) && !is_common_chain(text) && text != "tcpwhy");
    found
}

#[test]
fn nothing_of_the_original_is_left() {
    let mut redactor = redactor();
    let records = records();
    let before: Vec<String> = records.iter().flat_map(originals).collect();
    assert!(before.contains(&"10.9.1.1".to_owned()));
    assert!(before.contains(&"curl https://10.9.1.1".to_owned()));
    for record in &records {
        let after = serde_json::to_string(&redactor.record(record).unwrap()).unwrap();
        for original in &before {
            assert!(!after.contains(original.as_str()), "{original}: {after}");
        }
    }
}

/// Names of fields that hold a word of a closed list, at whatever depth of a schema they are.
fn closed_lists(schema: &Value, definitions: &Value, found: &mut BTreeSet<String>) {
    let is_list = |of: &Value| {
        let of = of["$ref"]
            .as_str()
            .and_then(|name| definitions.get(name.rsplit('/').next()?))
            .unwrap_or(of);
        let words = of["oneOf"].as_array();
        of["enum"].is_array() || words.is_some_and(|words| words.iter().any(is_word))
    };
    fn is_word(of: &Value) -> bool {
        of["const"].is_string() || of["enum"].is_array()
    }
    match schema {
        Value::Object(fields) => {
            for (name, of) in schema["properties"].as_object().into_iter().flatten() {
                let several = of["anyOf"].as_array().into_iter().flatten();
                if is_list(of) || is_list(&of["items"]) || several.into_iter().any(is_list) {
                    found.insert(name.clone());
                }
            }
            for value in fields.values() {
                closed_lists(value, definitions, found);
            }
        }
        Value::Array(values) => {
            for value in values {
                closed_lists(value, definitions, found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_word_of_a_closed_list_is_never_taken_for_a_name() {
    let mut found = BTreeSet::new();
    for schema in [
        schemars::schema_for!(Record),
        schemars::schema_for!(crate::report::model::Report),
    ] {
        closed_lists(schema.as_value(), &schema.as_value()["$defs"], &mut found);
    }
    for known in ["direction", "confidence", "role", "kind", "fault"] {
        assert!(found.contains(known), "{known}: {found:?}");
    }
    for name in found {
        assert!(matches!(field(&name), Some(Holds::Ours)), "{name}");
    }
}

#[test]
fn what_is_no_name_stays() {
    let mut redactor = redactor();
    for record in records() {
        let after = redactor.record(&record).unwrap();
        match (record, after) {
            (Record::Failure(before), Record::Failure(after)) => {
                assert_eq!(before.id, after.id);
                assert_eq!(before.time, after.time);
                assert_eq!(before.cause, after.cause);
                assert_eq!(before.why, after.why);
                assert_eq!(before.fix, after.fix);
                let (before_it, after_it) = (&before.drops[0], &after.drops[0]);
                assert_eq!(
                    (&before_it.location, &before_it.hook, before_it.count),
                    (&after_it.location, &after_it.hook, after_it.count)
                );
                let (before_it, after_it) = (&before_it.candidates[0], &after_it.candidates[0]);
                assert_eq!(
                    (&before_it.family, &before_it.verdict, before_it.handle),
                    (&after_it.family, &after_it.verdict, after_it.handle)
                );
                assert!(after_it.rule.contains(" tcp dport 443 counter drop "));
                assert_eq!(before.timing, after.timing);
                assert_eq!(before.socket.remote.port, after.socket.remote.port);
                assert_eq!(before.process.unwrap().pid, after.process.unwrap().pid);
            }
            (Record::Event(before), Record::Event(after)) => {
                assert_eq!(before.detail, after.detail);
            }
            (Record::Ledger(before), Record::Ledger(after)) => assert_eq!(before, after),
            (Record::Trailer(before), Record::Trailer(after)) => assert_eq!(before, after),
            (Record::Counters(before), Record::Counters(after)) => assert_eq!(before, after),
            _ => {}
        }
    }
}

#[test]
fn one_name_is_one_pseudonym_wherever_it_stands() {
    let mut failure = sample::failure();
    failure.process = Some(Process {
        comm: "shop".to_owned(),
        exe: Some("/srv/acme/shop".to_owned()),
        cmdline: Some("shop --token s3cr3t".to_owned()),
        cgroup: Some("/system.slice/shop.service".to_owned()),
        unit: Some("shop.service".to_owned()),
        container: Some("0123456789abcdef".repeat(4)),
        ..Process::default()
    });
    failure.summary = "shop[1] could not reach 10.9.1.1:443: 10.9.1.1 is silent".to_owned();
    let Record::Failure(after) = redactor()
        .record(&Record::Failure(Box::new(failure)))
        .unwrap()
    else {
        panic!("no failure")
    };
    let process = after.process.as_ref().unwrap();
    let remote = after.socket.remote.addr;
    assert_eq!(
        after.summary,
        format!(
            "{}[1] could not reach {remote}:443: {remote} is silent",
            process.comm
        )
    );
    assert!(process.comm.starts_with("proc-") && process.comm.len() <= 15);
    assert!(process.exe.as_ref().unwrap().ends_with(&process.comm));
    let unit = process.unit.as_ref().unwrap();
    assert!(unit.ends_with(".service"));
    assert_eq!(process.cgroup, Some(format!("/system.slice/{unit}")));
    assert_eq!(process.container.as_ref().unwrap().len(), 64);
}

#[test]
fn the_host_goes_from_sentences_too() {
    let mut redactor = redactor();
    let Some(Record::Header(mut header)) = sample::records().into_iter().next() else {
        panic!("no header")
    };
    header.host = "certain".to_owned();
    let record = redactor.record(&Record::Header(header)).unwrap();
    assert!(!serde_json::to_string(&record).unwrap().contains("certain"));
    let mut failure = sample::failure();
    failure.missing = vec!["certain is a host".to_owned()];
    let record = redactor
        .record(&Record::Failure(Box::new(failure)))
        .unwrap();
    let Record::Failure(failure) = record else {
        panic!("no failure")
    };
    assert!(!failure.missing[0].contains("certain"), "{failure:?}");
}

#[test]
fn what_only_a_replay_needs_goes() {
    let mut event = sample::event();
    event.wire = Some(serde_json::json!({"fields": {"comm": "6375726c"}}));
    let redacted = redactor().record(&Record::Event(Box::new(event))).unwrap();
    let text = serde_json::to_string(&redacted).unwrap();
    assert!(!text.contains("6375726c"), "{text}");
    for context in [
        Context::Announced {
            wire: serde_json::json!({"fields": {"comm": "6375726c"}}),
        },
        Context::Judged {
            now_ns: 1,
            attempts: vec![serde_json::json!({"cgroup": "6375726c"})],
        },
        Context::Look {
            look: serde_json::json!({"listeners": [[1, {"local": "6375726c"}]]}),
        },
        Context::TurnedAway {
            now_ns: 1,
            failures: vec![TurnedAway {
                id: "1".to_owned(),
                sk: 1,
                circumstances: serde_json::json!({"held": "6375726c"}),
            }],
        },
        Context::Ways {
            ways: vec![Way {
                netns: 1,
                way: Some("ip netns exec 6375726c ".to_owned()),
            }],
        },
    ] {
        let redacted = redactor()
            .record(&Record::Context(Box::new(context)))
            .unwrap();
        let text = serde_json::to_string(&redacted).unwrap();
        assert!(!text.contains("6375726c"), "{text}");
    }
}

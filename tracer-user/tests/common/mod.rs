//! The real binary, and a real trace: a shop's checkout service in a network namespace, before a
//! firewall, without a listener, without a route, without a neighbour.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::Value;

/// The trace.
pub(crate) const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture/shop.jsonl");

/// Runs tcpwhy.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tcpwhy"))
        .args(arguments)
        .output()
        .unwrap()
}

/// The records of one type of the trace.
pub(crate) fn records(kind: &str) -> Vec<Value> {
    fs::read_to_string(TRACE)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|record| record["type"] == kind)
        .collect()
}

/// Every name and address of the trace, wherever it stands.
pub(crate) fn originals() -> Vec<String> {
    let mut found: Vec<String> = [
        "shop", "backend", "checkout", "<b>x", "web-1", "s3cr3t", "/pay",
    ]
    .map(str::to_owned)
    .to_vec();
    for record in ["failure", "connection", "event"]
        .iter()
        .flat_map(|kind| records(kind))
    {
        for end in ["local", "remote"] {
            found.extend(record["socket"][end]["addr"].as_str().map(str::to_owned));
        }
        for name in ["comm", "exe", "cmdline", "cgroup", "unit"] {
            found.extend(record["process"][name].as_str().map(str::to_owned));
        }
    }
    found.sort();
    found.dedup();
    found
}

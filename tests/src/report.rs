//! `tcpwhy report`, of traces.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::tracer;

/// Runs it, times in UTC.
#[must_use]
pub fn run(files: &[&Path], more: &[&str]) -> Output {
    let mut command = Command::new(tracer::binary().unwrap());
    command.arg("report").args(files).args(more);
    command.stdin(Stdio::null()).env("TZ", "UTC");
    command.output().unwrap()
}

/// What it printed; it must have succeeded.
#[must_use]
pub fn text(files: &[&Path], more: &[&str]) -> String {
    let done = run(files, more);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{}: {said}", done.status);
    String::from_utf8(done.stdout).unwrap()
}

/// The report for programs.
#[must_use]
pub fn json(files: &[&Path], more: &[&str]) -> Value {
    let more = [more, &["--format", "json"]].concat();
    serde_json::from_str(&text(files, &more)).unwrap()
}

//! `tcpwhy record`, and the traces that it writes.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tracer_user::record::{Failure, Family, Ledger, Record, Trailer};

use crate::{
    client::CommandLine,
    net::{Lab, Place},
    tracer::{self, Tracer},
};

/// A directory of this test's own, gone when dropped.
pub struct Directory(pub PathBuf);

impl Directory {
    /// Makes it.
    pub fn new(name: &str) -> Self {
        let name = format!("tcpwhy-lab-record-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A path in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `tcpwhy record`, of one lab only.
pub fn record(lab: &Lab, file: &Path, more: &[&str]) -> Tracer {
    let mut command = Command::new(tracer::binary().unwrap());
    let netns = lab.inode(Place::Client).to_string();
    command.args(["record", "--netns", &netns, "-o"]).arg(file);
    Tracer::start({
        command.args(more);
        command
    })
    .unwrap()
}

/// So many connections that nobody listens for.
pub fn refuse(lab: &Lab, times: u32) {
    let line = format!("connect.py $lo 9 --times {times} --close");
    let line = CommandLine(&line);
    let mut command = line
        .command(lab, Place::Client, Family::Ipv4, None)
        .unwrap();
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// What the format's own tool can unpack, up to where the file was cut off.
pub fn unpack(path: &Path) -> String {
    let tool = match path.extension().unwrap().to_str().unwrap() {
        "gz" => "gzip",
        "zst" => "zstd",
        _ => return fs::read_to_string(path).unwrap(),
    };
    let done = Command::new(tool).arg("-dc").arg(path).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// Every line, the last one only where it is whole; the first one is a header.
pub fn records(path: &Path) -> Vec<Record> {
    let text = unpack(path);
    let whole = &text[..text.rfind('\n').unwrap() + 1];
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
    let records: Vec<Record> = whole.lines().map(parse).collect();
    assert!(matches!(records[0], Record::Header(_)), "{:?}", records[0]);
    records
}

/// The failures among them.
#[must_use]
pub fn failures(records: &[Record]) -> Vec<&Failure> {
    let mut all = Vec::new();
    for record in records {
        if let Record::Failure(failure) = record {
            all.push(&**failure);
        }
    }
    all
}

/// The last record, which must be one.
#[must_use]
pub fn trailer(records: &[Record]) -> &Trailer {
    match records.last() {
        Some(Record::Trailer(trailer)) => trailer,
        other => panic!("no trailer but {other:?}"),
    }
}

/// The books of the whole run agree with what is in the files.
pub fn assert_exact(ledger: &Ledger, written: usize) {
    assert_eq!(ledger.failures_emitted, written as u64, "{ledger:#?}");
    assert_eq!(
        ledger.by_cause.values().sum::<u64>(),
        written as u64,
        "{ledger:#?}"
    );
    let accounted = ledger.failures_emitted
        + ledger.failures_filtered
        + ledger.failures_lost
        + ledger.failures_pending
        + ledger.races;
    assert_eq!(ledger.failures_seen, accounted, "{ledger:#?}");
}

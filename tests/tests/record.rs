//! `tcpwhy record`: traces that can be read whatever happened to whoever wrote them.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use tests::{
    lock::Host,
    net::{Lab, Place},
    recorder::{Directory, assert_exact, failures, record, records, refuse, trailer, unpack},
    runner, shell,
    tracer::{self, Trace},
};
use tracer_user::record::{IncidentState, Record};

/// A small disk of this test's own.
struct Disk(Directory);

impl Disk {
    fn new(name: &str, kibibytes: u32) -> Self {
        let directory = Directory::new(name);
        let size = format!("size={kibibytes}k");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tcpwhy-lab"]);
        shell::output(mount.arg(&directory.0)).unwrap();
        Self(directory)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = shell::output(Command::new("umount").arg(&self.0.0));
    }
}

fn ended_well(trace: &Trace) {
    assert!(trace.status.success(), "{}: {}", trace.status, trace.stderr);
}

#[test]
fn a_trace_is_whole_and_private_however_it_is_packed() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("whole"));
    for name in ["trace.jsonl", "trace.jsonl.gz", "trace.jsonl.zst"] {
        let path = directory.join(name);
        fs::write(&path, "what was there before").unwrap();
        let recorder = record(&lab, &path, &[]);
        refuse(&lab, 200);
        std::thread::sleep(Duration::from_millis(200));
        let trace = recorder.stop().unwrap();
        ended_well(&trace);
        assert!(trace.lines.is_empty(), "{:?}", trace.lines);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        let records = records(&path);
        assert_eq!(failures(&records).len(), 200, "{name}");
        assert_eq!(trailer(&records).reason, "interrupted");
        assert_exact(&trailer(&records).ledger, 200);
    }
}

#[test]
fn sigkill_leaves_a_file_that_can_be_read() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("kill"));
    for name in ["trace.jsonl", "trace.jsonl.gz", "trace.jsonl.zst"] {
        let path = directory.join(name);
        let recorder = record(&lab, &path, &["--events"]);
        std::thread::scope(|scope| {
            let flood = scope.spawn(|| refuse(&lab, 6000));
            // In the midst of writing: there is something already, and more comes.
            let deadline = Instant::now() + Duration::from_secs(60);
            while !unpack(&path).contains("\"type\":\"failure\"") && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            // SAFETY: the child has not been waited for, so the pid is still its own.
            unsafe { libc::kill(recorder.pid().cast_signed(), libc::SIGKILL) };
            flood.join().unwrap();
        });
        drop(recorder);
        let records = records(&path);
        assert!(
            !failures(&records).is_empty(),
            "{name}: {} records",
            records.len()
        );
        assert!(
            !matches!(records.last(), Some(Record::Trailer(_))),
            "{name}"
        );
    }
}

#[test]
fn a_full_disk_is_said_once_and_recording_goes_on() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let disk = Disk::new("full", 512);
    let (path, ballast) = (disk.0.join("trace.jsonl"), disk.0.join("ballast"));
    fs::write(&ballast, vec![0; 400 << 10]).unwrap();
    let recorder = record(&lab, &path, &[]);
    // Far more than what is left, in many bursts.
    for _ in 0..10 {
        refuse(&lab, 100);
        std::thread::sleep(Duration::from_millis(50));
    }
    fs::remove_file(&ballast).unwrap();
    refuse(&lab, 50);
    std::thread::sleep(Duration::from_millis(200));
    let trace = recorder.stop().unwrap();
    ended_well(&trace);
    let said = trace
        .stderr
        .lines()
        .filter(|line| line.contains("cannot write"));
    assert_eq!(said.count(), 1, "{}", trace.stderr);
    let records = records(&path);
    let ledger = &trailer(&records).ledger;
    assert!(ledger.unwritten > 0, "{ledger:#?}");
    assert!(ledger.failures_lost > 0, "{ledger:#?}");
    let written = failures(&records);
    assert_exact(ledger, written.len());
    assert!(
        written.len() >= 50 && written.len() < 1050,
        "{}",
        written.len()
    );
}

#[test]
fn a_rotated_trace_is_bounded_and_each_part_is_whole() {
    const PART: u64 = 64 << 10;
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    for ending in ["jsonl", "jsonl.gz"] {
        let directory = Directory::new("rotate");
        let path = directory.join(&format!("trace.{ending}"));
        fs::write(&path, "{}\n").unwrap();
        fs::write(directory.join("trace-mine.jsonl"), "").unwrap();
        let size = PART.to_string();
        let recorder = record(&lab, &path, &["--rotate-size", &size, "--keep", "3"]);
        refuse(&lab, 6000);
        std::thread::sleep(Duration::from_millis(200));
        ended_well(&recorder.stop().unwrap());
        let mut parts: Vec<PathBuf> = fs::read_dir(&directory.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|part| !part.ends_with("trace-mine.jsonl"))
            .collect();
        assert_eq!(parts.len(), 4, "{parts:?}");
        let parts_seen = |parts: &[PathBuf]| -> Vec<(Option<u32>, Vec<Record>)> {
            let read = |part: &PathBuf| {
                let records = records(part);
                let Record::Header(header) = &records[0] else {
                    unreachable!()
                };
                (header.part, records)
            };
            parts.iter().map(read).collect()
        };
        for part in &parts {
            // A trailer more, and for packed ones a piece.
            let length = fs::metadata(part).unwrap().len();
            assert!(length <= 2 * PART, "{part:?}: {length}");
        }
        parts.retain(|part| *part != path);
        let last = records(&path);
        let mut seen = parts_seen(&parts);
        seen.sort_by_key(|(number, _)| *number);
        let numbers: Vec<u32> = seen.iter().map(|(number, _)| number.unwrap()).collect();
        assert!(
            numbers.windows(2).all(|two| two[1] == two[0] + 1),
            "{numbers:?}"
        );
        let mut ids: Vec<&str> = Vec::new();
        let mut emitted = None;
        for (_, records) in &seen {
            let trailer = trailer(records);
            assert_eq!(trailer.reason, "rotated");
            let here = failures(records);
            // Each part holds what the books grew by.
            if let Some(before) = emitted {
                assert_eq!(trailer.ledger.failures_emitted, before + here.len() as u64);
            }
            emitted = Some(trailer.ledger.failures_emitted);
            ids.extend(here.iter().map(|failure| failure.id.as_str()));
        }
        let end = trailer(&last);
        assert_eq!(end.reason, "interrupted");
        let (emitted, lost) = (end.ledger.failures_emitted, end.ledger.failures_lost);
        assert!(
            emitted <= 6000 && emitted + lost >= 6000,
            "{emitted}, {lost}"
        );
        ids.extend(failures(&last).iter().map(|failure| failure.id.as_str()));
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}

#[test]
fn a_redacted_trace_names_nobody() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("redact"));
    let path = directory.join("trace.jsonl");
    let recorder = record(&lab, &path, &["--redact"]);
    refuse(&lab, 20);
    std::thread::sleep(Duration::from_millis(200));
    ended_well(&recorder.stop().unwrap());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let text = unpack(&path);
    // As a whole word: a short name may be a part of some pseudonym.
    let host = format!("\"{}\"", host.trim());
    for name in ["python", "connect.py", &host] {
        assert!(!text.contains(name), "{name}");
    }
    assert_eq!(failures(&records(&path)).len(), 20);
}

#[test]
fn incidents_are_told_when_they_open_and_when_they_are_over() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("incidents"));
    let path = directory.join("trace.jsonl");
    let recorder = record(&lab, &path, &["--incident-quiet", "1s"]);
    refuse(&lab, 5);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !unpack(&path).contains("\"state\":\"closed\"") && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    // The second one goes on when the run ends: the trace has its last state.
    refuse(&lab, 7);
    std::thread::sleep(Duration::from_millis(200));
    ended_well(&recorder.stop().unwrap());
    let records = records(&path);
    let incidents: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Incident(incident) => Some(&**incident),
            _ => None,
        })
        .collect();
    let closed: Vec<_> = incidents
        .iter()
        .filter(|incident| incident.state == IncidentState::Closed)
        .collect();
    assert_eq!(closed.len(), 1, "{incidents:#?}");
    assert_eq!(
        (closed[0].count, &*closed[0].cause),
        (5, "connection-refused")
    );
    assert!(incidents[0].id == closed[0].id && incidents[0].state == IncidentState::Open);
    let last = incidents.last().unwrap();
    assert_eq!((last.state, last.count), (IncidentState::Open, 7));
    assert_ne!(last.id, closed[0].id);
}

#[test]
fn beside_failures_stands_what_their_namespace_was_doing() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("counters"));
    let path = directory.join("trace.jsonl");
    let recorder = record(&lab, &path, &[]);
    for _ in 0..2 {
        refuse(&lab, 5);
        std::thread::sleep(Duration::from_millis(500));
    }
    ended_well(&recorder.stop().unwrap());
    let records = records(&path);
    let counters: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Counters(counters) => Some(&**counters),
            _ => None,
        })
        .collect();
    assert!(!counters.is_empty());
    let own = lab.inode(Place::Client);
    assert!(counters.iter().all(|one| one.netns == own), "{counters:#?}");
    let failed =
        |one: &&tracer_user::record::Counters| one.counters.get("TcpAttemptFails").copied();
    assert_eq!(
        counters.iter().filter_map(failed).sum::<u64>(),
        10,
        "{counters:#?}"
    );
    let told: Vec<_> = counters
        .iter()
        .filter(|one| !one.sysctls.is_empty())
        .collect();
    assert_eq!(told.len(), 1, "{counters:#?}");
    assert!(told[0].sysctls.contains_key("net.ipv4.tcp_syn_retries"));
}

#[test]
fn one_file_has_one_writer() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("busy"));
    let path = directory.join("trace.jsonl");
    let recorder = record(&lab, &path, &[]);
    refuse(&lab, 5);
    let name = path.to_string_lossy();
    for more in [&[][..], &["--rotate-size", "1MiB"]] {
        let done = tracer::once(&[&["record", "-o", &name], more].concat()).unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains("another process"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // The terminal goes: an end like any other.
    // SAFETY: the child has not been waited for, so the pid is still its own.
    unsafe { libc::kill(recorder.pid().cast_signed(), libc::SIGHUP) };
    ended_well(&recorder.stop().unwrap());
    let records = records(&path);
    assert_eq!(failures(&records).len(), 5);
    assert_eq!(trailer(&records).reason, "interrupted");
}

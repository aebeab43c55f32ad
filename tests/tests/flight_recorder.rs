//! `tcpwhy record --last`: what was there before the alarm.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tests::{
    lock::Host,
    net::Lab,
    recorder::{Directory, assert_exact, failures, record, records, refuse, trailer},
    runner, tracer,
};

fn wait_for(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(
            Instant::now() < deadline,
            "{} was not written",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(pid: u32) {
    // SAFETY: the recorder has not been waited for, so the pid is still its own.
    unsafe { libc::kill(pid.cast_signed(), libc::SIGUSR1) };
}

#[test]
fn what_is_held_is_written_when_asked_for_and_at_the_end() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("ask"));
    let path = directory.join("trace.jsonl");
    fs::write(&path, "an earlier trace").unwrap();
    let recorder = record(&lab, &path, &["--last", "10m"]);
    refuse(&lab, 20);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(fs::read_to_string(&path).unwrap(), "an earlier trace");

    let pid = recorder.pid().to_string();
    let done = tracer::once(&["dump", "--pid", &pid]).unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(
        said.contains(&*path.to_string_lossy()) && said.contains(&pid),
        "{said}"
    );
    let dumped = records(&path);
    assert_eq!(failures(&dumped).len(), 20);
    assert_eq!(trailer(&dumped).reason, "dump");
    assert_exact(&trailer(&dumped).ledger, 20);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );

    fs::remove_file(&path).unwrap();
    refuse(&lab, 5);
    std::thread::sleep(Duration::from_millis(200));
    signal(recorder.pid());
    wait_for(&path);
    let dumped = records(&path);
    assert_eq!(
        (failures(&dumped).len(), &*trailer(&dumped).reason),
        (25, "signal")
    );

    let trace = recorder.stop().unwrap();
    assert!(trace.status.success(), "{}: {}", trace.status, trace.stderr);
    let last = records(&path);
    assert_eq!(
        (failures(&last).len(), &*trailer(&last).reason),
        (25, "interrupted")
    );
    // The earlier trace and the dump of the signal were put aside.
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 3);

    let done = tracer::once(&["dump", "--pid", &pid]).unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&done.stderr).lines().count(), 1);
}

#[test]
fn a_burst_writes_what_was_there_before_it_once() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("burst"));
    let path = directory.join("trace.jsonl.gz");
    let recorder = record(&lab, &path, &["--last", "10m", "--on-burst", "100/60"]);
    refuse(&lab, 10);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!path.exists());
    refuse(&lab, 200);
    wait_for(&path);
    let dumped = records(&path);
    let before = failures(&dumped).len();
    assert!((100..=210).contains(&before), "{before}");
    assert_eq!(trailer(&dumped).reason, "burst");
    fs::remove_file(&path).unwrap();
    refuse(&lab, 50);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!path.exists(), "the burst is the same");
    let trace = recorder.stop().unwrap();
    assert!(trace.status.success(), "{}: {}", trace.status, trace.stderr);
    assert_eq!(failures(&records(&path)).len(), 260);
}

#[test]
fn memory_is_bounded_and_the_trace_says_what_went() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("memory"));
    let path: PathBuf = directory.join("trace.jsonl");
    let recorder = record(&lab, &path, &["--last", "10m", "--memory", "256KiB"]);
    refuse(&lab, 3000);
    std::thread::sleep(Duration::from_millis(300));
    let trace = recorder.stop().unwrap();
    assert!(trace.status.success(), "{}: {}", trace.status, trace.stderr);
    assert!(fs::metadata(&path).unwrap().len() < 300 << 10);
    let records = records(&path);
    let (held, ledger) = (failures(&records).len() as u64, &trailer(&records).ledger);
    let forgotten = ledger.forgotten.clone().unwrap();
    assert!(held > 20, "{held}");
    assert_eq!(ledger.failures_emitted, held);
    let all = held + forgotten.failures;
    assert!(
        all <= 3000 && all + ledger.failures_lost >= 3000,
        "{ledger:#?}"
    );
    assert!(forgotten.evicted >= forgotten.failures, "{forgotten:?}");
    assert_eq!(forgotten.expired, 0);
}

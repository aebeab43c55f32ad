//! A scripted outage of a web service, and what the report makes of it: as one host saw it, and as
//! two hosts did whose clocks differ.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command, time::Duration};

use jiff::Timestamp;
use serde_json::Value;
use tests::{
    lock::Host,
    net::{Lab, Place},
    recorder::{Directory, failures, record, records},
    report, runner,
    service::{BACKENDS, Service, WAITING},
    shell,
    tracer::{self, Tracer},
};
use tracer_user::record::Family;

/// What the script did, and when.
struct Script {
    /// Times of the phases: firewall rule, full queue, stopped backend, and the end.
    phases: [Timestamp; 4],
    /// How many connections failed in each phase, as nginx tells it.
    failed: [u64; 3],
    worker: u32,
    backend: u32,
}

/// A firewall rule appears before one backend and goes; the other one hangs until its accept queue
/// is full, and is stopped then.
fn play(lab: &Lab, service: &mut Service<'_>) -> Script {
    let sh = |script: &str| lab.sh(Place::Server, Family::Ipv4, script).unwrap();
    service.ask(6, 1);
    let rule = Timestamp::now();
    sh(&format!(
        "nft 'add table inet t; add chain inet t i {{ type filter hook input priority 0; }}; \
         add rule inet t i tcp dport {} drop'",
        BACKENDS[0]
    ));
    service.ask(8, 8);
    sh("nft delete table inet t");
    service.ask(4, 1);
    let hang = Timestamp::now();
    let backend = service.hang(1);
    // In turn to either backend: three more than there is room for.
    service.ask(2 * (WAITING + 3), 2 * (WAITING + 3));
    let stop = Timestamp::now();
    service.stop(1);
    service.ask(8, 1);
    let timed_out = libc::ETIMEDOUT;
    Script {
        phases: [rule, hang, stop, Timestamp::now()],
        failed: [
            service.failed(0, timed_out),
            service.failed(1, timed_out),
            service.failed(1, libc::ECONNREFUSED),
        ],
        worker: service.worker(),
        backend,
    }
}

/// Cause, count, process and destination of an incident.
fn gist(incident: &Value) -> (String, u64, u64, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let end = ["remote", "local"].map(|end| &incident[end]);
    let end = end.into_iter().find(|end| !end.is_null()).unwrap();
    (
        text(&incident["cause"]),
        incident["count"].as_u64().unwrap(),
        incident["process"]["pid"].as_u64().unwrap_or(0),
        format!("{}:{}", text(&end["addr"]), end["port"]),
    )
}

/// The three incidents of the script, as nginx's host has them.
fn expected(lab: &Lab, script: &Script) -> [(String, u64, u64, String); 3] {
    let server = lab.address(Place::Server, Family::Ipv4);
    let causes = ["firewall-drop", "accept-queue-full", "connection-refused"];
    let ports = [BACKENDS[0], BACKENDS[1], BACKENDS[1]];
    [0, 1, 2].map(|nth| {
        let end = format!("{server}:{}", ports[nth]);
        let (count, pid) = (script.failed[nth], script.worker.into());
        (causes[nth].to_owned(), count, pid, end)
    })
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn an_outage_is_told_incident_by_incident_and_nothing_else() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("outage"));
    let path = directory.join("trace.jsonl.gz");
    let mut service = Service::new(&lab, directory.0.clone());
    let recorder = record(&lab, &path, &["--all"]);
    let script = play(&lab, &mut service);
    recorder.stop().unwrap();
    assert_eq!(script.failed, [4, 3, 4]);

    let report = report::json(&[&path], &[]);
    let stories = report["incidents"].as_array().unwrap();
    let incidents: Vec<&Value> = stories.iter().map(|story| &story["incident"]).collect();
    let found: Vec<_> = incidents.iter().copied().map(gist).collect();
    assert_eq!(found, expected(&lab, &script), "{report:#}");
    for (nth, incident) in incidents.iter().enumerate() {
        assert_eq!(incident["severity"], "critical", "{incident:#}");
        assert_eq!(incident["process"]["comm"], "nginx", "{incident:#}");
        let id = incident["id"].as_str().unwrap();
        assert!(id.ends_with(&format!("-00{}", nth + 1)), "{id}");
        let phase = script.phases[nth]..=script.phases[nth + 1];
        for end in ["first", "last"] {
            let time = time(&incident[end]);
            assert!(phase.contains(&time), "{end} {time} not in {phase:?}");
        }
    }
    let queue = incidents[1]["summary"].as_str().unwrap();
    let backend = format!("python3[{}]", script.backend);
    assert!(queue.contains(&backend), "{queue}");
    assert_eq!(report["overview"]["failures"], 11);
    assert_eq!(report["sources"][0]["cut_short"], false);
    assert_eq!(report["sources"][0]["problems"], serde_json::json!([]));

    // One connection, and one incident.
    let written = records(&path);
    let all = failures(&written);
    let one = report::text(&[&path], &["--connection", &all[5].id]);
    assert!(one.contains("ONE CONNECTION"), "{one}");
    let id = incidents[1]["id"].as_str().unwrap();
    let only = report::json(&[&path], &["--incident", id]);
    assert_eq!(only["incidents"].as_array().unwrap().len(), 1);
    assert_eq!(only["incidents"][0]["incident"]["id"], *id);
}

/// `tcpwhy record` of one end's namespace, on a host of another name whose clock is ahead by so much:
/// its reading of the clock is changed on the way, so that it takes it for the truth.
fn record_on(host: &str, ahead: &str, lab: &Lab, place: Place, file: &Path) -> Tracer {
    let list = shell::output(Command::new("dpkg").args(["-L", "libfaketime"])).unwrap();
    let library = list.lines().find(|line| line.ends_with("MT.so.1")).unwrap();
    let script = format!(
        "echo {host} > /proc/sys/kernel/hostname
         export LD_PRELOAD={library} FAKETIME={ahead} FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1
         exec {} record --all --netns {} -o {}",
        tracer::binary().unwrap().display(),
        lab.inode(place),
        file.display()
    );
    let mut command = Command::new("unshare");
    command.args(["--uts", "sh", "-euc", &script]);
    Tracer::start(command).unwrap()
}

#[test]
fn two_hosts_whose_clocks_differ_tell_one_story() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let (lab, directory) = (Lab::new().unwrap(), Directory::new("two-hosts"));
    let paths = ["web.jsonl.gz", "db.jsonl.gz"].map(|name| directory.join(name));
    let mut service = Service::new(&lab, directory.0.clone());
    let web = record_on("web1", "+0", &lab, Place::Client, &paths[0]);
    let db = record_on("db1", "+7", &lab, Place::Server, &paths[1]);
    let script = play(&lab, &mut service);
    web.stop().unwrap();
    db.stop().unwrap();

    let report = report::json(&[&paths[0], &paths[1]], &[]);
    let clock = &report["clocks"][0];
    assert_eq!(
        (&clock["host"], &clock["reference"]),
        (&"db1".into(), &"web1".into())
    );
    // TCP's own clock, by which the server's ends tell when they came up, ticks at least every 10 ms.
    let ahead_ms = clock["ahead_ns"].as_i64().unwrap() / 1_000_000;
    assert!((6_980..=7_020).contains(&ahead_ms), "{clock:#}");

    for source in report["sources"].as_array().unwrap() {
        assert_eq!(source["problems"], serde_json::json!([]));
    }
    let stories = report["incidents"].as_array().unwrap();
    let (web, db): (Vec<&Value>, Vec<&Value>) =
        stories.iter().partition(|story| story["host"] == "web1");
    let found: Vec<_> = web.iter().map(|story| gist(&story["incident"])).collect();
    assert_eq!(found, expected(&lab, &script), "{report:#}");
    // What the other host has to say of it: the listener that was full, and nothing of the others.
    let others = web.iter().map(|story| story["other_ends"].as_array());
    let others: Vec<usize> = others.map(|ends| ends.map_or(0, Vec::len)).collect();
    assert_eq!(others, [0, 1, 0], "{report:#}");
    let listener = &web[1]["other_ends"][0];
    assert_eq!(listener["cause"], "accept-queue-full", "{listener:#}");
    assert_eq!(listener["joined"], script.failed[1], "{listener:#}");
    let summary = listener["summary"].as_str().unwrap();
    assert!(
        summary.contains(&format!("python3[{}]", script.backend)),
        "{summary}"
    );

    // Those that waited in its queue when it was stopped: they had come up, so that only its own host
    // knows, by its own clock.
    let [left] = db[..] else { panic!("{report:#}") };
    let server = lab.address(Place::Server, Family::Ipv4);
    let end = format!("{server}:{}", BACKENDS[1]);
    let left = &left["incident"];
    let waited = (
        "reset-by-local".to_owned(),
        u64::from(WAITING),
        script.backend.into(),
        end,
    );
    assert_eq!(gist(left), waited, "{report:#}");
    let within = Duration::from_millis(20);
    let phase = script.phases[2] - within..=script.phases[3] + within;
    assert!(phase.contains(&time(&left["first"])), "{left:#}");
}

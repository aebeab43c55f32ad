//! Every scenario of the table, through the real binary: idle, and with every CPU kept busy.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::Value;
use tests::{
    hog::{BYSTANDER, Hog},
    lock::Host,
    runner,
    scenario::{self, Scenario},
    tracer::{self, Trace, Tracer},
    unseen::Unseen,
};
use tracer_user::record::Failure;

/// What no tracer can see (see [`tests::unseen`]) is played again.
const PLAYS: usize = 4;
/// So many may be played again where neither a record says that an end was told late, nor ftrace that
/// the kernel ran no program.
const UNEXPLAINED: usize = 2;
/// So many at most for what ftrace saw: it counts other traffic, too.
const UNSEEN: usize = 10;
/// Runs of programs that the kernel may skip in one play, since one ran on that CPU already: each is
/// counted, and told as lost of all connections that were under way then.
const MISSED: u64 = 3;

fn play_all() -> Trace {
    let unseen = Unseen::count().unwrap();
    let (first, mut wrong) = play(&scenario::all());
    let mut late = told_late(&first);
    let mut missed = missed(&first);
    for _ in 1..PLAYS {
        if wrong.is_empty() {
            return first;
        }
        let skipped = unseen.so_far().unwrap();
        let lossy = wrong.values().filter(|it| it.contains(LOST)).count();
        let lossy = if (1..=MISSED).contains(&missed) {
            lossy
        } else {
            0
        };
        let what = format!("{late} told late, {skipped} unseen, {missed} missed: {wrong:#?}");
        eprintln!("not as expected; {what}");
        let most = late + skipped.min(UNSEEN) + UNEXPLAINED + lossy;
        assert!(wrong.len() <= most, "{what}");
        let again: Vec<Scenario> = scenario::all()
            .into_iter()
            .filter(|it| wrong.contains_key(&it.name))
            .collect();
        let (trace, still) = play(&again);
        late = told_late(&trace);
        missed = self::missed(&trace);
        wrong = still;
    }
    assert!(wrong.is_empty(), "again and again: {wrong:#?}");
    first
}

/// How a row says that a record tells of a loss.
const LOST: &str = "lost: expected 0";

/// Runs of programs that the kernel skipped, by the ledger.
fn missed(trace: &Trace) -> u64 {
    let hooks = trace.trailer().unwrap().ledger.hooks.values();
    hooks.map(|hook| hook.missed).sum()
}

/// Failures whose end another hook had to tell.
fn told_late(trace: &Trace) -> usize {
    let late = |failure: &&Failure| {
        let mut missing = failure.missing.iter();
        missing.any(|what| what.starts_with("how and when it ended"))
    };
    trace.failures().filter(late).count()
}

/// Plays scenarios; what was not as expected, by name.
fn play(chosen: &[Scenario]) -> (Trace, BTreeMap<String, String>) {
    let tracer = Tracer::watch(&[]).unwrap();
    let happened = runner::run(chosen, Some(&tracer));
    let trace = tracer.stop().unwrap();
    assert!(trace.status.success(), "{}: {}", trace.status, trace.stderr);
    assert_schema(&trace);
    let failures: Vec<&Failure> = trace.failures().collect();
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    for (scenario, done) in &happened {
        let name = scenario.name.clone();
        match done {
            Err(error) => *wrong.entry(name).or_default() += &format!("{error:#}\n"),
            Ok(it) => {
                for one in it.mismatches(Some(&failures)) {
                    let (expected, got) = (&one.expected, &one.got);
                    *wrong.entry(name.clone()).or_default() +=
                        &format!("{}: expected {expected}, got {got}\n", one.what);
                }
            }
        }
    }
    (trace, wrong)
}

/// Every record is as `tcpwhy schema` says.
fn assert_schema(trace: &Trace) {
    let printed = tracer::once(&["schema"]).unwrap();
    let schema: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(!trace.lines.is_empty());
    for line in &trace.lines {
        let record: Value = serde_json::from_str(line).unwrap();
        if let Err(why) = validator.validate(&record) {
            panic!("{why}: {line}");
        }
    }
}

#[test]
fn every_scenario_is_told_as_it_happened() {
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
    let trace = play_all();
    trace.trailer().unwrap();
}

#[test]
fn no_bystander_is_blamed_while_every_cpu_is_busy() {
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
    let hog = Hog::start().unwrap();
    let trace = play_all();
    for process in trace
        .failures()
        .filter_map(|failure| failure.process.as_ref())
    {
        assert!(
            !hog.has(process.pid) && process.comm != BYSTANDER,
            "{process:?}"
        );
    }
}

#[test]
fn names_of_scenarios_are_unique() {
    let mut names: Vec<String> = scenario::all().into_iter().map(|it| it.name).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(all, names.len());
}

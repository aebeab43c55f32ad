//! Every scenario of the table, through the real binary: idle, and with every CPU kept busy.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use tests::{
    hog::{BYSTANDER, Hog},
    lock::Host,
    runner, scenario,
    tracer::{Trace, Tracer},
};
use tracer_user::record::Failure;

fn play_all() -> Trace {
    let tracer = Tracer::watch(&[]).unwrap();
    let happened = runner::run(&scenario::all(), Some(&tracer));
    let trace = tracer.stop().unwrap();
    assert!(trace.status.success(), "{}: {}", trace.status, trace.stderr);
    let failures: Vec<&Failure> = trace.failures().collect();
    let mut wrong = String::new();
    for (scenario, done) in &happened {
        match done {
            Err(error) => wrong += &format!("{}: {error:#}\n", scenario.name),
            Ok(it) => {
                for one in it.mismatches(Some(&failures)) {
                    let (expected, got) = (&one.expected, &one.got);
                    let name = &scenario.name;
                    wrong += &format!("{name}: {}: expected {expected}, got {got}\n", one.what);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    trace
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

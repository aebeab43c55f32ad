//! What is told of a connection beyond its own socket, on a host that has nothing else to do.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use tests::{judge, lock::Host, runner, scenario, tracer::Tracer};
use tracer_user::record::Failure;

/// What else runs on the host may be in the way once.
const PLAYS: usize = 3;

#[test]
fn translations_and_the_other_end_are_told() {
    runner::prepare().unwrap();
    let _host = Host::alone().unwrap();
    let all = scenario::all().into_iter();
    let mut chosen: Vec<_> = all.filter(scenario::Scenario::looks_beyond).collect();
    assert!(chosen.len() > 4, "{chosen:?}");
    for _ in 0..PLAYS {
        let tracer = Tracer::watch(&[]).unwrap();
        let happened = runner::run(&chosen, Some(&tracer));
        let trace = tracer.stop().unwrap();
        let failures: Vec<&Failure> = trace.failures().collect();
        let mut wrong = Vec::new();
        chosen.clear();
        for (scenario, done) in happened {
            let done = done.unwrap();
            let found = judge::beyond(&scenario, &done.lab, &done.story, &failures);
            if !found.is_empty() {
                wrong.push(format!("{}: {found:#?}", scenario.name));
                chosen.push(scenario);
            }
        }
        if chosen.is_empty() {
            return;
        }
        eprintln!("not as expected: {wrong:#?}");
    }
    panic!("again and again");
}

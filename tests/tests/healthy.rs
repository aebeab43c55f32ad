//! Ordinary traffic by real programs is no failure, and what truly fails among it is told.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use tests::{lock::Host, net::Lab, ordinary, runner, tracer::Tracer};

/// `lab --healthy 100000` is the long form.
const CONNECTIONS: u32 = 20_000;

#[test]
fn ordinary_traffic_of_real_programs_raises_no_alarm() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let truth = ordinary::run(&lab, CONNECTIONS).unwrap();
    ordinary::wait_for(&tracer, &lab, &truth);
    let trace = tracer.stop().unwrap();
    assert!(truth.connections >= u64::from(CONNECTIONS), "{truth:?}");
    let ledger = &trace.trailer().unwrap().ledger;
    assert_eq!(ledger.failures_lost, 0, "{ledger:#?}");
    let wrong = ordinary::wrong(&lab, &truth, &trace);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

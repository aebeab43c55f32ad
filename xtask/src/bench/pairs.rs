//! The same workload without and with tcpwhy, interleaved.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::quartiles::Quartiles;
use super::tracer::Tracer;
use crate::step;

/// Network namespaces and hooks that have just gone still cost a little.
const SETTLE: Duration = Duration::from_millis(100);

/// What a churn run does.
pub(crate) struct Workload {
    pub(crate) connections: u32,
    pub(crate) refused: bool,
    pub(crate) cpu: Option<usize>,
}

/// What one churn run took, in seconds.
#[derive(Clone, Copy, Debug)]
struct Sample {
    cpu: f64,
    wall: f64,
}

/// Three runs in a row: without tcpwhy, with it, and without it again.
struct Round {
    without: Sample,
    with: Sample,
    null: Sample,
    /// What tcpwhy itself used of the CPU meanwhile, in seconds.
    tracer: f64,
}

/// Ratios of one measure: with/without, and without/without for the noise.
pub(crate) struct Ratios {
    pub(crate) with: Quartiles,
    pub(crate) null: Quartiles,
}

/// What tcpwhy changed.
pub(crate) struct Comparison {
    pub(crate) cpu: Ratios,
    pub(crate) wall: Ratios,
    /// Connections a second.
    pub(crate) rate_without: Quartiles,
    pub(crate) rate_with: Quartiles,
    /// tcpwhy's own CPU time, in microseconds a connection.
    pub(crate) tracer_us: Quartiles,
}

impl Workload {
    /// Runs it once, in a process and a network namespace of its own.
    pub(crate) fn run(&self) -> Result<()> {
        self.sample().map(drop)
    }

    fn sample(&self) -> Result<Sample> {
        thread::sleep(SETTLE);
        let mut churn = Command::new(std::env::current_exe()?);
        churn.args(["churn", "--connections", &self.connections.to_string()]);
        if self.refused {
            churn.arg("--refused");
        }
        if let Some(cpu) = self.cpu {
            churn.args(["--cpu", &cpu.to_string()]);
        }
        let figures: Value = serde_json::from_str(&step::output(&mut churn)?)?;
        let seconds = |key: &str| figures[key].as_f64().map(|nanoseconds| nanoseconds / 1e9);
        let sample = seconds("cpu_ns").zip(seconds("wall_ns"));
        let (cpu, wall) = sample.context("churn printed no figures")?;
        Ok(Sample { cpu, wall })
    }

    /// One round; every other one is in reverse, so that a drift does not favour a side.
    fn round(&self, tcpwhy: &Path, reverse: bool) -> Result<Round> {
        let first = self.sample()?;
        let tracer = Tracer::start(tcpwhy)?;
        let before = tracer.cpu_time()?;
        let with = self.sample()?;
        let used = tracer.cpu_time()?.saturating_sub(before).as_secs_f64();
        tracer.stop()?;
        let last = self.sample()?;
        let (without, null) = if reverse {
            (last, first)
        } else {
            (first, last)
        };
        Ok(Round {
            without,
            with,
            null,
            tracer: used,
        })
    }
}

/// Runs `pairs` rounds.
pub(crate) fn compare(workload: &Workload, pairs: u32, tcpwhy: &Path) -> Result<Comparison> {
    let rounds: Vec<Round> = (0..pairs)
        .map(|n| workload.round(tcpwhy, n % 2 == 1))
        .collect::<Result<_>>()?;
    let connections = f64::from(workload.connections);
    let over = |value: &dyn Fn(&Round) -> f64| {
        Quartiles::of(rounds.iter().map(value)).context("no round was measured")
    };
    Ok(Comparison {
        cpu: Ratios {
            with: over(&|round| round.with.cpu / round.without.cpu)?,
            null: over(&|round| round.null.cpu / round.without.cpu)?,
        },
        wall: Ratios {
            with: over(&|round| round.with.wall / round.without.wall)?,
            null: over(&|round| round.null.wall / round.without.wall)?,
        },
        rate_without: over(&|round| connections / round.without.wall)?,
        rate_with: over(&|round| connections / round.with.wall)?,
        tracer_us: over(&|round| round.tracer * 1e6 / connections)?,
    })
}

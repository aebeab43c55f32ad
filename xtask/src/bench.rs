//! `cargo xtask bench`: what tracing costs. Figures, never pass or fail.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::project::Project;
use crate::{root, setup};

mod pairs;
mod program;
mod quartiles;
mod report;
mod tracer;

use pairs::{Comparison, Workload};
use quartiles::Quartiles;
use tracer::Tracer;

/// Measures what tcpwhy costs on this host: first figures, never pass or fail.
///
/// Each round runs the same short workload without tcpwhy, with `tcpwhy watch`, and without it
/// again: with/without is the cost, without/without (the null comparison) is the noise. The
/// workload is one process that holds both ends, in a fresh network namespace. In-kernel time
/// comes from the kernel's own BPF run-time statistics, which are on for that part only.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench                                all figures, a few minutes
  cargo xtask bench --pairs 30 --cpu 1             finer: more rounds, on one CPU
  cargo xtask bench --format json > bench.json     for a machine to read
  cargo xtask bench --tcpwhy /usr/bin/tcpwhy       another build")]
pub(crate) struct Args {
    /// Rounds of each comparison
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Healthy connections in each run
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    connections: u32,
    /// Refused connections in each run
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    refused: u32,
    /// How often the time to readiness is measured
    #[arg(long, default_value_t = 11, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,
    /// Run the workload on this CPU only
    #[arg(long, value_name = "CPU")]
    cpu: Option<usize>,
    /// Measure this tcpwhy instead of building one
    #[arg(long, value_name = "PATH")]
    tcpwhy: Option<PathBuf>,
    /// How the figures are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// All that was measured.
struct Figures {
    ready_ms: Quartiles,
    healthy: Comparison,
    refused: Comparison,
    programs: Vec<program::Cost>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let tcpwhy = match &args.tcpwhy {
        Some(path) => path
            .canonicalize()
            .with_context(|| format!("cannot measure {}", path.display()))?,
        None => {
            setup::toolchain()?;
            Project::find()?.build_tcpwhy()?
        }
    };
    if !root::is_root() {
        return as_root(args, &tcpwhy);
    }
    let figures = measure(args, &tcpwhy)?;
    match args.format {
        Format::Text => report::text(args, &figures),
        Format::Json => report::json(args, &figures)?,
    }
    Ok(())
}

/// The same command, as root, with the tcpwhy that was built.
fn as_root(args: &Args, tcpwhy: &std::path::Path) -> Result<()> {
    let mut command = root::command(&std::env::current_exe()?, &[])?;
    command.args([
        "bench",
        "--format",
        if args.format == Format::Json {
            "json"
        } else {
            "text"
        },
    ]);
    command.args(["--pairs", &args.pairs.to_string()]);
    command.args(["--connections", &args.connections.to_string()]);
    command.args(["--refused", &args.refused.to_string()]);
    command.args(["--starts", &args.starts.to_string()]);
    if let Some(cpu) = args.cpu {
        command.args(["--cpu", &cpu.to_string()]);
    }
    root::exec(command.arg("--tcpwhy").arg(tcpwhy))
}

fn measure(args: &Args, tcpwhy: &std::path::Path) -> Result<Figures> {
    let healthy = Workload {
        connections: args.connections,
        refused: false,
        cpu: args.cpu,
    };
    let refused = Workload {
        connections: args.refused,
        refused: true,
        cpu: args.cpu,
    };
    eprintln!("bench: time to readiness, {} starts", args.starts);
    let mut ready_ms = Vec::new();
    for _ in 0..args.starts {
        let tracer = Tracer::start(tcpwhy)?;
        ready_ms.push(milliseconds(tracer.ready_after));
        tracer.stop()?;
    }
    eprintln!(
        "bench: healthy connections, {} rounds of 3 x {}",
        args.pairs, args.connections
    );
    let healthy_pairs = pairs::compare(&healthy, args.pairs, tcpwhy)?;
    eprintln!(
        "bench: refused connections, {} rounds of 3 x {}",
        args.pairs, args.refused
    );
    let refused = pairs::compare(&refused, args.pairs, tcpwhy)?;
    eprintln!("bench: in-kernel time of the BPF programs");
    let programs = program::costs(&healthy, tcpwhy)?;
    Ok(Figures {
        ready_ms: Quartiles::of(ready_ms).context("no start was measured")?,
        healthy: healthy_pairs,
        refused,
        programs,
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

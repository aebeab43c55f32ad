//! The figures, as a table and as JSON.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use super::pairs::{Comparison, Ratios};
use super::{Args, Figures, Quartiles};

/// Prints the figures for people.
pub(crate) fn text(args: &Args, figures: &Figures) {
    println!("Linux {}, {} CPUs", kernel(), cpus());
    let mut title = format!(
        "{} rounds of {} healthy connections",
        args.pairs, args.connections
    );
    comparison(&title, &figures.healthy);
    title = format!(
        "{} rounds of {} refused connections",
        args.pairs, args.refused
    );
    comparison(&title, &figures.refused);
    println!(
        "\n{:<44} {:>10} {:>10} {:>10}",
        "start-up, ms", "median", "q1", "q3"
    );
    row("from the start to `tcpwhy: ready`", &figures.ready_ms, 1);
    programs(figures);
}

fn comparison(title: &str, figures: &Comparison) {
    println!("\n{title:<44} {:>10} {:>10} {:>10}", "median", "q1", "q3");
    row(
        "CPU time of the workload, with / without",
        &figures.cpu.with,
        3,
    );
    row("  null comparison, without / without", &figures.cpu.null, 3);
    row(
        "wall time of the workload, with / without",
        &figures.wall.with,
        3,
    );
    row(
        "  null comparison, without / without",
        &figures.wall.null,
        3,
    );
    row("connections a second, without", &figures.rate_without, 0);
    row("connections a second, with", &figures.rate_with, 0);
    row(
        "tcpwhy's own CPU time, us a connection",
        &figures.tracer_us,
        2,
    );
}

fn row(name: &str, values: &Quartiles, digits: usize) {
    let Quartiles { low, median, high } = values;
    println!("{name:<44} {median:>10.digits$} {low:>10.digits$} {high:>10.digits$}");
}

fn programs(figures: &Figures) {
    println!(
        "\n{:<44} {:>10} {:>10} {:>10}",
        "in-kernel time, healthy connections", "runs", "ns/run", "ns/conn"
    );
    for program in &figures.programs {
        println!(
            "{:<44} {:>10} {:>10.0} {:>10.0}",
            format!("{} (id {})", program.name, program.id),
            program.runs,
            program.ns_per_run,
            program.ns_per_connection
        );
    }
    println!(
        "{:<44} {:>32.0}",
        "all programs, a healthy connection",
        in_kernel(figures)
    );
}

/// In-kernel time of all programs together, in nanoseconds a healthy connection.
fn in_kernel(figures: &Figures) -> f64 {
    figures
        .programs
        .iter()
        .map(|program| program.ns_per_connection)
        .sum()
}

/// Prints the figures for machines: one JSON object.
pub(crate) fn json(args: &Args, figures: &Figures) -> Result<()> {
    let programs: Vec<Value> = figures
        .programs
        .iter()
        .map(|program| {
            json!({
                "id": program.id,
                "name": program.name,
                "runs": program.runs,
                "ns_per_run": program.ns_per_run,
                "ns_per_connection": program.ns_per_connection,
            })
        })
        .collect();
    let object = json!({
        "kernel": kernel(),
        "cpus": cpus(),
        "rounds": args.pairs,
        "pinned_to_cpu": args.cpu,
        "healthy": comparison_json(args.connections, &figures.healthy),
        "refused": comparison_json(args.refused, &figures.refused),
        "ready_ms": figures.ready_ms.json(),
        "in_kernel": {"programs": programs, "ns_per_connection": in_kernel(figures)},
    });
    println!("{}", serde_json::to_string_pretty(&object)?);
    Ok(())
}

fn comparison_json(connections: u32, figures: &Comparison) -> Value {
    let ratios = |ratios: &Ratios| json!({"with_over_without": ratios.with.json(), "null": ratios.null.json()});
    json!({
        "connections": connections,
        "cpu": ratios(&figures.cpu),
        "wall": ratios(&figures.wall),
        "per_second_without": figures.rate_without.json(),
        "per_second_with": figures.rate_with.json(),
        "tcpwhy_cpu_us_per_connection": figures.tracer_us.json(),
    })
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.trim_end().to_owned()
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

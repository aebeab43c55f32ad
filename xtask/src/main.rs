//! Set-up, build, run, test and measuring commands of the project: `cargo xtask --help`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod bench_report;
mod churn;
mod docs;
mod lab;
mod lint;
mod project;
mod root;
mod run;
mod setup;
mod step;
mod test;
mod vm;

/// Set-up, build, run, test and measuring commands of tcpwhy.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask run                      tail failures, as `tcpwhy` does
  cargo xtask run -- doctor            what this kernel lets tcpwhy see
  cargo xtask test                     everything that CI checks
  cargo xtask lab                      the failures that the lab can make
  cargo xtask bench --format json      what tracing costs, for a machine to read";

#[derive(Subcommand)]
enum Task {
    Run(run::Args),
    Test(test::Args),
    Lint(lint::Args),
    Lab(lab::Args),
    Bench(bench::Args),
    BenchReport(bench_report::Args),
    Docs(docs::Args),
    Setup(setup::Args),
    Churn(churn::Args),
    Vm(vm::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Task::Run(args) => run::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Lint(args) => lint::run(&args),
        Task::Lab(args) => lab::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::BenchReport(args) => bench_report::run(&args),
        Task::Docs(args) => docs::run(&args),
        Task::Setup(args) => setup::run(&args),
        Task::Churn(args) => churn::run(&args),
        Task::Vm(args) => vm::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! The command line.

mod common;
mod completions;
mod doctor;
mod explain;
mod export;
mod record;
mod replay;
mod report;
mod run;
mod schema;
#[cfg(test)]
mod tests;
mod usage;
pub(crate) mod value;
mod watch;

use std::process;

use clap::{Parser, Subcommand, error::ErrorKind};

pub use self::{
    common::{Color, Common, Display, Limits},
    completions::Completions,
    doctor::{Doctor, DoctorFormat},
    explain::{Explain, ExplainFormat},
    export::Export,
    record::{Dump, Record},
    replay::Replay,
    report::Report,
    run::Run,
    schema::{Schema, SchemaOf},
    usage::USAGE_ERROR,
    watch::Watch,
};

/// Why did this TCP connection fail?
///
/// Names the process, the socket, the kernel's own drop reason, the root cause and what to do about
/// it, for every TCP connection on this host that fails. Without a command: watch.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "tcpwhy",
    bin_name = "tcpwhy",
    version,
    args_conflicts_with_subcommands = true,
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do; without one, [`Command::Watch`] with [`Cli::watch`].
    #[command(subcommand)]
    command: Option<Command>,
    /// The flags of `watch`, where the word is left out.
    #[command(flatten)]
    watch: Watch,
}

impl Cli {
    /// The command to run.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Watch(self.watch))
    }
}

/// What tcpwhy can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show failed connections as they happen, each with its cause
    Watch(Watch),
    /// Run a command and show why its connections fail (and those of its descendants)
    Run(Run),
    /// Write failures, and all that belongs to them, to a file: for a postmortem
    Record(Record),
    /// Judge a recorded trace (record --events) anew, on any machine
    Replay(Replay),
    /// Let running recorders (record --last) write what they hold
    Dump(Dump),
    /// Turn a trace into the format of another tool: Perfetto, CSV, OpenTelemetry
    Export(Export),
    /// Tell the story of recorded traces: incidents, causes, a timeline, what to do
    Report(Report),
    /// Explain a cause, a drop or reset reason, or an errno; without one, show the fault tree
    Explain(Explain),
    /// Say what this kernel lets tcpwhy see, what it does not, and why
    Doctor(Doctor),
    /// Print the JSON Schema of the records, or of the report
    Schema(Schema),
    /// Print the completions of a shell
    Completions(Completions),
    /// Print the manual page (tcpwhy man | man -l -)
    Man,
}

const EXAMPLES: &str = "\
Examples:
  tcpwhy                                   every failure on this host, as it happens
  tcpwhy --port 443 --comm curl            only curl's, on port 443
  tcpwhy watch --format json --count 10    ten failures, one JSON object a line
  tcpwhy run -- curl https://example.com   why does this command not connect?
  tcpwhy record -o trace.jsonl.gz          a trace for the postmortem
  tcpwhy report trace.jsonl.gz             what happened, from such a trace
  tcpwhy export trace.jsonl --to csv       a trace for other tools
  tcpwhy explain firewall-drop             what it means, how to confirm and mend it
  tcpwhy doctor                            what can be seen here

Exit status: 0 done, 1 could not do it, 2 bad usage; run: the command's own.";

/// Reads the command line. Ends the process where there is nothing to run: help and version with
/// status 0, a usage error with one line on stderr and status 2.
#[must_use]
pub fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        _ => {
            eprintln!("{}", usage::one_line(&error));
            process::exit(USAGE_ERROR);
        }
    })
}

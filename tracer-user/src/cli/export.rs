//! `tcpwhy export`: its flags.

use std::path::PathBuf;

use clap::Args;

use super::{Display, value};
use crate::{
    export::{self, csv::COLUMNS},
    redact::Redaction,
    trace::Selection,
};

const EXAMPLES: &str = "\
Examples:
  tcpwhy export trace.jsonl.gz --to chrome-trace -o trace.json   then open it at ui.perfetto.dev
  tcpwhy export trace.jsonl --to csv --cause no-answer > no-answer.csv
  tcpwhy export web-1.jsonl web-2.jsonl --to otlp-json --redact -o logs.json
  tcpwhy watch --format json --duration 1m | tcpwhy export - --to csv";

/// `tcpwhy export`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = EXAMPLES,
    after_long_help = long_help(),
)]
pub struct Export {
    /// Traces, as record, watch and run write them with --format json (also .gz, .zst); - is stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The other tool's format
    #[arg(long, value_name = "chrome-trace|csv|otlp-json", value_parser = value::export_format)]
    pub to: &'static export::Format,
    /// Write to this file (mode 0600) instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Which records.
    #[command(flatten)]
    pub selection: Selection,
    /// Whether names go.
    #[command(flatten)]
    pub redaction: Redaction,
    /// How much is said; none of the formats has colours.
    #[command(flatten)]
    pub display: Display,
}

fn long_help() -> String {
    let columns = lines(&COLUMNS);
    format!(
        "{EXAMPLES}

chrome-trace  Chrome's trace event format, for Perfetto (ui.perfetto.dev) and chrome://tracing:
              processes are rows, connections are spans, events (of a trace with --events) are
              instants. Evidence without a time of its own is an argument of the span.
csv           RFC 4180, one row a failure. Lists (why, fix, missing, drops, resets, icmp) are JSON
              arrays, control characters are escaped, and text that a spreadsheet would take for a
              formula (it begins with = + - @) has an apostrophe before it. The columns, to which
              later versions may add at the end:
{columns}
otlp-json     OTLP/JSON logs, as a collector takes them at /v1/logs: failures, connections and
              events as log records with OpenTelemetry's semantic names, and all others below
              tcpwhy. One document a line, of 10,000 log records at most.

--cause and --direction are not asked of events, which know neither.

Exit status: 0 done, 1 could not do it, 2 bad usage."
    )
}

/// Names behind one another, in lines that fit a terminal.
fn lines(names: &[&str]) -> String {
    const WIDTH: usize = 96;
    let mut text = String::new();
    let mut width = WIDTH;
    for (nth, name) in names.iter().enumerate() {
        let comma = if nth + 1 < names.len() { "," } else { "" };
        if width + name.len() >= WIDTH {
            text.push_str(if nth == 0 { "  " } else { "\n  " });
            width = 2;
        }
        text += name;
        text += comma;
        width += name.len() + 1;
    }
    text
}

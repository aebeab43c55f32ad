//! `tcpwhy report`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{Common, value};
use crate::{incident::Thresholds, redact::Redaction, report, report::window::Moment};

const EXAMPLES: &str = "\
Examples:
  tcpwhy report trace.jsonl                        the whole story
  tcpwhy report trace.jsonl --format html --redact -o report.html   to hand on
  tcpwhy report trace.jsonl.zst --around 15:30     5 minutes before and after
  tcpwhy report trace.jsonl --incident F-20261123-001 --format markdown > ticket.md
  tcpwhy report web1.jsonl db1.jsonl               both ends of their connections as one story
  zcat old.gz | tcpwhy report - --comm nginx --format json | jq .overview

Traces are what `tcpwhy record`, or `tcpwhy watch --format json`, wrote: plain, gzip or zstd. A
damaged or unfinished one is read as far as it goes, and the report says what is wrong with it.

Filters, --duration (of the trace's own time) and --count choose the failures that the report is
about. Incidents are made of all failures, so that their ids do not depend on the filters.";

/// `tcpwhy report`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Report {
    /// The traces, of one or several hosts; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to write it
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        value_parser = value::report_format
    )]
    pub format: &'static report::Format,
    /// Write to this file (mode 0600) instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only failures around this time: 15:30, '2026-11-23 15:30:10' (in the time zone of this host),
    /// or 2026-11-23T15:30:10Z
    #[arg(long, value_name = "TIME", value_parser = report::window::moment)]
    pub around: Option<Moment>,
    /// With --around: so much before and after it
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5m",
        value_parser = value::duration,
        requires = "around"
    )]
    pub within: Duration,
    /// Only this incident; F-20261123-001@HOST where several hosts have one of this id
    #[arg(long, value_name = "ID")]
    pub incident: Option<String>,
    /// Show this failure or connection, with all that the trace holds of it
    #[arg(long, value_name = "ID")]
    pub connection: Option<String>,
    /// Whether names go.
    #[command(flatten)]
    pub redaction: Redaction,
    /// When failures are an incident.
    #[command(flatten)]
    pub thresholds: Thresholds,
    /// What commands on connections have in common.
    #[command(flatten)]
    pub common: Common,
}

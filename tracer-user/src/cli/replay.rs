//! `tcpwhy replay`.

use std::path::PathBuf;

use clap::Args;

use super::{Common, value};
use crate::show;

const EXAMPLES: &str = "\
Examples:
  tcpwhy record -o trace.jsonl.gz --events            what a replay needs
  tcpwhy replay trace.jsonl.gz                        every failure, judged anew
  tcpwhy replay trace.jsonl.gz --comm nginx --cause '!connection-refused'
  tcpwhy replay trace.jsonl.gz --format json | tcpwhy report -

A trace that was recorded with --events has every event as the kernel half wrote it, and what was
found out beside them. The replay comes to the verdicts of the recording tcpwhy, or to better ones
where the rules have improved since; at the end it says on stderr how many are the same. It needs no
root, and asks nothing of the host that it runs on. Failures at listeners (inbound handshakes) are
handed on as they were recorded where what they were judged by is not there from the beginning of
the run: in traces of earlier versions and of --last, and where a part of the trace is missing.

Parts of a rotated trace are given in the order of their times. A trace that was recorded with
--redact cannot be replayed.";

/// `tcpwhy replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Replay {
    /// The trace, or its parts in their order; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to write the records: text, or json (one object a line)
    #[arg(long, value_name = "text|json", default_value = "text", value_parser = value::format)]
    pub format: &'static show::Format,
    /// What commands on connections have in common.
    #[command(flatten)]
    pub common: Common,
}

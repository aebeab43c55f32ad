//! The flags of `tcpwhy watch`.

use clap::Args;

use super::{Common, Limits, value};
use crate::{incident::Thresholds, show};

const WATCH_EXAMPLES: &str = "\
Examples:
  tcpwhy watch --pid 4242 --events         all evidence about one process
  tcpwhy watch --addr 10.0.0.0/8 --cause '!connection-refused'
  tcpwhy watch --container 3f2a --duration 10m --format json > failures.json";

/// `tcpwhy watch`.
#[derive(Args, Clone, Debug)]
#[command(after_help = WATCH_EXAMPLES)]
pub struct Watch {
    /// How to write the records: text, or json (one object a line)
    #[arg(long, value_name = "text|json", default_value = "text", value_parser = value::format)]
    pub format: &'static show::Format,
    /// Connections that succeed too, opened and accepted ones, with what they sent again
    #[arg(long)]
    pub all: bool,
    /// Each piece of evidence too, as it happens (retransmission, drop, reset, socket error, ICMP)
    #[arg(long)]
    pub events: bool,
    /// What commands on connections have in common.
    #[command(flatten)]
    pub common: Common,
    /// When failures are an incident.
    #[command(flatten)]
    pub incidents: Thresholds,
    /// Bounds of memory.
    #[command(flatten)]
    pub limits: Limits,
}

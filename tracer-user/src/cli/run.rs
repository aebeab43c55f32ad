//! The flags of `tcpwhy run`.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use super::{Common, Limits, value};
use crate::show;

const RUN_EXAMPLES: &str = "\
Examples:
  tcpwhy run -- curl https://example.com
  tcpwhy run -o why.json --format json -- ./integration-tests --fast

Failures go to stderr or to the file. The exit status is the command's.";

/// `tcpwhy run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = RUN_EXAMPLES)]
pub struct Run {
    /// Write to this file (mode 0600) instead of stderr
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How to write the records: text, or json (one object a line)
    #[arg(long, value_name = "text|json", default_value = "text", value_parser = value::format)]
    pub format: &'static show::Format,
    /// What commands on connections have in common.
    #[command(flatten)]
    pub common: Common,
    /// Bounds of memory.
    #[command(flatten)]
    pub limits: Limits,
    /// The command to run, and its arguments; -- before it keeps its flags apart from these
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

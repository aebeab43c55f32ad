//! `cargo xtask run`: tcpwhy from this source, as root.

use std::ffi::OsString;

use anyhow::Result;

use crate::project::Project;
use crate::{root, setup};

/// Builds tcpwhy for release and runs it as root; without arguments it tails failures.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask run                                    tail failures
  cargo xtask run -- watch --format json --port 443  one JSON object a failure
  cargo xtask run -- run -- curl https://192.0.2.1   follow one command
  cargo xtask run -- doctor                          what this kernel lets tcpwhy see")]
pub(crate) struct Args {
    /// Arguments of tcpwhy, after `--`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    args: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::toolchain()?;
    let tcpwhy = Project::find()?.build_tcpwhy()?;
    root::exec(root::command(&tcpwhy, &[])?.args(&args.args))
}

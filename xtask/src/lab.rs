//! `cargo xtask lab`: real failures, made in network namespaces.

use std::ffi::OsString;

use anyhow::Result;

use crate::project::{Project, TCPWHY};
use crate::{root, setup, step};

/// Builds the lab and runs it as root; without arguments it lists the failures it can make.
///
/// The lab gets the path of the release build of tcpwhy in TCPWHY.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask lab                      list the scenarios
  cargo xtask lab refused-remote       make this failure, and check what tcpwhy says
  cargo xtask lab --text peer-input-drop no-route
  cargo xtask lab --matrix             a table of all of them: expected, got
  cargo xtask lab --healthy 100000     ordinary traffic: is there a false alarm?
  cargo xtask lab --hog all            all of them, with bystanders on every CPU")]
pub(crate) struct Args {
    /// Leave the Debian packages that the lab needs (tests/packages.txt) alone
    #[arg(long)]
    no_packages: bool,
    /// Arguments of the lab
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    args: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    setup::toolchain()?;
    if !args.no_packages {
        setup::packages(&project.root)?;
    }
    let mut build = project.cargo(["build", "--release", "--locked"]);
    build.args(["--package", "tracer-user", "--bin", "tcpwhy"]);
    step::check(build.args(["--package", "tests", "--bin", "lab"]))?;
    let tcpwhy = project.release("tcpwhy");
    let mut lab = root::command(&project.release("lab"), &[(TCPWHY, &tcpwhy)])?;
    root::exec(lab.args(&args.args))
}

//! `cargo xtask test`: everything that CI checks.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::project::{self, Project, TCPWHY};
use crate::step::{self, Steps};
use crate::{lint, root, setup};

/// Sets up, then checks formatting, clippy and rustdoc, builds, and runs every test as root.
///
/// Stops at the first failure. The tests get the path of the release build of tcpwhy in
/// TCPWHY. cargo-nextest runs them where it is installed, else `cargo test`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test                     everything, as CI does
  cargo xtask test --no-lint refused   build, then only the tests whose name has `refused`
  cargo xtask test --quick             no root, no lab: lints and the unit tests")]
pub(crate) struct Args {
    /// Leave out rustdoc, the release build and the lab's tests; needs no root
    #[arg(long)]
    quick: bool,
    /// Leave out formatting, clippy and rustdoc
    #[arg(long)]
    no_lint: bool,
    /// Leave the Debian packages that the tests need (tests/packages.txt) alone
    #[arg(long)]
    no_packages: bool,
    /// Passed on to the test runner: part of a test's name, say
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    args: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::default();
    steps.run("toolchain", setup::toolchain_and_lints)?;
    if !args.quick {
        privileges()?;
        if !args.no_packages {
            steps.run("Debian packages", || setup::packages(&project.root))?;
        }
    }
    if !args.no_lint {
        lint::format_and_clippy(&project, &mut steps)?;
        if !args.quick {
            lint::rustdoc(&project, &mut steps)?;
        }
    }
    if !args.quick {
        let mut build = project.cargo(["build", "--workspace", "--release", "--locked"]);
        steps.command("release build", &mut build)?;
    }
    tests(&project, &mut steps, args)?;
    steps.summary();
    Ok(())
}

/// Says early, not after minutes of building, that root is out of reach.
fn privileges() -> Result<()> {
    if !root::is_root() && !step::installed("sudo") {
        bail!("the tests need root, and there is no sudo here: run as root, or pass --quick");
    }
    Ok(())
}

/// The tests, as root unless `--quick`: the runner's summary comes last.
fn tests(project: &Project, steps: &mut Steps, args: &Args) -> Result<()> {
    if args.args.is_empty() {
        let mut examples = project.cargo(["test", "--workspace", "--doc", "--locked"]);
        environment(&mut examples, project, args)?;
        steps.command("examples in the documentation", &mut examples)?;
    }
    let nextest = step::installed("cargo-nextest");
    let mut runner = if nextest {
        project.cargo(["nextest", "run", "--workspace", "--locked"])
    } else {
        project.cargo(["test", "--workspace", "--all-targets", "--locked"])
    };
    environment(&mut runner, project, args)?;
    let name = if nextest {
        "tests (cargo nextest)"
    } else {
        "tests (cargo test)"
    };
    steps.command(name, runner.args(&args.args))?;
    Ok(())
}

/// What the tests find: no terminal, tcpwhy, and root's rights.
fn environment(runner: &mut Command, project: &Project, args: &Args) -> Result<()> {
    runner.stdin(Stdio::null());
    if args.quick {
        runner.args(["--exclude", "tests"]);
        return Ok(());
    }
    runner.env(TCPWHY, project.release("tcpwhy"));
    if !root::is_root() {
        // cargo builds as the user, and hands each test to sudo.
        let host = project::host_triple()?.to_uppercase().replace('-', "_");
        let keep = format!("sudo --preserve-env={TCPWHY},RUST_BACKTRACE --");
        runner.env(format!("CARGO_TARGET_{host}_RUNNER"), keep);
    }
    Ok(())
}

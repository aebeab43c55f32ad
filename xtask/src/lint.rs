//! `cargo xtask lint`: formatting, clippy on both halves, rustdoc, spelling, dependencies.

use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::setup;
use crate::step::{self, Steps};

/// Checks formatting, clippy on both halves and rustdoc; spelling and dependencies where possible.
///
/// typos and cargo-deny run where they are installed. Building them takes minutes, so only
/// `--all` installs them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask lint                     what is installed
  cargo xtask lint --all               typos and cargo-deny too: installs them if needed")]
pub(crate) struct Args {
    /// Install typos and cargo-deny first where they are missing (minutes: they are compiled)
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::default();
    steps.run("toolchain", setup::toolchain_and_lints)?;
    format_and_clippy(&project, &mut steps)?;
    rustdoc(&project, &mut steps)?;
    spelling_and_dependencies(&project, &mut steps, args.all)?;
    steps.summary();
    Ok(())
}

/// rustfmt, then clippy on the host's half and on the BPF half.
pub(crate) fn format_and_clippy(project: &Project, steps: &mut Steps) -> Result<()> {
    steps.command("rustfmt", &mut project.cargo(["fmt", "--all", "--check"]))?;
    let mut host = project.cargo(["clippy", "--workspace", "--all-targets", "--locked"]);
    steps.command("clippy, host", host.args(["--", "-D", "warnings"]))?;
    steps.command("clippy, BPF programs", &mut clippy_bpf(project))
}

/// Clippy on the BPF programs: `-Z build-std` on a stable toolchain, in its own target directory.
fn clippy_bpf(project: &Project) -> Command {
    let mut command = project.cargo(["clippy", "--release", "--locked"]);
    command.args([
        "--package",
        "tracer-ebpf",
        "--bin",
        "tcpwhy-bpf",
        "--features",
        "bpf",
    ]);
    command.args(["--target", "bpfel-unknown-none", "-Z", "build-std=core"]);
    command.args(["--", "-D", "warnings"]);
    command.env("RUSTC_BOOTSTRAP", "1");
    command.env("CARGO_TARGET_DIR", project.target.join("bpf-lint"));
    command
}

/// rustdoc, every warning an error.
pub(crate) fn rustdoc(project: &Project, steps: &mut Steps) -> Result<()> {
    let mut doc = project.cargo(["doc", "--workspace", "--no-deps", "--locked"]);
    steps.command(
        "rustdoc",
        doc.args(["--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// typos and cargo-deny: where they are installed, or always with `install`.
fn spelling_and_dependencies(project: &Project, steps: &mut Steps, install: bool) -> Result<()> {
    if ready(project, "typos", "typos-cli", install)? {
        let mut typos = Command::new("typos");
        steps.command("typos", typos.current_dir(&project.root))?;
    }
    if ready(project, "cargo-deny", "cargo-deny", install)? {
        let mut deny = project.cargo(["deny", "check", "licenses", "bans", "sources"]);
        steps.command("cargo-deny", &mut deny)?;
    }
    Ok(())
}

/// Is this tool there, or can it be installed now?
fn ready(project: &Project, program: &str, package: &str, install: bool) -> Result<bool> {
    if step::installed(program) {
        return Ok(true);
    }
    if !install {
        println!("-- {program} is not installed: left out (`cargo xtask lint --all` installs it)");
        return Ok(false);
    }
    println!("-- {program} is not installed: installing {package}");
    step::check(&mut project.cargo(["install", "--locked", package]))?;
    Ok(true)
}

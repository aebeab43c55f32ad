//! `cargo xtask docs`: the pages of `docs/` that are made from the program's own data.

use std::fs;

use anyhow::{Context, Result};

use crate::project::Project;
use crate::{setup, step};

/// Writes docs/causes.md from the catalogue of causes, reasons and errors.
#[derive(clap::Args)]
#[command(after_help = "A test fails where the page is stale; commit it with the change.")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<()> {
    setup::toolchain()?;
    let project = Project::find()?;
    let mut explain = project.cargo(["run", "--quiet", "--locked", "--package", "tracer-user"]);
    explain.args(["--bin", "tcpwhy", "--", "explain", "--format", "markdown"]);
    let page = step::output(&mut explain)?;
    let path = project.root.join("docs/causes.md");
    fs::write(&path, page).with_context(|| format!("could not write {}", path.display()))
}

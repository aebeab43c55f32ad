//! `cargo xtask setup`: what building and testing need that a fresh machine may lack.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::project::{self, Project};
use crate::{root, step};

/// Installs what building (rust-src, llvm-tools) and testing (tests/packages.txt) need.
///
/// Does nothing where all of it is there already. The other commands do this themselves.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask setup                    all of it
  cargo xtask setup --no-packages      the toolchain's components only")]
pub(crate) struct Args {
    /// Leave the Debian packages (tests/packages.txt) alone
    #[arg(long)]
    no_packages: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    toolchain_and_lints()?;
    if !args.no_packages {
        packages(&Project::find()?.root)?;
    }
    Ok(())
}

/// Adds the toolchain's components that BPF programs are built with, where they are missing.
pub(crate) fn toolchain() -> Result<()> {
    components(
        &project::sysroot()?,
        &build_components(&project::host_triple()?),
    )
}

/// The same, and those that the lints are made of.
pub(crate) fn toolchain_and_lints() -> Result<()> {
    toolchain()?;
    let lints = [
        ("rustfmt", "bin/rustfmt".into()),
        ("clippy", "bin/clippy-driver".into()),
    ];
    components(&project::sysroot()?, &lints)
}

/// A component's name, and a file of it in the sysroot.
type Component = (&'static str, PathBuf);

fn build_components(host: &str) -> [Component; 2] {
    let rustlib = Path::new("lib/rustlib");
    [
        ("rust-src", rustlib.join("src/rust/library/core")),
        ("llvm-tools", rustlib.join(host).join("bin/llc")),
    ]
}

/// Adds those of these components that are missing.
fn components(sysroot: &Path, needed: &[Component]) -> Result<()> {
    let missing = missing_components(sysroot, needed);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !step::installed("rustup") {
        bail!(
            "this Rust toolchain lacks {list}, and there is no rustup here to add them: \
             install rustup (https://rustup.rs)"
        );
    }
    step::check(
        Command::new("rustup")
            .args(["component", "add"])
            .args(&missing),
    )
    .with_context(|| format!("cannot add {list} to the Rust toolchain"))
}

fn missing_components(sysroot: &Path, needed: &[Component]) -> Vec<&'static str> {
    let missing = needed
        .iter()
        .filter(|(_, file)| !sysroot.join(file).exists());
    missing.map(|(name, _)| *name).collect()
}

/// Installs the Debian packages that the tests need, where they are missing.
pub(crate) fn packages(root: &Path) -> Result<()> {
    let file = root.join("tests/packages.txt");
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let needed = package_names(&text);
    let list = needed.join(" ");
    if !step::installed("apt-get") || !step::installed("dpkg-query") {
        bail!(
            "there is no apt-get here: install what these Debian packages hold, \
             then pass --no-packages: {list}"
        );
    }
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|name| !is_installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing Debian packages: {}", missing.join(" "));
    step::check(apt_get()?.args(["update", "--quiet"]))?;
    step::check(
        apt_get()?
            .args(["install", "--quiet", "--yes", "--no-install-recommends"])
            .args(&missing),
    )
}

/// The names in a list of packages: one a line, `#` begins a comment.
fn package_names(text: &str) -> Vec<&str> {
    let names = text
        .lines()
        .map(|line| line.split_once('#').map_or(line, |(name, _)| name).trim());
    names.filter(|name| !name.is_empty()).collect()
}

/// Does dpkg have this package, configured?
fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    query
        .output()
        .is_ok_and(|out| out.status.success() && out.stdout == b"installed")
}

/// apt-get as root, asking nothing.
fn apt_get() -> Result<Command> {
    let frontend = [("DEBIAN_FRONTEND", Path::new("noninteractive"))];
    let mut command = root::command(Path::new("apt-get"), &frontend)?;
    command.stdin(std::process::Stdio::null());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_skip_comments_and_blank_lines() {
        let text = "# the lab\niproute2\n\n  nftables  # rules\n#iptables\n";
        assert_eq!(package_names(text), ["iproute2", "nftables"]);
        assert!(package_names("").is_empty());
    }

    #[test]
    fn an_empty_sysroot_lacks_both_components() {
        let missing = missing_components(Path::new("/nonexistent"), &build_components("host"));
        assert_eq!(missing, ["rust-src", "llvm-tools"]);
    }
}

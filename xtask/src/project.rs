//! Where things are: the workspace, its target directory, the toolchain.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::step;

/// The environment variable that names the `tcpwhy` that tests and the lab drive.
pub(crate) const TCPWHY: &str = "TCPWHY";

/// The workspace that this xtask belongs to.
pub(crate) struct Project {
    /// The workspace's own directory.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

impl Project {
    /// Asks cargo where the workspace and its target directory are.
    pub(crate) fn find() -> Result<Self> {
        let mut command = Command::new(cargo());
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        if let Some(dir) = env::var_os("CARGO_MANIFEST_DIR") {
            command
                .arg("--manifest-path")
                .arg(Path::new(&dir).join("Cargo.toml"));
        }
        let metadata: Value = serde_json::from_str(&step::output(&mut command)?)
            .context("`cargo metadata` printed something else than JSON")?;
        let dir = |key: &str| {
            let dir = metadata[key].as_str().map(PathBuf::from);
            dir.with_context(|| format!("`cargo metadata` does not say its {key}"))
        };
        Ok(Self {
            root: dir("workspace_root")?,
            target: dir("target_directory")?,
        })
    }

    /// A cargo command in the workspace, on the target directory that was found.
    pub(crate) fn cargo<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = Command::new(cargo());
        command.args(args).current_dir(&self.root);
        // A relative one would mean another place from the workspace's directory.
        if env::var_os("CARGO_TARGET_DIR").is_some() {
            command.env("CARGO_TARGET_DIR", &self.target);
        }
        command
    }

    /// Where the release build of a binary is.
    pub(crate) fn release(&self, binary: &str) -> PathBuf {
        self.target.join("release").join(binary)
    }

    /// Builds `tcpwhy` for release and says where it is.
    pub(crate) fn build_tcpwhy(&self) -> Result<PathBuf> {
        let mut build = self.cargo(["build", "--release", "--locked"]);
        build.args(["--package", "tracer-user", "--bin", "tcpwhy"]);
        step::check(&mut build)?;
        let binary = self.release("tcpwhy");
        if !binary.is_file() {
            bail!(
                "cargo built no {}: is build.target set in a cargo config?",
                binary.display()
            );
        }
        Ok(binary)
    }
}

/// The cargo that runs this xtask, else the first on the path.
fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The rustc beside that cargo, else the first on the path.
fn rustc() -> PathBuf {
    let beside = cargo().with_file_name("rustc");
    env::var_os("RUSTC").map_or_else(
        || {
            if beside.is_file() {
                beside
            } else {
                "rustc".into()
            }
        },
        PathBuf::from,
    )
}

/// The directory of the toolchain in use.
pub(crate) fn sysroot() -> Result<PathBuf> {
    let path = step::output(Command::new(rustc()).args(["--print", "sysroot"]))?;
    Ok(path.trim_end().into())
}

/// The host's target triple, such as `x86_64-unknown-linux-gnu`.
pub(crate) fn host_triple() -> Result<String> {
    let version = step::output(Command::new(rustc()).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("`rustc -vV` does not say its host")
}

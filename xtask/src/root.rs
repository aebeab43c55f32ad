//! Becoming root, through sudo where it is needed.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step;

/// Is this process root already?
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// A command that runs `program` as root, with these variables in its environment.
pub(crate) fn command(program: &Path, variables: &[(&str, &Path)]) -> Result<Command> {
    if is_root() {
        let mut command = Command::new(program);
        command.envs(variables.iter().copied());
        return Ok(command);
    }
    if !step::installed("sudo") {
        bail!(
            "{} needs root, and there is no sudo here: run this as root",
            program.display()
        );
    }
    let mut command = Command::new("sudo");
    command.args(["--", "env"]);
    for (name, value) in variables {
        let mut variable = OsString::from(format!("{name}="));
        variable.push(value);
        command.arg(variable);
    }
    command.arg(program);
    Ok(command)
}

/// Becomes `command`: comes back only where that is impossible.
pub(crate) fn exec(command: &mut Command) -> Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))
}

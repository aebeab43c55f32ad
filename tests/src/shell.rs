//! Running the commands that build and break the lab.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, Result, bail, ensure};

/// Runs a command to its end and gives its standard output; what it said on stderr is the error.
pub fn output(command: &mut Command) -> Result<String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let line = command
            .get_args()
            .last()
            .unwrap_or(command.get_program())
            .to_string_lossy();
        bail!("`{}`: {}: {}", line.trim(), done.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Runs a shell script that stops at its first error.
pub fn script(text: &str) -> Result<String> {
    output(Command::new("sh").args(["-euc", text]))
}

/// Lets a process end when the thread that starts it ends, whatever ends that.
pub fn dies_with_us(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec one async-signal-safe system call is made.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        })
    }
}

/// Fails, in one line, where the lab cannot make namespaces.
pub fn require_root() -> Result<()> {
    // SAFETY: geteuid has no preconditions.
    let uid = unsafe { libc::geteuid() };
    ensure!(
        uid == 0,
        "the lab makes network namespaces and loads BPF programs: run it as root"
    );
    Ok(())
}

/// The real Python, not a version manager's wrapper: its pid and name are the client's.
pub fn python() -> Result<&'static PathBuf> {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = PYTHON.get() {
        return Ok(path);
    }
    let ask = "import sys, os; print(os.path.join(os.path.dirname(sys.executable), 'python3'))";
    let path = output(Command::new("python3").args(["-c", ask]))?;
    Ok(PYTHON.get_or_init(|| PathBuf::from(path.trim())))
}

/// Where the client programs are.
#[must_use]
pub fn clients() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}

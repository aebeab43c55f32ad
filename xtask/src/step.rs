//! Commands that xtask runs: named as they run, and one line where they fail.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs steps one after the other, and tells how long each took.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Names the step, runs it, and stops at its failure.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        println!("==> {name}");
        io::stdout().flush()?;
        let start = Instant::now();
        let outcome = step().with_context(|| format!("step `{name}` failed"))?;
        let took = start.elapsed();
        println!("<== {name}: ok in {:.1} s", took.as_secs_f64());
        self.done.push((name, took));
        Ok(outcome)
    }

    /// The same for a step that is one command.
    pub(crate) fn command(&mut self, name: &'static str, command: &mut Command) -> Result<()> {
        self.run(name, || check(command))
    }

    /// Prints what was done and how long it took.
    pub(crate) fn summary(&self) {
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        println!(
            "\nAll {} steps passed in {:.0} s:",
            self.done.len(),
            total.as_secs_f64()
        );
        for (name, took) in &self.done {
            println!("  {:>7.1} s  {name}", took.as_secs_f64());
        }
    }
}

/// Runs a command to its end; its failure names it.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and returns what it printed; its own errors are shown as they are.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command
        .output()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed something else than UTF-8", shown(command)))
}

/// Is there such a program on the path?
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let error = check(Command::new("/bin/sh").args(["-c", "exit 7"])).expect_err("exit 7");
        assert_eq!(
            error.to_string(),
            "`sh -c exit 7` ended with exit status: 7"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        assert!(!installed("no-such-program-of-tcpwhy"));
        let error = check(&mut Command::new("no-such-program-of-tcpwhy")).expect_err("missing");
        assert_eq!(error.to_string(), "cannot run `no-such-program-of-tcpwhy`");
    }

    #[test]
    fn a_failing_step_is_named_and_stops() {
        let mut steps = Steps::default();
        assert!(steps.run("first", || Ok(())).is_ok());
        let error = steps
            .run("second", || -> Result<()> { bail!("no") })
            .expect_err("fails");
        assert_eq!(format!("{error:#}"), "step `second` failed: no");
        assert_eq!(steps.done.len(), 1);
    }
}

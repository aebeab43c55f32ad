//! `tcpwhy run`: one command, and why its connections fail.

use std::{io, os::unix::process::ExitStatusExt as _, process::ExitStatus};

use anyhow::Context as _;
use nix::{sys::signal, unistd::Pid};
use tokio::process::{Child, Command};

use super::live::{self, Live, Reason, Signals};
use crate::{
    cli::Run,
    session::Wanted,
    show::{Output, text},
};

/// Runs the command, and gives its exit status; 128 and the signal's number where one ended it.
///
/// # Errors
/// One line that says what could not be done, and what to try.
pub async fn run(run: &Run) -> anyhow::Result<u8> {
    let (program, arguments) = run.command.split_first().context("no command")?;
    let mut signals = Signals::new()?;
    let look = live::Run {
        common: &run.common,
        limits: run.limits,
        wanted: Wanted::default(),
        follow_command: true,
        incidents: None,
        counters: false,
    };
    let mut live = Live::start(&look, Box::new(output(run)?))?;
    // The child is followed from its fork on, before it can do anything.
    live.hooks().follow(std::process::id())?;
    let mut child = Command::new(program)
        .args(arguments)
        .spawn()
        .with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
    live.warm_up();
    let mut status = None;
    let ledger = live
        .drive(async {
            status = Some(wait(&mut child, &mut signals).await);
            Reason::CommandExited
        })
        .await?;
    if run.format.name == text::FORMAT.name {
        eprintln!("{}", text::closing(&ledger, "shown"));
    }
    // A limit (--count, --duration) ends the tracing, not the command.
    let status = match status {
        Some(status) => status,
        None => wait(&mut child, &mut signals).await,
    };
    Ok(exit_code(status.context("cannot wait for the command")?))
}

fn output(run: &Run) -> anyhow::Result<Output> {
    match &run.output {
        Some(path) => Output::create(run.format, false, path)
            .with_context(|| format!("cannot write {}", path.display())),
        None => {
            let color = run.common.display.color.is_on(&io::stderr());
            Ok(Output::new(run.format, color, Box::new(io::stderr())))
        }
    }
}

/// SIGINT reaches the command by itself, from the terminal; SIGTERM is passed on.
async fn wait(child: &mut Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    loop {
        let terminate = tokio::select! {
            status = child.wait() => return status,
            terminate = signals.next() => terminate,
        };
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        if let (true, Some(pid)) = (terminate, pid) {
            // It may have ended in between: then there is nobody to tell.
            let _ = signal::kill(Pid::from_raw(pid), signal::Signal::SIGTERM);
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

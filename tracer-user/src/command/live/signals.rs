//! The signals that end a run.

use std::io;

use nix::sys::signal::{self, SigSet};
use tokio::signal::unix::{Signal, SignalKind, signal as on_signal};

/// SIGINT, SIGTERM and SIGHUP (the terminal has gone).
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Not taken over where it is ignored: under nohup(1) the run goes on.
    hang_up: Option<Signal>,
}

impl Signals {
    /// Takes the signals over. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where the handlers cannot be set.
    pub fn new() -> io::Result<Self> {
        // A parent that waits for signals on a thread blocks them, and that is inherited.
        [signal::SIGINT, signal::SIGTERM]
            .into_iter()
            .collect::<SigSet>()
            .thread_unblock()?;
        let hang_up = (!ignores_hang_up()).then(|| on_signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: on_signal(SignalKind::interrupt())?,
            terminate: on_signal(SignalKind::terminate())?,
            hang_up: hang_up.transpose()?,
        })
    }

    /// Waits for the next one: true for SIGTERM.
    pub async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => false,
            _ = self.terminate.recv() => true,
            () = next(self.hang_up.as_mut()) => false,
        }
    }
}

async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn ignores_hang_up() -> bool {
    let status = procfs::process::Process::myself().and_then(|me| me.status());
    // proc_pid_status(5): the lowest bit is signal 1, which it is.
    status.is_ok_and(|status| status.sigign & 1 != 0)
}

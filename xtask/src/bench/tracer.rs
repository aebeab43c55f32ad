//! A `tcpwhy watch` that runs while something is measured.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const READY: &str = "tcpwhy: ready";
const PATIENCE: Duration = Duration::from_secs(30);

/// A running tcpwhy, every hook attached; killed when dropped.
pub(crate) struct Tracer {
    child: Child,
    /// From its start to the line that says it is ready.
    pub(crate) ready_after: Duration,
}

impl Tracer {
    /// Starts `tcpwhy watch` and waits until it says that it is ready.
    pub(crate) fn start(tcpwhy: &Path) -> Result<Self> {
        let mut command = Command::new(tcpwhy);
        command
            .arg("watch")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let start = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", tcpwhy.display()))?;
        let mut tracer = Self {
            child,
            ready_after: Duration::ZERO,
        };
        let stderr = tracer.child.stderr.take().context("tcpwhy has no stderr")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || drain(stderr, &sender));
        let mut last = String::from("it printed nothing");
        loop {
            match lines.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
                Ok((at, line)) if line.trim_end() == READY => {
                    tracer.ready_after = at.duration_since(start);
                    return Ok(tracer);
                }
                Ok((_, line)) => last = line,
                Err(RecvTimeoutError::Disconnected) => bail!("tcpwhy ended at once: {last}"),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("tcpwhy did not print `{READY}` in {PATIENCE:?}: {last}")
                }
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What its threads have used of the CPU so far.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        let mut total = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            // A thread may end between the listing and the reading.
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            let nanoseconds = text
                .split_whitespace()
                .next()
                .and_then(|field| field.parse().ok());
            total += Duration::from_nanos(nanoseconds.unwrap_or_default());
        }
        Ok(total)
    }

    /// Ends it as an operator would, so that its hooks are gone when this returns.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = libc::pid_t::try_from(self.pid())?;
        // SAFETY: kill has no preconditions; the child has not been waited for.
        if unsafe { libc::kill(pid, libc::SIGTERM) } != 0 {
            return Err(io::Error::last_os_error()).context("cannot signal tcpwhy");
        }
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                bail!("tcpwhy did not end {PATIENCE:?} after SIGTERM");
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads all that tcpwhy says, with the time: it must never wait for a reader.
fn drain(stderr: ChildStderr, lines: &Sender<(Instant, String)>) {
    let mut open = true;
    for line in BufReader::new(stderr).lines() {
        let (at, Ok(line)) = (Instant::now(), line) else {
            return;
        };
        open = open && lines.send((at, line)).is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracer_that_ends_at_once_is_an_error() {
        let error = Tracer::start(Path::new("/bin/false"))
            .err()
            .expect("false is no tracer");
        assert_eq!(
            error.to_string(),
            "tcpwhy ended at once: it printed nothing"
        );
    }
}

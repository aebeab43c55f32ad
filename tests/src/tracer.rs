//! The real `tcpwhy`, run as a user runs it.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::shell;
use anyhow::{Context, Result, bail, ensure};
use tracer_user::record::{Direction, Failure, Record, Trailer};

/// How long the tracer may take to attach, and to end. Generous: it is no measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test: `$TCPWHY`, or what `cargo build` left beside this executable.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("TCPWHY") {
        return Ok(PathBuf::from(path));
    }
    let own = env::current_exe()?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("tcpwhy"))
        .find(|path| path.is_file())
        .with_context(|| {
            format!(
                "no tcpwhy beside {}: run `cargo build`, or set TCPWHY",
                own.display()
            )
        })
}

#[derive(Debug, Default)]
struct Heard {
    lines: Vec<String>,
    records: Vec<Record>,
    bad: Vec<String>,
}

/// A running `tcpwhy … --format json`.
#[derive(Debug)]
pub struct Tracer {
    child: Child,
    heard: Arc<(Mutex<Heard>, Condvar)>,
    readers: Vec<JoinHandle<()>>,
    complaints: Arc<Mutex<String>>,
}

/// All that a run of the tracer said.
#[derive(Debug)]
pub struct Trace {
    /// Its lines as they were.
    pub lines: Vec<String>,
    /// The same, read.
    pub records: Vec<Record>,
    /// What it said on stderr.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
}

impl Trace {
    /// The failures.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.records.iter().filter_map(failure)
    }

    /// The last line, if the trace is whole.
    pub fn trailer(&self) -> Result<&Trailer> {
        match self.records.last() {
            Some(Record::Trailer(trailer)) => Ok(trailer),
            other => bail!("the last record is no trailer but {other:?}"),
        }
    }
}

fn failure(record: &Record) -> Option<&Failure> {
    match record {
        Record::Failure(failure) => Some(failure),
        _ => None,
    }
}

/// Whether an outbound failure belongs to a process.
#[must_use]
pub fn is_from(failure: &Failure, pid: u32) -> bool {
    failure.direction == Direction::Outbound
        && failure
            .process
            .as_ref()
            .is_some_and(|process| process.pid == pid)
}

impl Tracer {
    /// `tcpwhy watch --format json` and more arguments; returns when it is ready.
    pub fn watch(more: &[&str]) -> Result<Self> {
        let mut command = Command::new(binary()?);
        command.args(["watch", "--format", "json"]).args(more);
        Self::start(command)
    }

    /// Starts a command that prints JSON records and says `tcpwhy: ready` on stderr.
    pub fn start(mut command: Command) -> Result<Self> {
        let mut child = shell::dies_with_us(&mut command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let (stdout, stderr) = child
            .stdout
            .take()
            .zip(child.stderr.take())
            .context("no pipes")?;
        let (heard, complaints) = (Arc::default(), Arc::default());
        let (ready, when_ready) = mpsc::channel();
        let readers = vec![
            hear(stdout, Arc::clone(&heard)),
            listen(stderr, &complaints, ready),
        ];
        let tracer = Self {
            child,
            heard,
            readers,
            complaints,
        };
        if when_ready.recv_timeout(PATIENCE).is_err() {
            let said = tracer
                .complaints
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            bail!("tcpwhy did not get ready: {said}");
        }
        Ok(tracer)
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until so many failures satisfy a condition, or the deadline has passed; gives the
    /// number that did.
    pub fn wait_for(
        &self,
        wanted: usize,
        deadline: Instant,
        condition: impl Fn(&Failure) -> bool,
    ) -> usize {
        let mut heard = self.lock();
        loop {
            let found = heard
                .records
                .iter()
                .filter_map(failure)
                .filter(|it| condition(it))
                .count();
            let left = deadline.saturating_duration_since(Instant::now());
            if found >= wanted || left.is_zero() {
                return found;
            }
            heard = match self.heard.1.wait_timeout(heard, left) {
                Ok((heard, _)) => heard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Waits until the failures so far satisfy a condition, or the deadline has passed.
    pub fn wait_until(&self, deadline: Instant, condition: impl Fn(&[&Failure]) -> bool) -> bool {
        self.wait_for_records(deadline, |records| {
            let failures: Vec<&Failure> = records.iter().filter_map(failure).collect();
            condition(&failures)
        })
    }

    /// Waits until the records so far satisfy a condition, or the deadline has passed.
    pub fn wait_for_records(
        &self,
        deadline: Instant,
        condition: impl Fn(&[Record]) -> bool,
    ) -> bool {
        let mut heard = self.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if condition(&heard.records) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
            heard = match self.heard.1.wait_timeout(heard, left) {
                Ok((heard, _)) => heard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Ends it as Ctrl-C does, and gives all that it said. A line that is no record is an error.
    pub fn stop(mut self) -> Result<Trace> {
        let pid = libc::pid_t::try_from(self.child.id())?;
        // SAFETY: the child has not been waited for, so the pid is still its own.
        unsafe { libc::kill(pid, libc::SIGINT) };
        let status = self.ended()?;
        for reader in std::mem::take(&mut self.readers) {
            let _ = reader.join();
        }
        let stderr = self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let heard = std::mem::take(&mut *self.lock());
        ensure!(
            heard.bad.is_empty(),
            "lines that are no records: {:#?}",
            heard.bad
        );
        Ok(Trace {
            lines: heard.lines,
            records: heard.records,
            stderr,
            status,
        })
    }

    fn ended(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "tcpwhy did not end after SIGINT");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // After `stop` it has ended, and these fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hear(stdout: impl Read + Send + 'static, heard: Arc<(Mutex<Heard>, Condvar)>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let mut all = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
            match serde_json::from_str(&line) {
                Ok(record) => all.records.push(record),
                Err(error) => all.bad.push(format!("{error}: {line}")),
            }
            all.lines.push(line);
            heard.1.notify_all();
        }
    })
}

fn listen(
    stderr: impl Read + Send + 'static,
    complaints: &Arc<Mutex<String>>,
    ready: mpsc::Sender<()>,
) -> JoinHandle<()> {
    let complaints = Arc::clone(complaints);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line == "tcpwhy: ready" {
                // Nobody waits any longer where it came too late.
                let _ = ready.send(());
            }
            let mut all = complaints.lock().unwrap_or_else(PoisonError::into_inner);
            all.push_str(&line);
            all.push('\n');
        }
        drop(ready);
    })
}

/// `tcpwhy` with some arguments, run to its end.
pub fn once(arguments: &[&str]) -> Result<std::process::Output> {
    let binary: &Path = &binary()?;
    let mut command = Command::new(binary);
    command.args(arguments).stdin(Stdio::null());
    command
        .output()
        .with_context(|| format!("cannot start {}", binary.display()))
}

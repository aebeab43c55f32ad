//! What the commands that look at the running host have in common: set-up, the loop, the records
//! around the records.

mod counters;
mod setup;
mod signals;
mod writer;

use std::{future::Future, time::Duration};

use anyhow::Context as _;
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

use self::writer::{CANNOT_WRITE, Writer};
pub use self::{setup::require_root, signals::Signals};
use crate::{
    cli::{Common, Limits},
    clock::Clock,
    decode::Names,
    hook,
    incident::Thresholds,
    kernel::Kernel,
    record::{Ledger, Record, Trailer},
    session::{Session, Wanted},
    sink::{Sink, WhenDumped},
};

/// How often a ledger is written, where something changed.
const LEDGER_EVERY: Duration = Duration::from_secs(10);

/// Asks a run to write now what it holds.
pub struct Request {
    /// Who asks.
    pub reason: Reason,
    /// Hears of it.
    pub done: WhenDumped,
}

/// Why a run, or what is written of it, ended, as trailers have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// SIGINT or SIGTERM.
    Interrupted,
    /// `--duration` is over.
    Duration,
    /// `--count` is reached.
    Count,
    /// The command of `run` ended.
    CommandExited,
    /// Nobody reads the output any more.
    OutputClosed,
    /// The trace goes on in the next file.
    Rotated,
    /// SIGUSR1.
    Signal,
    /// Many failures in a short time.
    Burst,
    /// `tcpwhy dump`.
    Dump,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Duration => "duration",
            Self::Count => "count",
            Self::CommandExited => "command-exited",
            Self::OutputClosed => "output-closed",
            Self::Rotated => "rotated",
            Self::Signal => "signal",
            Self::Burst => "burst",
            Self::Dump => "dump",
        }
    }
}

/// What a run looks for.
pub struct Run<'a> {
    /// Filters, and when to stop.
    pub common: &'a Common,
    /// Bounds of memory.
    pub limits: Limits,
    /// What it hands out beside failures.
    pub wanted: Wanted,
    /// Only a command and its descendants ([`hook::Hooks::follow`]).
    pub follow_command: bool,
    /// When failures are an incident; `None` where that is not told.
    pub incidents: Option<Thresholds>,
    /// What the host was doing beside the failures, too.
    pub counters: bool,
}

/// A run on the live host.
pub struct Live {
    session: Session,
    writer: Writer,
    requests: Option<UnboundedReceiver<Request>>,
    duration: Option<Duration>,
    degraded: bool,
    ledger: Ledger,
}

impl Live {
    /// Attaches the hooks, and writes the header.
    ///
    /// # Errors
    /// One line that says what this host lacks, or where `sink` cannot be written.
    pub fn start(run: &Run<'_>, sink: Box<dyn Sink>) -> anyhow::Result<Self> {
        require_root()?;
        // Kernels before 5.11 count BPF memory against this limit; where raising it is refused, the
        // maps may still fit.
        let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
        let kernel = Kernel::running()?;
        let mut hooks = hook::start(&kernel, &setup::options(run)?)?;
        let attached = std::mem::take(&mut hooks.attached);
        let degraded = std::mem::take(&mut hooks.degraded);
        let names = Names::new(kernel.reasons.clone());
        let max_attempts = usize::try_from(run.limits.max_attempts)?;
        let session = Session::new(hooks, names, run.wanted, max_attempts)?;
        if run.common.display.verbose > 0 {
            for missing in &degraded {
                eprintln!(
                    "tcpwhy: {}: {}; {}",
                    missing.what, missing.why, missing.effect
                );
            }
        }
        let degraded_here = !degraded.is_empty();
        let header = setup::header(&kernel, session.clock(), attached, degraded);
        let mut live = Self {
            session,
            writer: Writer::new(run, sink),
            requests: None,
            duration: run.common.duration,
            degraded: degraded_here,
            ledger: Ledger::default(),
        };
        live.writer.write(&Record::Header(Box::new(header)))?;
        // Who holds what was there before is asked while they are there: it is not ready until then.
        live.step()?;
        Ok(live)
    }

    /// Something cannot be seen on this host.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// Lets others ask for what the run holds.
    pub fn listen(&mut self, requests: UnboundedReceiver<Request>) {
        self.requests = Some(requests);
    }

    /// The run's hooks.
    pub fn hooks(&mut self) -> &mut hook::Hooks {
        self.session.hooks()
    }

    /// Reads every symbol of the kernel beforehand, so that the first drop does not wait for them.
    pub fn warm_up(&mut self) {
        self.session.warm_up();
    }

    /// Runs until `stop` is ready, a limit is reached or nobody reads; then ends cleanly. The final
    /// ledger and what `stop` gave, if it was that.
    ///
    /// # Errors
    /// Where the kernel or the output fails.
    pub async fn drive(mut self, stop: impl Future<Output = Reason>) -> anyhow::Result<Ledger> {
        let mut stop = std::pin::pin!(stop);
        let begun = Instant::now();
        let deadline = self.duration.map(|duration| begun + duration);
        let mut ledger_due = begun + LEDGER_EVERY;
        let reason = loop {
            let request = tokio::select! {
                biased;
                reason = &mut stop => break reason,
                () = until(deadline) => break Reason::Duration,
                request = next(self.requests.as_mut()) => Some(request),
                waited = self.session.wait() => {
                    waited?;
                    None
                }
            };
            self.step()?;
            if let Some(request) = request {
                self.dump(request)?;
            }
            if let Some(reason) = self.writer.ended {
                break reason;
            }
            if Instant::now() >= ledger_due {
                ledger_due = Instant::now() + LEDGER_EVERY;
                self.write_ledger()?;
                self.writer.tick();
            }
        };
        self.end(reason)
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let mut records = Vec::new();
        self.session.step(&mut |record| {
            records.push(record);
            Ok(())
        })?;
        self.write_all(records)?;
        self.writer.pass()?;
        self.writer.settle()?;
        if self.writer.sink.wants_dump() {
            let (reason, done): (_, WhenDumped) = (Reason::Burst, Box::new(|_| ()));
            self.dump(Request { reason, done })?;
        }
        Ok(())
    }

    fn dump(&mut self, request: Request) -> anyhow::Result<()> {
        self.writer.flush()?;
        let trailer = trailer(request.reason, self.ledger()?);
        self.writer.sink.dump(&trailer, request.done);
        Ok(())
    }

    /// Filters, writes and counts; the next part of the trace may begin at any record.
    fn write_all(&mut self, records: Vec<Record>) -> anyhow::Result<()> {
        let is_failure = |record: &Record| matches!(record, Record::Failure(_));
        let mut failures_left = records.iter().filter(|record| is_failure(record)).count();
        for record in records {
            self.writer.take(&record)?;
            failures_left -= usize::from(is_failure(&record));
            if self.writer.sink.is_part_over() {
                self.next_part(failures_left)?;
            }
        }
        self.settle();
        Ok(())
    }

    fn next_part(&mut self, failures_left: usize) -> anyhow::Result<()> {
        self.writer.flush()?;
        let mut ledger = self.ledger()?;
        // They are under way to the next part.
        let under_way = u64::try_from(failures_left)?.min(ledger.failures_lost);
        ledger.failures_lost -= under_way;
        ledger.failures_pending += under_way;
        self.writer.write(&trailer(Reason::Rotated, ledger))?;
        self.writer.flush()?;
        self.writer.sink.next_part();
        Ok(())
    }

    fn settle(&mut self) {
        for cause in self.writer.emitted.drain(..) {
            self.session.emitted(&cause);
        }
        self.session
            .filtered(std::mem::take(&mut self.writer.filtered));
    }

    /// The books of what is written. Whatever waits must have been.
    fn ledger(&mut self) -> anyhow::Result<Ledger> {
        self.settle();
        let mut ledger = self.session.ledger()?;
        self.writer.sink.correct(&mut ledger);
        Ok(ledger)
    }

    fn write_ledger(&mut self) -> anyhow::Result<()> {
        self.writer.flush()?;
        let ledger = self.ledger()?;
        let unchanged = Ledger {
            time: self.ledger.time.clone(),
            ..ledger.clone()
        } == self.ledger;
        if !unchanged {
            self.ledger = ledger.clone();
            self.writer.write(&Record::Ledger(ledger))?;
        }
        if self.writer.sink.is_part_over() {
            self.next_part(0)?;
        }
        Ok(())
    }

    fn end(mut self, reason: Reason) -> anyhow::Result<Ledger> {
        if self.writer.ended.is_none() {
            let mut records = Vec::new();
            self.session.finish(&mut |record| {
                records.push(record);
                Ok(())
            })?;
            self.write_all(records)?;
            self.writer.last_words()?;
        }
        self.writer.flush()?;
        let ledger = self.ledger()?;
        self.writer.write(&trailer(reason, ledger.clone()))?;
        self.writer.sink.finish().context(CANNOT_WRITE)?;
        Ok(ledger)
    }
}

fn trailer(reason: Reason, ledger: Ledger) -> Record {
    Record::Trailer(Trailer {
        time: Clock::utc_now(),
        reason: reason.name().to_owned(),
        ledger,
    })
}

async fn next(requests: Option<&mut UnboundedReceiver<Request>>) -> Request {
    if let Some(requests) = requests
        && let Some(request) = requests.recv().await
    {
        return request;
    }
    std::future::pending().await
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

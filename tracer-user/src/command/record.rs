//! `tcpwhy record`: a trace for the postmortem.

use std::io;

use anyhow::Context as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{self, UnboundedSender},
};

use super::{
    live::{Live, Reason, Request, Run, Signals, require_root},
    ready::ready,
    recorders,
    redacted::Redacted,
};
use crate::{
    cli::Record,
    redact::Redactor,
    session::Wanted,
    show::text,
    sink::Sink,
    trace::{history::History, write::TraceFile},
};

/// Runs until it is stopped.
///
/// # Errors
/// One line that says what could not be done, and what to try.
pub async fn run(record: &Record) -> anyhow::Result<()> {
    // Before a file that is there already is touched.
    require_root()?;
    let mut signals = Signals::new()?;
    let sink = sink(record).with_context(|| format!("cannot write {}", record.output.display()))?;
    let run = Run {
        common: &record.common,
        limits: record.limits,
        wanted: Wanted {
            connections: record.all,
            events: record.events,
            replay: record.events && !record.redaction.redact,
        },
        follow_command: false,
        incidents: Some(record.incidents),
        counters: true,
    };
    let mut live = Live::start(&run, sink)?;
    if live.is_degraded() {
        eprintln!("tcpwhy: not everything can be seen here: `tcpwhy doctor` says what, and why");
    }
    let (ask, requests) = mpsc::unbounded_channel();
    live.listen(requests);
    listen_to_signal(ask.clone())?;
    let _answering = record.last.and_then(|_| recorders::answer(ask));
    ready();
    live.warm_up();
    let ledger = live
        .drive(async {
            signals.next().await;
            Reason::Interrupted
        })
        .await?;
    eprintln!("{}", text::closing(&ledger, "written"));
    Ok(())
}

fn sink(record: &Record) -> io::Result<Box<dyn Sink>> {
    let redactor = record.redaction.redactor()?;
    Ok(match record.history() {
        Some(settings) => redacted(redactor, History::new(settings)?),
        None => {
            let trace = TraceFile::create(record.output.clone(), record.rotation())?;
            redacted(redactor, trace)
        }
    })
}

fn redacted(redactor: Option<Redactor>, sink: impl Sink + 'static) -> Box<dyn Sink> {
    match redactor {
        Some(redactor) => Box::new(Redacted { redactor, sink }),
        None => Box::new(sink),
    }
}

/// SIGUSR1: write now what is held.
fn listen_to_signal(ask: UnboundedSender<Request>) -> io::Result<()> {
    let mut signals = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            let request = Request {
                reason: Reason::Signal,
                done: Box::new(|_| ()),
            };
            if ask.send(request).is_err() {
                return;
            }
        }
    });
    Ok(())
}

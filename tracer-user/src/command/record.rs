//! `tcpwhy record`: a trace for the postmortem.

use anyhow::Context as _;

use super::{
    live::{Live, Reason, Signals, require_root},
    ready::ready,
};
use crate::{cli::Record, session::Wanted, show::text, trace::write::TraceFile};

/// Runs until it is stopped.
///
/// # Errors
/// One line that says what could not be done, and what to try.
pub async fn run(record: &Record) -> anyhow::Result<()> {
    // Before a file that is there already is touched.
    require_root()?;
    let mut signals = Signals::new()?;
    let trace = TraceFile::create(record.output.clone(), record.rotation())
        .with_context(|| format!("cannot write {}", record.output.display()))?;
    let wanted = Wanted {
        connections: record.all,
        events: record.events,
    };
    let mut live = Live::start(
        &record.common,
        record.limits,
        wanted,
        false,
        Box::new(trace),
    )?;
    if live.is_degraded() {
        eprintln!("tcpwhy: not everything can be seen here: `tcpwhy doctor` says what, and why");
    }
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

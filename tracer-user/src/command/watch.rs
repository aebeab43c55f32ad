//! `tcpwhy watch`: failures as they happen.

use std::io;

use super::{
    live::{Live, Reason, Run, Signals},
    ready::ready,
};
use crate::{
    cli::Watch,
    session::Wanted,
    show::{Output, text},
};

/// Runs until it is stopped.
///
/// # Errors
/// One line that says what could not be done, and what to try.
pub async fn run(watch: &Watch) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let color = watch.common.display.color.is_on(&io::stdout());
    let output = Output::new(watch.format, color, Box::new(io::stdout()));
    let run = Run {
        common: &watch.common,
        limits: watch.limits,
        wanted: Wanted {
            connections: watch.all,
            events: watch.events,
            replay: false,
        },
        follow_command: false,
        incidents: Some(watch.incidents),
        counters: false,
    };
    let mut live = Live::start(&run, Box::new(output))?;
    if live.is_degraded() && watch.format.name == text::FORMAT.name {
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
    if watch.format.name == text::FORMAT.name {
        eprintln!("{}", text::closing(&ledger, "shown"));
    }
    Ok(())
}

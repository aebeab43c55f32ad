//! The line that closes a run.

use std::fmt::Write as _;

use crate::{
    record::{HookLedger, Ledger},
    show::number::{number, plural},
};

/// The line that closes a run, for stderr: what was seen, and `done` (shown, written), and what was
/// lost.
///
/// The caller adds the newline.
#[must_use]
pub fn closing(ledger: &Ledger, done: &str) -> String {
    let mut text = format!(
        "tcpwhy: {}, {} {done}",
        plural(ledger.failures_seen, "failure"),
        number(ledger.failures_emitted)
    );
    for (count, what) in [
        (ledger.failures_filtered, "filtered out"),
        (ledger.failures_pending, "still under way"),
        (ledger.races, "of races that another attempt won"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", number(count));
        }
    }
    let lost = losses(ledger);
    if !lost.is_empty() {
        let _ = write!(text, "; LOST: {}", lost.join("; "));
    }
    text
}

/// What was lost, one phrase for each way to lose it.
#[must_use]
pub fn losses(ledger: &Ledger) -> Vec<String> {
    let sum = |count: fn(&HookLedger) -> u64| -> u64 {
        ledger
            .hooks
            .values()
            .map(count)
            .fold(0, u64::saturating_add)
    };
    let unmended = sum(|hook| hook.missed).saturating_sub(sum(|hook| hook.recovered));
    [
        (ledger.failures_lost, "failure", " without a record"),
        (
            sum(|hook| hook.lost_ring_full),
            "event",
            ", ring buffer full (--ring-size)",
        ),
        (
            sum(|hook| hook.lost_map_full),
            "event",
            ", table full (--max-attempts)",
        ),
        (sum(|hook| hook.rate_limited), "event", ", rate-limited"),
        (
            unmended,
            "run",
            " of a hook skipped by the kernel",
        ),
        (ledger.unwritten, "record", " not written, disk full"),
        (
            ledger.evicted,
            "piece",
            " of evidence forgotten, too much at once",
        ),
        (
            ledger.unowned,
            "attempt",
            " whose beginning is not known (older than tcpwhy, or more than --max-attempts at once)",
        ),
    ]
    .into_iter()
    .filter(|&(count, ..)| count > 0)
    .map(|(count, what, how)| format!("{}{how}", plural(count, what)))
    .collect()
}

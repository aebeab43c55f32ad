//! What is looked for from time to time: attempts that never came to a SYN, and losses.

use super::Session;
use crate::{attribute::HOLD_NS, clock, decode::Event, record::Record};

/// How often attempts are looked for that never came to a SYN.
pub(super) const SWEEP_NS: u64 = 250_000_000;

impl Session {
    /// Attempts that never came to a SYN while their socket lives on.
    pub(super) fn sweep(
        &mut self,
        now_ns: u64,
        show: &mut dyn FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if now_ns.saturating_sub(self.swept_ns) < SWEEP_NS {
            return Ok(());
        }
        self.swept_ns = now_ns;
        let unsettled = self.hooks.unsettled()?;
        if unsettled == self.unsettled {
            return Ok(());
        }
        let found = self.hooks.sweep(now_ns)?;
        // What is still under way shows as a difference the next time, too.
        self.unsettled = unsettled.saturating_sub(found.young);
        for (attempt, unsent) in found.events {
            self.book.swept += 1;
            let owner = attempt.owner;
            self.observe(Event::Attempt(attempt), show)?;
            self.observe(Event::Unsent(unsent), show)?;
            self.identify(owner.tgid, owner.started_ns);
        }
        Ok(())
    }

    /// Losses of attempts that are under way.
    pub(super) fn check_losses(&mut self, now_ns: u64) -> anyhow::Result<()> {
        if self.tracker.waiting() == 0 && now_ns.saturating_sub(self.checked_ns) < SWEEP_NS {
            return Ok(());
        }
        // Dearer to read than the counters: as often as an attempt's time of waiting.
        if now_ns.saturating_sub(self.missed_ns) >= HOLD_NS {
            self.missed_ns = now_ns;
            self.missed = self.hooks.missed().into_values().sum();
        }
        let lost = self.hooks.lost(self.missed)?;
        if lost > self.lost {
            self.tracker
                .lost(self.checked_ns, clock::monotonic_ns()?, lost - self.lost);
            self.lost = lost;
        }
        self.checked_ns = now_ns;
        Ok(())
    }
}

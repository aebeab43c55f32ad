//! The exact counts of the BPF programs, summed over CPUs.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use aya::maps::PerCpuArray;
use tracer_ebpf::counter::{self, Attempts, Count, DROP_REASONS, ERRNOS, Hook};

use super::Hooks;
use crate::record::HookLedger;

/// A snapshot of every count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By hook; hooks that saw nothing are left out.
    pub hooks: BTreeMap<&'static str, HookLedger>,
    /// Attempts that failed.
    pub failed: u64,
    /// Of those, the ones whose beginning was not in the table.
    pub unowned: u64,
    /// Attempts that came up.
    pub established: u64,
    /// Attempts that began at the connect hook and are neither at `SYN_SENT` nor known to have
    /// ended.
    pub unsettled: u64,
    /// Failed attempts by errno.
    pub by_errno: BTreeMap<u32, u64>,
    /// Dropped packets by the kernel's reason.
    pub by_drop_reason: BTreeMap<u32, u64>,
}

impl Hooks {
    /// Reads every count.
    ///
    /// # Errors
    /// Where the kernel refuses to read a map: a defect.
    pub fn counts(&self) -> anyhow::Result<Counts> {
        let attempts = self.array("ATTEMPT_COUNTS", Attempts::LEN)?;
        let attempt = |what: Attempts| attempts[what as usize];
        Ok(Counts {
            hooks: self.hook_counts()?,
            failed: attempt(Attempts::Failed),
            unowned: attempt(Attempts::Unowned),
            established: attempt(Attempts::Established),
            unsettled: attempt(Attempts::Begun).saturating_sub(attempt(Attempts::Settled)),
            by_errno: nonzero(&self.array("ERRNO_COUNTS", ERRNOS)?),
            by_drop_reason: nonzero(&self.array("DROP_REASON_COUNTS", DROP_REASONS)?),
        })
    }

    /// Connections that were found when the tracer began.
    ///
    /// # Errors
    /// As [`Hooks::counts`].
    pub fn found(&self) -> anyhow::Result<u64> {
        let rows = self.array("HOOK_COUNTS", counter::LEN)?;
        Ok(rows[counter::index(Hook::Find, Count::Seen) as usize])
    }

    /// Attempts that began at the connect hook and have not been heard of since.
    ///
    /// # Errors
    /// As [`Hooks::counts`].
    pub fn unsettled(&self) -> anyhow::Result<u64> {
        let attempts = self.array("ATTEMPT_COUNTS", Attempts::LEN)?;
        Ok(attempts[Attempts::Begun as usize].saturating_sub(attempts[Attempts::Settled as usize]))
    }

    /// Events lost or held back so far; `missed` runs of hooks too, less those that another hook
    /// made good.
    ///
    /// # Errors
    /// As [`Hooks::counts`].
    pub fn lost(&self, missed: u64) -> anyhow::Result<u64> {
        let rows = self.array("HOOK_COUNTS", counter::LEN)?;
        let sum = |count| -> u64 {
            let of = |hook: Hook| rows[counter::index(hook, count) as usize];
            Hook::ALL.into_iter().map(of).sum()
        };
        let unmended = missed.saturating_sub(sum(Count::Recovered));
        Ok(sum(Count::RingFull) + sum(Count::MapFull) + sum(Count::RateLimited) + unmended)
    }

    fn hook_counts(&self) -> anyhow::Result<BTreeMap<&'static str, HookLedger>> {
        let rows = self.array("HOOK_COUNTS", counter::LEN)?;
        let of = |hook: Hook| {
            let row = |count| rows[counter::index(hook, count) as usize];
            HookLedger {
                seen: row(Count::Seen),
                emitted: row(Count::Emitted),
                lost_ring_full: row(Count::RingFull),
                lost_map_full: row(Count::MapFull),
                rate_limited: row(Count::RateLimited),
                filtered: row(Count::Filtered),
                summarized: row(Count::Summarized),
                missed: 0,
                recovered: row(Count::Recovered),
            }
        };
        let mut all: BTreeMap<&'static str, HookLedger> = Hook::ALL
            .into_iter()
            .map(|hook| (hook.name(), of(hook)))
            .collect();
        for (hook, missed) in self.missed() {
            all.entry(hook).or_default().missed = missed;
        }
        all.retain(|_, ledger| *ledger != HookLedger::default());
        Ok(all)
    }

    fn array(&self, name: &str, len: u32) -> anyhow::Result<Vec<u64>> {
        let map = self
            .ebpf
            .map(name)
            .ok_or_else(|| anyhow!("the map {name} is missing"))?;
        let array = PerCpuArray::<_, u64>::try_from(map)?;
        let sum = |row: u32| -> anyhow::Result<u64> {
            let values = array
                .get(&row, 0)
                .with_context(|| format!("cannot read {name}"))?;
            Ok(values.iter().sum())
        };
        (0..len).map(sum).collect()
    }
}

fn nonzero(rows: &[u64]) -> BTreeMap<u32, u64> {
    (0..)
        .zip(rows)
        .filter(|&(_, &count)| count != 0)
        .map(|(row, &count)| (row, count))
        .collect()
}

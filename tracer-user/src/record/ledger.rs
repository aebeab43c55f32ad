//! What was seen, emitted, filtered and lost.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was seen, emitted, filtered and lost since the hooks were attached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    /// RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// Outbound connections that failed, as the kernel half counted them (exact even where details
    /// were lost), and records of listeners that turned connections away.
    pub failures_seen: u64,
    /// `failure` records written.
    pub failures_emitted: u64,
    /// Failures that a filter left out.
    pub failures_filtered: u64,
    /// Failures whose record is still to come (verdicts held back, or attempts under way).
    pub failures_pending: u64,
    /// Failures that were seen, but have no record: their event was lost on the way, or the record
    /// could not be written.
    pub failures_lost: u64,
    /// Losers of races that another attempt won: no failure.
    pub races: u64,
    /// What listeners of this host turned away, by cause: exact, and the sum of `turned_away` of the
    /// records, those that a filter left out included.
    #[serde(default)]
    pub turned_away: BTreeMap<String, u64>,
    /// Event counts by hook.
    pub hooks: BTreeMap<String, HookLedger>,
    /// Failures written, by cause.
    pub by_cause: BTreeMap<String, u64>,
    /// Failures seen by the kernel half, by the errno it left on the socket (`0`: none).
    pub by_errno: BTreeMap<String, u64>,
    /// Packets dropped on this host (all, not only of failures), by the kernel's reason.
    pub by_drop_reason: BTreeMap<String, u64>,
    /// Failures whose beginning was not seen, so that they have no process: they are older than
    /// tcpwhy, or were forgotten by the kernel half since too many attempts were under way.
    #[serde(default)]
    pub unowned: u64,
    /// Attempts, and packets without a socket, whose evidence was forgotten since a table of user
    /// space was full.
    pub evicted: u64,
    /// Records of every type that could not be written, since the disk was full.
    #[serde(default)]
    pub unwritten: u64,
    /// What a bounded history (`record --last`) no longer held; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten: Option<Forgotten>,
}

/// Records that were in a bounded history, and are not in what was written of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {
    /// Records that were older than `--last`.
    pub expired: u64,
    /// Records that went before that, since `--memory` was full.
    pub evicted: u64,
    /// Failures among both.
    pub failures: u64,
}

/// Counts of one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HookLedger {
    /// Times the hook ran and what it saw was of interest.
    pub seen: u64,
    /// Events handed to user space.
    pub emitted: u64,
    /// Events lost because the ring buffer was full.
    pub lost_ring_full: u64,
    /// Events lost because a table was full.
    pub lost_map_full: u64,
    /// Events counted but not handed over: too many in too short a time.
    pub rate_limited: u64,
    /// Events that a filter left out.
    pub filtered: u64,
    /// Events at listeners that were counted, exactly and by kind, but whose details were not handed
    /// over: too many in too short a time. Nothing is lost by it.
    #[serde(default)]
    pub summarized: u64,
    /// Times the kernel skipped the hook's program since it was running on the same CPU already
    /// (`recursion_misses`).
    #[serde(default)]
    pub missed: u64,
    /// Of those, the runs that another program made good: nothing of them is lost.
    #[serde(default)]
    pub recovered: u64,
}

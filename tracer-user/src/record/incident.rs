//! Failures that belong together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Confidence, Direction, Endpoint, Process, Severity};

/// Failures of the same process, remote end (of inbound ones: listener) and cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// `F-YYYYMMDD-NNN`: the day of its first failure (UTC), and its number on that day.
    pub id: String,
    /// RFC 3339 with nanoseconds, UTC: when this became so.
    pub time: String,
    /// Whether it goes on.
    pub state: IncidentState,
    /// How much it matters.
    pub severity: Severity,
    /// Why it matters that much.
    pub severity_reason: String,
    /// RFC 3339 with nanoseconds, UTC: its first failure.
    pub first: String,
    /// RFC 3339 with nanoseconds, UTC: its last failure so far.
    pub last: String,
    /// Failures so far.
    pub count: u64,
    /// Who opened the connections.
    pub direction: Direction,
    /// Their cause.
    pub cause: String,
    /// What the application was stuck on, where the cause is that it gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_on: Option<String>,
    /// How sure the cause is: the surest of its failures.
    pub confidence: Confidence,
    /// One sentence.
    pub summary: String,
    /// The chain of its surest failure.
    pub why: Vec<String>,
    /// What to do: commands first.
    pub fix: Vec<String>,
    /// The process of its first failure; absent where no evidence names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The first processes of it, by pid.
    pub pids: Vec<u32>,
    /// How many processes it has; at most 1024 are told apart.
    pub processes: u64,
    /// The other end, of outbound connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Endpoint>,
    /// The listener, of inbound connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Endpoint>,
    /// Inode number of the network namespace of its first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// Failures over time.
    pub rate: Rate,
    /// The destination's failing share of its attempts, at its worst while this went on; absent
    /// where connections that succeed are not recorded (`--all`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The failing share of the destination's attempts before this began; absent where too few are
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// `id` of its first failures.
    pub failures: Vec<String>,
}

/// Whether an incident goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// It has begun, or become worse.
    Open,
    /// No further failure for the time of `--incident-quiet`.
    Closed,
}

/// Counts over time, in buckets of equal width. The first begins with the first count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rate {
    /// RFC 3339 with nanoseconds, UTC: where the first bucket begins.
    pub start: String,
    /// Width of a bucket, seconds.
    pub bucket_s: u64,
    /// Counts, one a bucket.
    pub counts: Vec<u64>,
}

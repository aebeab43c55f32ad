//! What is said of a run: its first record and its last.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Ledger;

/// Where, when and with which hooks the records that follow were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// Schema of every record in this stream.
    pub schema: String,
    /// Version of tcpwhy.
    pub version: String,
    /// RFC 3339, UTC: when the hooks were attached.
    pub time: String,
    /// Host name (`/proc/sys/kernel/hostname`).
    pub host: String,
    /// Kernel release (`uname -r`).
    pub kernel: String,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Nanoseconds to add to `CLOCK_MONOTONIC` for UTC, when the hooks were attached.
    pub clock_offset_ns: i64,
    /// The command line of this run.
    pub command_line: Vec<String>,
    /// Hooks that are attached, by the kernel's name.
    pub hooks: Vec<String>,
    /// What this run cannot see, and why.
    pub degraded: Vec<Degradation>,
    /// Which part of a rotated trace this is, counted from 1; absent where it is the only one. Parts
    /// of one run have the same host, boot id and `time`, and their ledgers count from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
}

/// Something this host does not let the tool see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Degradation {
    /// The hook or source that is missing.
    pub what: String,
    /// The reason, as the kernel gave it.
    pub why: String,
    /// What is not known, or known less well, without it.
    pub effect: String,
}

/// Totals, and the final ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trailer {
    /// RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// Why the run ended: `interrupted`, `duration`, `count`, `command-exited`, `output-closed`;
    /// or why this file does: `rotated`; or why a history was written: `signal`, `burst`, `dump`;
    /// `replayed` for what `tcpwhy replay` writes.
    pub reason: String,
    /// The final ledger.
    pub ledger: Ledger,
}

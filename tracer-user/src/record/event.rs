//! One piece of evidence as it happened.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MatchedBy, Process, Socket};

/// One piece of evidence, as it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// The hook that saw it, by the kernel's name.
    pub hook: String,
    /// One sentence.
    pub summary: String,
    /// How it was joined to the connection; absent where it matched none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_by: Option<MatchedBy>,
    /// The owner of the connection it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The socket, or the packet's two ends where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<Socket>,
    /// The hook's own facts.
    pub detail: BTreeMap<String, serde_json::Value>,
    /// The event as the kernel half wrote it, to be replayed (`record --events`): `kind`, `fields`
    /// (those that are not zero), and names that were looked up. Of use to `tcpwhy replay` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<serde_json::Value>,
}

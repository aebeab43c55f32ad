//! What attribution and diagnosis are told beside events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What attribution and diagnosis were told beside events: with both, in the order of the trace, a
/// replay comes to the same records. Of use to `tcpwhy replay` only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "context", rename_all = "snake_case")]
pub enum Context {
    /// First: how the run was set up.
    Run {
        /// `--max-attempts`.
        max_attempts: u64,
        /// Whether connections that did not fail are told (`--all`).
        connections: bool,
        /// Inode number of tcpwhy's own network namespace.
        own_netns: u32,
        /// Whether only listeners are watched whose `listen()` was seen. Absent where it is not
        /// written what their failures were judged by: in traces of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_listeners_only: Option<bool>,
        /// Whether the kernel says at which listener it drops a packet (6.11 and newer).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        names_receivers: Option<bool>,
    },
    /// An event that is no evidence: a process, or an attempt that evidence follows of.
    Announced {
        /// As in events.
        wire: serde_json::Value,
    },
    /// Ways into network namespaces, as far as they have changed.
    Ways {
        /// Each.
        ways: Vec<Way>,
    },
    /// Attempts were judged that had ended some time before.
    Judged {
        /// `CLOCK_MONOTONIC`: the evidence was complete up to here.
        now_ns: u64,
        /// What was found out about each beside its events.
        attempts: Vec<serde_json::Value>,
    },
    /// Listeners were looked at: what the kernel had counted.
    Look {
        /// When, and what was seen.
        look: serde_json::Value,
    },
    /// What listeners had turned away was judged.
    TurnedAway {
        /// `CLOCK_MONOTONIC`: what was due by then.
        now_ns: u64,
        /// Each.
        failures: Vec<TurnedAway>,
    },
}

/// What was found out about a listener's failure beside events and looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TurnedAway {
    /// `id` of the failure that follows.
    pub id: String,
    /// Address of the listener: an opaque key.
    pub sk: u64,
    /// Who holds it, and what was lost meanwhile.
    pub circumstances: serde_json::Value,
}

/// How a command is run in a network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Way {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// What the command begins with (`ip netns exec web `); absent where there is none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
}

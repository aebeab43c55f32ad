//! What a network namespace's TCP/IP stack was doing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the TCP/IP stack of a network namespace was doing while connections failed there. What could
/// not be read is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counters {
    /// RFC 3339 with nanoseconds, UTC: when they were read.
    pub time: String,
    /// RFC 3339 with nanoseconds, UTC: when they were read before; absent the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// By how much the counters of `/proc/net/snmp`, `snmp6` and `netstat` rose since then (without
    /// `since`: since the namespace was made), by the names of nstat(8). Those that did not move are
    /// left out.
    pub counters: BTreeMap<String, u64>,
    /// Sockets in use at `time`: `/proc/net/sockstat`, `sockstat6` (`TCP.inuse`), and `TcpCurrEstab`.
    pub sockets: BTreeMap<String, u64>,
    /// Connection tracking at `time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conntrack: Option<Usage>,
    /// Settings that TCP connections depend on, by the names of sysctl(8): the first time only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
}

/// How much of something bounded is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// In use.
    pub count: u64,
    /// Most that can be.
    pub max: u64,
}

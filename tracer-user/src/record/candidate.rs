//! Rules of a firewall.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rule of a firewall, or the policy of a chain, that can have dropped a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Whose rule it is: nftables (iptables-nft too), or iptables-legacy.
    pub engine: String,
    /// Family of its table: `ip`, `ip6`, `inet`, `netdev`.
    pub family: String,
    /// Name of its table.
    pub table: String,
    /// Name of its chain.
    pub chain: String,
    /// The hook at which the packet met it.
    pub hook: String,
    /// Priority of the base chain there.
    pub priority: i64,
    /// Handle of the rule (`nft -a`); absent for policies, and for iptables-legacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<u64>,
    /// The rule as its own tool prints it, without counters; `policy drop` for the policy of the
    /// chain.
    pub rule: String,
    /// `drop`, or `reject`.
    pub verdict: String,
    /// Packets that it has counted; absent where it has no counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    /// Bytes that it has counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether all of its conditions are known to hold, and the packet is known to get to it.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Its counter moved while such a packet was dropped. Rules whose counters did not are no
    /// candidates any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
}

/// How sure it is that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Match {
    /// Every condition holds.
    Certain,
    /// It depends on what is not known of the packet.
    Possible,
}

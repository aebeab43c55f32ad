//! Which rules of a firewall can have dropped a packet. Pure: rulesets as the firewall's own tools
//! print them, a packet as the kernel half saw it, and the answer.
//!
//! A condition holds, does not, or cannot be told ([`Tri`]): what the kernel half does not see of a
//! packet (its mark, the state of a rate limit) is never assumed. A rule is named only where it can
//! be reached, can match, and gives a verdict that drops.

mod delta;
mod iptables;
mod nft;
mod packet;
mod target;
#[cfg(test)]
mod tests;
mod tri;
mod walk;

use std::collections::HashMap;

use serde_json::Value;

pub use self::{
    delta::counted,
    iptables::words,
    packet::{Device, Packet},
    walk::{Answer, Exhausted},
};
use self::{target::Target, tri::Tri};

/// Whose rules they are; as records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// nftables, iptables-nft included.
    Nftables,
    /// iptables-legacy.
    Legacy,
}

impl Engine {
    /// As records have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nftables => "nftables",
            Self::Legacy => "iptables-legacy",
        }
    }
}

/// All rules of one engine in one network namespace.
#[derive(Clone, Debug)]
pub struct Ruleset {
    engine: Engine,
    chains: HashMap<ChainId, Chain>,
    /// Members of named sets, and entries of named maps.
    sets: HashMap<(String, String, String), Vec<Value>>,
}

/// Family, table and name of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct ChainId {
    family: String,
    table: String,
    name: String,
}

/// Rules, one after the other.
#[derive(Clone, Debug, Default)]
struct Chain {
    /// Where packets come in from; `None` for a chain that only others lead to.
    base: Option<Base>,
    rules: Vec<Rule>,
}

/// Where a chain is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Base {
    hook: String,
    priority: i64,
    /// Address translation: only the first packet of a connection comes here.
    nat: bool,
    /// What falls through is dropped.
    drops: bool,
    counter: Option<Counter>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    handle: Option<u64>,
    /// As its own tool prints it, without counters.
    text: String,
    body: Body,
    counter: Option<Counter>,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq)]
enum Body {
    /// `expr` of `nft -j list ruleset`.
    Nft(Vec<Value>),
    /// The arguments of iptables, behind `-A CHAIN`.
    Iptables(Vec<String>),
}

/// What a rule has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counter {
    packets: u64,
    bytes: u64,
}

/// What happens to a packet that a rule, or a member of a verdict map, matches.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// It is dropped; and answered, where the rule rejects.
    Drop { reject: bool },
    /// It leaves the base chain, and lives.
    Accept,
    /// It goes back to where the chain was called from.
    Return,
    /// It goes on in another chain, and comes back.
    Jump(String),
    /// It goes on in another chain, and does not come back here.
    Goto(String),
    /// Something else than a rule's verdict may drop it here: a translation without a free port, a
    /// queue to user space, an extension that is not known.
    Unknown,
}

impl From<Target> for Vec<Action> {
    fn from(target: Target) -> Self {
        match target {
            Target::Drop => vec![Action::Drop { reject: false }],
            Target::Reject => vec![Action::Drop { reject: true }],
            Target::Accept => vec![Action::Accept],
            Target::Return => vec![Action::Return],
            Target::Takes => vec![Action::Unknown, Action::Accept],
            Target::Continue => Vec::new(),
            Target::Unknown => vec![Action::Unknown],
        }
    }
}

impl Ruleset {
    /// From what `nft -j list ruleset` and `nft -s -a list ruleset` print.
    ///
    /// # Errors
    /// What is not as it should be, in one line.
    pub fn nft(json: &str, text: &str) -> Result<Self, String> {
        nft::parse(json, text)
    }

    /// From what `iptables-legacy-save -c` (`ipv6`: `ip6tables-legacy-save -c`) prints, into one that
    /// may have the other family already.
    #[must_use]
    pub fn iptables(mut self, save: &str, ipv6: bool) -> Self {
        iptables::parse(save, ipv6, &mut self.chains);
        self
    }

    /// Without any rule.
    #[must_use]
    pub fn empty(engine: Engine) -> Self {
        Self {
            engine,
            chains: HashMap::new(),
            sets: HashMap::new(),
        }
    }

    /// Whether nftables' tables look like those that iptables-nft makes: `iptables-nft-save` tells
    /// more of their rules.
    #[must_use]
    pub fn has_iptables(&self, ipv6: bool) -> bool {
        self.engine == Engine::Nftables
            && self.chains.iter().any(|(id, chain)| {
                id.family == iptables::family(ipv6)
                    && chain.base.is_some()
                    && iptables::is_builtin(&id.name)
            })
    }

    /// Takes over what `iptables-nft-save` (`ipv6`: `ip6tables-nft-save`) says of the same rules.
    pub fn retell(&mut self, save: &str, ipv6: bool) {
        let mut told = HashMap::new();
        iptables::parse(save, ipv6, &mut told);
        for (id, told) in told {
            let Some(chain) = self.chains.get_mut(&id) else {
                continue;
            };
            // They stand in the same order; where they do not, the ruleset has changed in between.
            if chain.rules.len() == told.rules.len() {
                for (rule, told) in chain.rules.iter_mut().zip(told.rules) {
                    (rule.text, rule.body) = (told.text, told.body);
                }
            }
        }
    }

    /// The rules that can have dropped a packet at a hook, in the order in which it met them.
    ///
    /// # Errors
    /// Where there is more to compare than `comparisons` allows.
    pub fn candidates(
        &self,
        packet: &Packet,
        hook: &str,
        comparisons: &mut u64,
    ) -> Result<Answer, Exhausted> {
        walk::candidates(self, packet, hook, comparisons)
    }
}

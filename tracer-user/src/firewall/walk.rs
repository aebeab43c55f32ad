//! The way of a packet through the chains of a hook.

use super::{Action, Body, ChainId, Counter, Packet, Rule, Ruleset, Tri, iptables, nft};
use crate::record::{Candidate, Match};

/// Chains that lead to each other at most: the kernel allows 16 (`NFT_JUMP_STACK_SIZE`).
const MAX_DEPTH: usize = 17;

/// What can have dropped a packet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The rules.
    pub candidates: Vec<Candidate>,
    /// Something else than a rule's verdict may have done it.
    pub others: bool,
}

/// There was more to compare than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// How a packet leaves a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Through {
    /// By its end, or a return.
    Yes,
    /// Maybe so, maybe by a verdict.
    Maybe,
    /// By a verdict.
    No,
}

struct Walk<'a> {
    ruleset: &'a Ruleset,
    packet: &'a Packet,
    hook: &'a str,
    comparisons: &'a mut u64,
    base: i64,
    answer: Answer,
}

/// Every base chain of the hook, by priority.
pub(super) fn candidates(
    ruleset: &Ruleset,
    packet: &Packet,
    hook: &str,
    comparisons: &mut u64,
) -> Result<Answer, Exhausted> {
    let ip = if packet.is_ipv6() { "ip6" } else { "ip" };
    let mut bases: Vec<_> = ruleset
        .chains
        .iter()
        .filter(|(id, _)| [ip, "inet", "netdev"].contains(&id.family.as_str()))
        .filter_map(|(id, chain)| Some((chain.base.as_ref()?, id)))
        .filter(|(base, _)| base.hook == hook)
        .collect();
    bases.sort_by_key(|(base, id)| (base.priority, *id));
    let mut walk = Walk {
        ruleset,
        packet,
        hook,
        comparisons,
        base: 0,
        answer: Answer::default(),
    };
    let mut reach = Tri::Yes;
    for (base, id) in bases {
        walk.base = base.priority;
        // A chain of a device is for that device alone; translation for first packets.
        let elsewhere = id.family == "netdev" || (base.nat && !packet.is_new());
        let enter = if elsewhere { Tri::Maybe } else { reach };
        let through = walk.chain(id, enter, 0)?;
        if base.drops && through != Through::No {
            let sure = match through {
                Through::Yes => enter,
                _ => Tri::Maybe,
            };
            walk.drop(id, None, base.counter, sure, false);
        }
        let dropped = &walk.answer.candidates;
        if dropped.iter().any(|it| it.matches == Match::Certain) {
            break;
        }
        if !dropped.is_empty() {
            reach = Tri::Maybe;
        }
    }
    Ok(walk.answer)
}

impl Walk<'_> {
    /// A packet that gets to the beginning of a chain as surely as `enter` says.
    fn chain(&mut self, id: &ChainId, enter: Tri, depth: usize) -> Result<Through, Exhausted> {
        let Some(chain) = self.ruleset.chains.get(id).filter(|_| depth < MAX_DEPTH) else {
            self.answer.others = true;
            return Ok(Through::Maybe);
        };
        let mut flow = Flow::default();
        for rule in &chain.rules {
            let actions = match &rule.body {
                Body::Nft(expr) => {
                    nft::actions(expr, self.packet, self.ruleset, id, self.comparisons)
                }
                Body::Iptables(args) => {
                    let is_chain = |name: &str| self.ruleset.chains.contains_key(&id.beside(name));
                    iptables::actions(args, self.packet, is_chain)
                }
            };
            *self.comparisons = self.comparisons.checked_sub(1).ok_or(Exhausted)?;
            for (matches, action) in actions {
                self.act(id, rule, (enter, matches), action, &mut flow, depth)?;
                if flow.here == Tri::No {
                    return Ok(flow.end());
                }
            }
        }
        Ok(flow.end())
    }

    fn act(
        &mut self,
        id: &ChainId,
        rule: &Rule,
        (enter, matches): (Tri, Tri),
        action: Action,
        flow: &mut Flow,
        depth: usize,
    ) -> Result<(), Exhausted> {
        let sure = enter.and(flow.here).and(matches);
        match action {
            Action::Drop { reject } => {
                self.drop(id, Some(rule), rule.counter, sure, reject);
                flow.leave(matches, Through::No);
            }
            Action::Accept => flow.leave(matches, Through::No),
            Action::Return => flow.leave(matches, Through::Yes),
            Action::Jump(name) => {
                let through = self.chain(&id.beside(&name), sure, depth + 1)?;
                flow.come_back(matches, through);
            }
            Action::Goto(name) => {
                let through = self.chain(&id.beside(&name), sure, depth + 1)?;
                flow.leave(matches, through);
            }
            Action::Unknown => self.answer.others = true,
        }
        Ok(())
    }

    fn drop(
        &mut self,
        id: &ChainId,
        rule: Option<&Rule>,
        counter: Option<Counter>,
        sure: Tri,
        reject: bool,
    ) {
        let matches = if sure == Tri::Yes {
            Match::Certain
        } else {
            Match::Possible
        };
        self.answer.candidates.push(Candidate {
            engine: self.ruleset.engine.name().to_owned(),
            family: id.family.clone(),
            table: id.table.clone(),
            chain: id.name.clone(),
            hook: self.hook.to_owned(),
            priority: self.base,
            handle: rule.and_then(|rule| rule.handle),
            rule: rule.map_or_else(|| "policy drop".to_owned(), |rule| short(&rule.text)),
            verdict: if reject { "reject" } else { "drop" }.to_owned(),
            packets: counter.map(|counter| counter.packets),
            bytes: counter.map(|counter| counter.bytes),
            matches,
            counted: false,
        });
    }
}

/// A rule may be as long as its author likes.
fn short(text: &str) -> String {
    const MAX_CHARS: usize = 2048;
    let mut short: String = text.chars().take(MAX_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Whether a packet is still in a chain, and how it may have left.
struct Flow {
    here: Tri,
    returned: bool,
    ended: bool,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            here: Tri::Yes,
            returned: false,
            ended: false,
        }
    }
}

impl Flow {
    /// What matches leaves the chain.
    fn leave(&mut self, matches: Tri, through: Through) {
        if matches == Tri::No {
            return;
        }
        self.here = self.here.and(matches.is(false));
        self.returned |= through != Through::No;
        self.ended |= through != Through::Yes;
    }

    /// What matches has been in another chain.
    fn come_back(&mut self, matches: Tri, through: Through) {
        if matches == Tri::No || through == Through::Yes {
            return;
        }
        self.ended = true;
        let all = matches == Tri::Yes && through == Through::No;
        self.here = self.here.and(if all { Tri::No } else { Tri::Maybe });
    }

    fn end(&self) -> Through {
        match (self.here != Tri::No || self.returned, self.ended) {
            (false, _) => Through::No,
            (true, true) => Through::Maybe,
            (true, false) => Through::Yes,
        }
    }
}

impl ChainId {
    /// Another chain of the same table.
    fn beside(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self.clone()
        }
    }
}

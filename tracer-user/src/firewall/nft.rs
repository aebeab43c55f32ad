//! Rulesets as `nft -j list ruleset` prints them (libnftables-json(5)).

mod expression;
mod statement;
mod text;

use std::collections::HashMap;

use serde_json::Value;

pub(super) use self::statement::actions;
use super::{Base, Body, Chain, ChainId, Counter, Engine, Rule, Ruleset};

/// Named counters, by family, table and name.
type Counters = HashMap<(String, String, String), Counter>;

pub(super) fn parse(json: &str, text: &str) -> Result<Ruleset, String> {
    let root: Value = serde_json::from_str(json).map_err(|why| format!("nft -j: {why}"))?;
    let objects = root["nftables"]
        .as_array()
        .ok_or("nft -j: no list of objects under \"nftables\"")?;
    let texts = text::by_handle(text);
    let mut ruleset = Ruleset::empty(Engine::Nftables);
    let mut counters = Counters::new();
    let mut asleep = Vec::new();
    for object in objects {
        let Some((kind, it)) = object.as_object().and_then(|object| object.iter().next()) else {
            continue;
        };
        match kind.as_str() {
            "table" if has_flag(it, "dormant") => {
                asleep.push((field(it, "family"), field(it, "name")));
            }
            "chain" => {
                let chain = Chain {
                    base: base(it),
                    rules: Vec::new(),
                };
                ruleset.chains.insert(chain_id(it, "name"), chain);
            }
            "set" | "map" => {
                let members = it["elem"].as_array().cloned().unwrap_or_default();
                ruleset.sets.insert(named(it), members);
            }
            "counter" => {
                counters.extend(counter(it).map(|counter| (named(it), counter)));
            }
            "rule" => {
                let id = chain_id(it, "chain");
                let rule = rule(it, &id, &texts, &counters);
                ruleset.chains.entry(id).or_default().rules.push(rule);
            }
            _ => {}
        }
    }
    ruleset
        .chains
        .retain(|id, _| !asleep.contains(&(id.family.clone(), id.table.clone())));
    Ok(ruleset)
}

fn field(it: &Value, name: &str) -> String {
    it[name].as_str().unwrap_or_default().to_owned()
}

fn has_flag(it: &Value, flag: &str) -> bool {
    it["flags"] == flag
        || it["flags"]
            .as_array()
            .is_some_and(|flags| flags.iter().any(|it| it == flag))
}

fn named(it: &Value) -> (String, String, String) {
    (field(it, "family"), field(it, "table"), field(it, "name"))
}

fn chain_id(it: &Value, name: &str) -> ChainId {
    ChainId {
        family: field(it, "family"),
        table: field(it, "table"),
        name: field(it, name),
    }
}

fn base(it: &Value) -> Option<Base> {
    Some(Base {
        hook: it["hook"].as_str()?.to_owned(),
        priority: it["prio"].as_i64().unwrap_or(0),
        nat: it["type"] == "nat",
        drops: it["policy"] == "drop",
        counter: None,
    })
}

fn counter(it: &Value) -> Option<Counter> {
    Some(Counter {
        packets: it["packets"].as_u64()?,
        bytes: it["bytes"].as_u64()?,
    })
}

fn rule(it: &Value, id: &ChainId, texts: &text::Texts, counters: &Counters) -> Rule {
    let expr = it["expr"].as_array().cloned().unwrap_or_default();
    let handle = it["handle"].as_u64();
    let text = handle.and_then(|handle| texts.get(&(id.clone(), handle)));
    let counted = expr.iter().find_map(|statement| {
        let it = statement.get("counter")?;
        match it.as_str() {
            Some(name) => {
                let name = (id.family.clone(), id.table.clone(), name.to_owned());
                counters.get(&name).copied()
            }
            None => counter(it),
        }
    });
    Rule {
        handle,
        // Without its text, its own form is at least exact.
        text: text
            .cloned()
            .unwrap_or_else(|| Value::Array(expr.clone()).to_string()),
        body: Body::Nft(expr),
        counter: counted,
    }
}

//! What the statements of a rule do with a packet.

use serde_json::Value;

use super::expression::{self, Key, Sets};
use crate::firewall::{
    Action, ChainId, Packet, Ruleset,
    target::{Target, target},
    tri::Tri,
};

/// What a rule does, and how surely it comes to it. One that certainly does not match does nothing.
pub(in crate::firewall) fn actions(
    expr: &[Value],
    packet: &Packet,
    ruleset: &Ruleset,
    id: &ChainId,
    comparisons: &mut u64,
) -> Vec<(Tri, Action)> {
    let mut sets = Sets::new(ruleset, id, comparisons);
    let mut matches = Tri::Yes;
    let mut found = Vec::new();
    for statement in expr {
        let Some((kind, it)) = statement
            .as_object()
            .and_then(|object| object.iter().next())
        else {
            return found;
        };
        match kind.as_str() {
            "match" => matches = matches.and(is_match(it, packet, &mut sets)),
            "vmap" => {
                let key = expression::key(&it["key"], packet);
                found.extend(verdicts(&key, &it["data"], matches, &mut sets));
            }
            kind => match effect(kind, it) {
                Effect::Action(action) => found.push((matches, action)),
                Effect::Target(target) => {
                    let actions = Vec::<Action>::from(target).into_iter();
                    found.extend(actions.map(|action| (matches, action)));
                    if target == Target::Unknown {
                        matches = matches.and(Tri::Maybe);
                    }
                }
                Effect::Doubt => matches = matches.and(Tri::Maybe),
                Effect::None => {}
            },
        }
        if matches == Tri::No {
            return found;
        }
    }
    found
}

enum Effect {
    Action(Action),
    Target(Target),
    /// It goes on only under a condition that is not known.
    Doubt,
    None,
}

fn effect(kind: &str, it: &Value) -> Effect {
    if let Some(action) = verdict(kind, it) {
        return Effect::Action(action);
    }
    match kind {
        "counter" | "log" | "mangle" | "notrack" | "flow" | "dup" | "secmark" | "comment"
        | "last" => Effect::None,
        "set" | "map" if it.get("stmt").is_none() => Effect::None,
        "snat" | "dnat" | "masquerade" | "redirect" | "queue" | "synproxy" | "fwd" => {
            Effect::Target(Target::Takes)
        }
        "xt" if it["type"] == "target" => {
            Effect::Target(target(it["name"].as_str().unwrap_or_default()))
        }
        "tproxy" => Effect::Target(Target::Unknown),
        // `limit`, `quota`, `ct count`, extensions, and what is newer than this.
        _ => Effect::Doubt,
    }
}

fn verdict(kind: &str, it: &Value) -> Option<Action> {
    let target = || it["target"].as_str().unwrap_or_default().to_owned();
    Some(match kind {
        "drop" => Action::Drop { reject: false },
        "reject" => Action::Drop { reject: true },
        "accept" => Action::Accept,
        "return" => Action::Return,
        "jump" => Action::Jump(target()),
        "goto" => Action::Goto(target()),
        _ => return None,
    })
}

fn is_match(it: &Value, packet: &Packet, sets: &mut Sets<'_>) -> Tri {
    let key = expression::key(&it["left"], packet);
    let right = &it["right"];
    match it["op"].as_str() {
        _ if matches!(key, Key::Never) => Tri::No,
        // Kernels differ in what they do without a device.
        Some("!=") if matches!(key, Key::NoDevice) => Tri::Maybe,
        Some("!=") => key.equals(right, sets).is(false),
        Some("==") => key.equals(right, sets),
        Some("in") => key.overlaps(right, sets),
        // None of these flags is set.
        Some("!") => key.overlaps(right, sets).is(false),
        Some(op) => key.compares(op, right),
        None => Tri::Maybe,
    }
}

/// The verdicts of a map's entries that the key may be.
fn verdicts(key: &Key, data: &Value, matches: Tri, sets: &mut Sets<'_>) -> Vec<(Tri, Action)> {
    let Some(entries) = sets.members(data) else {
        return vec![(matches.and(Tri::Maybe), Action::Unknown)];
    };
    let mut found = Vec::new();
    let mut rest = None;
    for entry in entries {
        let [member, said] = entry.as_array().map_or(&[][..], Vec::as_slice) else {
            continue;
        };
        let action = said
            .as_object()
            .and_then(|said| said.iter().next())
            .and_then(|(kind, it)| verdict(kind, it));
        if expression::is_rest(member) {
            rest = action;
            continue;
        }
        match (key.equals(member, sets), action) {
            (Tri::Yes, action) => return action.map(|it| (matches, it)).into_iter().collect(),
            (Tri::Maybe, Some(action)) => found.push((matches.and(Tri::Maybe), action)),
            _ => {}
        }
    }
    let sure = if found.is_empty() {
        matches
    } else {
        matches.and(Tri::Maybe)
    };
    if !matches!(key, Key::Never) {
        found.extend(rest.map(|action| (sure, action)));
    }
    found
}

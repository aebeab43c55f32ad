//! Looks in the JSON of a trace, so that they can be replayed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracer_ebpf::{event::Wire, json::Misfit};

use super::{Counters, Look};

/// The parts of a look; those of the kernel half in their own form.
#[derive(Serialize, Deserialize)]
struct Form {
    time_ns: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    whole: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    listeners: Vec<(u64, Value)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    counters: BTreeMap<u32, Counters>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<(Value, u64)>,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Look {
    /// Its form in a trace.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let listeners = self.listeners.iter();
        let counts = self.counts.iter();
        let form = Form {
            time_ns: self.time_ns,
            whole: self.whole,
            listeners: listeners.map(|(sk, it)| (*sk, it.to_json())).collect(),
            counters: self.counters.clone(),
            counts: counts.map(|(key, it)| (key.to_json(), *it)).collect(),
        };
        // It is a plain structure: nothing can go wrong.
        serde_json::to_value(form).unwrap_or_default()
    }

    /// Reads that form again.
    ///
    /// # Errors
    /// What was expected.
    pub fn from_json(form: &Value) -> Result<Self, String> {
        let form = Form::deserialize(form).map_err(|why| format!("look: {why}"))?;
        let misfit = |Misfit(expected)| format!("look: expected {expected}");
        let listeners = form.listeners.iter();
        let listeners = listeners.map(|(sk, it)| Ok((*sk, Wire::from_json(it)?)));
        let counts = form.counts.iter();
        let counts = counts.map(|(key, it)| Ok((Wire::from_json(key)?, *it)));
        Ok(Self {
            time_ns: form.time_ns,
            whole: form.whole,
            listeners: listeners.collect::<Result<_, _>>().map_err(misfit)?,
            counters: form.counters,
            counts: counts.collect::<Result<_, _>>().map_err(misfit)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tracer_ebpf::listener::{CountKey, Listener};

    use super::*;

    #[test]
    fn a_look_comes_back_as_it_was() {
        let listener = Listener {
            local_port: 80,
            drops: u32::MAX,
            ..Listener::ZERO
        };
        let counters = Counters {
            listen_drops: u64::MAX,
            somaxconn: Some(0),
            ..Counters::default()
        };
        let look = Look {
            time_ns: u64::MAX,
            whole: true,
            listeners: vec![(u64::MAX, listener)],
            counters: [(7, counters)].into(),
            counts: vec![(CountKey::of(1, 2, 3, u32::MAX, 2), 9)],
        };
        // Through text, as in a trace.
        let text = look.to_json().to_string();
        let form = serde_json::from_str(&text).unwrap();
        assert_eq!(Look::from_json(&form), Ok(look));
        let quiet = Look {
            time_ns: 5,
            whole: true,
            ..Look::default()
        };
        assert_eq!(quiet.to_json(), json!({"time_ns": 5, "whole": true}));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (form, expected) in [
            (json!(null), "look: invalid type: null"),
            (json!({}), "look: missing field `time_ns`"),
            (json!({"time_ns": -1}), "look: invalid value"),
            (
                json!({"time_ns": 1, "listeners": [[1, {"drops": "x"}]]}),
                "look: expected u32",
            ),
            (
                json!({"time_ns": 1, "counts": [[7, 1]]}),
                "look: expected an object",
            ),
            (json!({"time_ns": 1, "counters": {"x": {}}}), "look: "),
        ] {
            let why = Look::from_json(&form).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}

//! Events in the JSON of a trace, so that they can be replayed: the fields that the kernel half wrote,
//! and the kernel's names for them. `{"kind": "drop", "fields": {…}, "place": {…}}`
//!
//! Names stand for the numbers of kinds: those may change from version to version.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tracer_ebpf::{event::Wire, json::Misfit};

use super::Event;

/// The form of an event.
#[must_use]
pub fn to_json(event: &Event) -> Value {
    match event {
        Event::Process(event) => form("process", &**event),
        Event::Attempt(event) => form("attempt", event),
        Event::State(event) => form("state", &**event),
        Event::Unsent(event) => form("unsent", event),
        Event::Retransmit(event) => form("retransmit", event),
        Event::SynackRetransmit(event) => form("synack_retransmit", event),
        Event::ResetSent(event, reason) => {
            let mut form = form("reset_sent", event);
            if let Some(reason) = reason {
                form["reason"] = json!(**reason);
            }
            form
        }
        Event::ResetReceived(event) => form("reset_received", event),
        Event::SocketError(event) => form("socket_error", event),
        Event::Drop(event, place) => {
            let mut form = form("drop", &**event);
            form["place"] = serde_json::to_value(place).unwrap_or_default();
            form
        }
        Event::IcmpSent(event) => form("icmp_sent", event),
        Event::Listening(event) => form("listening", &**event),
        Event::AtListener(event, reason, location) => {
            let mut form = form("at_listener", &**event);
            for (name, value) in [("reason", reason), ("location", location)] {
                if let Some(value) = value {
                    form[name] = json!(**value);
                }
            }
            form
        }
        Event::CameUp(event) => form("came_up", event),
        Event::Holder(event) => form("holder", event),
    }
}

/// Reads that form again.
///
/// # Errors
/// What was expected, and where.
pub fn from_json(form: &Value) -> Result<Event, String> {
    let kind = form.get("kind").and_then(Value::as_str);
    let Some(kind) = kind else {
        return Err("an event without a kind".to_owned());
    };
    let event = match kind {
        "process" => fields(form).map(Box::new).map(Event::Process),
        "attempt" => fields(form).map(Event::Attempt),
        "state" => fields(form).map(Box::new).map(Event::State),
        "unsent" => fields(form).map(Event::Unsent),
        "retransmit" => fields(form).map(Event::Retransmit),
        "synack_retransmit" => fields(form).map(Event::SynackRetransmit),
        "reset_sent" => fields(form).map(|event| Event::ResetSent(event, name(form, "reason"))),
        "reset_received" => fields(form).map(Event::ResetReceived),
        "socket_error" => fields(form).map(Event::SocketError),
        "drop" => {
            let place = form
                .get("place")
                .cloned()
                .unwrap_or_else(|| Map::new().into());
            let place = serde_json::from_value(place).map_err(|why| format!("{kind}: {why}"))?;
            fields(form)
                .map(Box::new)
                .map(|event| Event::Drop(event, place))
        }
        "icmp_sent" => fields(form).map(Event::IcmpSent),
        "listening" => fields(form).map(Box::new).map(Event::Listening),
        "at_listener" => fields(form)
            .map(Box::new)
            .map(|event| Event::AtListener(event, name(form, "reason"), name(form, "location"))),
        "came_up" => fields(form).map(Event::CameUp),
        "holder" => fields(form).map(Event::Holder),
        _ => return Err(format!("an event of the unknown kind {kind:?}")),
    };
    event.map_err(|Misfit(expected)| format!("{kind}: expected {expected}"))
}

fn form(kind: &str, event: &impl Wire) -> Value {
    json!({"kind": kind, "fields": event.to_json()})
}

fn fields<T: Wire>(form: &Value) -> Result<T, Misfit> {
    T::from_json(form.get("fields").ok_or(Misfit("fields"))?)
}

fn name(form: &Value, name: &str) -> Option<Arc<str>> {
    form.get(name).and_then(Value::as_str).map(Into::into)
}

#[cfg(test)]
mod tests {
    use tracer_ebpf::event;

    use super::*;
    use crate::decode::{Names, Place, decode};

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let mut kinds = 0;
        // Whatever the decoder makes of a zeroed record of each kind.
        for kind in 1..100_u32 {
            let decoded = (4..4096).find_map(|len| {
                let mut bytes = vec![0; len];
                bytes[..4].copy_from_slice(&kind.to_ne_bytes());
                decode(&bytes, &mut Names::without_kernel()).ok()
            });
            if let Some(event) = decoded {
                assert_eq!(from_json(&to_json(&event)), Ok(event));
                kinds += 1;
            }
        }
        assert!(kinds >= 15, "{kinds}");
    }

    #[test]
    fn names_come_back_too() {
        let place = Place {
            reason: Some("NETFILTER_DROP".into()),
            location: Some("nft_do_chain".into()),
            hook: Some("output"),
            engine: Some("nftables"),
            course: Some(crate::kernel::way::Course::Sent),
            conntrack: Some(crate::decode::Conntrack {
                count: Some(1),
                ..Default::default()
            }),
        };
        let drop = Event::Drop(Box::new(event::Drop::ZERO), place);
        assert_eq!(from_json(&to_json(&drop)), Ok(drop));
        let reset = Event::ResetSent(event::ResetSent::ZERO, Some("NO_SOCKET".into()));
        assert_eq!(from_json(&to_json(&reset)), Ok(reset));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (form, expected) in [
            (json!({}), "without a kind"),
            (json!({"kind": "mood"}), "unknown kind \"mood\""),
            (json!({"kind": "state"}), "state: expected fields"),
            (
                json!({"kind": "state", "fields": {"err": "x"}}),
                "state: expected i32",
            ),
            (
                json!({"kind": "drop", "fields": {}, "place": {"hook": "crook"}}),
                "no netfilter hook or engine: crook",
            ),
        ] {
            let why = from_json(&form).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}

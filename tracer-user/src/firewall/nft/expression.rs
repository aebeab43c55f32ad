//! Keys of a packet, and what rules compare them with.

use std::{net::IpAddr, slice};

use serde_json::Value;

use crate::firewall::{
    ChainId, Packet, Ruleset,
    packet::{Bits, Device, FLAGS, is_within},
    tri::Tri,
};

/// What a rule looks at, of one packet.
#[derive(Debug)]
pub(super) enum Key<'a> {
    /// Of another protocol: the rule does not match, whatever it compares with.
    Never,
    /// It was not seen.
    Unknown,
    Number(u64),
    /// A name of the kernel's, and its number.
    Named(&'static str, u64),
    Address(IpAddr),
    Bits(Bits),
    Device(&'a Device),
    /// There is no device on that side of the hook.
    NoDevice,
    Concat(Vec<Key<'a>>),
}

/// Sets of one table, and how much may still be compared.
pub(super) struct Sets<'a> {
    ruleset: &'a Ruleset,
    id: &'a ChainId,
    comparisons: &'a mut u64,
}

impl<'a> Sets<'a> {
    pub(super) fn new(ruleset: &'a Ruleset, id: &'a ChainId, comparisons: &'a mut u64) -> Self {
        Self {
            ruleset,
            id,
            comparisons,
        }
    }

    /// The members of a set that stands in the rule, or that it names.
    pub(super) fn members<'b>(&mut self, of: &'b Value) -> Option<&'b [Value]>
    where
        'a: 'b,
    {
        let found = match of.as_str().and_then(|name| name.strip_prefix('@')) {
            Some(name) => {
                let name = (
                    self.id.family.clone(),
                    self.id.table.clone(),
                    name.to_owned(),
                );
                self.ruleset.sets.get(&name)?
            }
            None => of.get("set")?.as_array()?,
        };
        let cost = u64::try_from(found.len()).unwrap_or(u64::MAX);
        *self.comparisons = self.comparisons.saturating_sub(cost);
        // Nothing left: the walk ends at the next rule, and says so.
        (*self.comparisons > 0).then_some(found)
    }
}

/// The left side of a match.
pub(super) fn key<'a>(of: &Value, packet: &'a Packet) -> Key<'a> {
    let Some((kind, it)) = of.as_object().and_then(|object| object.iter().next()) else {
        return Key::Unknown;
    };
    let word = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "payload" => payload(&word("protocol"), &word("field"), packet),
        "meta" => meta(&word("key"), packet),
        "ct" => conntrack(&word("key"), packet),
        "concat" => {
            let parts = it.as_array().map_or(&[][..], Vec::as_slice);
            Key::Concat(parts.iter().map(|part| key(part, packet)).collect())
        }
        "&" => match (key(&it[0], packet), bits(&it[1])) {
            (Key::Bits(seen), Some(mask)) => Key::Bits(seen.masked(mask)),
            (Key::Never, _) => Key::Never,
            _ => Key::Unknown,
        },
        _ => Key::Unknown,
    }
}

fn payload<'a>(protocol: &str, field: &str, packet: &Packet) -> Key<'a> {
    let v6 = packet.is_ipv6();
    match (protocol, field) {
        ("ip", _) if v6 => Key::Never,
        ("ip6", _) if !v6 => Key::Never,
        ("ip" | "ip6", "saddr") => Key::Address(packet.from.ip()),
        ("ip" | "ip6", "daddr") => Key::Address(packet.to.ip()),
        ("ip", "protocol") => Key::Named("tcp", 6),
        ("tcp" | "th", "sport") => Key::Number(packet.from.port().into()),
        ("tcp" | "th", "dport") => Key::Number(packet.to.port().into()),
        ("tcp", "flags") => Key::Bits(packet.flags),
        (
            "udp" | "udplite" | "sctp" | "dccp" | "icmp" | "icmpv6" | "igmp" | "esp" | "ah"
            | "comp" | "arp",
            _,
        ) => Key::Never,
        _ => Key::Unknown,
    }
}

fn meta<'a>(key: &str, packet: &'a Packet) -> Key<'a> {
    match key {
        "l4proto" => Key::Named("tcp", 6),
        "nfproto" if packet.is_ipv6() => Key::Named("ipv6", 10),
        "nfproto" => Key::Named("ipv4", 2),
        "protocol" if packet.is_ipv6() => Key::Named("ip6", 0x86dd),
        "protocol" => Key::Named("ip", 0x0800),
        "iif" | "iifname" => device(&packet.iif),
        "oif" | "oifname" => device(&packet.oif),
        _ => Key::Unknown,
    }
}

fn device(device: &Device) -> Key<'_> {
    match device {
        Device::None => Key::NoDevice,
        device => Key::Device(device),
    }
}

fn conntrack<'a>(key: &str, packet: &Packet) -> Key<'a> {
    match (key, packet.original) {
        ("state", _) => Key::Named(packet.state, u64::MAX),
        ("direction", Tri::Yes) => Key::Named("original", 0),
        ("direction", Tri::No) => Key::Named("reply", 1),
        _ => Key::Unknown,
    }
}

/// The member of a set or map that stands for all that no other is (`*`).
pub(super) fn is_rest(member: &Value) -> bool {
    plain(member) == "*"
}

/// A member without what is kept beside it: time to live, comment, counter.
fn plain(member: &Value) -> &Value {
    member
        .get("elem")
        .and_then(|elem| elem.get("val"))
        .unwrap_or(member)
}

impl Key<'_> {
    /// Whether it is this value, or one of this set, range or prefix.
    pub(super) fn equals(&self, right: &Value, sets: &mut Sets<'_>) -> Tri {
        let right = plain(right);
        match self {
            Self::Never | Self::NoDevice => return Tri::No,
            Self::Unknown => return Tri::Maybe,
            _ => {}
        }
        if right.get("set").is_some() || right.as_str().is_some_and(|it| it.starts_with('@')) {
            return match sets.members(right) {
                Some(members) => self.is_among(members, sets),
                None => Tri::Maybe,
            };
        }
        match (self, right) {
            (Self::Concat(keys), right) => match right["concat"].as_array() {
                Some(parts) if parts.len() == keys.len() => {
                    Tri::all(keys.iter().zip(parts).map(|(key, it)| key.equals(it, sets)))
                }
                _ => Tri::Maybe,
            },
            (_, Value::String(rest)) if rest == "*" => Tri::Yes,
            (Self::Bits(seen), right) => bits(right).map_or(Tri::Maybe, |bits| seen.equal(bits)),
            (_, Value::Array(any)) => self.is_among(any, sets),
            (Self::Device(device), right) => match right.as_str() {
                Some(name) => device.is(name, '*'),
                None => Tri::Maybe,
            },
            (Self::Named(name, number), right) => {
                let same = |said: &str| said == *name || said.parse() == Ok(*number);
                match (right.as_str(), right.as_u64()) {
                    (Some(said), _) => same(said).into(),
                    (_, Some(said)) => (said == *number).into(),
                    _ => Tri::Maybe,
                }
            }
            (Self::Address(addr), right) => is_address(*addr, right),
            (Self::Number(number), right) => is_number(*number, right),
            _ => Tri::Maybe,
        }
    }

    /// Whether it has something in common with what may be a list of flags.
    pub(super) fn overlaps(&self, right: &Value, sets: &mut Sets<'_>) -> Tri {
        match (self, bits(right)) {
            (Self::Bits(seen), Some(bits)) => seen.overlap(bits),
            (Self::Bits(_), None) => Tri::Maybe,
            _ => self.equals(right, sets),
        }
    }

    /// `<`, `>`, `<=`, `>=`.
    pub(super) fn compares(&self, op: &str, right: &Value) -> Tri {
        let (Self::Number(left), Some(right)) = (self, right.as_u64()) else {
            return Tri::Maybe;
        };
        match op {
            "<" => (*left < right).into(),
            ">" => (*left > right).into(),
            "<=" => (*left <= right).into(),
            ">=" => (*left >= right).into(),
            _ => Tri::Maybe,
        }
    }

    fn is_among(&self, members: &[Value], sets: &mut Sets<'_>) -> Tri {
        Tri::any(members.iter().map(|member| self.equals(member, sets)))
    }
}

/// One address, a prefix, or a range.
fn is_address(addr: IpAddr, right: &Value) -> Tri {
    let parse = |value: &Value| value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
    if let Some(prefix) = right.get("prefix") {
        let bits = prefix["len"]
            .as_u64()
            .and_then(|bits| u8::try_from(bits).ok());
        return match (parse(&prefix["addr"]), bits) {
            (Some(network), Some(bits)) => is_within(addr, network, bits).into(),
            _ => Tri::Maybe,
        };
    }
    is_one_or_between(addr, right, parse)
}

/// One number, or a range; names of services are not looked up.
fn is_number(number: u64, right: &Value) -> Tri {
    let parse = |value: &Value| {
        let text = value.as_str().and_then(|text| text.parse().ok());
        value.as_u64().or(text)
    };
    is_one_or_between(number, right, parse)
}

/// One value, or a range with both its ends.
fn is_one_or_between<T: Copy + PartialOrd>(
    value: T,
    right: &Value,
    parse: impl Fn(&Value) -> Option<T>,
) -> Tri {
    let ends = match &right["range"] {
        Value::Array(ends) => ends.as_slice(),
        _ => slice::from_ref(right),
    };
    match ends
        .iter()
        .map(parse)
        .collect::<Option<Vec<_>>>()
        .as_deref()
    {
        Some([one]) => (*one == value).into(),
        Some([first, last]) => (*first <= value && value <= *last).into(),
        _ => Tri::Maybe,
    }
}

/// TCP flags: one, several, or a number.
fn bits(of: &Value) -> Option<u64> {
    let one = |name: &str| {
        FLAGS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, bit)| *bit)
    };
    match of {
        Value::String(name) => one(name),
        Value::Number(number) => number.as_u64(),
        Value::Array(names) => names
            .iter()
            .map(bits)
            .try_fold(0, |all, bit| Some(all | bit?)),
        Value::Object(_) => {
            let parts = of.get("|")?.as_array()?;
            parts
                .iter()
                .map(bits)
                .try_fold(0, |all, bit| Some(all | bit?))
        }
        _ => None,
    }
}

//! The kernel's names for its numbers and addresses.

use std::{
    collections::HashMap,
    sync::Arc,
    thread::{self, JoinHandle},
};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use tracer_ebpf::{
    event,
    listener::{AtListener, what},
};

use crate::kernel::{
    reasons::ReasonNames,
    stack,
    symbols::Symbols,
    way::{self, Course},
};

/// One of this version's own names.
type Known = &'static str;

/// Where a packet was dropped, in names. What is absent is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// `enum skb_drop_reason`, without its prefix.
    #[serde(skip_serializing_if = "Option::is_none", with = "text")]
    pub reason: Option<Arc<str>>,
    /// Function that dropped it.
    #[serde(skip_serializing_if = "Option::is_none", with = "text")]
    pub location: Option<Arc<str>>,
    /// Netfilter hook.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub hook: Option<Known>,
    /// Netfilter engine.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub engine: Option<Known>,
    /// Which part of its way it was on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// For packets that connection tracking had no entry for: what it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conntrack: Option<Conntrack>,
}

/// `Option<Arc<str>>` as text.
pub(super) mod text {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(in crate::decode) fn serialize<S: Serializer>(
        text: &Option<Arc<str>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        text.as_deref().serialize(serializer)
    }

    pub(in crate::decode) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<str>>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Into::into))
    }
}

/// A name of netfilter's that this version knows, too.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Known>, D::Error> {
    let name: Option<String> = Deserialize::deserialize(deserializer)?;
    let known = |name: String| {
        stack::known(&name)
            .ok_or_else(|| D::Error::custom(format!("no netfilter hook or engine: {name}")))
    };
    name.map(known).transpose()
}

/// Connection tracking in the network namespace of a drop, asked right after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conntrack {
    /// Entries (`nf_conntrack_count`).
    pub count: Option<u64>,
    /// Most entries (`nf_conntrack_max`).
    pub max: Option<u64>,
}

impl Conntrack {
    /// True where no entry is free.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!((self.count, self.max), (Some(count), Some(max)) if max != 0 && count >= max)
    }
}

/// Looks names up, and remembers them: places repeat.
pub struct Names {
    reasons: ReasonNames,
    symbols: SymbolTable,
    drop_reasons: HashMap<u32, Arc<str>>,
    reset_reasons: HashMap<u32, Arc<str>>,
    places: HashMap<PlaceKey, Place>,
    functions: HashMap<u64, Arc<str>>,
}

type PlaceKey = (u32, u64, [u64; event::STACK_DEPTH]);

/// Reading every symbol takes tens of milliseconds: not before the first drop.
enum SymbolTable {
    NotReadYet,
    Reading(JoinHandle<Option<Symbols>>),
    Read(Symbols),
    Unavailable,
}

/// Places remembered at most; then all are forgotten and looked up anew.
const MAX_PLACES: usize = 4096;

impl Names {
    /// Names of the running kernel; symbols are read at the first drop.
    #[must_use]
    pub fn new(reasons: ReasonNames) -> Self {
        Self {
            reasons,
            symbols: SymbolTable::NotReadYet,
            drop_reasons: HashMap::new(),
            reset_reasons: HashMap::new(),
            places: HashMap::new(),
            functions: HashMap::new(),
        }
    }

    /// No names at all.
    #[cfg(test)]
    pub(crate) fn without_kernel() -> Self {
        Self {
            symbols: SymbolTable::Unavailable,
            ..Self::new(ReasonNames::default())
        }
    }

    pub(super) fn reset_reason(&mut self, number: u32) -> Option<Arc<str>> {
        let name = self.reasons.reset_reason(number)?;
        Some(Arc::clone(
            self.reset_reasons
                .entry(number)
                .or_insert_with(|| name.into()),
        ))
    }

    /// The kernel's name of a drop reason.
    pub fn drop_reason(&mut self, number: u32) -> Option<Arc<str>> {
        if let Some(known) = self.drop_reasons.get(&number) {
            return Some(Arc::clone(known));
        }
        let name: Arc<str> = match self.reasons.drop_reason(number) {
            Some(name) => name.into(),
            None => self.reasons.subsystem_reason(number)?.into(),
        };
        self.drop_reasons.insert(number, Arc::clone(&name));
        Some(name)
    }

    /// The kernel's reason for what happened at a listener.
    pub(super) fn at_listener(&mut self, at: &AtListener) -> Option<Arc<str>> {
        match at.what {
            what::RESET => self.reset_reason(at.reason),
            _ => self.drop_reason(at.reason),
        }
    }

    /// The function that an address lies in; `None` for 0.
    pub(super) fn function(&mut self, address: u64) -> Option<Arc<str>> {
        if address == 0 {
            return None;
        }
        if let Some(name) = self.functions.get(&address) {
            return Some(Arc::clone(name));
        }
        let name: Arc<str> = self.symbols()?.resolve(address)?.into();
        if self.functions.len() >= MAX_PLACES {
            self.functions.clear();
        }
        self.functions.insert(address, Arc::clone(&name));
        Some(name)
    }

    pub(super) fn place(&mut self, drop: &event::Drop) -> Place {
        let key = (drop.reason, drop.location, drop.stack);
        if let Some(place) = self.places.get(&key) {
            return place.clone();
        }
        let place = self.look_up(drop);
        if self.places.len() >= MAX_PLACES {
            self.places.clear();
        }
        self.places.insert(key, place.clone());
        place
    }

    fn look_up(&mut self, drop: &event::Drop) -> Place {
        let reason = self.drop_reason(drop.reason);
        let Some(symbols) = self.symbols() else {
            return Place {
                reason,
                ..Place::default()
            };
        };
        let depth =
            usize::try_from(drop.stack_depth).map_or(0, |depth| depth.min(drop.stack.len()));
        let frames: Vec<&str> = drop.stack[..depth]
            .iter()
            .filter_map(|&address| symbols.resolve(address))
            .collect();
        let location = symbols.resolve(drop.location);
        let netfilter = match reason.as_deref() {
            Some(reason) => reason == "NETFILTER_DROP",
            None => matches!(location, Some("nf_hook_slow" | "nft_do_chain")),
        };
        Place {
            reason,
            location: location.map(Into::into),
            hook: netfilter.then(|| stack::netfilter_hook(&frames)).flatten(),
            engine: netfilter.then(|| stack::engine(&frames)).flatten(),
            course: way::course(location, &frames),
            conntrack: None,
        }
    }

    /// Begins to read the symbols on a thread of its own.
    pub fn warm_up(&mut self) {
        if let SymbolTable::NotReadYet = self.symbols {
            self.symbols = SymbolTable::Reading(thread::spawn(|| Symbols::read().ok()));
        }
    }

    fn symbols(&mut self) -> Option<&Symbols> {
        self.warm_up();
        if let SymbolTable::Reading(_) = self.symbols
            && let SymbolTable::Reading(reader) =
                std::mem::replace(&mut self.symbols, SymbolTable::Unavailable)
            && let Ok(Some(symbols)) = reader.join()
        {
            self.symbols = SymbolTable::Read(symbols);
        }
        // Firewalls and tunnels are modules, loaded when they are first used.
        if let SymbolTable::Read(symbols) = &self.symbols
            && !symbols.is_current()
            && let Ok(symbols) = Symbols::read()
        {
            self.symbols = SymbolTable::Read(symbols);
            self.places.clear();
            self.functions.clear();
        }
        match &self.symbols {
            SymbolTable::Read(symbols) => Some(symbols),
            _ => None,
        }
    }
}

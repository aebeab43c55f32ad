//! Takes names out of records, so that a trace can leave the house: each is replaced by a pseudonym,
//! the same one wherever it stands. Pure but for the key: a record in, a record out.
//!
//! Replaced are addresses, names of hosts, processes, units, control groups, containers and devices,
//! paths and command lines, wherever they stand, in sentences too. Kept are numbers (ports, pids,
//! uids, namespaces, times, counters), loopback, the words of tcpwhy, and the kernel's names (its
//! release, functions, drop reasons, hooks). A field that this list does not know is read as a
//! sentence: what tcpwhy does not say itself is replaced.

mod address;
mod fields;
mod names;
mod pseudonym;
mod text;
mod token;

use std::collections::HashSet;

use clap::Args;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::pseudonym::Key;
use self::{
    address::Addresses,
    fields::{Holds, field, within},
    text::Names,
};
use crate::record::{self, Context, Record};

/// Whether to take names out, and by which key: flags of the commands that write traces.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Redaction")]
pub struct Redaction {
    /// Replace addresses, host, process and unit names, paths, command lines and containers by
    /// pseudonyms, in sentences too. Ports, pids, times, loopback and the kernel's own names stay.
    /// Private IPv4 becomes 250.0.0.0/7, public 240.0.0.0/5; private IPv6 fdfd::/16, public
    /// 2001:db8::/32; private subnets stay subnets
    #[arg(long)]
    pub redact: bool,
    /// The same secret gives the same pseudonyms in another run (long and random: who can guess it
    /// can undo them); without it every run has a key of its own, that nobody knows
    #[arg(long, value_name = "SECRET", requires = "redact", value_parser = secret)]
    pub redact_key: Option<String>,
}

impl Redaction {
    /// What takes the names out, if they are to go.
    ///
    /// # Errors
    /// Where the kernel has no random numbers for a key.
    pub fn redactor(&self) -> std::io::Result<Option<Redactor>> {
        if !self.redact {
            return Ok(None);
        }
        let key = match &self.redact_key {
            Some(secret) => Key::from_secret(secret),
            None => Key::random()?,
        };
        Ok(Some(Redactor::new(key)))
    }
}

/// Too short a secret is guessed, and the pseudonyms are undone.
fn secret(text: &str) -> Result<String, String> {
    const LEAST: usize = 16;
    if text.len() < LEAST {
        return Err(format!(
            "expected a secret of {LEAST} characters at least, such as openssl rand -hex 16 gives"
        ));
    }
    Ok(text.to_owned())
}

/// Names of fields that are remembered, at most: those of the schema are some hundred.
const MAX_OURS: usize = 4096;

/// Replaces names by pseudonyms.
pub struct Redactor {
    key: Key,
    addresses: Addresses,
    /// The host of the records, known from their header.
    host: Option<String>,
    /// Names of fields that are known to stay.
    ours: HashSet<String>,
}

impl Redactor {
    /// Pseudonyms depend on `key` alone.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            addresses: Addresses::new(),
            host: None,
            ours: HashSet::new(),
        }
    }

    /// For another thread: it gives the same pseudonyms, by [`Redactor::settled`].
    #[must_use]
    pub fn helper(&self) -> Self {
        Self {
            key: self.key.clone(),
            addresses: self.addresses.helper(),
            host: None,
            ours: HashSet::new(),
        }
    }

    /// The records that follow stand below this header.
    pub fn below(&mut self, header: &record::Header) {
        self.host = Some(header.host.clone()).filter(|host| !host.is_empty());
    }

    /// The record without names; `None` where a pseudonym in it depends on what came before it, and is
    /// not known yet: [`Redactor::record`] is to be asked, in the order of the records.
    ///
    /// # Errors
    /// As [`Redactor::record`].
    pub fn settled(&mut self, record: &Record) -> serde_json::Result<Option<Record>> {
        let redacted = self.record(record)?;
        Ok((!self.addresses.was_unsettled()).then_some(redacted))
    }

    /// The record without names.
    ///
    /// # Errors
    /// None that a record of this schema can cause.
    pub fn record(&mut self, record: &Record) -> serde_json::Result<Record> {
        if let Record::Header(header) = record {
            self.below(header);
        }
        let bare = without_script(record);
        Ok(match bare.as_ref().unwrap_or(record) {
            Record::Header(header) => Record::Header(self.anything(header)?),
            Record::Failure(failure) => Record::Failure(self.anything(failure)?),
            Record::Connection(connection) => Record::Connection(self.anything(connection)?),
            Record::Event(event) => Record::Event(self.anything(event)?),
            Record::Incident(incident) => Record::Incident(self.anything(incident)?),
            Record::Context(context) => Record::Context(self.anything(context)?),
            Record::Counters(counters) => Record::Counters(self.anything(counters)?),
            Record::Ledger(ledger) => Record::Ledger(self.anything(ledger)?),
            Record::Trailer(trailer) => Record::Trailer(self.anything(trailer)?),
        })
    }

    /// Whatever is made of records, and has fields named as theirs.
    ///
    /// # Errors
    /// Where it cannot be told apart from its own form any more: never, by the fields of this crate.
    pub fn anything<T: Serialize + DeserializeOwned>(&mut self, of: &T) -> serde_json::Result<T> {
        let mut value = serde_json::to_value(of)?;
        let mut names = Names::default();
        self.collect(&value, None, &mut names);
        if let Some(host) = self.host.clone() {
            names
                .replaced
                .push((host.clone(), self.word("host", &host)));
        }
        names
            .replaced
            .sort_by(|(one, _), (two, _)| two.len().cmp(&one.len()).then(one.cmp(two)));
        names.replaced.dedup();
        self.replace(&mut value, None, &names);
        serde_json::from_value(value)
    }

    /// Whether a field's name that has no line in [`fields`] stays as it is.
    fn is_ours(&mut self, name: &str) -> bool {
        if self.ours.contains(name) {
            return true;
        }
        let stays = text::redact(self, &Names::default(), name) == name;
        if stays && self.ours.len() < MAX_OURS {
            self.ours.insert(name.to_owned());
        }
        stays
    }

    /// Every name that stands in a field of its own, for the sentences.
    fn collect(&mut self, value: &Value, holds: Option<Holds>, names: &mut Names) {
        match value {
            _ if matches!(holds, Some(Holds::Script)) => {}
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.collect(value, within(holds, name), names);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.collect(value, holds, names);
                }
            }
            Value::String(text) => match holds {
                Some(Holds::Ours | Holds::Table) => {
                    names.kept.push(text.clone());
                }
                // Addresses are known by their form.
                None | Some(Holds::Address) => {}
                Some(_) if text.is_empty() => {}
                Some(holds) => {
                    let pseudonym = self.pseudonym(holds, text);
                    names.replaced.push((text.clone(), pseudonym));
                }
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn replace(&mut self, value: &mut Value, holds: Option<Holds>, names: &Names) {
        match value {
            value if matches!(holds, Some(Holds::Script)) => *value = Value::Null,
            Value::Object(fields) => {
                let is_table = matches!(holds, Some(Holds::Table));
                let mut ours = true;
                for (name, value) in fields.iter_mut() {
                    let known = field(name);
                    ours &= is_table || known.is_some() || self.is_ours(name);
                    self.replace(value, known.or(holds.filter(|_| is_table)), names);
                }
                if !ours {
                    for (name, value) in std::mem::take(fields) {
                        fields.insert(text::redact(self, &Names::default(), &name), value);
                    }
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.replace(value, holds, names);
                }
            }
            Value::String(text) if !text.is_empty() => {
                *text = match holds {
                    None => text::redact(self, names, text),
                    Some(holds) => self.pseudonym(holds, text),
                };
            }
            _ => {}
        }
    }
}

/// What only a replay needs is full of names in other forms (hexadecimal digits): it goes. `None` for
/// a record that has nothing of it.
fn without_script(record: &Record) -> Option<Record> {
    Some(match record {
        Record::Event(event) if event.wire.is_some() => {
            let event = record::Event {
                wire: None,
                ..(**event).clone()
            };
            Record::Event(Box::new(event))
        }
        Record::Context(context) => Record::Context(Box::new(match &**context {
            Context::Run { .. } => return None,
            Context::Announced { .. } => Context::Announced { wire: Value::Null },
            Context::Ways { .. } => Context::Ways { ways: Vec::new() },
            Context::Judged { now_ns, .. } => Context::Judged {
                now_ns: *now_ns,
                attempts: Vec::new(),
            },
            Context::Look { .. } => Context::Look { look: Value::Null },
            Context::TurnedAway { now_ns, .. } => Context::TurnedAway {
                now_ns: *now_ns,
                failures: Vec::new(),
            },
        })),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

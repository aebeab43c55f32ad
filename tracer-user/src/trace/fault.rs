//! What is wrong with a trace, and on which line. The rest of it is still read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be wrong with a trace.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// There is nothing in it.
    Empty,
    /// The first record is no header: host and kernel are not known.
    NoHeader,
    /// Written in a schema that this version does not know.
    WrongSchema,
    /// A line that is no JSON.
    NotJson,
    /// A line longer than any record can be.
    TooLong,
    /// A record of a type that this version does not know.
    UnknownType,
    /// A record that lacks a field, or has one of the wrong type.
    BadRecord,
    /// A record that was already read: files overlap, or were joined twice.
    Duplicate,
    /// A record that is much older than those before it.
    OutOfOrder,
    /// The last line ends in the middle.
    CutOff,
    /// No trailer: the trace was cut short.
    CutShort,
    /// The file could not be read any further.
    Unreadable,
}

impl Fault {
    /// What it means, in a few words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Empty => "there is nothing in it",
            Self::NoHeader => "no header: which host and kernel it comes from is not known",
            Self::WrongSchema => "another schema",
            Self::NotJson => "no JSON",
            Self::TooLong => "too long for a record, skipped",
            Self::UnknownType => "a type of record that this version does not know, skipped",
            Self::BadRecord => "not as the schema wants it, skipped",
            Self::Duplicate => "a record that was already read, skipped",
            Self::OutOfOrder => "older than the records before it",
            Self::CutOff => "ends in the middle of a record",
            Self::CutShort => "no trailer: it was cut short",
            Self::Unreadable => "could not be read any further",
        }
    }
}

/// One fault of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What is wrong.
    pub fault: Fault,
    /// The line, counted from 1; absent where it is about the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// One sentence.
    pub text: String,
}

/// All faults of a trace: the first of each kind by word, all by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    first: Vec<Problem>,
    counts: BTreeMap<Fault, u64>,
}

/// Of each kind of fault, so many are told by word.
const TOLD: u64 = 5;

impl Problems {
    /// Notes a fault.
    pub fn note(&mut self, fault: Fault, line: Option<u64>, detail: &str) {
        let count = self.counts.entry(fault).or_default();
        *count += 1;
        if *count <= TOLD {
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            let colon = if detail.is_empty() { "" } else { ": " };
            self.first.push(Problem {
                fault,
                line,
                text: format!("{place}{}{colon}{detail}", fault.text()),
            });
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How often a fault was found.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.counts.get(&fault).copied().unwrap_or(0)
    }

    /// The first ones of each kind, in the order of the file.
    #[must_use]
    pub fn first(&self) -> &[Problem] {
        &self.first
    }

    /// The first ones of each kind by word, and for the rest a line with their number.
    #[must_use]
    pub fn summary(&self) -> Vec<Problem> {
        let more = self.counts.iter().filter(|&(_, &count)| count > TOLD);
        let more = more.map(|(&fault, count)| Problem {
            fault,
            line: None,
            text: format!("{} more lines: {}", count - TOLD, fault.text()),
        });
        self.first.iter().cloned().chain(more).collect()
    }
}

//! What a firewall's own rules say of packets that it dropped.

use serde::{Deserialize, Serialize};

use crate::record::{Candidate, Match};

/// The rules that can have dropped them, by the ruleset as it stood right after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// In the order in which the packets met them: some, where there are very many.
    pub candidates: Vec<Candidate>,
    /// No other rule can have, and nothing but a rule.
    pub complete: bool,
    /// Why not all of it is known.
    pub unknown: Option<String>,
}

impl Ruling {
    /// None of the rules that can have dropped them answers, and nothing else can have.
    #[must_use]
    pub fn answers_nothing(&self) -> bool {
        let silent = |it: &Candidate| it.verdict == "drop";
        self.complete && !self.candidates.is_empty() && self.candidates.iter().all(silent)
    }

    /// All of the rules that can have dropped them answer, and nothing else can have.
    #[must_use]
    pub fn answers(&self) -> bool {
        let rejects = |it: &Candidate| it.verdict == "reject";
        self.complete && !self.candidates.is_empty() && self.candidates.iter().all(rejects)
    }

    /// The rule that did it: the only one that can have.
    #[must_use]
    pub fn one(&self) -> Option<&Candidate> {
        match self.candidates.as_slice() {
            [one] if self.complete || one.matches == Match::Certain => Some(one),
            _ => None,
        }
    }
}

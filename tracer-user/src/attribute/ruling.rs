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
    /// What can have dropped packets of which these rules can have dropped some, and those the others.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.complete &=
            other.complete && self.candidates.is_empty() == other.candidates.is_empty();
        for mine in &mut self.candidates {
            let same = other.candidates.iter().find(|it| is_same(it, mine));
            if same.is_none_or(|it| it.matches == Match::Possible) {
                mine.matches = Match::Possible;
            }
            mine.counted |= same.is_some_and(|it| it.counted);
        }
        for theirs in other.candidates {
            if !self.candidates.iter().any(|it| is_same(it, &theirs)) {
                self.candidates.push(Candidate {
                    matches: Match::Possible,
                    ..theirs
                });
            }
        }
        self.unknown = self.unknown.or(other.unknown);
        self
    }

    /// There were others that the rules were not asked about.
    #[must_use]
    pub fn of_some(mut self, asked: usize) -> Self {
        for it in &mut self.candidates {
            it.matches = Match::Possible;
        }
        let some = || format!("its rules were asked about {asked} of the packets");
        self.unknown = self.unknown.or_else(|| Some(some()));
        self.complete = false;
        self
    }

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

fn is_same(one: &Candidate, other: &Candidate) -> bool {
    (&one.engine, &one.family, &one.table, &one.chain)
        == (&other.engine, &other.family, &other.table, &other.chain)
        && (one.handle, &one.rule) == (other.handle, &other.rule)
}

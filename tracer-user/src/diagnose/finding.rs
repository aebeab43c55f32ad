//! What a rule found.

use crate::record::Confidence;

/// A cause, and the evidence for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Code of the catalogue.
    pub cause: &'static str,
    /// How sure.
    pub confidence: Confidence,
    /// The end of the sentence "PROCESS could not reach REMOTE: …".
    pub what: String,
    /// The chain, outermost first.
    pub why: Vec<String>,
    /// What to do.
    pub fix: Vec<String>,
    /// Evidence that is missing.
    pub missing: Vec<String>,
}

impl Finding {
    /// A cause of the catalogue, in words.
    #[must_use]
    pub fn new(cause: &'static str, confidence: Confidence, what: impl Into<String>) -> Self {
        Self {
            cause,
            confidence,
            what: what.into(),
            why: Vec::new(),
            fix: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Adds a link of the chain.
    #[must_use]
    pub fn why(mut self, link: impl Into<String>) -> Self {
        self.why.push(link.into());
        self
    }

    /// Adds something to do.
    #[must_use]
    pub fn fix(mut self, step: impl Into<String>) -> Self {
        self.fix.push(step.into());
        self
    }

    /// Adds evidence that is missing.
    #[must_use]
    pub fn missing(mut self, what: impl Into<String>) -> Self {
        self.missing.push(what.into());
        self
    }
}

//! The failure that stands for its incident.

use std::borrow::Cow;

use crate::record::Failure;

/// A failure's record. Of most incidents of a long trace nobody reads it: it is kept as it was found.
#[derive(Clone, Debug)]
pub enum Sample {
    /// The record.
    Record(Box<Failure>),
    /// Its line of JSON.
    Line(Vec<u8>),
}

impl Sample {
    /// Reads it; `None` where the line is no failure after all.
    #[must_use]
    pub fn read(&self) -> Option<Cow<'_, Failure>> {
        match self {
            Self::Record(failure) => Some(Cow::Borrowed(failure)),
            Self::Line(json) => serde_json::from_slice(json).ok().map(Cow::Owned),
        }
    }
}

//! A line of a trace.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;

use crate::record::{Header, Record};

/// The type of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Record::Header`].
    Header,
    /// [`Record::Failure`].
    Failure,
    /// [`Record::Connection`].
    Connection,
    /// [`Record::Event`].
    Event,
    /// [`Record::Incident`].
    Incident,
    /// [`Record::Context`].
    Context,
    /// [`Record::Counters`].
    Counters,
    /// [`Record::Ledger`].
    Ledger,
    /// [`Record::Trailer`].
    Trailer,
}

impl Kind {
    const ALL: [(&'static str, Self); 9] = [
        ("header", Self::Header),
        ("failure", Self::Failure),
        ("connection", Self::Connection),
        ("event", Self::Event),
        ("incident", Self::Incident),
        ("context", Self::Context),
        ("counters", Self::Counters),
        ("ledger", Self::Ledger),
        ("trailer", Self::Trailer),
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|&(_, kind)| kind)
    }
}

/// A line of a trace: a record whose type is known, and nothing more yet.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Counted from 1.
    pub number: u64,
    /// The type of its record.
    pub kind: Kind,
    /// The record.
    pub json: &'a [u8],
    /// The header that it stands below, or is.
    pub header: Option<&'a Arc<Header>>,
}

impl<'a> Line<'a> {
    /// Reads the record, or as much of it as `T` wants.
    ///
    /// # Errors
    /// What does not fit, in one line: to be told to [`super::read::SoFar::bad`].
    pub fn parse<T: Deserialize<'a>>(&self) -> Result<T, String> {
        // Checked at once, and not string by string.
        let json = std::str::from_utf8(self.json).map_err(|why| format!("not UTF-8: {why}"))?;
        serde_json::from_str(json).map_err(|why| reason(&why))
    }

    /// Reads the whole record: twice as fast as [`Record`] itself is read, since its type is known.
    ///
    /// # Errors
    /// As [`Line::parse`].
    pub fn record(&self) -> Result<Record, String> {
        Ok(match self.kind {
            Kind::Header => Record::Header(self.parse()?),
            Kind::Failure => Record::Failure(self.parse()?),
            Kind::Connection => Record::Connection(self.parse()?),
            Kind::Event => Record::Event(self.parse()?),
            Kind::Incident => Record::Incident(self.parse()?),
            Kind::Context => Record::Context(self.parse()?),
            Kind::Counters => Record::Counters(self.parse()?),
            Kind::Ledger => Record::Ledger(self.parse()?),
            Kind::Trailer => Record::Trailer(self.parse()?),
        })
    }
}

/// The type of a record. Nearly always it stands first, as the schema says.
pub(super) fn type_of(line: &[u8]) -> Result<Cow<'_, str>, String> {
    const FIRST: &[u8] = br#"{"type":""#;
    #[derive(Deserialize)]
    #[serde(expecting = "an object with a type")]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    if let Some(rest) = line.strip_prefix(FIRST)
        && let Some(end) = rest.iter().take(40).position(|&byte| byte == b'"')
        && let Ok(kind) = std::str::from_utf8(&rest[..end])
        && !kind.contains('\\')
    {
        return Ok(Cow::Borrowed(kind));
    }
    serde_json::from_slice::<Typed<'_>>(line)
        .map(|typed| typed.kind)
        .map_err(|why| reason(&why))
}

pub(super) fn is_json(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

/// Without the place, since the line is always 1. What it quotes is from outside: kept short.
pub(super) fn reason(why: &serde_json::Error) -> String {
    let text = why.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let short: String = text.chars().take(120).collect();
    match why.column() {
        // Of a whole record: serde has its type before its fields.
        0 => short,
        column => format!("{short} (column {column})"),
    }
}

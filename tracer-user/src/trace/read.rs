//! Reads a trace line by line, in bounded memory. Nothing in it is trusted: what is wrong is noted
//! with its line, and the rest is read.

use std::{
    borrow::Cow,
    io::{self, BufRead, Read},
    path::Path,
};

use serde::Deserialize;

use super::{
    fault::{Fault, Problems},
    open,
};
use crate::record::{Header, Record, SCHEMA};

/// No record comes near this: a longer line is skipped.
pub const MAX_LINE_BYTES: u64 = 16 << 20;

/// Some editors write this before UTF-8; JSON has it not, and may ignore it (RFC 8259, 8.1).
const MARK: &[u8] = "\u{feff}".as_bytes();

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

    fn of(name: &str) -> Option<Self> {
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
}

impl<'a> Line<'a> {
    /// Reads the record, or as much of it as `T` wants.
    ///
    /// # Errors
    /// What does not fit, in one line: to be told to [`Reader::bad`].
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

/// Reads a trace.
pub struct Reader {
    name: String,
    input: Box<dyn BufRead>,
    /// The line that was read last.
    line: Vec<u8>,
    number: u64,
    /// Records of known types.
    records: u64,
    /// A trailer was read, and no record after it.
    whole: bool,
    ended: bool,
    /// A line that was looked at, and is still to be handed out.
    held: Option<Kind>,
    header: Option<Header>,
    problems: Problems,
}

impl Reader {
    /// Opens a file, `-` being standard input.
    ///
    /// # Errors
    /// As [`open::open`].
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(path.display().to_string(), open::open(path)?))
    }

    /// Reads from `input`; `name` is what messages call it.
    #[must_use]
    pub fn new(name: String, input: Box<dyn BufRead>) -> Self {
        Self {
            name,
            input,
            line: Vec::new(),
            number: 0,
            records: 0,
            whole: false,
            ended: false,
            held: None,
            header: None,
            problems: Problems::default(),
        }
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The header that was read last.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Records of known types that were read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// What is wrong so far. All is known once there are no more lines.
    #[must_use]
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// Notes that a line was not as it should be.
    pub fn bad(&mut self, fault: Fault, line: u64, detail: &str) {
        self.problems.note(fault, Some(line), detail);
    }

    /// Reads up to the first record, so that [`Reader::header`] is known; it is handed out next.
    pub fn begin(&mut self) {
        self.held = self.next_line().map(|line| line.kind);
    }

    /// The next line that holds a record of a known type; `None` at the end.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        if let Some(kind) = self.held.take() {
            return Some(Line {
                number: self.number,
                kind,
                json: &self.line,
            });
        }
        while !self.ended {
            if !self.read_line() {
                self.end();
                break;
            }
            if let Some(kind) = self.examine() {
                return Some(Line {
                    number: self.number,
                    kind,
                    json: &self.line,
                });
            }
        }
        None
    }

    /// The next record that is as the schema wants it, and its line; `None` at the end.
    pub fn next_record(&mut self) -> Option<(u64, Record)> {
        loop {
            let line = self.next_line()?;
            let number = line.number;
            match line.record() {
                Ok(record) => return Some((number, record)),
                Err(why) => self.bad(Fault::BadRecord, number, &why),
            }
        }
    }

    /// Reads a line into `self.line`; one that is too long leaves it empty. False at the end.
    fn read_line(&mut self) -> bool {
        self.line.clear();
        let mut bounded = self.input.by_ref().take(MAX_LINE_BYTES + 1);
        let read = bounded.read_until(b'\n', &mut self.line);
        if !self.line.is_empty() {
            self.number += 1;
        }
        if self.number == 1 && self.line.starts_with(MARK) {
            self.line.drain(..MARK.len());
        }
        if let Err(why) = read {
            self.unreadable(&why);
            // What came before the fault may be a whole record.
            return !self.line.is_empty();
        }
        if self.line.len() as u64 > MAX_LINE_BYTES {
            let detail = format!("more than {} MiB", MAX_LINE_BYTES >> 20);
            self.problems
                .note(Fault::TooLong, Some(self.number), &detail);
            if self.line.last() != Some(&b'\n') && self.skip_line().is_err() {
                self.input = Box::new(io::empty());
            }
            self.line = Vec::new();
            return true;
        }
        !self.line.is_empty()
    }

    fn unreadable(&mut self, why: &io::Error) {
        self.problems.note(
            Fault::Unreadable,
            Some(self.number.max(1)),
            &why.to_string(),
        );
        self.input = Box::new(io::empty());
    }

    /// Skips to the end of the line, keeping nothing.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = match self.input.fill_buf() {
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() {
                return Ok(());
            }
            match buffer.iter().position(|&byte| byte == b'\n') {
                Some(at) => {
                    self.input.consume(at + 1);
                    return Ok(());
                }
                None => {
                    let all = buffer.len();
                    self.input.consume(all);
                }
            }
        }
    }

    /// The type of the record in `self.line`; notes what is wrong.
    fn examine(&mut self) -> Option<Kind> {
        if self.line.trim_ascii().is_empty() {
            return None;
        }
        let name = match type_of(&self.line) {
            Ok(name) => name,
            Err(why) if self.line.last() != Some(&b'\n') => {
                self.problems.note(Fault::CutOff, Some(self.number), &why);
                return None;
            }
            Err(why) => {
                self.problems.note(Fault::NotJson, Some(self.number), &why);
                return None;
            }
        };
        let Some(kind) = Kind::of(&name) else {
            let name: String = name.chars().take(40).collect();
            self.problems
                .note(Fault::UnknownType, Some(self.number), &name);
            return None;
        };
        // The type stands first, so that it is there even where the rest is not.
        if self.line.last() != Some(&b'\n') && !is_json(&self.line) {
            self.problems
                .note(Fault::CutOff, Some(self.number), "the rest is missing");
            return None;
        }
        self.count(kind);
        Some(kind)
    }

    fn count(&mut self, kind: Kind) {
        if kind == Kind::Header {
            if self.records > 0 && !self.whole {
                let detail = "another header follows";
                self.problems
                    .note(Fault::CutShort, Some(self.number), detail);
            }
            self.take_header();
        } else if self.records == 0 {
            self.problems.note(Fault::NoHeader, Some(self.number), "");
        }
        self.records += 1;
        self.whole = kind == Kind::Trailer;
    }

    fn take_header(&mut self) {
        /// What every schema has.
        #[derive(Deserialize)]
        struct Version {
            #[serde(default)]
            schema: String,
        }
        if let Ok(Version { schema }) = serde_json::from_slice(&self.line)
            && schema != SCHEMA
        {
            let schema: String = schema.chars().take(40).collect();
            let detail = format!("{schema:?}, this tcpwhy reads {SCHEMA}: what fits is read");
            self.problems
                .note(Fault::WrongSchema, Some(self.number), &detail);
        }
        match serde_json::from_slice(&self.line) {
            Ok(header) => self.header = Some(header),
            Err(why) => {
                self.header = None;
                self.problems
                    .note(Fault::BadRecord, Some(self.number), &reason(&why));
            }
        }
    }

    fn end(&mut self) {
        self.ended = true;
        if self.number == 0 && self.problems.is_empty() {
            self.problems.note(Fault::Empty, None, "");
        } else if self.records > 0 && !self.whole {
            self.problems.note(Fault::CutShort, None, "");
        }
    }
}

/// The type of a record. Nearly always it stands first, as the schema says.
fn type_of(line: &[u8]) -> Result<Cow<'_, str>, String> {
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

fn is_json(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

/// Without the place, since the line is always 1. What it quotes is from outside: kept short.
fn reason(why: &serde_json::Error) -> String {
    let text = why.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let short: String = text.chars().take(120).collect();
    match why.column() {
        // Of a whole record: serde has its type before its fields.
        0 => short,
        column => format!("{short} (column {column})"),
    }
}

#[cfg(test)]
mod tests;

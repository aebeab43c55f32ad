//! Some lines of a trace: what one thread reads, and another one parses.

use std::{ops::Range, sync::Arc};

use super::{
    fault::Fault,
    line::{Kind, Line},
};
use crate::record::Header;

/// Room that is kept for the next lines, bytes.
const ROOM: usize = 2 << 20;

/// Lines that hold a record, and what is wrong with the others, in their order.
#[derive(Default)]
pub(super) struct Batch {
    /// The lines.
    pub(super) bytes: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// The header before the first line, and those that were read since.
    headers: Vec<Option<Arc<Header>>>,
}

/// A line.
pub(super) struct Entry {
    pub(super) number: Option<u64>,
    pub(super) what: What,
}

/// What a line is.
pub(super) enum What {
    /// Its place in the bytes, and that of its header.
    Record(Kind, Range<usize>, usize),
    /// What is wrong with it.
    Fault(Fault, String),
}

impl Batch {
    /// Begins anew, below a header.
    pub(super) fn begin(&mut self, header: Option<Arc<Header>>) {
        self.bytes.clear();
        self.bytes.shrink_to(ROOM);
        self.entries.clear();
        self.headers.clear();
        self.headers.push(header);
    }

    /// Adds the line that the bytes end with.
    pub(super) fn record(&mut self, number: u64, kind: Kind, from: usize) {
        let place = from..self.bytes.len();
        self.entries.push(Entry {
            number: Some(number),
            what: What::Record(kind, place, self.headers.len() - 1),
        });
    }

    /// From here on, this header holds.
    pub(super) fn header(&mut self, header: Option<Arc<Header>>) {
        self.headers.push(header);
    }

    /// Adds what is wrong with a line, or with all of them.
    pub(super) fn fault(&mut self, fault: Fault, number: Option<u64>, detail: String) {
        let what = What::Fault(fault, detail);
        self.entries.push(Entry { number, what });
    }

    /// The line of an entry, if it holds a record.
    pub(super) fn line<'a>(&'a self, entry: &Entry) -> Option<Line<'a>> {
        let What::Record(kind, place, header) = &entry.what else {
            return None;
        };
        Some(Line {
            number: entry.number.unwrap_or_default(),
            kind: *kind,
            json: &self.bytes[place.clone()],
            header: self.headers[*header].as_ref(),
        })
    }

    /// All lines that hold a record.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.entries.iter().filter_map(|entry| self.line(entry))
    }
}

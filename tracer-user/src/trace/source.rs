//! Reads lines, in bounded memory, and says what is wrong with them.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    sync::Arc,
};

use serde::Deserialize;

use super::{
    batch::Batch,
    fault::Fault,
    line::{Kind, is_json, reason, type_of},
    open::Input,
};
use crate::record::{Header, SCHEMA};

/// No record comes near this: a longer line is skipped.
pub(super) const MAX_LINE_BYTES: u64 = 16 << 20;

/// Some editors write this before UTF-8; JSON has it not, and may ignore it (RFC 8259, 8.1).
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Lines of so many bytes make a batch, and so many lines: what is made of them is to stay in the
/// processor's cache until it is handed on.
const BATCH_BYTES: usize = 64 << 10;
const BATCH_LINES: usize = 8192;

/// A file, or standard input.
pub(super) struct Source {
    input: BufReader<Box<dyn Read + Send>>,
    number: u64,
    header: Option<Arc<Header>>,
    /// Records of known types.
    records: u64,
    /// A trailer was read, and no record after it.
    whole: bool,
    flawed: bool,
    ended: bool,
}

impl Source {
    pub(super) fn new(input: Input) -> Self {
        Self {
            input: input.bytes,
            number: 0,
            header: None,
            records: 0,
            whole: false,
            flawed: false,
            ended: false,
        }
    }

    /// Reads some lines in the place of those before: as many as are there, so that whoever writes them
    /// slowly is not waited for. False at the end.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> bool {
        batch.begin(self.header.clone());
        while !self.ended {
            let is_enough = batch.bytes.len() >= BATCH_BYTES
                || batch.entries.len() >= BATCH_LINES
                || self.input.buffer().is_empty();
            if is_enough && !batch.entries.is_empty() {
                break;
            }
            let from = batch.bytes.len();
            if !self.read_line(batch) {
                self.end(batch);
            } else if !self.examine(batch, from) {
                batch.bytes.truncate(from);
            }
        }
        !batch.entries.is_empty()
    }

    fn fault(&mut self, batch: &mut Batch, fault: Fault, detail: impl Into<String>) {
        self.flawed = true;
        batch.fault(fault, Some(self.number.max(1)), detail.into());
    }

    /// Reads a line behind the others; one that is too long leaves nothing. False at the end.
    fn read_line(&mut self, batch: &mut Batch) -> bool {
        let from = batch.bytes.len();
        let mut bounded = self.input.by_ref().take(MAX_LINE_BYTES + 1);
        let read = bounded.read_until(b'\n', &mut batch.bytes);
        let length = batch.bytes.len() - from;
        if length > 0 {
            self.number += 1;
        }
        if self.number == 1 && batch.bytes.starts_with(MARK) {
            batch.bytes.drain(..MARK.len());
        }
        if let Err(why) = read {
            self.fault(batch, Fault::Unreadable, why.to_string());
            self.close();
            // What came before the fault may be a whole record.
            return batch.bytes.len() > from;
        }
        if length as u64 > MAX_LINE_BYTES {
            let detail = format!("more than {} MiB", MAX_LINE_BYTES >> 20);
            self.fault(batch, Fault::TooLong, detail);
            if batch.bytes.last() != Some(&b'\n') && self.input.skip_until(b'\n').is_err() {
                self.close();
            }
            batch.bytes.truncate(from);
            return true;
        }
        length > 0
    }

    fn close(&mut self) {
        self.input = BufReader::new(Box::new(io::empty()));
    }

    /// Takes the line that begins at `from`, and notes what is wrong with it. True where it holds a
    /// record of a known type.
    fn examine(&mut self, batch: &mut Batch, from: usize) -> bool {
        let line = &batch.bytes[from..];
        if line.trim_ascii().is_empty() {
            return false;
        }
        let is_torn = line.last() != Some(&b'\n');
        let (fault, why) = match type_of(line) {
            Err(why) if is_torn => (Fault::CutOff, why),
            Err(why) => (Fault::NotJson, why),
            Ok(name) => match Kind::of(&name) {
                None => (Fault::UnknownType, name.chars().take(40).collect()),
                // The type stands first, so that it is there even where the rest is not.
                Some(_) if is_torn && !is_json(line) => {
                    (Fault::CutOff, "the rest is missing".to_owned())
                }
                Some(kind) => {
                    self.take(batch, kind, from);
                    return true;
                }
            },
        };
        self.fault(batch, fault, why);
        false
    }

    fn take(&mut self, batch: &mut Batch, kind: Kind, from: usize) {
        if kind == Kind::Header {
            if self.records > 0 && !self.whole {
                self.fault(batch, Fault::CutShort, "another header follows");
            }
            self.take_header(batch, from);
        } else if self.records == 0 {
            self.fault(batch, Fault::NoHeader, "");
        }
        batch.record(self.number, kind, from);
        self.records += 1;
        self.whole = kind == Kind::Trailer;
    }

    fn take_header(&mut self, batch: &mut Batch, from: usize) {
        /// What every schema has.
        #[derive(Deserialize)]
        struct Version {
            #[serde(default)]
            schema: String,
        }
        let line = &batch.bytes[from..];
        let version = serde_json::from_slice(line).ok();
        let header = serde_json::from_slice(line);
        if let Some(Version { schema }) = version
            && schema != SCHEMA
        {
            let schema: String = schema.chars().take(40).collect();
            let detail = format!("{schema:?}, this tcpwhy reads {SCHEMA}: what fits is read");
            self.fault(batch, Fault::WrongSchema, detail);
        }
        self.header = match header {
            Ok(header) => Some(Arc::new(header)),
            Err(why) => {
                self.fault(batch, Fault::BadRecord, reason(&why));
                None
            }
        };
        batch.header(self.header.clone());
    }

    fn end(&mut self, batch: &mut Batch) {
        self.ended = true;
        if self.number == 0 && !self.flawed {
            batch.fault(Fault::Empty, None, String::new());
        } else if self.records > 0 && !self.whole {
            batch.fault(Fault::CutShort, None, String::new());
        }
    }
}

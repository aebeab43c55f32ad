//! Writes a trace: whole records only, packed, rotated, and going on where the disk was full.

use std::{
    io,
    ops::ControlFlow,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    codec::Codec,
    line,
    piece::{PieceFile, is_busy},
    rotate::{Parts, Rotation},
};
use crate::{
    record::{Header, Ledger, Record},
    sink::{Sink, Tally},
};

/// Lines that are written, or packed, at one time, at most about so many bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Lines that are packed wait for others so long: the more, the smaller they become.
const PATIENCE: Duration = Duration::from_secs(1);

/// A trace that is being written.
#[derive(Debug)]
pub struct TraceFile {
    path: PathBuf,
    parts: Parts,
    rotation: Option<Rotation>,
    codec: Codec,
    file: PieceFile,
    begun: Instant,
    /// Something but a header stands in this part.
    used: bool,
    header: Option<Header>,
    waiting: Waiting,
    unwritten: Tally,
    /// The last attempt to write failed.
    failing: bool,
}

/// Lines that are not written yet.
#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    tally: Tally,
    since: Option<Instant>,
}

impl TraceFile {
    /// Begins a trace. Where it is to be rotated, a file that is there already becomes its newest
    /// older part; else it is overwritten.
    ///
    /// # Errors
    /// Where the file cannot be opened or moved aside, or is none that can be rotated.
    pub fn create(path: PathBuf, rotation: Option<Rotation>) -> io::Result<Self> {
        let parts = Parts::of(&path);
        if let Some(rotation) = &rotation {
            if is_busy(&path)? {
                return Err(io::Error::other("another process is writing it"));
            }
            parts.put_aside(&path)?;
            parts.prune(rotation.keep)?;
        }
        let file = PieceFile::create(&path)?;
        if rotation.is_some() && !file.is_regular() {
            let why = "only a file can be rotated; try without --rotate-size and --rotate-age";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Self {
            codec: Codec::of(&path),
            path,
            parts,
            rotation,
            file,
            begun: Instant::now(),
            used: false,
            header: None,
            waiting: Waiting::default(),
            unwritten: Tally::default(),
            failing: false,
        })
    }

    fn write(&mut self) -> io::Result<ControlFlow<()>> {
        let is_new = self.file.bytes() == 0 && self.header.is_some();
        if self.waiting.lines.is_empty() && !is_new {
            return Ok(ControlFlow::Continue(()));
        }
        let Waiting { lines, tally, .. } = std::mem::take(&mut self.waiting);
        match self.append(lines) {
            Ok(()) => {
                if std::mem::take(&mut self.failing) && self.unwritten.records > 0 {
                    let (path, lost) = (self.path.display(), self.unwritten.records);
                    eprintln!("tcpwhy: {path} can be written again; {lost} records were lost");
                }
            }
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ControlFlow::Break(()));
            }
            Err(why) if is_passing(&why) => {
                // Said once, however often the disk is full: what is lost is in the ledger.
                if self.unwritten.records == 0 {
                    let path = self.path.display();
                    eprintln!(
                        "tcpwhy: cannot write {path}: {why}; going on, the ledger counts what is lost"
                    );
                }
                self.unwritten.add(tally);
                self.failing = true;
            }
            Err(why) => return Err(why),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// No larger than a part.
    fn piece_bytes(&self) -> usize {
        let part = self.rotation.map(|rotation| rotation.size);
        let part = part.and_then(|bytes| usize::try_from(bytes).ok());
        part.map_or(PIECE_BYTES, |bytes| bytes.min(PIECE_BYTES))
    }

    /// Whatever comes first in a file follows a header: also where the disk was full before.
    fn append(&mut self, mut lines: Vec<u8>) -> io::Result<()> {
        if self.file.bytes() == 0
            && let Some(header) = &self.header
        {
            let mut whole = line(&Record::Header(Box::new(header.clone())))?;
            whole.append(&mut lines);
            lines = whole;
        }
        self.file.append(&self.codec.pack(lines)?)
    }

    fn begin_part(&mut self, keep: usize) -> io::Result<()> {
        self.parts.put_aside(&self.path)?;
        self.file = PieceFile::create(&self.path)?;
        self.used = false;
        if let Some(header) = &mut self.header {
            header.part = Some(header.part.unwrap_or(1) + 1);
        }
        self.parts.prune(keep)
    }
}

impl Sink for TraceFile {
    fn put(&mut self, record: &Record) -> io::Result<ControlFlow<()>> {
        if let Record::Header(header) = record {
            let part = self.rotation.map(|_| 1);
            self.header = Some(Header {
                part,
                ..(**header).clone()
            });
            return self.write();
        }
        self.used = true;
        self.waiting.since.get_or_insert_with(Instant::now);
        serde_json::to_writer(&mut self.waiting.lines, record)?;
        self.waiting.lines.push(b'\n');
        self.waiting.tally.count(record);
        if self.waiting.lines.len() >= self.piece_bytes() {
            self.write()
        } else {
            Ok(ControlFlow::Continue(()))
        }
    }

    fn settle(&mut self) -> io::Result<ControlFlow<()>> {
        let is_due = |since: Instant| self.codec == Codec::Plain || since.elapsed() >= PATIENCE;
        if self.waiting.since.is_some_and(is_due) {
            self.write()
        } else {
            Ok(ControlFlow::Continue(()))
        }
    }

    fn flush(&mut self) -> io::Result<ControlFlow<()>> {
        self.write()
    }

    fn is_part_over(&self) -> bool {
        self.rotation.is_some_and(|rotation| {
            let is_old = rotation.age.is_some_and(|age| self.begun.elapsed() >= age);
            let bytes = match self.codec {
                Codec::Plain => self.file.bytes() + self.waiting.lines.len() as u64,
                // What it will be packed is not known yet.
                _ => self.file.bytes(),
            };
            self.used && (is_old || bytes >= rotation.size)
        })
    }

    fn next_part(&mut self) {
        let Some(rotation) = self.rotation else {
            return;
        };
        self.begun = Instant::now();
        if let Err(why) = self.begin_part(rotation.keep) {
            let path = self.path.display();
            eprintln!("tcpwhy: cannot begin the next part of {path}: {why}; going on in this one");
        }
    }

    fn correct(&self, ledger: &mut Ledger) {
        ledger.unwritten = self.unwritten.records;
        ledger.failures_lost += self.unwritten.take_out(ledger);
    }

    fn finish(&mut self) -> io::Result<()> {
        let _ = self.write()?;
        if self.failing {
            let why = "the disk is full, the trace has no trailer";
            return Err(io::Error::new(io::ErrorKind::StorageFull, why));
        }
        Ok(())
    }
}

/// What may pass by itself: no space, no quota, the limit on a file's size.
fn is_passing(why: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull, WriteZero};
    matches!(
        why.kind(),
        StorageFull | QuotaExceeded | FileTooLarge | WriteZero
    )
}

//! Reads a trace line by line, in bounded memory. Nothing in it is trusted: what is wrong is noted
//! with its line, and the rest is read.

use std::{io, ops::ControlFlow, path::Path, sync::Arc, thread};

use super::{
    batch::{Batch, Entry, What},
    fault::{Fault, Problems},
    line::{Kind, Line},
    open::{self, Input},
    pipeline::{self, Take, Work},
    source::Source,
};
use crate::record::{Header, Record};

/// More threads would wait for the one that takes what they have parsed.
const MAX_THREADS: usize = 8;

/// Reads a trace.
pub struct Reader {
    name: String,
    source: Source,
    is_there: bool,
    batch: Batch,
    /// The next entry of the batch.
    next: usize,
    so_far: SoFar,
}

/// What is known of a trace, as far as it has been handed out.
#[derive(Default)]
pub struct SoFar {
    header: Option<Arc<Header>>,
    records: u64,
    problems: Problems,
}

impl SoFar {
    /// Notes that a line was not as it should be.
    pub fn bad(&mut self, fault: Fault, line: u64, detail: &str) {
        self.problems.note(fault, Some(line), detail);
    }

    fn take_fault(&mut self, entry: &Entry) {
        if let What::Fault(fault, detail) = &entry.what {
            self.problems.note(*fault, entry.number, detail);
        }
    }

    /// Takes what belongs to an entry; gives its line, if it holds a record.
    fn take<'a>(&mut self, batch: &'a Batch, entry: &Entry) -> Option<Line<'a>> {
        self.take_fault(entry);
        let line = batch.line(entry)?;
        self.records += 1;
        if line.kind == Kind::Header {
            self.header = line.header.cloned();
        }
        Some(line)
    }
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
    pub fn new(name: String, input: Input) -> Self {
        Self {
            name,
            is_there: input.is_there,
            source: Source::new(input),
            batch: Batch::default(),
            next: 0,
            so_far: SoFar::default(),
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
        self.so_far.header.as_deref()
    }

    /// Records of known types that were read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.so_far.records
    }

    /// What is wrong so far. All is known once there are no more lines.
    #[must_use]
    pub fn problems(&self) -> &Problems {
        &self.so_far.problems
    }

    /// Notes that a line was not as it should be.
    pub fn bad(&mut self, fault: Fault, line: u64, detail: &str) {
        self.so_far.bad(fault, line, detail);
    }

    /// Reads up to the first record, so that [`Reader::header`] is known; it is handed out next.
    pub fn begin(&mut self) {
        while self.batch.lines().next().is_none() {
            for entry in self.batch.entries.drain(..) {
                self.so_far.take_fault(&entry);
            }
            if !self.source.fill(&mut self.batch) {
                return;
            }
        }
        let first = self.batch.lines().next();
        self.so_far.header = first.and_then(|line| line.header.cloned());
    }

    /// The next line that holds a record of a known type; `None` at the end.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        let at = self.step()?;
        self.batch.line(&self.batch.entries[at])
    }

    /// The next record that is as the schema wants it, and its line; `None` at the end.
    pub fn next_record(&mut self) -> Option<(u64, Record)> {
        loop {
            let line = self.next_line()?;
            let number = line.number;
            match line.record() {
                // That has been noted.
                Err(_) if line.kind == Kind::Header => {}
                Ok(record) => return Some((number, record)),
                Err(why) => self.bad(Fault::BadRecord, number, &why),
            }
        }
    }

    /// Hands out all lines in their order, with what `work` made of them on as many threads as there
    /// are processors, until `take` has enough.
    pub fn each<W: Work>(
        &mut self,
        work: &W,
        take: impl for<'a> FnMut(&mut SoFar, &Line<'a>, W::Done<'a>) -> ControlFlow<()> + Send,
    ) {
        let mut each = Each {
            so_far: &mut self.so_far,
            take,
        };
        // What has been read already.
        self.batch.entries.drain(..self.next);
        self.next = 0;
        let first = std::mem::take(&mut self.batch);
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let threads = if self.is_there { threads } else { 1 };
        if pipeline::one(&first, work, &mut each).is_continue() {
            let threads = threads.min(MAX_THREADS);
            pipeline::run(&mut self.source, work, &mut each, threads);
        }
    }

    /// Goes on to the next entry that holds a record.
    fn step(&mut self) -> Option<usize> {
        loop {
            if self.next == self.batch.entries.len() {
                self.next = 0;
                if !self.source.fill(&mut self.batch) {
                    return None;
                }
            }
            let at = self.next;
            self.next += 1;
            let entry = &self.batch.entries[at];
            if self.so_far.take(&self.batch, entry).is_some() {
                return Some(at);
            }
        }
    }
}

/// What takes each line, and knows how far the trace has been handed out.
struct Each<'a, F> {
    so_far: &'a mut SoFar,
    take: F,
}

impl<W, F> Take<W> for Each<'_, F>
where
    W: Work,
    F: for<'a> FnMut(&mut SoFar, &Line<'a>, W::Done<'a>) -> ControlFlow<()> + Send,
{
    fn take<'a>(&mut self, batch: &'a Batch, done: Vec<W::Done<'a>>) -> ControlFlow<()> {
        let mut done = done.into_iter();
        for entry in &batch.entries {
            if let Some(line) = self.so_far.take(batch, entry)
                && let Some(done) = done.next()
            {
                (self.take)(self.so_far, &line, done)?;
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests;

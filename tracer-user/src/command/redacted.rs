//! Takes names out of records before they go anywhere.

use std::{io, ops::ControlFlow};

use crate::{
    record::{Ledger, Record},
    redact::Redactor,
    sink::{Sink, WhenDumped},
};

/// A sink that is told pseudonyms only.
pub(super) struct Redacted<S> {
    pub(super) redactor: Redactor,
    pub(super) sink: S,
}

impl<S: Sink> Sink for Redacted<S> {
    fn put(&mut self, record: &Record) -> io::Result<ControlFlow<()>> {
        self.sink.put(&self.redactor.record(record)?)
    }

    fn settle(&mut self) -> io::Result<ControlFlow<()>> {
        self.sink.settle()
    }

    fn flush(&mut self) -> io::Result<ControlFlow<()>> {
        self.sink.flush()
    }

    fn is_part_over(&self) -> bool {
        self.sink.is_part_over()
    }

    fn next_part(&mut self) {
        self.sink.next_part();
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.finish()
    }

    fn correct(&self, ledger: &mut Ledger) {
        self.sink.correct(ledger);
    }

    fn wants_dump(&self) -> bool {
        self.sink.wants_dump()
    }

    fn dump(&mut self, trailer: &Record, done: WhenDumped) {
        match self.redactor.record(trailer) {
            Ok(trailer) => self.sink.dump(&trailer, done),
            Err(why) => done(&Err(why.into())),
        }
    }
}

//! Where a run's records go.

use std::{collections::BTreeMap, io, ops::ControlFlow};

use crate::record::Record;

/// Takes the records of a run, one by one, in their order.
pub trait Sink {
    /// Takes one record. `Break` means that nobody reads any more: the time to end.
    ///
    /// # Errors
    /// Where it cannot be written, now or ever.
    fn put(&mut self, record: &Record) -> io::Result<ControlFlow<()>>;

    /// Called a few times a second, and after every burst of records: the moment to write what
    /// waits.
    ///
    /// # Errors
    /// As [`Sink::put`].
    fn settle(&mut self) -> io::Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }

    /// Writes whatever waits.
    ///
    /// # Errors
    /// As [`Sink::put`].
    fn flush(&mut self) -> io::Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }

    /// True where this part of the trace is over: a trailer and [`Sink::next_part`] are to follow.
    fn is_part_over(&self) -> bool {
        false
    }

    /// Begins the next part.
    fn next_part(&mut self) {}

    /// Writes whatever waits, for the last time.
    ///
    /// # Errors
    /// Where the last record could not be written.
    fn finish(&mut self) -> io::Result<()> {
        self.flush().map(|_| ())
    }

    /// What was put, and could not be written.
    fn unwritten(&self) -> Tally {
        Tally::default()
    }
}

/// So many records, and the failures among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records of every type.
    pub records: u64,
    /// Failures, by cause.
    pub failures: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts a record.
    pub fn count(&mut self, record: &Record) {
        self.records += 1;
        if let Record::Failure(failure) = record {
            *self.failures.entry(failure.cause.clone()).or_default() += 1;
        }
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        for (cause, count) in other.failures {
            *self.failures.entry(cause).or_default() += count;
        }
    }
}

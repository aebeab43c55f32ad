//! Where a run's records go.

use std::{collections::BTreeMap, io, ops::ControlFlow, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::record::{Ledger, Record};

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

    /// Takes out of the books what was put, but is not in what is written.
    fn correct(&self, _ledger: &mut Ledger) {}

    /// True where what is held should be written now: [`Sink::dump`] is to follow.
    fn wants_dump(&self) -> bool {
        false
    }

    /// Writes what is held, ended by `trailer`, and tells `done` of it; a sink that holds nothing
    /// has nothing to do. It may be done later.
    fn dump(&mut self, _trailer: &Record, _done: WhenDumped) {}
}

/// Hears of a history that was written, or why it was not.
pub type WhenDumped = Box<dyn FnOnce(&io::Result<Dumped>) + Send>;

/// A history that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dumped {
    /// Where to.
    pub file: PathBuf,
    /// How many records, header and trailer not counted.
    pub records: u64,
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
            self.failure(&failure.cause);
        }
    }

    /// Counts a failure of a record that is counted already.
    pub fn failure(&mut self, cause: &str) {
        match self.failures.get_mut(cause) {
            Some(count) => *count += 1,
            None => {
                self.failures.insert(cause.to_owned(), 1);
            }
        }
    }

    /// Takes the failures out of the books of what was written, and says how many they were.
    pub fn take_out(&self, ledger: &mut Ledger) -> u64 {
        for (cause, count) in &self.failures {
            if let Some(written) = ledger.by_cause.get_mut(cause) {
                *written = written.saturating_sub(*count);
            }
        }
        ledger.by_cause.retain(|_, written| *written > 0);
        let failures = self.failures.values().sum();
        ledger.failures_emitted = ledger.failures_emitted.saturating_sub(failures);
        failures
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        for (cause, count) in other.failures {
            *self.failures.entry(cause).or_default() += count;
        }
    }
}

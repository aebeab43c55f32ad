//! Traces in the formats of other tools: one file a format, one line in [`FORMATS`].

pub mod chrome_trace;
pub mod csv;
pub mod otlp;

use std::io::{self, Write};

use crate::record::Record;

/// Every format, by the name that `--to` takes.
pub static FORMATS: &[&Format] = &[&chrome_trace::FORMAT, &csv::FORMAT, &otlp::FORMAT];

/// A format of another tool.
#[derive(Debug)]
pub struct Format {
    /// What `--to` calls it.
    pub name: &'static str,
    /// Makes the writer.
    pub new: fn(Box<dyn Write>) -> Box<dyn Export>,
}

/// Writes records in one format, as they come: it holds none of them.
pub trait Export {
    /// Takes one record. Records of several hosts may follow each other, each host's behind its
    /// header.
    ///
    /// # Errors
    /// What the writer returned.
    fn record(&mut self, record: &Record) -> io::Result<()>;

    /// Writes what belongs at the end, and flushes.
    ///
    /// # Errors
    /// What the writer returned.
    fn end(&mut self) -> io::Result<()>;
}

/// The format with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| format.name == name)
}

/// What a format makes of records, for tests.
#[cfg(test)]
fn exported(format: &Format, records: &[Record]) -> String {
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let out = Shared::default();
    let mut export = (format.new)(Box::new(out.clone()));
    for record in records {
        export.record(record).unwrap();
    }
    export.end().unwrap();
    String::from_utf8(out.0.lock().unwrap().clone()).unwrap()
}

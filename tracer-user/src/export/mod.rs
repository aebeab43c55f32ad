//! Traces in the formats of other tools: one file a format, one line in [`FORMATS`].

pub mod chrome_trace;
pub mod csv;
pub mod otlp;

use std::io::{self, Write};

use crate::record::{Header, Record};

/// Every format, by the name that `--to` takes.
pub static FORMATS: &[&Format] = &[&chrome_trace::FORMAT, &csv::FORMAT, &otlp::FORMAT];

/// A format of another tool.
#[derive(Debug)]
pub struct Format {
    /// What `--to` calls it.
    pub name: &'static str,
    /// What takes the time, for any thread: the text of a record, where it has one.
    pub text: fn(&Record, Option<&Header>) -> io::Result<Vec<u8>>,
    /// Makes the writer.
    pub new: fn(Box<dyn Write + Send>) -> Box<dyn Export>,
}

/// Writes records in one format, as they come: it holds none of them.
pub trait Export: Send {
    /// Takes one record, and its text ([`Format::text`]). Records of several hosts may follow each
    /// other, each host's behind its header.
    ///
    /// # Errors
    /// What the writer returned.
    fn record(&mut self, record: &Record, text: &[u8]) -> io::Result<()>;

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
    let mut header = None;
    for record in records {
        if let Record::Header(it) = record {
            header = Some(&**it);
        }
        let text = (format.text)(record, header).unwrap();
        export.record(record, &text).unwrap();
    }
    export.end().unwrap();
    String::from_utf8(out.0.lock().unwrap().clone()).unwrap()
}

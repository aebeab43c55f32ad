//! How records look to the user: one file per format, one line in [`FORMATS`].

pub mod json;
pub(crate) mod number;
pub(crate) mod page;
#[cfg(test)]
pub(crate) mod sample;
pub mod schema;
pub mod text;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    ops::ControlFlow,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{record::Record, sink::Sink};

/// Every output format, by the name that `--format` takes.
pub static FORMATS: &[&Format] = &[&text::FORMAT, &json::FORMAT];

/// An output format.
#[derive(Debug)]
pub struct Format {
    /// What `--format` calls it.
    pub name: &'static str,
    /// Makes the writer of records. `color`: write ANSI colours, where the format has any.
    pub new: fn(color: bool) -> Box<dyn Show>,
}

/// Writes records in one format.
pub trait Show: Send {
    /// Writes one record, or nothing where this format has nothing to say of it.
    ///
    /// # Errors
    /// What the writer returned.
    fn show(&mut self, record: &Record, out: &mut dyn Write) -> io::Result<()>;
}

/// The format with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| format.name == name)
}

/// Opens a file to write, that only its owner may read (mode 0600); what it held goes.
///
/// # Errors
/// Where it cannot be opened.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Never writes over a trace that is to be read, whatever it is called.
///
/// # Errors
/// One line, where it would.
pub fn refuse_inputs(output: Option<&Path>, traces: &[PathBuf]) -> anyhow::Result<()> {
    let id = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    if let Some(path) = output
        && let Some(one) = id(path)
        && traces.iter().any(|trace| id(trace) == Some(one))
    {
        let path = path.display();
        anyhow::bail!("{path} is a trace to be read: choose another file for -o");
    }
    Ok(())
}

/// Where records go: a format and a writer.
pub struct Output {
    show: Box<dyn Show>,
    out: Box<dyn Write + Send>,
}

impl Output {
    /// Writes to `out`.
    #[must_use]
    pub fn new(format: &Format, color: bool, out: Box<dyn Write + Send>) -> Self {
        Self {
            show: (format.new)(color),
            out,
        }
    }

    /// Writes to a file, that only its owner may read (mode 0600); what it held goes.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn create(format: &Format, color: bool, path: &Path) -> io::Result<Self> {
        Ok(Self::new(format, color, Box::new(create(path)?)))
    }
}

impl Sink for Output {
    /// Writes one record in a single write and flushes it; a broken pipe is a `Break`.
    fn put(&mut self, record: &Record) -> io::Result<ControlFlow<()>> {
        let mut line = Vec::with_capacity(2048);
        self.show.show(record, &mut line)?;
        if line.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        match self.out.write_all(&line).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::sink::Sink as _;

    /// A writer that notes what is written and flushed, or refuses.
    #[derive(Clone, Default)]
    struct Sink {
        written: Arc<Mutex<(Vec<u8>, usize)>>,
        refuse: Option<io::ErrorKind>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(kind) = self.refuse {
                return Err(kind.into());
            }
            self.written.lock().unwrap().0.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.written.lock().unwrap().1 += 1;
            Ok(())
        }
    }

    #[test]
    fn finds_formats_by_name() {
        assert!(find("text").is_some() && find("json").is_some());
        assert!(find("xml").is_none());
    }

    #[test]
    fn flushes_every_record() {
        let sink = Sink::default();
        let mut output = Output::new(&json::FORMAT, false, Box::new(sink.clone()));
        for flushed in 1..=2 {
            let next = output.put(&sample::record()).unwrap();
            assert_eq!(next, ControlFlow::Continue(()));
            assert_eq!(sink.written.lock().unwrap().1, flushed);
        }
        assert_eq!(
            sink.written
                .lock()
                .unwrap()
                .0
                .iter()
                .filter(|&&b| b == b'\n')
                .count(),
            2
        );
    }

    #[test]
    fn a_broken_pipe_is_an_end_and_a_full_disk_an_error() {
        let put = |kind| {
            let sink = Sink {
                refuse: Some(kind),
                ..Sink::default()
            };
            Output::new(&json::FORMAT, false, Box::new(sink)).put(&sample::record())
        };
        assert_eq!(
            put(io::ErrorKind::BrokenPipe).unwrap(),
            ControlFlow::Break(())
        );
        assert!(put(io::ErrorKind::StorageFull).is_err());
    }

    #[test]
    fn files_are_for_their_owner_only() {
        let path = std::env::temp_dir().join(format!("tcpwhy-show-{}", std::process::id()));
        let mut output = Output::create(&json::FORMAT, false, &path).unwrap();
        assert!(output.put(&sample::record()).unwrap().is_continue());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(mode & 0o777, 0o600);
        assert!(text.starts_with(r#"{"type":"failure","#), "{text}");
    }
}

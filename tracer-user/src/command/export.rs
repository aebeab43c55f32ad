//! `tcpwhy export`: a trace in other tools' formats.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use anyhow::{Context as _, bail};

use crate::{
    cli::Export,
    export,
    record::Record,
    redact::Redactor,
    show,
    trace::{Fault, Reader},
};

/// Reads the traces one after the other, and writes what is wanted of them.
///
/// # Errors
/// One line that says which file could not be read, or written, and why.
pub fn run(flags: &Export) -> anyhow::Result<()> {
    let readers = flags.files.iter().map(|path| open(path, flags));
    let readers = readers.collect::<anyhow::Result<Vec<_>>>()?;
    let redactor = flags
        .redaction
        .redactor()
        .context("no random numbers for a key: give one with --redact-key")?;
    let mut work = Work {
        out: (flags.to.new)(output(flags)?),
        redactor,
        flags,
        left: flags.selection.count.unwrap_or(u64::MAX),
        records: 0,
        empty: None,
    };
    let written = readers
        .into_iter()
        .try_for_each(|reader| work.trace(reader));
    if written.is_ok() && work.records == 0 {
        let why = work.empty.unwrap_or_default();
        bail!("no records in what was read{why}; `tcpwhy record -o FILE` makes a trace");
    }
    let written = written.and_then(|()| work.out.end());
    match written {
        // Whoever read it has seen enough.
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the export; is the disk full?"),
    }
}

struct Work<'a> {
    out: Box<dyn export::Export>,
    redactor: Option<Redactor>,
    flags: &'a Export,
    /// Failures that are still wanted.
    left: u64,
    /// Records that were read.
    records: u64,
    /// Why there is none in the first file that has none.
    empty: Option<String>,
}

impl Work<'_> {
    fn trace(&mut self, mut reader: Reader) -> io::Result<()> {
        let selection = &self.flags.selection;
        while self.left > 0 {
            let Some((_, record)) = reader.next_record() else {
                break;
            };
            if selection.is_beyond(reader.header(), &record) || !selection.wants(&record) {
                continue;
            }
            if matches!(record, Record::Failure(_)) {
                self.left -= 1;
            }
            match self.redactor.as_mut() {
                Some(redactor) => self.out.record(&redactor.record(&record)?)?,
                None => self.out.record(&record)?,
            }
        }
        self.records += reader.records();
        if reader.records() > 0 {
            self.complain(&reader);
        } else if self.empty.is_none() {
            let why = reader.problems().first().first();
            self.empty = why.map(|why| format!(": {}: {}", reader.name(), why.text));
        }
        Ok(())
    }

    /// Says on stderr what is wrong with a trace; it has been read nevertheless.
    fn complain(&mut self, reader: &Reader) {
        let problems = reader.problems();
        let told = if self.flags.display.verbose > 0 {
            problems.summary()
        } else {
            problems.summary().into_iter().take(TOLD).collect()
        };
        for problem in told {
            // Half of the file was not wanted.
            if self.left == 0 && problem.fault == Fault::CutShort {
                continue;
            }
            let text = format!("{}: {}", reader.name(), problem.text);
            eprintln!("tcpwhy: {}", crate::escape::escape(&text));
        }
    }
}

/// So many faults of a trace are told without `-v`.
const TOLD: usize = 3;

fn open(path: &Path, flags: &Export) -> anyhow::Result<Reader> {
    let again = flags.files.iter().filter(|file| file.as_path() == path);
    if path.as_os_str() == "-" && again.count() > 1 {
        bail!("standard input (-) can be read only once");
    }
    Reader::open(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Where the export goes. Never over a trace that it is made of.
fn output(flags: &Export) -> anyhow::Result<Box<dyn Write>> {
    let Some(path) = &flags.output else {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    };
    let id = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    if let Some(output) = id(path)
        && flags.files.iter().any(|file| id(file) == Some(output))
    {
        bail!(
            "{} is a trace to be read: choose another file for -o",
            path.display()
        );
    }
    let file: File =
        show::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}

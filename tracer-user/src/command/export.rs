//! `tcpwhy export`: a trace in other tools' formats.

mod maker;

use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use anyhow::{Context as _, bail};

use self::maker::{Made, Maker, Own};
use crate::{
    cli::Export,
    export,
    record::Record,
    redact::Redactor,
    show,
    trace::{Fault, Line, Reader, Seen, SoFar},
};

/// Reads the traces one after the other, and writes what is wanted of them.
///
/// # Errors
/// One line that says which file could not be read, or written, and why.
pub fn run(flags: &Export) -> anyhow::Result<()> {
    let readers = flags.files.iter().map(|path| open(path, flags));
    let readers = readers.collect::<anyhow::Result<Vec<_>>>()?;
    show::refuse_inputs(flags.output.as_deref(), &flags.files)?;
    let redactor = flags
        .redaction
        .redactor()
        .context("no random numbers for a key: give one with --redact-key")?;
    let maker = Maker {
        flags,
        redactor: redactor.as_ref().map(Redactor::helper),
    };
    let mut work = Work {
        maker: &maker,
        out: None,
        own: Own::new(redactor),
        seen: Seen::default(),
        left: flags.selection.count.unwrap_or(u64::MAX),
        empty: None,
    };
    for (nth, reader) in readers.into_iter().enumerate() {
        if work.left > 0 && work.trace(nth, reader)?.is_break() {
            return Ok(());
        }
    }
    work.end()
}

struct Work<'a> {
    maker: &'a Maker<'a>,
    /// Opened for the first record: what cannot be read destroys no earlier export.
    out: Option<Box<dyn export::Export>>,
    /// For what is made in the order of the traces.
    own: Own,
    seen: Seen,
    /// Failures that are still wanted.
    left: u64,
    /// Why there was no record in the first file.
    empty: Option<String>,
}

impl Work<'_> {
    /// Reads one of the traces. Gives a break where nobody reads the export any more.
    fn trace(&mut self, nth: usize, mut reader: Reader) -> anyhow::Result<ControlFlow<()>> {
        let mut result = Ok(());
        reader.each(self.maker, |so_far, line, made| {
            let taken = match made {
                Ok(Ok(made)) => self.take(nth, so_far, line, made),
                Ok(Err(why)) => {
                    so_far.bad(Fault::BadRecord, line.number, &why);
                    Ok(())
                }
                Err(why) => Err(cannot_write(why)),
            };
            let is_over = taken.is_err() || self.left == 0;
            if taken.is_err() {
                result = taken;
            }
            if is_over {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if result.as_ref().is_err_and(is_unread) {
            return Ok(ControlFlow::Break(()));
        }
        result?;
        if self.out.is_some() {
            self.complain(&reader);
        } else if self.empty.is_none() {
            let why = reader.problems().first().first();
            self.empty = why.map(|why| format!(": {}: {}", reader.name(), why.text));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Writes what was made of a line, if it is wanted and was not written already.
    fn take(
        &mut self,
        nth: usize,
        so_far: &mut SoFar,
        line: &Line<'_>,
        made: Made,
    ) -> anyhow::Result<()> {
        let id = match &made.record {
            Record::Failure(failure) => Some(&failure.id),
            Record::Connection(connection) => Some(&connection.id),
            _ => None,
        };
        // Traces without a header come from hosts of their own.
        let host = line.header.map(|it| (&*it.host, &*it.boot_id)).ok_or(nth);
        if let Some(id) = id
            && !self.seen.is_new(host, id)
        {
            let id: String = id.chars().take(40).collect();
            so_far.bad(Fault::Duplicate, line.number, &id);
            return Ok(());
        }
        let out = match &mut self.out {
            Some(out) => out,
            none => none.insert((self.maker.flags.to.new)(output(self.maker.flags)?)),
        };
        if !made.wanted {
            return Ok(());
        }
        if matches!(made.record, Record::Failure(_)) {
            self.left -= 1;
        }
        let (record, text) = match made.text {
            Some(text) => (made.record, text),
            None => {
                let settled = self.maker.settle(&mut self.own, &made.record, line.header);
                settled.map_err(cannot_write)?
            }
        };
        out.record(&record, &text).map_err(cannot_write)
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let Some(out) = &mut self.out else {
            let why = self.empty.take().unwrap_or_default();
            bail!("no records in what was read{why}; `tcpwhy record -o FILE` makes a trace");
        };
        match out.end() {
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            ended => ended.map_err(cannot_write),
        }
    }

    /// Says on stderr what is wrong with a trace; it has been read nevertheless.
    fn complain(&mut self, reader: &Reader) {
        let problems = reader.problems();
        let told = if self.maker.flags.display.verbose > 0 {
            problems.summary()
        } else {
            problems.summary().into_iter().take(TOLD).collect()
        };
        for problem in told {
            let text = format!("{}: {}", reader.name(), problem.text);
            eprintln!("tcpwhy: {}", crate::escape::escape(&text));
        }
    }
}

fn cannot_write(why: io::Error) -> anyhow::Error {
    anyhow::Error::new(why).context("cannot write the export; is the disk full?")
}

/// Whoever read it has seen enough.
fn is_unread(why: &anyhow::Error) -> bool {
    let why = why.downcast_ref::<io::Error>();
    why.is_some_and(|why| why.kind() == io::ErrorKind::BrokenPipe)
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

/// Where the export goes.
fn output(flags: &Export) -> anyhow::Result<Box<dyn Write + Send>> {
    let Some(path) = &flags.output else {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    };
    let file = show::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER_BYTES, file)))
}

/// What is written at a time.
const BUFFER_BYTES: usize = 256 << 10;

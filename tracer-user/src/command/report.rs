//! `tcpwhy report`: the postmortem.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use anyhow::{Context as _, bail};

use crate::{
    cli::Report,
    report::{
        Look,
        collect::{Collector, Options},
        connection,
        window::Window,
    },
    show,
    trace::Reader,
};

/// Reads the traces, and writes the report.
///
/// # Errors
/// One line that says what could not be done, and what to try.
pub fn run(args: &Report) -> anyhow::Result<()> {
    show::refuse_inputs(args.output.as_deref(), &args.files)?;
    let mut readers = open(args)?;
    let mut collector = Collector::new(options(args));
    for reader in &mut readers {
        collector.read(reader);
        if reader.records() == 0 {
            let why = reader.problems().first().first();
            let why = why.map_or("it holds no records", |problem| problem.text.as_str());
            bail!(
                "{} is no trace: {why}; `tcpwhy record -o FILE` makes one",
                reader.name()
            );
        }
    }
    let mut report = collector.finish();
    if let Some(id) = &args.connection {
        let found = connection::find(id, &args.files, &report)?;
        report.connection = Some(found.with_context(|| {
            format!("no failure or connection has the id {id}: `--format json` shows the ids")
        })?);
    }
    if let (Some(id), []) = (&args.incident, report.incidents.as_slice()) {
        bail!("no incident has the id {id}: `tcpwhy report` without --incident lists them");
    }
    if let Some(mut redactor) = args.redaction.redactor()? {
        report = redactor.anything(&report)?;
    }
    write(args, &report)
}

/// In the order of their times, so that a host's files follow each other.
fn open(args: &Report) -> anyhow::Result<Vec<Reader>> {
    let stdin = args.files.iter().filter(|file| file.as_os_str() == "-");
    if stdin.count() > 1 {
        bail!("standard input (-) can be read once only");
    }
    let mut readers = Vec::new();
    for file in &args.files {
        let mut reader =
            Reader::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        reader.begin();
        readers.push(reader);
    }
    readers.sort_by_cached_key(|reader| {
        let header = reader.header();
        header.map(|header| (header.time.clone(), header.part))
    });
    Ok(readers)
}

fn options(args: &Report) -> Options {
    let common = &args.common;
    Options {
        filter: common.filter.clone(),
        window: args
            .around
            .clone()
            .map(|moment| Window::new(moment, args.within)),
        count: common.count,
        duration: common.duration,
        incident: args.incident.clone(),
        connection: args.connection.clone(),
        thresholds: args.thresholds,
        several: args.files.len() > 1,
        words: words(args),
    }
}

/// What the report is restricted to, as the user said it.
fn words(args: &Report) -> Option<String> {
    let common = &args.common;
    let restricted = !common.filter.is_empty()
        || args.around.is_some()
        || common.count.is_some()
        || common.duration.is_some()
        || args.incident.is_some();
    restricted.then(|| {
        let mut said = Vec::new();
        let mut words = std::env::args_os().skip(2);
        while let Some(word) = words.next() {
            let text = word.to_string_lossy().into_owned();
            let is_file = args.files.iter().any(|file| file.as_os_str() == word);
            match text.split('=').next().unwrap_or_default() {
                // How it looks, not what it is about.
                "--format" | "--output" | "-o" | "--color" | "--redact-key" => {
                    if !text.contains('=') {
                        words.next();
                    }
                }
                "--redact" => {}
                _ if is_file => {}
                _ => said.push(text),
            }
        }
        said.join(" ")
    })
}

fn write(args: &Report, report: &crate::report::model::Report) -> anyhow::Result<()> {
    let (look, out): (Look, Box<dyn Write>) = match &args.output {
        Some(path) => {
            let file =
                show::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            (Look::default(), Box::new(file))
        }
        None => {
            let look = Look {
                color: args.common.display.color.is_on(&io::stdout()),
                columns: columns(),
            };
            (look, Box::new(io::stdout().lock()))
        }
    };
    let mut out = BufWriter::new(out);
    match (args.format.write)(report, look, &mut out).and_then(|()| out.flush()) {
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("cannot write the report; is the disk full?"),
    }
}

/// As wide as the terminal, within reason.
fn columns() -> usize {
    let default = Look::default().columns;
    if !io::stdout().is_terminal() {
        return default;
    }
    terminal_size::terminal_size().map_or(default, |(width, _)| usize::from(width.0).clamp(60, 160))
}

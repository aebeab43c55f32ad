//! `tcpwhy replay`: a recorded trace, judged anew.

use std::{io, ops::ControlFlow, time::Duration};

use anyhow::{Context as _, bail};

use crate::{
    cli,
    clock::{self, Clock},
    escape::escape,
    record::{Ledger, Record, Trailer},
    replay::Replay,
    show::Output,
    sink::Sink,
    trace::{Fault, Reader},
};

/// Reads the traces, and writes what they come to.
///
/// # Errors
/// One line that says what could not be done, and what to try.
pub fn run(args: &cli::Replay) -> anyhow::Result<()> {
    let mut replay = Replay::new();
    let mut writer = Writer::new(args);
    for file in &args.files {
        let mut reader =
            Reader::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        while writer.left != Some(0) && !writer.ended {
            let Some((line, record)) = reader.next_record() else {
                break;
            };
            writer.header(&record)?;
            let mut told = Vec::new();
            if let Err(why) = replay.take(record, &mut |record| told.push(record)) {
                reader.bad(Fault::BadRecord, line, &why);
            }
            told.iter().try_for_each(|record| writer.take(record))?;
        }
        for problem in reader.problems().summary() {
            let text = format!("{}: {}", reader.name(), problem.text);
            eprintln!("tcpwhy: {}", escape(&text));
        }
    }
    let mut told = Vec::new();
    replay.end(&mut |record| told.push(record));
    told.iter().try_for_each(|record| writer.take(record))?;
    if !replay.is_possible() {
        let name = args.files[0].display();
        bail!("{name} cannot be replayed: `tcpwhy record --events` (without --redact) makes such");
    }
    let compared = replay.compared;
    writer.end(replay.ledger)?;
    eprintln!(
        "tcpwhy: {} events replayed; of the recorded failures {} come out the same, {} otherwise, {} \
         not at all",
        replay.events, compared.same, compared.changed, compared.missing
    );
    if replay.handed_on > 0 {
        let count = replay.handed_on;
        eprintln!(
            "tcpwhy: {count} failures at listeners are as they were recorded, not judged anew: the \
             trace does not have what that takes from the beginning of its run"
        );
    }
    Ok(())
}

/// Filters and writes.
struct Writer<'a> {
    args: &'a cli::Replay,
    output: Output,
    /// `--count`.
    left: Option<u64>,
    /// `--duration`, of the trace's own time.
    first_ns: Option<i64>,
    begun: bool,
    ended: bool,
    ledger: Ledger,
}

impl<'a> Writer<'a> {
    fn new(args: &'a cli::Replay) -> Self {
        let color = args.common.display.color.is_on(&io::stdout());
        Self {
            args,
            output: Output::new(args.format, color, Box::new(io::stdout())),
            left: args.common.count,
            first_ns: None,
            begun: false,
            ended: false,
            ledger: Ledger::default(),
        }
    }

    /// The recording's own header stands before what it comes to.
    fn header(&mut self, record: &Record) -> anyhow::Result<()> {
        if let Record::Header(header) = record {
            self.first_ns = self.first_ns.or_else(|| clock::utc_ns(&header.time));
            if !std::mem::replace(&mut self.begun, true) {
                self.write(record)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, record: &Record) -> anyhow::Result<()> {
        let filter = &self.args.common.filter;
        let (wanted, time) = match record {
            Record::Failure(failure) => (filter.matches(failure), &failure.time),
            Record::Connection(connection) => {
                (filter.matches_connection(connection), &connection.time)
            }
            _ => return Ok(()),
        };
        let wanted = wanted && !self.is_late(time) && self.left != Some(0);
        if let Record::Failure(failure) = record {
            if !wanted {
                self.ledger.failures_filtered += 1;
                return Ok(());
            }
            self.ledger.failures_emitted += 1;
            *self
                .ledger
                .by_cause
                .entry(failure.cause.clone())
                .or_default() += 1;
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
        if wanted { self.write(record) } else { Ok(()) }
    }

    fn is_late(&self, time: &str) -> bool {
        let (Some(duration), Some(first_ns)) = (self.args.common.duration, self.first_ns) else {
            return false;
        };
        let elapsed_ns = clock::utc_ns(time).map_or(0, |ns| ns.saturating_sub(first_ns));
        Duration::from_nanos(u64::try_from(elapsed_ns).unwrap_or(0)) > duration
    }

    /// The recording's books, but for what is written here.
    fn end(&mut self, recorded: Option<Ledger>) -> anyhow::Result<()> {
        let own = std::mem::take(&mut self.ledger);
        let ledger = Ledger {
            failures_emitted: own.failures_emitted,
            failures_filtered: own.failures_filtered,
            by_cause: own.by_cause,
            ..recorded.unwrap_or_default()
        };
        self.write(&Record::Trailer(Trailer {
            time: Clock::utc_now(),
            reason: "replayed".to_owned(),
            ledger,
        }))
    }

    fn write(&mut self, record: &Record) -> anyhow::Result<()> {
        let put = self
            .output
            .put(record)
            .context("cannot write the records")?;
        self.ended |= put == ControlFlow::Break(());
        Ok(())
    }
}

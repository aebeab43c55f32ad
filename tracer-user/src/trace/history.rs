//! The flight recorder: the last records, in bounded memory, written when somebody asks or many
//! failures come at once.

mod burst;
mod dump;

use std::{
    collections::VecDeque,
    io,
    ops::ControlFlow,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

pub use self::burst::Burst;
use self::{burst::Alarm, dump::Dumps};
use super::line;
use crate::{
    record::{Forgotten, Header, Ledger, Record},
    sink::{Sink, Tally, WhenDumped},
};

/// How much a history holds, and where it is written to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file; what it holds at that time is put aside.
    pub path: PathBuf,
    /// Earlier ones that are kept at most.
    pub keep: usize,
    /// How far back it goes.
    pub last: Duration,
    /// Bytes of memory at most.
    pub memory_bytes: usize,
    /// So many failures in so short a time are written by themselves.
    pub burst: Option<Burst>,
}

/// The last records.
#[derive(Debug)]
pub struct History {
    last: Duration,
    memory_bytes: usize,
    header: Option<Header>,
    lines: VecDeque<Line>,
    bytes: usize,
    forgotten: Forgotten,
    failures: Tally,
    alarm: Option<Alarm>,
    dumps: Dumps,
    trailer: Option<Record>,
}

/// One record.
#[derive(Clone, Debug)]
struct Line {
    at: Instant,
    text: Arc<[u8]>,
    cause: Option<&'static str>,
}

impl Line {
    /// What it takes in memory: the text with its two counts and the allocator's own, and its place.
    fn bytes(&self) -> usize {
        const AROUND: usize = 2 * size_of::<usize>() + 16;
        self.text.len() + AROUND + size_of::<Self>()
    }
}

impl History {
    /// An empty one.
    ///
    /// # Errors
    /// Where a file could not be written there.
    pub fn new(settings: Settings) -> io::Result<Self> {
        Ok(Self {
            last: settings.last,
            memory_bytes: settings.memory_bytes,
            header: None,
            lines: VecDeque::new(),
            bytes: 0,
            forgotten: Forgotten::default(),
            failures: Tally::default(),
            alarm: settings.burst.map(Alarm::new),
            dumps: Dumps::new(settings.path, settings.keep)?,
            trailer: None,
        })
    }

    fn forget(&mut self, now: Instant) {
        while let Some(first) = self.lines.front() {
            let is_old = now.saturating_duration_since(first.at) > self.last;
            if !is_old && self.bytes <= self.memory_bytes {
                return;
            }
            self.bytes -= first.bytes();
            if let Some(cause) = first.cause {
                self.failures.failure(cause);
                self.forgotten.failures += 1;
            }
            if is_old {
                self.forgotten.expired += 1;
            } else {
                self.forgotten.evicted += 1;
            }
            self.lines.pop_front();
        }
    }

    fn lines(&self, trailer: &Record) -> io::Result<Vec<Arc<[u8]>>> {
        let header = self.header.clone().map(|it| Record::Header(Box::new(it)));
        let mut lines = Vec::with_capacity(self.lines.len() + 2);
        if let Some(header) = header {
            lines.push(line(&header)?.into());
        }
        lines.extend(self.lines.iter().map(|line| Arc::clone(&line.text)));
        lines.push(line(trailer)?.into());
        Ok(lines)
    }
}

impl Sink for History {
    fn put(&mut self, record: &Record) -> io::Result<ControlFlow<()>> {
        let now = Instant::now();
        let mut cause = None;
        match record {
            Record::Header(header) => {
                self.header = Some((**header).clone());
                return Ok(ControlFlow::Continue(()));
            }
            Record::Trailer(_) => {
                self.trailer = Some(record.clone());
                return Ok(ControlFlow::Continue(()));
            }
            Record::Failure(failure) => {
                cause = crate::cause::find(&failure.cause).map(|cause| cause.code);
                if let Some(alarm) = &mut self.alarm {
                    alarm.failure(now);
                }
            }
            _ => {}
        }
        let text = line(record)?.into();
        let line = Line {
            at: now,
            text,
            cause,
        };
        self.bytes += line.bytes();
        self.lines.push_back(line);
        self.forget(now);
        Ok(ControlFlow::Continue(()))
    }

    fn settle(&mut self) -> io::Result<ControlFlow<()>> {
        let now = Instant::now();
        self.forget(now);
        if let Some(alarm) = &mut self.alarm {
            alarm.rearm(now);
        }
        self.dumps.settle();
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> io::Result<ControlFlow<()>> {
        self.settle()
    }

    fn correct(&self, ledger: &mut Ledger) {
        self.failures.take_out(ledger);
        ledger.forgotten = Some(self.forgotten.clone());
    }

    fn wants_dump(&self) -> bool {
        self.alarm.as_ref().is_some_and(Alarm::is_raised)
    }

    fn dump(&mut self, trailer: &Record, done: WhenDumped) {
        if let Some(alarm) = &mut self.alarm {
            alarm.heard();
        }
        match self.lines(trailer) {
            Ok(lines) => self.dumps.begin(lines, done),
            Err(why) => done(&Err(why)),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(trailer) = self.trailer.take() else {
            return Ok(());
        };
        self.dumps.finish(&self.lines(&trailer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    fn history(last: Duration, memory_bytes: usize) -> History {
        let path = std::env::temp_dir().join(format!("tcpwhy-history-{memory_bytes}.jsonl"));
        History::new(Settings {
            path,
            keep: 1,
            last,
            memory_bytes,
            burst: None,
        })
        .unwrap()
    }

    #[test]
    fn memory_is_bounded_and_what_goes_is_counted() {
        let mut history = history(Duration::from_secs(600), 20_000);
        for _ in 0..1000 {
            assert!(history.put(&sample::record()).unwrap().is_continue());
            assert!(history.bytes <= 20_000);
        }
        let held = history.lines.len() as u64;
        assert!(held > 5, "{held}");
        let mut ledger = Ledger {
            failures_seen: 1000,
            failures_emitted: 1000,
            by_cause: [("firewall-drop".to_owned(), 1000)].into(),
            ..Ledger::default()
        };
        history.correct(&mut ledger);
        assert_eq!(ledger.failures_emitted, held);
        assert_eq!(ledger.by_cause["firewall-drop"], held);
        let gone = Forgotten {
            expired: 0,
            evicted: 1000 - held,
            failures: 1000 - held,
        };
        assert_eq!(ledger.forgotten, Some(gone));
    }

    #[test]
    fn what_is_too_old_expires() {
        let mut history = history(Duration::from_nanos(1), 1 << 20);
        for _ in 0..3 {
            assert!(history.put(&sample::record()).unwrap().is_continue());
        }
        std::thread::sleep(Duration::from_millis(1));
        assert!(history.settle().unwrap().is_continue());
        assert_eq!((history.lines.len(), history.bytes), (0, 0));
        assert_eq!(history.forgotten.expired, 3);
    }
}

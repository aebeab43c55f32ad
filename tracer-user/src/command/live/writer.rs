//! Filters records, takes failures together as incidents, adds what the host was doing, and hands on
//! what is left.

use std::{io, ops::ControlFlow};

use anyhow::Context as _;

use super::{Reason, Run, counters::Counters};
use crate::{
    clock::{self, Clock},
    filter::Filter,
    incident::Tracker,
    record::{self, Record},
    sink::Sink,
};

/// Filters, counts and writes records.
pub(super) struct Writer {
    pub(super) sink: Box<dyn Sink>,
    filter: Filter,
    incidents: Option<Tracker>,
    counters: Option<Counters>,
    left: Option<u64>,
    pub(super) ended: Option<Reason>,
    pub(super) emitted: Vec<String>,
    pub(super) filtered: u64,
}

pub(super) const CANNOT_WRITE: &str = "cannot write the records";

impl Writer {
    pub(super) fn new(run: &Run<'_>, sink: Box<dyn Sink>) -> Self {
        let successes_known = run.wanted.connections;
        Self {
            sink,
            filter: run.common.filter.clone(),
            incidents: run
                .incidents
                .map(|thresholds| Tracker::live(thresholds, successes_known)),
            counters: run.counters.then(Counters::new),
            left: run.common.count,
            ended: None,
            emitted: Vec::new(),
            filtered: 0,
        }
    }

    /// Filters, and counts failures.
    pub(super) fn take(&mut self, record: &Record) -> anyhow::Result<()> {
        match record {
            Record::Failure(failure) if !self.filter.matches(failure) => self.filtered += 1,
            // The count is reached, or nobody reads: it is counted as not shown.
            Record::Failure(_) if self.ended.is_some() => self.filtered += 1,
            Record::Failure(failure) => {
                self.write(record)?;
                self.emitted.push(failure.cause.clone());
                if let Some(incidents) = &mut self.incidents {
                    incidents.failed(failure);
                }
                if let Some(counters) = &mut self.counters {
                    counters.failed(failure);
                }
                self.tell_incidents()?;
                self.left = self.left.map(|left| left.saturating_sub(1));
                if self.left == Some(0) {
                    self.ended = Some(Reason::Count);
                }
            }
            Record::Connection(connection) if !self.filter.matches_connection(connection) => {}
            // A replay may need what nobody owns, or what the filter's conditions are not known of.
            Record::Event(event) if event.wire.is_none() && !self.filter.matches_event(event) => {}
            _ if self.ended.is_some() => {}
            Record::Connection(connection) => {
                self.write(record)?;
                if let Some(incidents) = &mut self.incidents {
                    incidents.came_up(connection);
                }
            }
            _ => self.write(record)?,
        }
        Ok(())
    }

    /// Time passes: incidents may be over, counters have been read.
    pub(super) fn pass(&mut self) -> anyhow::Result<()> {
        if let Some(incidents) = &mut self.incidents {
            incidents.pass(clock::utc_ns(&Clock::utc_now()).unwrap_or(i64::MIN));
        }
        let counters = self.counters.as_mut().map(Counters::settle);
        self.tell_counters(counters)?;
        self.tell_incidents()
    }

    /// Every 10 s.
    pub(super) fn tick(&mut self) {
        if let Some(counters) = &mut self.counters {
            counters.tick();
        }
    }

    fn tell_counters(&mut self, records: Option<Vec<record::Counters>>) -> anyhow::Result<()> {
        for counters in records.unwrap_or_default() {
            self.write(&Record::Counters(Box::new(counters)))?;
        }
        Ok(())
    }

    /// The last word on incidents that go on, and on the counters.
    pub(super) fn last_words(&mut self) -> anyhow::Result<()> {
        let counters = self.counters.as_mut().map(Counters::finish);
        self.tell_counters(counters)?;
        let open = self.incidents.as_ref().map(Tracker::still_open);
        for incident in open.unwrap_or_default() {
            self.write(&Record::Incident(Box::new(incident)))?;
        }
        Ok(())
    }

    fn tell_incidents(&mut self) -> anyhow::Result<()> {
        let news = self.incidents.as_mut().map(Tracker::take_news);
        for incident in news.unwrap_or_default() {
            self.write(&Record::Incident(Box::new(incident)))?;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, record: &Record) -> anyhow::Result<()> {
        let done = self.sink.put(record);
        self.note(done)
    }

    pub(super) fn settle(&mut self) -> anyhow::Result<()> {
        let done = self.sink.settle();
        self.note(done)
    }

    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        let done = self.sink.flush();
        self.note(done)
    }

    fn note(&mut self, done: io::Result<ControlFlow<()>>) -> anyhow::Result<()> {
        if done.context(CANNOT_WRITE)?.is_break() {
            self.ended = Some(Reason::OutputClosed);
        }
        Ok(())
    }
}

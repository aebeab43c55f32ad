//! What an export does to each line, on any thread: reads it, asks the filters, takes the names out,
//! and makes its text.

use std::{io, sync::Arc};

use crate::{
    cli,
    record::{Header, Record},
    redact::Redactor,
    trace::{Kind, Line, Work},
};

/// Makes what is written of lines.
pub(super) struct Maker<'a> {
    pub(super) flags: &'a cli::Export,
    /// A helper of the redactor, if names are to go.
    pub(super) redactor: Option<Redactor>,
}

/// What a thread keeps.
pub(super) struct Own {
    redactor: Option<Redactor>,
    /// The header as it was read, and as it is told.
    header: Option<(Arc<Header>, Record)>,
}

/// What was made of a line.
pub(super) struct Made {
    pub(super) record: Record,
    pub(super) wanted: bool,
    /// `None` where it is to be made in the order of the trace ([`Redactor::settled`]).
    pub(super) text: Option<Vec<u8>>,
}

impl Work for Maker<'_> {
    type Own = Own;
    /// Outside what a writer would return; inside what is wrong with the line.
    type Done<'a> = io::Result<Result<Made, String>>;

    fn own(&self) -> Own {
        Own::new(self.redactor.as_ref().map(Redactor::helper))
    }

    fn line<'a>(&self, own: &mut Own, line: &Line<'a>) -> Self::Done<'a> {
        let record = match (line.kind, line.header) {
            (Kind::Header, Some(header)) => Ok(Record::Header(Box::new((**header).clone()))),
            _ => line.record(),
        };
        match record {
            Ok(record) => self.make(own, record, line.header).map(Ok),
            Err(why) => Ok(Err(why)),
        }
    }
}

impl Maker<'_> {
    fn make(
        &self,
        own: &mut Own,
        record: Record,
        header: Option<&Arc<Header>>,
    ) -> io::Result<Made> {
        let selection = &self.flags.selection;
        let is_beyond = selection.is_beyond(header.map(|it| &**it), &record);
        let mut made = Made {
            wanted: !is_beyond && selection.wants(&record),
            text: None,
            record,
        };
        if !made.wanted {
            return Ok(made);
        }
        own.below(header)?;
        if let Some(redactor) = &mut own.redactor {
            match redactor.settled(&made.record)? {
                Some(redacted) => made.record = redacted,
                None => return Ok(made),
            }
        }
        made.text = Some((self.flags.to.text)(&made.record, own.header())?);
        Ok(made)
    }

    /// Makes in the order of the trace what could not be made before those that came before it were:
    /// the record, and its text.
    pub(super) fn settle(
        &self,
        own: &mut Own,
        record: &Record,
        header: Option<&Arc<Header>>,
    ) -> io::Result<(Record, Vec<u8>)> {
        own.below(header)?;
        let record = match &mut own.redactor {
            Some(redactor) => redactor.record(record)?,
            None => record.clone(),
        };
        let text = (self.flags.to.text)(&record, own.header())?;
        Ok((record, text))
    }
}

impl Own {
    pub(super) fn new(redactor: Option<Redactor>) -> Self {
        Self {
            redactor,
            header: None,
        }
    }

    /// The header as it is told.
    fn header(&self) -> Option<&Header> {
        match &self.header {
            Some((_, Record::Header(header))) => Some(header),
            _ => None,
        }
    }

    /// What follows stands below this header.
    fn below(&mut self, header: Option<&Arc<Header>>) -> io::Result<()> {
        let Some(header) = header else {
            self.header = None;
            return Ok(());
        };
        let is_known = |(known, _): &(Arc<Header>, Record)| Arc::ptr_eq(known, header);
        if self.header.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        let mut told = Record::Header(Box::new((**header).clone()));
        if let Some(redactor) = &mut self.redactor {
            told = redactor.record(&told)?;
        }
        self.header = Some((Arc::clone(header), told));
        Ok(())
    }
}

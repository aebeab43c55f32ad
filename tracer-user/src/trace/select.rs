//! Which records of a trace are looked at: what `watch` takes from the live host.

use std::time::Duration;

use clap::Args;

use crate::{
    cli::value,
    clock::utc_ns,
    filter::Filter,
    record::{Header, Record},
};

/// Conditions on the records of a trace.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Which connections.
    #[command(flatten)]
    pub filter: Filter,
    /// Only so much of each trace, from its beginning (500ms, 30s, 10m, 2h)
    #[arg(long, value_name = "TIME", value_parser = value::duration, help_heading = "How much")]
    pub duration: Option<Duration>,
    /// Only so many failures, the first ones
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "How much"
    )]
    pub count: Option<u64>,
}

impl Selection {
    /// Whether a record passes the filter. Those that are about no connection do.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        match record {
            Record::Failure(failure) => self.filter.matches(failure),
            Record::Connection(connection) => self.filter.matches_connection(connection),
            Record::Event(event) => self.filter.matches_event(event),
            _ => true,
        }
    }

    /// Whether a record is beyond `--duration`.
    #[must_use]
    pub fn is_beyond(&self, header: Option<&Header>, record: &Record) -> bool {
        let time = match record {
            Record::Failure(failure) => &failure.time,
            Record::Connection(connection) => &connection.time,
            Record::Event(event) => &event.time,
            _ => return false,
        };
        let Some((duration, header)) = self.duration.zip(header) else {
            return false;
        };
        let lasts = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        utc_ns(&header.time)
            .zip(utc_ns(time))
            .is_some_and(|(begun, time)| time > begun.saturating_add(lasts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    #[test]
    fn what_is_later_is_beyond() {
        let Record::Header(header) = &sample::records()[0] else {
            panic!("no header")
        };
        let beyond = |duration| {
            let selection = Selection {
                duration,
                ..Selection::default()
            };
            selection.is_beyond(Some(header), &sample::record())
        };
        assert!(!beyond(None));
        assert!(beyond(Some(Duration::from_secs(2))));
        assert!(!beyond(Some(Duration::from_secs(3))));
    }
}

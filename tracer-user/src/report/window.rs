//! A time that a report is about, and so much before and after it.

use std::time::Duration;

use jiff::{Timestamp, ZonedDateTime, civil, tz::TimeZone};

const DAY_NS: i64 = 86_400_000_000_000;

/// A span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    moment: Moment,
    width_ns: i64,
}

/// A moment, as a person says it.
#[derive(Clone, Debug, PartialEq)]
pub enum Moment {
    /// Nanoseconds since 1970.
    Known(i64),
    /// A time of day, in the time zone of this host: the first one that the trace may hold.
    OfDay(civil::Time),
}

impl Window {
    /// So much before and after a moment.
    #[must_use]
    pub fn new(moment: Moment, width: Duration) -> Self {
        let width_ns = i64::try_from(width.as_nanos()).unwrap_or(i64::MAX);
        Self { moment, width_ns }
    }

    /// Says when the trace begins, so that a time of day becomes a moment.
    pub fn settle(&mut self, begun_ns: i64) {
        if let Moment::OfDay(time) = self.moment {
            self.moment = Moment::Known(self.on_its_day(time, begun_ns));
        }
    }

    fn on_its_day(&self, time: civil::Time, begun_ns: i64) -> i64 {
        let begun =
            Timestamp::from_nanosecond(i128::from(begun_ns)).unwrap_or(Timestamp::UNIX_EPOCH);
        let zone = TimeZone::system();
        let today = begun.to_zoned_datetime(zone).with().time(time).build();
        let at = |day: ZonedDateTime| i64::try_from(day.timestamp().as_nanosecond()).ok();
        let today_ns = today.ok().and_then(at).unwrap_or(begun_ns);
        let too_early = today_ns.saturating_add(self.width_ns) < begun_ns;
        today_ns.saturating_add(if too_early { DAY_NS } else { 0 })
    }

    /// Whether a time is in it; nothing is before [`Window::settle`] was called.
    #[must_use]
    pub fn contains(&self, utc_ns: i64) -> bool {
        match self.moment {
            Moment::Known(moment) => utc_ns.abs_diff(moment) <= self.width_ns.unsigned_abs(),
            Moment::OfDay(_) => false,
        }
    }
}

/// A moment: RFC 3339, a date with a time in the time zone of this host, or a time of day.
///
/// # Errors
/// What was expected.
pub fn moment(text: &str) -> Result<Moment, String> {
    let known = |time: Timestamp| {
        i64::try_from(time.as_nanosecond())
            .map(Moment::Known)
            .map_err(|_| "expected a time between 1678 and 2262".to_owned())
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return known(time);
    }
    if text.contains('-') {
        let with_seconds = text.parse::<civil::DateTime>();
        if let Ok(Ok(time)) = with_seconds.map(|time| time.to_zoned_datetime(TimeZone::system())) {
            return known(time.timestamp());
        }
    } else if let Ok(time) = text.parse::<civil::Time>() {
        return Ok(Moment::OfDay(time));
    }
    Err(
        "expected a time such as 15:30, 15:30:10, '2026-11-23 15:30' or 2026-11-23T15:30:10Z"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::utc_ns;

    #[test]
    fn takes_times_as_people_write_them() {
        for text in [
            "15:30",
            "15:30:10.5",
            "2026-11-23 15:30",
            "2026-11-23T15:30:10",
            "2026-11-23T15:30:10Z",
            "2026-11-23T15:30:10.123+02:00",
        ] {
            assert!(moment(text).is_ok(), "{text}");
        }
        for text in ["", "noon", "25:00", "2026-13-01 10:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn contains_so_much_before_and_after() {
        let at = |text| utc_ns(text).unwrap();
        let noon = moment("2026-11-23T12:00:00Z").unwrap();
        let window = Window::new(noon, Duration::from_secs(60));
        assert!(window.contains(at("2026-11-23T11:59:00Z")));
        assert!(window.contains(at("2026-11-23T12:01:00Z")));
        assert!(!window.contains(at("2026-11-23T12:01:01Z")));
    }

    #[test]
    fn a_time_of_day_is_the_first_one_of_the_trace() {
        let at = |text| utc_ns(text).unwrap();
        let begun = at("2026-11-23T22:00:00Z");
        for (hours, text) in [(1, "23:00"), (12, "10:00")] {
            let local = begun + hours * 3_600_000_000_000;
            let zoned = Timestamp::from_nanosecond(i128::from(local))
                .unwrap()
                .to_zoned_datetime(TimeZone::system());
            let mut window = Window::new(Moment::OfDay(zoned.time()), Duration::from_secs(60));
            assert!(!window.contains(local), "{text}");
            window.settle(begun);
            assert!(window.contains(local), "{text}");
        }
    }
}

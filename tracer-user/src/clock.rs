//! The kernel's clock made readable.

use std::io;

use jiff::{Timestamp, tz::TimeZone};
use nix::{
    sys::time::TimeValLike as _,
    time::{ClockId, clock_getres, clock_gettime},
};

/// Turns `CLOCK_MONOTONIC`, by which BPF programs stamp events (`bpf_ktime_get_ns`), into UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds to add to `CLOCK_MONOTONIC` for UTC.
    pub offset_ns: i64,
}

impl Clock {
    /// Measures the offset between the two clocks, now.
    ///
    /// # Errors
    /// Where the kernel refuses to read a clock.
    pub fn measure() -> io::Result<Self> {
        /// The tightest of so many readings counts: one may have been interrupted.
        const READINGS: usize = 5;
        let mut best: Option<(i64, i64)> = None;
        for _ in 0..READINGS {
            let before = now_ns(ClockId::CLOCK_MONOTONIC)?;
            let utc = now_ns(ClockId::CLOCK_REALTIME)?;
            let after = now_ns(ClockId::CLOCK_MONOTONIC)?;
            let width = after - before;
            if best.is_none_or(|(narrowest, _)| width < narrowest) {
                best = Some((width, utc - (before + width / 2)));
            }
        }
        let offset_ns = best.map_or(0, |(_, offset)| offset);
        Ok(Self { offset_ns })
    }

    /// RFC 3339 with nanoseconds, UTC, of a monotonic time in nanoseconds.
    #[must_use]
    pub fn utc(self, monotonic_ns: u64) -> String {
        rfc3339(i128::from(monotonic_ns) + i128::from(self.offset_ns))
    }

    /// RFC 3339 with nanoseconds, UTC, of this moment.
    #[must_use]
    pub fn utc_now() -> String {
        rfc3339(Timestamp::now().as_nanosecond())
    }
}

/// This moment on `CLOCK_MONOTONIC`, nanoseconds, as `bpf_ktime_get_ns` would give it.
///
/// # Errors
/// Where the kernel refuses to read the clock.
pub fn monotonic_ns() -> io::Result<u64> {
    now_ns(ClockId::CLOCK_MONOTONIC).map(i64::unsigned_abs)
}

/// A moment of `CLOCK_MONOTONIC` on `CLOCK_BOOTTIME`, which counts a suspended machine's time, too: that in
/// which processes begin. `None` where the kernel refuses to read them.
#[must_use]
pub fn boottime_ns(monotonic_ns: u64) -> Option<u64> {
    let suspended =
        now_ns(ClockId::CLOCK_BOOTTIME).ok()? - now_ns(ClockId::CLOCK_MONOTONIC).ok()?;
    Some(monotonic_ns.saturating_add(suspended.unsigned_abs()))
}

/// Length of a jiffy, microseconds: the coarse clocks tick with it (`posix_get_coarse_res`,
/// `kernel/time/posix-timers.c`). 0 where the kernel does not tell.
#[must_use]
pub fn jiffy_us() -> u32 {
    let resolution = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE);
    resolution.map_or(0, |one| u32::try_from(one.num_microseconds()).unwrap_or(0))
}

/// Time of day with milliseconds (`18:31:02.123`) in a time zone, of an RFC 3339 time.
///
/// What is no RFC 3339 time comes back as it is.
#[must_use]
pub fn time_of_day(rfc3339: &str, zone: &TimeZone) -> String {
    rfc3339.parse::<Timestamp>().map_or_else(
        |_| rfc3339.to_owned(),
        |time| {
            time.to_zoned_datetime(zone.clone())
                .strftime("%H:%M:%S%.3f")
                .to_string()
        },
    )
}

/// Nanoseconds since 1970 of an RFC 3339 time; `None` where it is none, or beyond what 64 bits hold
/// (the years 1677 to 2262).
#[must_use]
pub fn utc_ns(rfc3339: &str) -> Option<i64> {
    if let Some(ns) = own_ns(rfc3339.as_bytes()) {
        return Some(ns);
    }
    let time: Timestamp = rfc3339.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// As [`utc_ns`], ten times as fast, of times as [`rfc3339`] writes them since 1970: reports read
/// millions.
fn own_ns(text: &[u8]) -> Option<i64> {
    const SHAPE: &[u8; 30] = b"0000-00-00T00:00:00.000000000Z";
    let text: &[u8; 30] = text.try_into().ok()?;
    let fits = text.iter().zip(SHAPE).all(|(byte, &shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => *byte == shape,
    });
    if !fits {
        return None;
    }
    let number = |digits: &[u8]| {
        let add = |number, &digit: &u8| number * 10 + i64::from(digit - b'0');
        digits.iter().fold(0, add)
    };
    let (year, month, day) = (
        number(&text[..4]),
        number(&text[5..7]),
        number(&text[8..10]),
    );
    let (hour, minute, second) = (
        number(&text[11..13]),
        number(&text[14..16]),
        number(&text[17..19]),
    );
    // Every month has 28 days; what is rarer is left to others.
    let common = (1970..2262).contains(&year)
        && (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    common.then(|| {
        // From March, so that a leap day is the last one of a year.
        let (year, month) = (year - i64::from(month < 3), (month + 9) % 12);
        let leap_days = year / 4 - year / 100 + year / 400;
        let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - DAYS_TO_1970;
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        seconds * 1_000_000_000 + number(&text[20..29])
    })
}

/// Days from March 1st of the year 0 to 1970.
const DAYS_TO_1970: i64 = 719_468;

/// RFC 3339 with nanoseconds, UTC, of nanoseconds since 1970.
#[must_use]
pub fn utc_text(utc_ns: i64) -> String {
    rfc3339(i128::from(utc_ns))
}

/// RFC 3339 with all nine digits and a `Z`.
fn rfc3339(utc_ns: i128) -> String {
    let time = Timestamp::from_nanosecond(utc_ns).unwrap_or(if utc_ns < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    format!("{time:.9}")
}

fn now_ns(clock: ClockId) -> io::Result<i64> {
    let time = clock_gettime(clock)?;
    Ok(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    #[test]
    fn writes_nine_digits_and_z() {
        let clock = Clock {
            offset_ns: 1_795_458_662_000_000_000,
        };
        assert_eq!(clock.utc(123_456_789), "2026-11-23T18:31:02.123456789Z");
        assert_eq!(clock.utc(0), "2026-11-23T18:31:02.000000000Z");
    }

    #[test]
    fn own_times_are_read_as_jiff_reads_them() {
        let by_jiff = |text: &str| {
            let time: Option<Timestamp> = text.parse().ok();
            time.and_then(|time| i64::try_from(time.as_nanosecond()).ok())
        };
        // Days of all years that 64 bits hold, at times that differ.
        for day in (-106_700_i64..106_700).step_by(3) {
            let ns = day * 86_400_000_000_000 + day.abs() * 7_919_999_999 % 86_400_000_000_000;
            let text = utc_text(ns);
            assert_eq!(utc_ns(&text), Some(ns), "{text}");
            let own = own_ns(text.as_bytes());
            assert!(own.is_none_or(|own| own == ns), "{text}: {own:?}");
        }
        assert!(own_ns(b"2026-11-24T23:59:59.999999999Z").is_some());
        for text in [
            "2026-02-29T00:00:00.000000000Z",
            "2026-11-24T24:00:00.000000000Z",
            "2026-11-24T23:60:00.000000000Z",
            "2026-11-24T23:59:60.000000000Z",
            "2026-13-01T00:00:00.000000000Z",
            "2026-00-01T00:00:00.000000000Z",
            "2026-11-00T00:00:00.000000000Z",
            "1970-01-01T00:00:00.00000000-Z",
            "1970-01-01 00:00:00.000000000Z",
            "2026-11-24T23:59:59Z",
        ] {
            assert_eq!(utc_ns(text), by_jiff(text), "{text}");
        }
    }

    #[test]
    fn survives_times_out_of_range() {
        let clock = Clock {
            offset_ns: i64::MAX,
        };
        assert!(clock.utc(u64::MAX).ends_with('Z'));
        assert!(
            Clock {
                offset_ns: i64::MIN
            }
            .utc(0)
            .ends_with('Z')
        );
    }

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "2026-11-23T18:31:02.123456789Z",
            "1969-12-31T23:59:59.999999999Z",
        ] {
            assert_eq!(utc_ns(text).map(utc_text).as_deref(), Some(text));
        }
        for wrong in ["", "yesterday", "9999-01-01T00:00:00Z"] {
            assert_eq!(utc_ns(wrong), None);
        }
    }

    #[test]
    fn shows_local_time() {
        let zone = TimeZone::fixed(Offset::constant(2));
        assert_eq!(
            time_of_day("2026-11-23T23:31:02.123999999Z", &zone),
            "01:31:02.123"
        );
        assert_eq!(time_of_day("not a time", &zone), "not a time");
    }

    #[test]
    fn measures_what_the_system_clock_says() {
        let clock = Clock::measure().unwrap();
        let there: Timestamp = clock.utc(monotonic_ns().unwrap()).parse().unwrap();
        let apart = Timestamp::now().as_nanosecond() - there.as_nanosecond();
        assert!(apart.abs() < 1_000_000_000, "{apart} ns");
    }
}

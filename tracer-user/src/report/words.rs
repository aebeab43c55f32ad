//! What the formats say alike: times, lengths, causes, processes.

use jiff::{Timestamp, ZonedDateTime, tz::TimeZone};

use super::model::{Clock, Story};
use crate::{
    clock::utc_ns,
    diagnose::words::duration,
    escape::escape,
    record::{Confidence, Severity},
    show::number::plural,
};

/// `2026-11-23 18:31:02 to 18:33:10 (2 min 8 s)`.
pub(super) fn span(first: &str, last: &str, zone: &TimeZone) -> String {
    let (Some(from), Some(until)) = (zoned(first, zone), zoned(last, zone)) else {
        return format!("{} to {}", escape(first), escape(last));
    };
    if from.strftime("%F %T").to_string() == until.strftime("%F %T").to_string() {
        return from.strftime("%F %T").to_string();
    }
    let end = if from.date() == until.date() {
        until.strftime("%T")
    } else {
        until.strftime("%F %T")
    };
    let between = utc_ns(first)
        .zip(utc_ns(last))
        .map_or(0, |(first, last)| last.abs_diff(first) / 1_000_000_000);
    format!("{} to {end} ({})", from.strftime("%F %T"), length(between))
}

/// A time in a time zone.
pub(super) fn zoned(rfc3339: &str, zone: &TimeZone) -> Option<ZonedDateTime> {
    let time: Timestamp = rfc3339.parse().ok()?;
    Some(time.to_zoned_datetime(zone.clone()))
}

/// `45 s`, `2 min 8 s`, `3 h 5 min`, `2 d 1 h`.
pub(super) fn length(seconds: u64) -> String {
    let two = |big: u64, unit: &str, small: u64, name: &str| match small {
        0 => format!("{big} {unit}"),
        _ => format!("{big} {unit} {small} {name}"),
    };
    match seconds {
        0 => "less than 1 s".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// The cause; where both ends together say another one, that too: `no-answer: accept-queue-full`.
pub(super) fn found(story: &Story) -> (String, Confidence) {
    let incident = &story.incident;
    match &story.verdict {
        Some(verdict) if verdict.cause != incident.cause => (
            format!("{}: {}", escape(&incident.cause), escape(&verdict.cause)),
            verdict.confidence,
        ),
        Some(verdict) => (escape(&incident.cause).into_owned(), verdict.confidence),
        None => (escape(&incident.cause).into_owned(), incident.confidence),
    }
}

/// What stands behind a cause that is not certain.
pub(super) fn doubt(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Certain => "",
        Confidence::Likely => " (likely)",
        Confidence::Unknown => " (not sure)",
    }
}

/// How bad it is, in a word.
pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// Of what is known of a process, so many characters are shown.
const VALUE_CHARS: usize = 200;

/// The processes of an incident.
pub(super) fn who(story: &Story) -> String {
    let incident = &story.incident;
    let Some(process) = &incident.process else {
        return "not known".to_owned();
    };
    let pids: Vec<String> = incident.pids.iter().map(u32::to_string).collect();
    let more = if incident.processes > pids.len() as u64 {
        ", …"
    } else {
        ""
    };
    let noun = if pids.len() == 1 { "pid" } else { "pids" };
    let mut text = format!(
        "{}, {noun} {}{more}, uid {}",
        process.comm,
        pids.join(", "),
        process.uid
    );
    let cmdline = match incident.processes {
        0 | 1 => "cmdline",
        _ => "cmdline of the first",
    };
    for (name, value) in [
        ("unit", &process.unit),
        ("container", &process.container),
        ("exe", &process.exe),
        (cmdline, &process.cmdline),
    ] {
        if let Some(value) = value {
            let short: String = value.chars().take(VALUE_CHARS).collect();
            let more = if short.len() < value.len() { "…" } else { "" };
            text.push_str(&format!(", {name} {short}{more}"));
        }
    }
    text
}

/// How a host's clock stands.
pub(super) fn about(clock: &Clock) -> String {
    let (Some(ahead_ns), Some(spread_ns)) = (clock.ahead_ns, clock.spread_ns) else {
        return format!(
            "the clocks of {} and {} could not be compared: no connection was recorded by both; \
             their times are shown as recorded",
            clock.host, clock.reference
        );
    };
    let way = if ahead_ns < 0 { "behind" } else { "ahead of" };
    format!(
        "the clock of {} is {} {way} that of {} (half of {} agree within {}): corrected here",
        clock.host,
        duration(ahead_ns.unsigned_abs()),
        clock.reference,
        plural(clock.joined, "joined connection"),
        duration(spread_ns),
    )
}

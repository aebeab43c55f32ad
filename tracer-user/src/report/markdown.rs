//! Markdown, for a ticket or a page of a wiki.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use jiff::tz::TimeZone;

use super::{
    Format, Look,
    model::{Detail, Report, Story, Table},
    words::{about, doubt, found, span, who, word},
};
use crate::{
    escape::escape,
    record::IncidentState,
    show::number::{number, plural},
};

/// `--format markdown`.
pub static FORMAT: Format = Format {
    name: "markdown",
    write,
};

/// Incidents that are told wholly; the rest by a row each.
const TOLD: usize = 20;
/// Incidents that get a row.
const LISTED: usize = 200;
/// Rows of a table.
const ROWS: usize = 20;

fn write(report: &Report, _look: Look, out: &mut dyn Write) -> io::Result<()> {
    let mut text = String::new();
    overview(&mut text, report);
    for story in report.incidents.iter().take(TOLD) {
        tell(&mut text, story, report.has_several_hosts());
    }
    if let Some(detail) = &report.connection {
        one(&mut text, detail);
    }
    if report.overview.failures > 0 {
        timeline(&mut text, report);
        table(&mut text, "By cause", &report.causes);
        table(&mut text, "By process", &report.processes);
        table(&mut text, "By destination", &report.destinations);
    }
    moved(&mut text, report);
    unseen(&mut text, report);
    traces(&mut text, report);
    out.write_all(text.as_bytes())
}

fn overview(text: &mut String, report: &Report) {
    let overview = &report.overview;
    let _ = writeln!(text, "# Failed TCP connections\n");
    let hosts = match overview.hosts.as_slice() {
        [] => String::new(),
        hosts => format!(" on {}", plain(&hosts.join(", "))),
    };
    let when = match (&overview.first, &overview.last) {
        (Some(first), Some(last)) => format!(", {} UTC", between(first, last)),
        _ => String::new(),
    };
    let incidents = report.incidents.len() as u64 + overview.incidents_left_out;
    let _ = writeln!(
        text,
        "{} in {}{hosts}{when}. How sure: {} certain, {} likely, {} not sure.\n",
        plural(overview.failures, "failure"),
        plural(incidents, "incident"),
        number(overview.confidence.certain),
        number(overview.confidence.likely),
        number(overview.confidence.unknown),
    );
    if let Some(words) = &overview.restricted_to {
        let _ = writeln!(text, "Only: {}\n", code(words));
    }
    if report.incidents.is_empty() {
        for sentence in &overview.text {
            let _ = writeln!(text, "{}\n", plain(sentence));
        }
        return;
    }
    text.push_str("| incident | severity | cause | failures | when (UTC) | what |\n");
    text.push_str("|---|---|---|---:|---|---|\n");
    for story in report.incidents.iter().take(LISTED) {
        let incident = &story.incident;
        let (cause, confidence) = found(story);
        let _ = writeln!(
            text,
            "| {} | {} | {}{} | {} | {}{} | {} |",
            plain(&story.name(report.has_several_hosts())),
            word(incident.severity),
            code(&cause),
            doubt(confidence),
            incident.count,
            between(&incident.first, &incident.last),
            going_on(incident.state),
            plain(&incident.summary),
        );
    }
    let more = report.incidents.len().saturating_sub(LISTED) as u64 + overview.incidents_left_out;
    if more > 0 {
        let _ = writeln!(text, "\nAnd {more} more incidents.");
    }
    text.push('\n');
}

fn tell(text: &mut String, story: &Story, several_hosts: bool) {
    let incident = &story.incident;
    let _ = writeln!(
        text,
        "## {}: {}\n",
        plain(&story.name(several_hosts)),
        code(&incident.cause)
    );
    let _ = writeln!(text, "**{}**\n", plain(&incident.summary));
    if let Some(verdict) = &story.verdict {
        let _ = writeln!(text, "Both ends together: {}\n", plain(&verdict.summary));
    }
    let _ = writeln!(
        text,
        "- {}, {} UTC{}",
        plural(incident.count, "failure"),
        between(&incident.first, &incident.last),
        going_on(incident.state)
    );
    if story.wanted < incident.count {
        let _ = writeln!(text, "- {} of them are asked for", story.wanted);
    }
    let reason = plain(&incident.severity_reason);
    let _ = writeln!(text, "- {}: {reason}", word(incident.severity));
    if let Some(stuck_on) = &incident.stuck_on {
        let _ = writeln!(text, "- stuck on {}", code(stuck_on));
    }
    let _ = writeln!(text, "- process: {}", plain(&who(story)));
    if let Some(host) = &story.host {
        let _ = writeln!(text, "- host: {}", plain(host));
    }
    list(text, "Why", &incident.why, true);
    list(text, "Evidence", &story.evidence, false);
    for end in &story.other_ends {
        let title = format!(
            "The other end: {} recorded that of {} (joined by {})",
            end.host,
            plural(end.joined, "failure"),
            end.joined_by
        );
        let lines: Vec<String> = std::iter::once(end.summary.clone())
            .chain(end.why.iter().cloned())
            .chain(end.evidence.iter().cloned())
            .collect();
        list(text, &title, &lines, false);
        block(text, "What to do there", &end.fix);
    }
    block(text, "What to do", &incident.fix);
    if let Some(sample) = &story.sample {
        list(text, "What is missing", &sample.missing, false);
    }
    text.push('\n');
}

fn one(text: &mut String, detail: &Detail) {
    let Some(failure) = &detail.failure else {
        if let Some(connection) = &detail.connection {
            let _ = writeln!(
                text,
                "## One connection\n\n{}\n",
                plain(&connection.summary)
            );
        }
        return;
    };
    let _ = writeln!(text, "## One failure: {}\n", code(&failure.id));
    let _ = writeln!(text, "**{}**", plain(&failure.summary));
    list(text, "Why", &failure.why, true);
    list(text, "Evidence", &detail.evidence, false);
    let events: Vec<String> = detail
        .events
        .iter()
        .map(|event| format!("{} {}: {}", event.time, event.hook, event.summary))
        .chain(detail.events_missing.clone())
        .collect();
    list(text, "Events", &events, false);
    block(text, "What to do", &failure.fix);
    text.push('\n');
}

fn timeline(text: &mut String, report: &Report) {
    /// Rows of it.
    const SPANS: usize = 24;
    let total = &report.timeline.total;
    if total.counts.len() < 2 {
        return;
    }
    let per_row = total.counts.len().div_ceil(SPANS).max(1);
    let causes = report.timeline.causes.iter().take(6);
    let names: Vec<String> = causes.clone().map(|series| code(&series.cause)).collect();
    let _ = writeln!(
        text,
        "## Timeline\n\n| from (UTC) | {} |",
        names.join(" | ")
    );
    let _ = writeln!(text, "|---|{}", "---:|".repeat(names.len()));
    let Some(start_ns) = crate::clock::utc_ns(&total.start) else {
        return;
    };
    for (nth, _) in total.counts.chunks(per_row).enumerate() {
        let at = nth * per_row;
        let seconds = i64::try_from(total.bucket_s.saturating_mul(at as u64)).unwrap_or(i64::MAX);
        let time =
            crate::clock::utc_text(start_ns.saturating_add(seconds.saturating_mul(1_000_000_000)));
        let cells: Vec<String> = causes
            .clone()
            .map(|series| {
                let end = (at + per_row).min(series.counts.len());
                let count: u64 = series.counts.get(at..end).unwrap_or_default().iter().sum();
                if count == 0 {
                    String::new()
                } else {
                    count.to_string()
                }
            })
            .collect();
        let short = time.replace('T', " ");
        let short = short.split('.').next().unwrap_or_default();
        let _ = writeln!(text, "| {short} | {} |", cells.join(" | "));
    }
    text.push('\n');
}

fn table(text: &mut String, title: &str, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    let attempts = table.rows.iter().any(|row| row.came_up.is_some());
    let column = if attempts { " of attempts |" } else { "" };
    let rule = if attempts { "---:|" } else { "" };
    let _ = writeln!(
        text,
        "## {title}\n\n| | failures |{column} causes |\n|---|---:|{rule}---|"
    );
    for row in table.rows.iter().take(ROWS) {
        let host = row
            .host
            .as_ref()
            .map_or_else(String::new, |host| format!(" on {host}"));
        let causes: Vec<String> = row
            .causes
            .iter()
            .map(|it| format!("{} {}", code(&it.cause), number(it.count)))
            .collect();
        let of = row.came_up.map_or_else(String::new, |came_up| {
            format!(" {} |", number(came_up + row.count))
        });
        let _ = writeln!(
            text,
            "| {} | {} |{of} {} |",
            plain(&format!("{}{host}", row.name)),
            number(row.count),
            causes.join(", ")
        );
    }
    let hidden = table.rows.get(ROWS..).unwrap_or_default();
    let more = hidden.len() as u64 + table.rows_left_out;
    if more > 0 {
        let count: u64 = hidden.iter().map(|row| row.count).sum();
        let _ = writeln!(
            text,
            "\n{} in {} more.",
            plural(count + table.failures_left_out, "failure"),
            number(more)
        );
    }
    text.push('\n');
}

fn moved(text: &mut String, report: &Report) {
    let lines: Vec<String> = report
        .moved
        .iter()
        .filter(|moved| moved.tells_of_trouble)
        .take(2 * ROWS)
        .map(|moved| {
            let netns = moved
                .netns
                .map_or_else(String::new, |netns| format!(", netns {netns}"));
            let host = moved
                .host
                .as_ref()
                .map_or_else(String::new, |host| format!(" on {host}"));
            format!("{} +{}{host}{netns}", moved.name, number(moved.by))
        })
        .collect();
    section(text, "What else moved", &lines);
}

fn unseen(text: &mut String, report: &Report) {
    let several = report.sources.len() > 1;
    let lines: Vec<String> = report
        .unseen
        .iter()
        .map(|gap| match gap.of.as_ref().filter(|_| several) {
            Some(of) => format!("{of}: {}", gap.text),
            None => gap.text.clone(),
        })
        .collect();
    section(text, "What could not be seen", &lines);
}

fn traces(text: &mut String, report: &Report) {
    let sources = report.sources.iter().map(|source| {
        let host = source.host.as_deref().unwrap_or("a host that is not known");
        let kernel = source
            .kernel
            .as_ref()
            .map_or_else(String::new, |it| format!(", Linux {it}"));
        let cut = if source.cut_short { ", cut short" } else { "" };
        let records = plural(source.records, "record");
        format!("{}: {records} of {host}{kernel}{cut}", source.file)
    });
    let lines: Vec<String> = sources.chain(report.clocks.iter().map(about)).collect();
    section(text, "Traces", &lines);
    let _ = writeln!(text, "Made by tcpwhy {}.", plain(&report.version));
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "## {title}\n");
    for line in lines {
        let _ = writeln!(text, "- {}", plain(line));
    }
    text.push('\n');
}

fn list(text: &mut String, title: &str, lines: &[String], numbered: bool) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}:\n", plain(title));
    for (nth, line) in lines.iter().enumerate() {
        let mark = if numbered {
            format!("{}.", nth + 1)
        } else {
            "-".to_owned()
        };
        let _ = writeln!(text, "{mark} {}", plain(line));
    }
}

/// Lines to be copied. No line of them can end the block.
fn block(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let longest = lines
        .iter()
        .map(|line| longest_run(line))
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "\n{title}:\n\n{fence}sh");
    for line in lines {
        let _ = writeln!(text, "{}", escape(line));
    }
    let _ = writeln!(text, "{fence}");
}

/// Text from outside, that is to look as it is.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for c in escape(text).chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '>' | '!' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

/// A word of ours or from outside, as code.
fn code(text: &str) -> String {
    let text = escape(text).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    let gap = if fence.len() > 1 { " " } else { "" };
    format!("{fence}{gap}{text}{gap}{fence}")
}

/// Backticks in a row.
fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn between(first: &str, last: &str) -> String {
    span(first, last, &TimeZone::UTC)
}

fn going_on(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => ", open when the trace ended",
        IncidentState::Closed => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        assert_eq!(
            plain("<b>a|b</b> *x* `y` [z](w)\n# h"),
            "&lt;b\\>a\\|b&lt;/b\\> \\*x\\* \\`y\\` \\[z\\](w)\\\\n\\# h"
        );
        assert_eq!(code("a`b"), "`` a`b ``");
        let mut text = String::new();
        block(&mut text, "t", &["````".to_owned()]);
        assert!(text.contains("`````sh\n````\n`````\n"), "{text}");
    }
}

//! Text for a terminal: the whole story, the most important first.

use anstyle::Style;
use jiff::{Timestamp, ZonedDateTime, tz::TimeZone};

use super::{
    Format, Look,
    model::{Detail, Moved, OtherEnd, Overview, Report, Row, Source, Story, Table, Timeline},
};
use crate::{
    clock::{time_of_day, utc_ns},
    escape::escape,
    record::{Confidence, IncidentState, Severity},
    show::page::{BOLD, CYAN, DIM, Page, RED, YELLOW},
};

/// `--format text`.
pub static FORMAT: Format = Format {
    name: "text",
    write: |report, look, out| {
        let mut text = Text {
            page: Page {
                color: look.color,
                columns: look.columns,
            },
            zone: TimeZone::system(),
            one_day: false,
            several_hosts: false,
            out: String::new(),
        };
        text.report(report);
        out.write_all(text.out.as_bytes())
    },
};

/// Incidents that are told wholly; the rest by a line each.
const TOLD: usize = 20;
/// Incidents that get a line.
const LISTED: usize = 200;
/// Rows of a table.
const ROWS: usize = 15;

struct Text {
    page: Page,
    zone: TimeZone,
    /// All happened on one day: it is said once.
    one_day: bool,
    /// Ids of incidents are those of a host.
    several_hosts: bool,
    out: String,
}

impl Text {
    fn report(&mut self, report: &Report) {
        let ends = [&report.overview.first, &report.overview.last];
        let days = ends.map(|time| time.as_deref().and_then(|time| zoned(time, &self.zone)));
        self.one_day =
            days[0].as_ref().map(ZonedDateTime::date) == days[1].as_ref().map(ZonedDateTime::date);
        self.several_hosts = report.has_several_hosts();
        self.overview(&report.overview, &report.incidents);
        for story in report.incidents.iter().take(TOLD) {
            self.story(story, report);
        }
        self.further(&report.incidents);
        if let Some(detail) = &report.connection {
            self.detail(detail);
        }
        if report.overview.failures > 0 {
            self.timeline(&report.timeline);
            self.table("BY CAUSE", &report.causes, false);
            self.table("BY PROCESS", &report.processes, true);
            self.table("BY DESTINATION", &report.destinations, true);
        }
        self.moved(report);
        self.unseen(report);
        self.sources(report);
    }

    fn overview(&mut self, overview: &Overview, stories: &[Story]) {
        let what = match stories.len() as u64 + overview.incidents_left_out {
            0 => "no incidents".to_owned(),
            1 => "1 incident".to_owned(),
            many => format!("{many} incidents"),
        };
        let mut head = format!("{what}, {}", plural(overview.failures, "failure"));
        if let Some(connections) = overview.connections {
            head.push_str(&format!(
                ", {} that came up",
                plural(connections, "connection")
            ));
        }
        if !overview.hosts.is_empty() {
            head.push_str(&format!(" on {}", escape(&overview.hosts.join(", "))));
        }
        if let (Some(first), Some(last)) = (&overview.first, &overview.last) {
            head.push_str(&format!(", {}", self.span(first, last)));
        }
        self.wrapped(BOLD, &head);
        if let Some(words) = &overview.restricted_to {
            self.wrapped(DIM, &format!("only: {}", escape(words)));
        }
        // A single one follows at once.
        for story in stories.iter().take(TOLD).filter(|_| stories.len() > 1) {
            self.listed(story);
        }
        if stories.is_empty() {
            for sentence in &overview.text {
                self.wrapped(Style::new(), &escape(sentence));
            }
            return;
        }
        let sure = &overview.confidence;
        let parts: Vec<String> = [
            (sure.certain, "certain"),
            (sure.likely, "likely"),
            (sure.unknown, "not sure"),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, how)| format!("{count} {how}"))
        .collect();
        if !parts.is_empty() {
            self.wrapped(Style::new(), &format!("how sure: {}", parts.join(", ")));
        }
    }

    /// An incident in two lines: mark, id, cause, span; who and what.
    fn listed(&mut self, story: &Story) {
        let incident = &story.incident;
        let head = self.headline(story);
        self.out.push_str(&head);
        self.page
            .prose(&mut self.out, "", [incident.summary.as_str()]);
    }

    fn headline(&self, story: &Story) -> String {
        let incident = &story.incident;
        let (mark, style) = mark(incident.severity);
        let failures = plural(incident.count, "failure");
        let until = match incident.state {
            IncidentState::Open => ", open when the trace ended",
            IncidentState::Closed => "",
        };
        let (cause, confidence) = found(story);
        format!(
            "{} {}  {}{}  {failures}, {}{until}\n",
            self.page.paint(style, mark),
            self.page
                .paint(BOLD, &escape(&story.name(self.several_hosts))),
            self.page.paint(style, &cause),
            doubt(confidence),
            self.time_of(&incident.first, &incident.last),
        )
    }

    fn story(&mut self, story: &Story, report: &Report) {
        self.out.push('\n');
        let head = self.headline(story);
        self.out.push_str(&head);
        let incident = &story.incident;
        let (page, out) = (self.page, &mut self.out);
        page.prose(out, "", [incident.summary.as_str()]);
        if let Some(verdict) = &story.verdict {
            page.prose(out, "both ends", [verdict.summary.as_str()]);
        }
        page.prose(
            out,
            "rate",
            [sparkline(&incident.rate.counts, incident.rate.bucket_s)],
        );
        let wanted = (story.wanted < incident.count).then(|| {
            format!(
                "{} of its {} failures are asked for",
                story.wanted, incident.count
            )
        });
        page.prose(out, "", wanted);
        page.prose(
            out,
            word(incident.severity),
            [incident.severity_reason.as_str()],
        );
        page.prose(out, "why", &incident.why);
        if let Some(stuck_on) = &incident.stuck_on {
            page.prose(out, "stuck on", [stuck_on.as_str()]);
        }
        page.prose(out, "seen", &story.evidence);
        for end in &story.other_ends {
            other_end(page, out, end);
            if end.fix != incident.fix {
                fix(page, out, "fix there", &end.fix);
            }
        }
        fix(page, out, "fix", &incident.fix);
        if let Some(sample) = &story.sample {
            page.prose(out, "missing", &sample.missing);
        }
        page.prose(out, "process", [who(story)]);
        if report.has_several_hosts() {
            page.prose(out, "host", &story.host);
        }
        if let Some(first) = incident.failures.first() {
            let more = format!("--connection {first} shows one of them");
            page.prose(out, "where", [more]);
        }
    }

    fn further(&mut self, stories: &[Story]) {
        let rest = stories.get(TOLD..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        self.heading(&format!("{} FURTHER INCIDENTS", rest.len()));
        for story in rest.iter().take(LISTED) {
            self.listed(story);
        }
        let more = rest.len().saturating_sub(LISTED);
        if more > 0 {
            self.wrapped(DIM, &format!("and {more} more: --format json has them"));
        }
    }

    fn detail(&mut self, detail: &Detail) {
        self.heading("ONE CONNECTION");
        let record = match (&detail.failure, &detail.connection) {
            (Some(failure), _) => crate::record::Record::Failure(Box::new(failure.clone())),
            (None, Some(connection)) => {
                crate::record::Record::Connection(Box::new(connection.clone()))
            }
            (None, None) => return,
        };
        let mut show = (crate::show::text::FORMAT.new)(self.page.color);
        let events = detail.events.iter().cloned().map(Box::new);
        let mut lines = Vec::new();
        for record in std::iter::once(record).chain(events.map(crate::record::Record::Event)) {
            // Writing into memory does not fail.
            let _ = show.show(&record, &mut lines);
        }
        self.out.push_str(&String::from_utf8_lossy(&lines));
        let (page, out) = (self.page, &mut self.out);
        page.prose(out, "incident", &detail.incident);
        page.prose(out, "events", &detail.events_missing);
    }

    fn timeline(&mut self, timeline: &Timeline) {
        let rate = &timeline.total;
        if rate.counts.len() < 2 {
            return;
        }
        self.heading("TIMELINE");
        let label = timeline
            .causes
            .iter()
            .map(|series| series.cause.len())
            .max()
            .unwrap_or(0);
        let width = self.page.columns.saturating_sub(label + 12).clamp(10, 120);
        let (per_column, columns) = columns(rate.counts.len(), width);
        for series in &timeline.causes {
            let counts = squeeze(&series.counts, per_column);
            let total: u64 = counts.iter().sum();
            let cause = format!("{:label$}", escape(&series.cause));
            let line = format!("  {cause}  {:columns$}  {total}\n", bars(&counts));
            self.out.push_str(&line);
        }
        let begin = time_of_day(&rate.start, &self.zone);
        let begin = begin.split('.').next().unwrap_or_default();
        let column_s = rate.bucket_s.saturating_mul(per_column as u64);
        self.wrapped(
            DIM,
            &format!("  from {begin}, {} a column", length(column_s)),
        );
    }

    fn table(&mut self, title: &str, table: &Table, with_causes: bool) {
        if table.rows.is_empty() {
            return;
        }
        self.heading(title);
        let rows = &table.rows[..table.rows.len().min(ROWS)];
        let label = |row: &Row| {
            let host = row
                .host
                .as_ref()
                .map_or_else(String::new, |host| format!("@{}", escape(host)));
            format!("{}{host}", escape(&row.name))
        };
        let width = rows.iter().map(|row| label(row).chars().count()).max();
        let width = width.unwrap_or(0).min(48);
        for row in rows {
            let mut line = format!("  {:>7}  {:width$}", row.count, label(row));
            if let Some(came_up) = row.came_up {
                let all = row.count + came_up;
                line.push_str(&format!("  of {all} attempts"));
            }
            if with_causes {
                let causes: Vec<String> = row
                    .causes
                    .iter()
                    .map(|it| match row.causes.len() {
                        1 => escape(&it.cause).into_owned(),
                        _ => format!("{} {}", escape(&it.cause), it.count),
                    })
                    .collect();
                line.push_str(&format!("  {}", causes.join(", ")));
            }
            self.out.push_str(line.trim_end());
            self.out.push('\n');
        }
        let hidden = &table.rows[rows.len()..];
        let more = hidden.len() as u64 + table.rows_left_out;
        if more > 0 {
            let failures: u64 =
                hidden.iter().map(|row| row.count).sum::<u64>() + table.failures_left_out;
            self.wrapped(DIM, &format!("  {failures:>7}  in {more} more"));
        }
    }

    fn moved(&mut self, report: &Report) {
        let moved: Vec<&Moved> = report
            .moved
            .iter()
            .filter(|it| it.tells_of_trouble)
            .collect();
        if moved.is_empty() {
            return;
        }
        self.heading("WHAT ELSE MOVED");
        for moved in moved.into_iter().take(2 * ROWS) {
            let host = moved.host.as_deref().map_or("", |host| host);
            let at = if host.is_empty() { "" } else { "@" };
            let netns = moved
                .netns
                .map_or_else(String::new, |netns| format!("  netns {netns}"));
            let line = format!(
                "  {:>+9}  {}{at}{}{netns}\n",
                moved.by,
                escape(&moved.name),
                escape(host)
            );
            self.out.push_str(&line);
        }
    }

    fn unseen(&mut self, report: &Report) {
        if report.unseen.is_empty() {
            return;
        }
        self.heading("WHAT COULD NOT BE SEEN");
        let several = report.sources.len() > 1;
        for gap in &report.unseen {
            let of = gap.of.as_ref().filter(|_| several);
            let of = of.map_or_else(String::new, |of| format!("{}: ", escape(of)));
            self.wrapped(Style::new(), &format!("  - {of}{}", escape(&gap.text)));
        }
    }

    fn sources(&mut self, report: &Report) {
        self.heading("TRACES");
        for source in &report.sources {
            let line = self.source(source);
            self.wrapped(Style::new(), &line);
        }
        for clock in &report.clocks {
            let line = super::markdown::clock(clock);
            self.wrapped(Style::new(), &format!("  {}", escape(&line)));
        }
    }

    fn source(&self, source: &Source) -> String {
        let mut line = format!(
            "  {}: {}",
            escape(&source.file),
            plural(source.records, "record")
        );
        if let Some(host) = &source.host {
            line.push_str(&format!(", host {}", escape(host)));
        }
        if let Some(kernel) = &source.kernel {
            line.push_str(&format!(", Linux {}", escape(kernel)));
        }
        let begun = source.begun.as_ref().or(source.ended.as_ref());
        if let (Some(begun), Some(ended)) = (begun, &source.ended) {
            line.push_str(&format!(", {}", self.span(begun, ended)));
        }
        if source.cut_short {
            line.push_str(", cut short");
        }
        line
    }

    fn heading(&mut self, title: &str) {
        let title = self.page.paint(BOLD, title).to_string();
        self.out.push_str(&format!("\n{title}\n"));
    }

    fn wrapped(&mut self, style: Style, text: &str) {
        let indent = text.len() - text.trim_start().len() + 2;
        let blanks = " ".repeat(indent);
        let options = textwrap::Options::new(self.page.columns)
            .subsequent_indent(&blanks)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, &options) {
            let line = self.page.paint(style, &line).to_string();
            self.out.push_str(&line);
            self.out.push('\n');
        }
    }

    /// The day is left out where the headline has it.
    fn time_of(&self, first: &str, last: &str) -> String {
        let text = self.span(first, last);
        let day = self.one_day.then(|| text.split_once(' ')).flatten();
        day.map_or_else(|| text.clone(), |(_, time)| time.to_owned())
    }

    fn span(&self, first: &str, last: &str) -> String {
        span(first, last, &self.zone)
    }
}

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

fn zoned(rfc3339: &str, zone: &TimeZone) -> Option<ZonedDateTime> {
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

fn mark(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Info => ("info", CYAN),
        Severity::Warning => ("WARN", YELLOW),
        Severity::Critical => ("CRIT", RED),
    }
}

pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn other_end(page: Page, out: &mut String, end: &OtherEnd) {
    let head = format!(
        "{} recorded the other end of {} ({}, joined by {}): {}",
        end.host,
        plural(end.joined, "failure"),
        end.incident,
        end.joined_by,
        end.cause
    );
    page.prose(out, "other end", [head, end.summary.clone()]);
    page.prose(out, "why there", &end.why);
    page.prose(out, "seen", &end.evidence);
}

/// Never wrapped: to be copied.
fn fix(page: Page, out: &mut String, label: &str, lines: &[String]) {
    for (nth, line) in lines.iter().enumerate() {
        let label = if nth == 0 { label } else { "" };
        page.line(out, label, &escape(line), Style::new());
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

/// `▁▃█ 12 in 3 columns of 10 s`.
fn sparkline(counts: &[u64], bucket_s: u64) -> String {
    let (per_column, _) = columns(counts.len(), 60);
    let squeezed = squeeze(counts, per_column);
    let column_s = bucket_s.saturating_mul(per_column as u64);
    format!(
        "{}  a column is {}",
        bars(&squeezed).trim_end(),
        length(column_s)
    )
}

/// Buckets a column, and columns.
fn columns(buckets: usize, width: usize) -> (usize, usize) {
    let per_column = buckets.div_ceil(width.max(1)).max(1);
    (per_column, buckets.div_ceil(per_column))
}

fn squeeze(counts: &[u64], per_column: usize) -> Vec<u64> {
    counts
        .chunks(per_column)
        .map(|chunk| chunk.iter().sum())
        .collect()
}

/// One character a count, as high as its share of the greatest.
fn bars(counts: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: u64| match count {
        0 => ' ',
        _ => {
            let level = (u128::from(count) * 8).div_ceil(u128::from(most)).max(1) - 1;
            BARS[usize::try_from(level).unwrap_or(7).min(7)]
        }
    };
    counts.iter().map(|&count| bar(count)).collect()
}

/// `1 failure`, `2 failures`.
pub(super) fn plural(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// Of a Look without a terminal.
impl Default for Look {
    fn default() -> Self {
        Self {
            color: false,
            columns: 100,
        }
    }
}

//! Text for a terminal: the whole story, the most important first.

use anstyle::Style;
use jiff::{ZonedDateTime, tz::TimeZone};

mod bars;
mod story;
mod tables;

use super::{
    Format,
    model::{Overview, Report, Story},
    words::{span, zoned},
};
use crate::{
    escape::escape,
    show::{
        number::{number, plural},
        page::{BOLD, DIM, Page},
    },
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
            many => plural(many, "incident"),
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
        .map(|(count, how)| format!("{} {how}", number(count)))
        .collect();
        if !parts.is_empty() {
            self.wrapped(Style::new(), &format!("how sure: {}", parts.join(", ")));
        }
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

//! Incidents, one by one, and a single connection.

use anstyle::Style;

use super::{LISTED, TOLD, Text, bars::sparkline};
use crate::{
    escape::escape,
    record::{IncidentState, Severity},
    report::{
        model::{Detail, OtherEnd, Report, Story},
        words::{doubt, found, who, word},
    },
    show::{
        number::{number, plural},
        page::{BOLD, CYAN, DIM, Page, RED, YELLOW},
    },
};

impl Text {
    /// An incident in two lines: mark, id, cause, span; who and what.
    pub(super) fn listed(&mut self, story: &Story) {
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

    pub(super) fn story(&mut self, story: &Story, report: &Report) {
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
                number(story.wanted),
                number(incident.count)
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

    pub(super) fn further(&mut self, stories: &[Story]) {
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

    pub(super) fn detail(&mut self, detail: &Detail) {
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
}

fn mark(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Info => ("info", CYAN),
        Severity::Warning => ("WARN", YELLOW),
        Severity::Critical => ("CRIT", RED),
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

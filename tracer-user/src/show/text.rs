//! Text for a person who has just been woken up: what failed, why, what to do.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use anstyle::Style;
use jiff::tz::TimeZone;

mod closing;
mod evidence;
mod phrase;

pub use self::{
    closing::{closing, losses},
    evidence::evidence,
};
use self::{
    evidence::{by, happened, seen},
    phrase::{elapsed, far_end, holder, identity, news, place, process_name, sureness},
};
use super::{
    Format, Show,
    number::plural,
    page::{BOLD, COLUMNS, CYAN, DIM, GREEN, Page, RED, YELLOW},
};
use crate::{
    clock::time_of_day,
    escape::escape,
    record::{
        ClosedBy, Confidence, Connection, Direction, Event, Failure, Incident, IncidentState,
        Process, Record, Severity, Socket, Tcp,
    },
};

/// `--format text`.
pub static FORMAT: Format = Format {
    name: "text",
    new: |color| {
        Box::new(Text {
            page: Page {
                color,
                columns: COLUMNS,
            },
            zone: TimeZone::system(),
        })
    },
};

struct Text {
    page: Page,
    zone: TimeZone,
}

impl Show for Text {
    fn show(&mut self, record: &Record, out: &mut dyn Write) -> io::Result<()> {
        let text = match record {
            Record::Failure(failure) => self.failure(failure),
            Record::Connection(connection) => self.connection(connection),
            Record::Event(event) => self.event(event),
            Record::Incident(incident) => self.incident(incident),
            Record::Header(_)
            | Record::Context(_)
            | Record::Counters(_)
            | Record::Ledger(_)
            | Record::Trailer(_) => {
                return Ok(());
            }
        };
        out.write_all(text.as_bytes())
    }
}

impl Text {
    fn failure(&self, failure: &Failure) -> String {
        let (mark, style) = match (failure.severity, failure.confidence) {
            (Severity::Info, _) => ("info", CYAN),
            (_, Confidence::Unknown) => ("FAIL", YELLOW),
            (_, _) => ("FAIL", RED),
        };
        let mut text = self.headline(
            &failure.time,
            (mark, style),
            failure.process.as_ref(),
            failure.direction,
            &failure.socket,
        );
        let _ = write!(
            text,
            "  {}",
            self.page.paint(style, &escape(&failure.cause))
        );
        let doubt = (failure.confidence != Confidence::Certain)
            .then(|| sureness(failure.confidence).to_owned());
        let stuck_on = failure.stuck_on.as_deref();
        let notes: Vec<String> = doubt
            .into_iter()
            .chain(stuck_on.map(|cause| format!("stuck on {}", escape(cause))))
            .collect();
        if !notes.is_empty() {
            let _ = write!(text, " ({})", notes.join(", "));
        }
        if let Some(errno) = &failure.errno {
            let _ = write!(text, "  {}", escape(errno));
        }
        if let Some(elapsed_us) = failure.timing.elapsed_us {
            let _ = write!(text, "  {}", elapsed(elapsed_us));
        }
        text.push('\n');

        self.page.prose(&mut text, "", [news(failure)]);
        self.page.prose(&mut text, "why", &failure.why);
        for (nth, line) in failure.fix.iter().enumerate() {
            // Never wrapped: to be copied.
            self.page.line(
                &mut text,
                if nth == 0 { "fix" } else { "" },
                &escape(line),
                Style::new(),
            );
        }
        self.page.prose(&mut text, "seen", seen(failure));
        self.page.prose(&mut text, "missing", &failure.missing);
        self.page
            .prose(&mut text, "process", failure.process.as_ref().map(identity));
        let holders = failure.holders.iter().map(holder);
        self.page.prose(&mut text, "held by", holders);
        self.page.prose(&mut text, "where", [place(failure)]);
        text
    }

    fn connection(&self, connection: &Connection) -> String {
        let mut text = self.headline(
            &connection.time,
            ("ok", GREEN),
            connection.process.as_ref(),
            connection.direction,
            &connection.socket,
        );
        let _ = write!(text, "  {}", escape(&connection.outcome));
        let first = match connection.closed_by {
            Some(ClosedBy::Local) => " by this end first",
            Some(ClosedBy::Remote) => " by the other end first",
            Some(ClosedBy::Both) => " by both ends at once",
            None => "",
        };
        text.push_str(first);
        if let Some(elapsed_us) = connection.timing.elapsed_us {
            let _ = write!(text, "  {}", elapsed(elapsed_us));
        }
        if let Some(again) = connection.tcp.as_ref().and_then(Tcp::sent_again) {
            let _ = write!(text, "  {again}");
        }
        text.push('\n');
        text
    }

    fn incident(&self, incident: &Incident) -> String {
        let (mark, style) = match (incident.state, incident.severity) {
            (IncidentState::Closed, _) => ("over", GREEN),
            (IncidentState::Open, Severity::Info) => ("info", CYAN),
            (IncidentState::Open, Severity::Warning) => ("WARN", YELLOW),
            (IncidentState::Open, Severity::Critical) => ("CRIT", RED),
        };
        let mut text = format!(
            "{} {} {}  {}",
            time_of_day(&escape(&incident.time), &self.zone),
            self.page.paint(style, mark),
            self.page.paint(BOLD, &escape(&incident.id)),
            self.page.paint(style, &escape(&incident.cause)),
        );
        let failures = plural(incident.count, "failure");
        let since = time_of_day(&escape(&incident.first), &self.zone);
        let until = time_of_day(&escape(&incident.last), &self.zone);
        let _ = match incident.state {
            IncidentState::Open => writeln!(text, "  {failures} since {since}"),
            IncidentState::Closed => writeln!(text, "  {failures} from {since} to {until}"),
        };
        self.page.prose(
            &mut text,
            "",
            [&incident.summary, &incident.severity_reason],
        );
        text
    }

    fn event(&self, event: &Event) -> String {
        let mut text = format!(
            "{} {} {}",
            self.page
                .paint(DIM, &time_of_day(&escape(&event.time), &self.zone)),
            self.page.paint(DIM, "seen"),
            self.page.paint(DIM, &escape(&event.hook)),
        );
        // What is not yet joined has no process to be known.
        let joined = event.matched_by.is_some();
        if event.process.is_some() || (joined && event.socket.is_some()) {
            let _ = write!(text, "  {}", process_name(event.process.as_ref()));
        }
        if let Some(socket) = &event.socket {
            let local = socket
                .local
                .map_or_else(|| "?".to_owned(), |end| end.to_string());
            let gap = if event.process.is_some() || joined {
                " "
            } else {
                "  "
            };
            let _ = write!(text, "{gap}{local} -> {}", socket.remote);
        }
        let _ = write!(text, "  {}", escape(&happened(event)));
        let how = event.matched_by.map_or("not yet joined", by);
        let _ = writeln!(text, "  {}", self.page.paint(DIM, how));
        text
    }

    /// Time, mark, process, arrow, the other end, and this end dimmed.
    fn headline(
        &self,
        time: &str,
        (mark, style): (&str, Style),
        process: Option<&Process>,
        direction: Direction,
        socket: &Socket,
    ) -> String {
        let arrow = match direction {
            Direction::Outbound => "->",
            Direction::Inbound => "<-",
        };
        let mut text = format!(
            "{} {} {} {arrow} {}",
            time_of_day(&escape(time), &self.zone),
            self.page.paint(style, &format!("{mark:4}")),
            self.page.paint(BOLD, &process_name(process)),
            self.page.paint(BOLD, &far_end(socket)),
        );
        if let Some(local) = socket.local {
            let word = match direction {
                Direction::Outbound => "from",
                Direction::Inbound => "to",
            };
            let local = format!("({word} {local})");
            let _ = write!(text, " {}", self.page.paint(DIM, &local));
        }
        text
    }
}

#[cfg(test)]
mod tests;

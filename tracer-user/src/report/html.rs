//! HTML: one file that needs nothing else, for a browser, a phone or a printer.
//!
//! No script. Everything from outside is escaped, and the policy of the page forbids whatever could
//! be loaded or run nevertheless. The size is bounded, whatever the traces hold.

mod drawing;
mod incident;
mod ladder;
mod markup;
mod overview;
mod tables;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use self::markup::{list, text};
use super::{
    Format, Look,
    model::{Detail, Report},
};
use crate::show::number::plural;

/// `--format html`.
pub static FORMAT: Format = Format {
    name: "html",
    write,
};

/// No further incident is told wholly once the page has so many bytes.
const BUDGET: usize = 3_500_000;
/// Incidents that are told wholly, and how many of these are not folded up.
const TOLD: usize = 100;
const UNFOLDED: usize = 8;

const STYLE: &str = include_str!("html/style.css");

fn write(report: &Report, _look: Look, out: &mut dyn Write) -> io::Result<()> {
    let colours = colours(report);
    let mut page = head(report);
    overview::overview(&mut page, report);
    overview::over_time(&mut page, report, &colours);
    incidents(&mut page, report);
    if let Some(detail) = &report.connection {
        one(&mut page, detail);
    }
    tables::tables(&mut page, report);
    tables::moved(&mut page, report);
    tables::unseen(&mut page, report);
    tables::traces(&mut page, report);
    page += &format!(
        "<footer>Written by tcpwhy {}. All times are UTC.</footer></body></html>\n",
        text(&report.version)
    );
    out.write_all(page.as_bytes())
}

fn head(report: &Report) -> String {
    let hosts = report.overview.hosts.join(", ");
    let on = if hosts.is_empty() { "" } else { " on " };
    let day = report
        .overview
        .first
        .as_deref()
        .and_then(|first| first.get(..10));
    let when = day.map_or_else(String::new, |day| format!(", {day}"));
    let title = text(&format!("Failed TCP connections{on}{hosts}{when}"));
    // The policy: nothing is loaded, nothing runs; only the style below counts.
    format!(
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; \
         style-src 'unsafe-inline'; img-src data:\">\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <meta name=referrer content=no-referrer><meta name=color-scheme content=\"light dark\">\
         <title>{title}</title><link rel=icon href=\"data:,\"><style>{STYLE}</style></head>\n<body>"
    )
}

/// The colour of each cause: the most frequent ones have one each, all others share the last.
fn colours(report: &Report) -> BTreeMap<String, usize> {
    let causes = report.causes.rows.iter().map(|row| row.name.clone());
    causes
        .enumerate()
        .map(|(nth, cause)| (cause, nth.min(drawing::COLOURS - 1)))
        .collect()
}

fn incidents(page: &mut String, report: &Report) {
    if report.incidents.is_empty() {
        return;
    }
    page.push_str("<h2>Incidents</h2>");
    let mut told = 0;
    for story in report.incidents.iter().take(TOLD) {
        if page.len() > BUDGET {
            break;
        }
        if told == UNFOLDED {
            let more = report.incidents.len().min(TOLD) - told;
            *page += &format!("<details class=more><summary>{more} further incidents</summary>");
        }
        incident::tell(page, story, report);
        told += 1;
    }
    if told > UNFOLDED {
        page.push_str("</details>");
    }
    let rest = (report.incidents.len() - told) as u64 + report.overview.incidents_left_out;
    if rest > 0 {
        *page += &format!(
            "<p class=dim>{} of less importance are not told here: this page is kept small. \
             <code>--format json</code> has them, as far as they were kept; filters and \
             <code>--incident ID</code> choose.</p>",
            plural(rest, "incident")
        );
    }
}

/// The connection that was asked for.
fn one(page: &mut String, detail: &Detail) {
    page.push_str("<h2 id=connection>One connection</h2>");
    let Some(failure) = &detail.failure else {
        if let Some(connection) = &detail.connection {
            *page += &format!("<p>{}</p>", text(&connection.summary));
        }
        events(page, detail);
        return;
    };
    *page += &format!(
        "<article class=\"{}\"><div class=head><code>{}</code><code>{}</code></div>\
         <h3>{}</h3><h4>Why</h4>{}",
        incident::severity(failure.severity),
        text(&failure.cause),
        text(&failure.id),
        text(&failure.summary),
        list("ol", "chain", &failure.why),
    );
    incident::figure(page, failure, &detail.events);
    incident::block(page, "Evidence", &list("ul", "", &detail.evidence));
    incident::commands(page, "What to do", &failure.fix);
    incident::block(page, "Missing", &list("ul", "", &failure.missing));
    events(page, detail);
    page.push_str("</article>");
}

fn events(page: &mut String, detail: &Detail) {
    if let Some(why) = &detail.events_missing {
        *page += &format!("<p class=dim>{}</p>", text(why));
    }
    if detail.events.is_empty() {
        return;
    }
    let events = detail.events.iter();
    let lines = events.map(|event| format!("{}  {}: {}", event.time, event.hook, event.summary));
    let lines: Vec<String> = lines.map(|line| text(&line)).collect();
    *page += &format!(
        "<details><summary>{} as they happened</summary><pre>{}</pre></details>",
        plural(lines.len() as u64, "event"),
        lines.join("\n")
    );
}

#[cfg(test)]
mod tests;

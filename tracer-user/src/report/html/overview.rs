//! The top of the page: what broke, for whom, since when; and the pictures over time.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{
    drawing::{self, COLOURS},
    incident::{doubt, id, severity},
    markup::{short, text},
};
use crate::{
    clock::{utc_ns, utc_text},
    record::{IncidentState, Rate},
    report::{
        model::{Report, Story},
        words::{found, length},
    },
    show::number::{number, plural},
};

/// Incidents that have a row in the list.
const LISTED: usize = 500;
/// Incidents that have a lane.
const LANES: usize = 40;
/// Rows of the list that are not folded up.
const UNFOLDED: usize = 25;
const SECOND_NS: i64 = 1_000_000_000;

/// From and until, in UTC.
pub(super) fn span(first: &str, last: &str) -> String {
    crate::report::words::span(first, last, &TimeZone::UTC)
}

pub(super) fn overview(page: &mut String, report: &Report) {
    let overview = &report.overview;
    page.push_str("<header><h1>Failed TCP connections</h1>");
    let mut facts = Vec::new();
    if !overview.hosts.is_empty() {
        facts.push(format!("on <b>{}</b>", text(&overview.hosts.join(", "))));
    }
    if let (Some(first), Some(last)) = (&overview.first, &overview.last) {
        facts.push(format!("{} UTC", text(&span(first, last))));
    }
    facts.push(format!("<b>{}</b>", plural(overview.failures, "failure")));
    let incidents = report.incidents.len() as u64 + overview.incidents_left_out;
    facts.push(format!("<b>{}</b>", plural(incidents, "incident")));
    if let Some(connections) = overview.connections {
        let came_up = plural(connections, "connection");
        facts.push(format!("{came_up} that came up"));
    }
    let sure = &overview.confidence;
    for (count, how) in [
        (sure.certain, "certain"),
        (sure.likely, "likely"),
        (sure.unknown, "not sure"),
    ] {
        if count > 0 {
            facts.push(format!("{} {how}", number(count)));
        }
    }
    *page += &format!("<ul class=facts><li>{}</li></ul>", facts.join("</li><li>"));
    if let Some(words) = &overview.restricted_to {
        *page += &format!("<p>Only: <code>{}</code></p>", text(words));
    }
    if report.incidents.is_empty() {
        for sentence in &overview.text {
            *page += &format!("<p>{}</p>", text(sentence));
        }
    }
    page.push_str("</header>");
    index(page, report);
}

/// Every incident in a row, the most important first.
fn index(page: &mut String, report: &Report) {
    if report.incidents.is_empty() {
        return;
    }
    let several = report.has_several_hosts();
    let shown = report.incidents.len().min(LISTED);
    let (open, folded) = report.incidents[..shown].split_at(shown.min(UNFOLDED));
    rows(page, open, several);
    if !folded.is_empty() {
        *page += &format!("<details><summary>{} more</summary>", folded.len());
        rows(page, folded, several);
        page.push_str("</details>");
    }
}

fn rows(page: &mut String, stories: &[Story], several_hosts: bool) {
    page.push_str(
        "<div class=scroll><table class=index><thead><tr><th>incident<th class=num>failures\
         <th class=opt>when (UTC)<th>what</thead><tbody>",
    );
    for story in stories {
        let incident = &story.incident;
        let class = severity(incident.severity);
        let open = match incident.state {
            IncidentState::Open => " (open)",
            IncidentState::Closed => "",
        };
        let (cause, confidence) = found(story);
        *page += &format!(
            "<tr><td><span class=\"badge {class}\">{class}</span> <a class=nowrap href=\"#{}\">{}</a>\
             <td class=num>{}<td class=\"opt nowrap\">{}{open}<td><code>{}</code> \
             <span class=dim>{}</span> {}",
            id(story),
            text(&story.name(several_hosts)),
            number(incident.count),
            text(&moment(&incident.first)),
            text(&cause),
            doubt(confidence),
            short(&incident.summary, 240),
        );
    }
    page.push_str("</tbody></table></div>");
}

/// Day and time of day, to the second.
fn moment(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

/// The bars, and a lane for each incident below them.
pub(super) fn over_time(page: &mut String, report: &Report, colours: &BTreeMap<String, usize>) {
    let total = &report.timeline.total;
    let Some(start_ns) = utc_ns(&total.start).filter(|_| !total.counts.is_empty()) else {
        return;
    };
    *page += &format!(
        "<h2>Over time</h2><p class=dim>Failures by cause; a bar is {}.</p>",
        length(total.bucket_s)
    );
    let series = series(report, colours);
    let most = total.counts.iter().copied().max().unwrap_or(0);
    let end_ns = start_ns.saturating_add(width_ns(total, total.counts.len()));
    let axis = axis(start_ns, end_ns);
    *page += &format!(
        "<div class=chart><div class=y><span>{most}</span><span>0</span></div>{}\
         <div class=x>{axis}</div></div><ul class=legend>",
        drawing::stacked(&series, total.counts.len(), most),
    );
    for (colour, name, counts) in &series {
        *page += &format!(
            "<li><i class=s{colour}></i>{} <b class=num>{}</b></li>",
            text(name),
            number(counts.iter().sum())
        );
    }
    page.push_str("</ul>");
    lanes(page, report, colours, (start_ns, end_ns));
}

/// The counts of each colour: all that share the last one are taken together.
fn series(report: &Report, colours: &BTreeMap<String, usize>) -> Vec<(usize, String, Vec<u64>)> {
    let mut all: Vec<(usize, String, Vec<u64>)> = Vec::new();
    for series in &report.timeline.causes {
        let colour = colours.get(&series.cause).copied().unwrap_or(COLOURS - 1);
        match all.iter_mut().find(|(known, _, _)| *known == colour) {
            Some((_, name, counts)) => {
                "other causes".clone_into(name);
                for (sum, count) in counts.iter_mut().zip(&series.counts) {
                    *sum = sum.saturating_add(*count);
                }
            }
            None => all.push((colour, series.cause.clone(), series.counts.clone())),
        }
    }
    all.sort_by_key(|series| series.0);
    all
}

fn width_ns(rate: &Rate, buckets: usize) -> i64 {
    let seconds = rate.bucket_s.saturating_mul(buckets as u64);
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(SECOND_NS)
}

/// A few times along the bars.
fn axis(start_ns: i64, end_ns: i64) -> String {
    let days = end_ns.saturating_sub(start_ns) > 24 * 3600 * SECOND_NS;
    let step = end_ns.saturating_sub(start_ns) / 3;
    (0..=3)
        .map(|nth| {
            let time = moment(&utc_text(start_ns.saturating_add(step.saturating_mul(nth))));
            let short = if days {
                time.get(5..16)
            } else {
                time.get(11..)
            };
            format!("<span>{}</span>", text(short.unwrap_or_default()))
        })
        .collect()
}

fn lanes(
    page: &mut String,
    report: &Report,
    colours: &BTreeMap<String, usize>,
    (start_ns, end_ns): (i64, i64),
) {
    // Thousandths of the whole time.
    let place = |ns: i64| {
        let span = i128::from(end_ns.saturating_sub(start_ns)).max(1);
        let at = i128::from(ns.saturating_sub(start_ns)) * 1000 / span;
        u64::try_from(at.clamp(0, 1000)).unwrap_or(0)
    };
    page.push_str("<div class=lanes>");
    for story in report.incidents.iter().take(LANES) {
        let incident = &story.incident;
        let (Some(first), Some(last)) = (utc_ns(&incident.first), utc_ns(&incident.last)) else {
            continue;
        };
        let colour = colours.get(&incident.cause).copied();
        let rate = &incident.rate;
        let rate_ns = utc_ns(&rate.start).unwrap_or(first);
        let bars: Vec<(u64, u64, u64)> = rate
            .counts
            .iter()
            .enumerate()
            .map(|(nth, &count)| {
                let edge = |nth| place(rate_ns.saturating_add(width_ns(rate, nth)));
                (edge(nth), edge(nth + 1), count)
            })
            .collect();
        *page += &format!(
            "<div class=lane><div class=what><a href=\"#{}\">{}</a><code>{}</code>\
             <span class=dim>{}</span></div>{}</div>",
            id(story),
            text(&story.name(report.has_several_hosts())),
            text(&incident.cause),
            number(incident.count),
            drawing::lane(
                colour.unwrap_or(COLOURS - 1),
                (place(first), place(last)),
                &bars
            ),
        );
    }
    page.push_str("</div>");
    let more = report.incidents.len().saturating_sub(LANES);
    if more > 0 {
        *page += &format!(
            "<p class=dim>{} of less importance have no lane.</p>",
            plural(more as u64, "incident")
        );
    }
}

//! The lower half of the page: who failed how often, what else moved, what could not be seen.

use super::markup::{short, text};
use crate::{
    report::model::{Gap, Report, Table},
    show::number::{number, plural},
};

/// Rows of a table that are not folded up, and those that are.
const UNFOLDED: usize = 15;
const ROWS: usize = 100;
/// Gaps that are told.
const GAPS: usize = 200;
/// Traces that are listed.
const TRACES: usize = 200;

/// Failures by cause, process and destination.
pub(super) fn tables(page: &mut String, report: &Report) {
    if report.overview.failures == 0 {
        return;
    }
    for (title, rows, with_causes) in [
        ("By cause", &report.causes, false),
        ("By process", &report.processes, true),
        ("By destination", &report.destinations, true),
    ] {
        if !rows.rows.is_empty() {
            table(page, title, rows, with_causes);
        }
    }
}

fn table(page: &mut String, title: &str, table: &Table, with_causes: bool) {
    *page += &format!("<h2>{title}</h2>");
    let shown = table.rows.len().min(ROWS);
    let first = shown.min(UNFOLDED);
    rows(page, table, 0..first, with_causes);
    if first < shown {
        *page += &format!("<details><summary>{} more</summary>", shown - first);
        rows(page, table, first..shown, with_causes);
        page.push_str("</details>");
    }
    let rows_left_out = table.rows_left_out + (table.rows.len() - shown) as u64;
    if rows_left_out > 0 {
        *page += &format!(
            "<p class=dim>{} with {} are not shown.</p>",
            plural(rows_left_out, "further row"),
            plural(table.failures_left_out, "failure")
        );
    }
}

fn rows(page: &mut String, table: &Table, which: std::ops::Range<usize>, with_causes: bool) {
    let most = table.rows.first().map_or(1, |row| row.count).max(1);
    let attempts = table.rows.iter().any(|row| row.came_up.is_some());
    let of = if attempts { "<th class=num>of" } else { "" };
    let causes = if with_causes { "<th>causes" } else { "" };
    *page += &format!(
        "<div class=scroll><table><thead><tr><th><th class=num>failures{of}\
         <th class=opt>{causes}</thead><tbody>"
    );
    for row in table.rows.get(which).unwrap_or_default() {
        let host = row.host.as_ref().map_or_else(String::new, |host| {
            format!(" <span class=dim>on {}</span>", text(host))
        });
        *page += &format!(
            "<tr><td>{}{host}<td class=num>{}",
            short(&row.name, 160),
            number(row.count)
        );
        if attempts {
            let all = row.came_up.map(|came_up| came_up.saturating_add(row.count));
            let all = all.map_or_else(String::new, number);
            *page += &format!("<td class=num>{all}");
        }
        let share = u128::from(row.count) * 100 / u128::from(most);
        *page += &format!("<td class=bar><i style=\"width:{share}%\"></i>");
        if with_causes {
            let causes = row.causes.iter();
            let causes: Vec<String> = causes
                .map(|it| format!("<code>{}</code>&nbsp;{}", text(&it.cause), number(it.count)))
                .collect();
            *page += &format!("<td>{}", causes.join(", "));
        }
    }
    page.push_str("</tbody></table></div>");
}

/// Counters of the kernel that rose meanwhile.
pub(super) fn moved(page: &mut String, report: &Report) {
    if report.moved.is_empty() {
        return;
    }
    page.push_str(
        "<h2>What else moved</h2><p class=dim>Counters of the kernel that rose meanwhile.</p>\
         <div class=scroll><table><tbody>",
    );
    for moved in report.moved.iter().take(ROWS) {
        let netns = moved.netns.map(|netns| format!("netns {netns}"));
        let place = [moved.host.clone(), netns].into_iter().flatten();
        *page += &format!(
            "<tr><td><code>{}</code><td class=num>+{}<td class=dim>{}",
            text(&moved.name),
            number(moved.by),
            text(&place.collect::<Vec<_>>().join(", ")),
        );
    }
    page.push_str("</tbody></table></div>");
}

/// What could not be seen, or is not shown.
pub(super) fn unseen(page: &mut String, report: &Report) {
    if report.unseen.is_empty() {
        return;
    }
    page.push_str("<h2>What could not be seen</h2><ul>");
    for gap in report.unseen.iter().take(GAPS) {
        let of = gap.of.as_ref().map_or_else(String::new, |of| {
            format!(" <span class=dim>({})</span>", text(of))
        });
        *page += &format!(
            "<li><b>{}</b>: {}{of}</li>",
            kind(gap.kind),
            text(&gap.text)
        );
    }
    page.push_str("</ul>");
}

fn kind(gap: Gap) -> &'static str {
    match gap {
        Gap::Lost => "lost",
        Gap::Degraded => "not seen on this kernel",
        Gap::Filtered => "filtered",
        Gap::CutShort => "cut short",
        Gap::Damaged => "damaged",
        Gap::NotRecorded => "not recorded",
        Gap::LeftOut => "left out",
    }
}

/// Where all this is from.
pub(super) fn traces(page: &mut String, report: &Report) {
    page.push_str(
        "<h2>Traces</h2><div class=scroll><table><thead><tr><th>file<th>host<th class=opt>kernel\
         <th class=num>records<th class=num>failures<th class=opt>from (UTC)<th class=opt>to\
         </thead><tbody>",
    );
    let time = |time: &Option<String>| {
        let time = time.as_deref().unwrap_or_default();
        text(&time.get(..19).unwrap_or(time).replace('T', " "))
    };
    for source in report.sources.iter().take(TRACES) {
        *page += &format!(
            "<tr><td>{}<td>{}<td class=opt>{}<td class=num>{}<td class=num>{}<td class=opt>{}\
             <td class=opt>{}",
            short(&source.file, 120),
            text(source.host.as_deref().unwrap_or("not known")),
            text(source.kernel.as_deref().unwrap_or_default()),
            source.records,
            source.failures,
            time(&source.begun),
            time(&source.ended),
        );
    }
    page.push_str("</tbody></table></div>");
    for clock in &report.clocks {
        let ahead = match clock.ahead_ns {
            Some(ns) => format!(
                "is {ns} ns ahead of {}'s (by {} connections): taken off its times here",
                clock.reference, clock.joined
            ),
            None => format!(
                "could not be compared with {}'s: no connection was recorded by both",
                clock.reference
            ),
        };
        *page += &format!(
            "<p class=dim>The clock of {} {}.</p>",
            text(&clock.host),
            text(&ahead)
        );
    }
}

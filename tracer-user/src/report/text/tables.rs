//! The timeline, the tables, and what could not be seen.

use anstyle::Style;

use super::{
    Text,
    bars::{bars, columns, squeeze},
};
use crate::{
    clock::time_of_day,
    escape::escape,
    report::{
        model::{Moved, Report, Row, Source, Table, Timeline},
        words::{about, length},
    },
    show::{
        number::{number, plural},
        page::DIM,
    },
};

/// Rows of a table.
const ROWS: usize = 15;

impl Text {
    pub(super) fn timeline(&mut self, timeline: &Timeline) {
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
            let total = number(total);
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

    pub(super) fn table(&mut self, title: &str, table: &Table, with_causes: bool) {
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
            let mut line = format!("  {:>9}  {:width$}", number(row.count), label(row));
            if let Some(came_up) = row.came_up {
                let all = row.count + came_up;
                line.push_str(&format!("  of {} attempts", number(all)));
            }
            if with_causes {
                let causes: Vec<String> = row
                    .causes
                    .iter()
                    .map(|it| match row.causes.len() {
                        1 => escape(&it.cause).into_owned(),
                        _ => format!("{} {}", escape(&it.cause), number(it.count)),
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
            self.wrapped(
                DIM,
                &format!("  {:>9}  in {} more", number(failures), number(more)),
            );
        }
    }

    pub(super) fn moved(&mut self, report: &Report) {
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
                "  {:>9}  {}{at}{}{netns}\n",
                format!("+{}", number(moved.by)),
                escape(&moved.name),
                escape(host)
            );
            self.out.push_str(&line);
        }
    }

    pub(super) fn unseen(&mut self, report: &Report) {
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

    pub(super) fn sources(&mut self, report: &Report) {
        self.heading("TRACES");
        for source in &report.sources {
            let line = self.source(source);
            self.wrapped(Style::new(), &line);
        }
        for clock in &report.clocks {
            let line = about(clock);
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
}

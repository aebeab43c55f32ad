//! From what was counted to what a report says.

use super::{
    collect::{Collector, importance},
    model::{
        BySeverity, CauseCount, Overview, Report, Row, SCHEMA, Series, Story, Table, Timeline,
    },
    unseen,
};
use crate::{
    clock::utc_text,
    incident::{Destination, Group},
    record::{Direction, IncidentState, Severity},
    show::text::evidence,
};

/// Incidents that the overview tells by name.
const TOLD: usize = 5;

impl Collector {
    /// The report of what was read.
    #[must_use]
    pub fn finish(mut self) -> Report {
        for host in &mut self.hosts {
            host.finish();
        }
        let incidents = self.stories();
        let mut report = Report {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            overview: self.overview(&incidents),
            connection: None,
            timeline: self.timeline(),
            causes: self.by_cause.table(&self.causes, false, |&cause| {
                (self.causes.name(cause).to_owned(), None)
            }),
            processes: self.by_process.table(&self.causes, false, |(host, name)| {
                (name.clone(), self.host_name(*host))
            }),
            destinations: self.by_destination.table(
                &self.causes,
                self.successes_known,
                |(host, destination)| (destination_name(destination), self.host_name(*host)),
            ),
            moved: Vec::new(),
            unseen: unseen::gaps(&self),
            clocks: Vec::new(),
            incidents,
            sources: self.sources,
        };
        if self.options.incident.is_some() {
            restrict_to_incidents(&mut report);
        }
        report.overview.text = sentences(&report);
        report
    }

    /// A host's name, where there are several hosts.
    pub(super) fn host_name(&self, host: usize) -> Option<String> {
        if self.hosts.len() < 2 {
            return None;
        }
        self.hosts.get(host).and_then(|host| host.name.clone())
    }

    fn stories(&self) -> Vec<Story> {
        let mut groups: Vec<(usize, &Group)> = Vec::new();
        for (at, host) in self.hosts.iter().enumerate() {
            groups.extend(host.groups.iter().map(|group| (at, group)));
        }
        groups.sort_by_key(|(_, group)| importance(group));
        groups
            .into_iter()
            .map(|(host, group)| self.story(host, group))
            .filter(|story| self.is_asked_for(story))
            .collect()
    }

    fn story(&self, host: usize, group: &Group) -> Story {
        let sample = group.sample.as_deref();
        Story {
            incident: group.record(group.last_ns),
            host: self.hosts.get(host).and_then(|host| host.name.clone()),
            wanted: group.wanted,
            evidence: sample.map(evidence).unwrap_or_default(),
            sample: sample.cloned(),
            other_ends: Vec::new(),
        }
    }

    /// `F-20261123-001`, or with its host where several have one of that name: `F-…-001@web1`.
    fn is_asked_for(&self, story: &Story) -> bool {
        let Some(wanted) = &self.options.incident else {
            return true;
        };
        let (id, host) = wanted
            .split_once('@')
            .map_or((wanted.as_str(), None), |(id, host)| (id, Some(host)));
        story.incident.id == id && (host.is_none() || host == story.host.as_deref())
    }

    fn overview(&self, incidents: &[Story]) -> Overview {
        let mut by_severity = BySeverity::default();
        for story in incidents {
            *match story.incident.severity {
                Severity::Critical => &mut by_severity.critical,
                Severity::Warning => &mut by_severity.warning,
                Severity::Info => &mut by_severity.info,
            } += 1;
        }
        let mut hosts: Vec<String> = Vec::new();
        for name in self.hosts.iter().filter_map(|host| host.name.as_ref()) {
            if !hosts.contains(name) {
                hosts.push(name.clone());
            }
        }
        let any = self.failures > 0;
        Overview {
            text: Vec::new(),
            hosts,
            failures: self.failures,
            connections: self.successes_known.then_some(self.connections),
            first: any.then(|| utc_text(self.first_ns)),
            last: any.then(|| utc_text(self.last_ns)),
            incidents: by_severity,
            incidents_left_out: self.hosts.iter().map(|host| host.groups_left_out).sum(),
            confidence: self.confidence,
            restricted_to: self.options.words.clone(),
            filtered: self.filtered,
        }
    }

    fn timeline(&self) -> Timeline {
        let order = self
            .by_cause
            .table(&self.causes, false, |&cause| (cause.to_string(), None));
        let series = order.rows.iter().filter_map(|row| {
            let index: usize = row.name.parse().ok()?;
            Some(Series {
                cause: self.causes.name(index).to_owned(),
                counts: self.by_time.get(index)?.aligned(&self.total),
            })
        });
        Timeline {
            total: self.total.rate(),
            causes: series.collect(),
        }
    }
}

/// `10.9.0.2:443`, `listener 10.9.0.1:80`.
pub(super) fn destination_name(destination: &Destination) -> String {
    let netns = destination
        .netns
        .map_or_else(String::new, |netns| format!(" (netns {netns})"));
    match destination.direction {
        Direction::Outbound => format!("{}{netns}", destination.end),
        Direction::Inbound => format!("listener {}{netns}", destination.end),
    }
}

/// Everything is about the incidents that are left.
fn restrict_to_incidents(report: &mut Report) {
    let stories = &report.incidents;
    let rows = |name: fn(&Story) -> String| Table {
        rows: stories.iter().map(|story| row(story, name)).collect(),
        ..Table::default()
    };
    report.causes = rows(|story| story.incident.cause.clone());
    report.processes = rows(|story| {
        story.incident.process.as_ref().map_or_else(
            || "(process not known)".to_owned(),
            |process| process.comm.clone(),
        )
    });
    report.destinations = rows(|story| {
        let end = story.incident.remote.or(story.incident.local);
        end.map_or_else(String::new, |end| end.to_string())
    });
    report.timeline = stories
        .first()
        .map_or_else(Timeline::default, |story| Timeline {
            total: story.incident.rate.clone(),
            causes: vec![Series {
                cause: story.incident.cause.clone(),
                counts: story.incident.rate.counts.clone(),
            }],
        });
    let overview = &mut report.overview;
    overview.failures = stories.iter().map(|story| story.incident.count).sum();
    overview.first = stories
        .iter()
        .map(|story| story.incident.first.clone())
        .min();
    overview.last = stories
        .iter()
        .map(|story| story.incident.last.clone())
        .max();
    overview.confidence = super::model::ByConfidence::default();
}

fn row(story: &Story, name: fn(&Story) -> String) -> Row {
    let incident = &story.incident;
    Row {
        name: name(story),
        host: None,
        count: incident.count,
        first: incident.first.clone(),
        last: incident.last.clone(),
        causes: vec![CauseCount {
            cause: incident.cause.clone(),
            count: incident.count,
        }],
        came_up: None,
    }
}

/// What broke and for whom, one sentence for each of the first incidents.
fn sentences(report: &Report) -> Vec<String> {
    if report.overview.failures == 0 {
        return vec!["No connection failed.".to_owned()];
    }
    let mut sentences: Vec<String> = report
        .incidents
        .iter()
        .take(TOLD)
        .map(|story| story.incident.summary.clone())
        .collect();
    let more =
        report.incidents.len().saturating_sub(TOLD) as u64 + report.overview.incidents_left_out;
    if more > 0 {
        sentences.push(format!("and {more} more incidents"));
    }
    let going_on = report
        .incidents
        .iter()
        .filter(|story| story.incident.state == IncidentState::Open)
        .count();
    if going_on > 0 {
        let were = if going_on == 1 {
            "incident was"
        } else {
            "incidents were"
        };
        sentences.push(format!("{going_on} {were} open when the trace ended"));
    }
    sentences
}

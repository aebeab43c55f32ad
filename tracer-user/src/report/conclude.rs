//! From what was counted to what a report says.

use std::borrow::Cow;

use super::{
    collect::{Collector, TIMELINE_BUCKETS},
    ends::{self, Told},
    host::Host,
    model::{
        BySeverity, CauseCount, Clock, Moved, Overview, Report, Row, SCHEMA, Series, Story, Table,
        Timeline,
    },
    table::{Counter, Named, Tally},
    unseen,
};
use crate::{
    clock::{utc_ns, utc_text},
    incident::{Buckets, Destination, Group, Sample},
    join::{Offset, Pair, join},
    record::{Direction, IncidentState, Severity},
    show::text::evidence,
};

/// Counters that are told.
const MOVED: usize = 200;
/// Incidents that the overview tells by name.
const TOLD: usize = 5;

impl Collector {
    /// The report of what was read.
    #[must_use]
    pub fn finish(mut self) -> Report {
        for host in &mut self.hosts {
            host.finish();
        }
        let joined = join(self.hosts.len(), &self.ends);
        let clocks = Clocks::new(&self, joined.clocks);
        let incidents = self.stories(&clocks, &joined.pairs);
        let counted = self.counted(&clocks);
        let mut report = Report {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            overview: self.overview(&incidents, &counted),
            connection: None,
            timeline: self.timeline(&counted),
            causes: self.causes_table(&counted),
            processes: self.by_process.table(&self.causes, false, |(host, name)| {
                self.named(name.clone(), *host, &clocks)
            }),
            destinations: self.by_destination.table(
                &self.causes,
                self.successes_known,
                |(host, destination)| self.named(destination_name(destination), *host, &clocks),
            ),
            moved: self.moved(),
            unseen: unseen::gaps(&self),
            clocks: clocks.told,
            incidents,
            sources: self.sources,
        };
        if self.options.incident.is_some() {
            restrict_to_incidents(&mut report);
        }
        report.overview.text = sentences(&report);
        report
    }

    fn named(&self, name: String, host: usize, clocks: &Clocks) -> Named {
        let several = self.hosts.len() > 1;
        let host_name = self.hosts.get(host).and_then(|host| host.name.clone());
        Named {
            name,
            host: host_name.filter(|_| several),
            earlier_ns: clocks.ahead_ns(host),
        }
    }

    /// By index of the cause: the failures of all hosts, by the clock of the first one.
    fn counted(&self, clocks: &Clocks) -> Vec<Tally> {
        let mut all: Vec<Tally> = Vec::new();
        for (nth, host) in self.hosts.iter().enumerate() {
            let earlier_ns = clocks.ahead_ns(nth);
            for (cause, tally) in host.tallies.iter().enumerate() {
                if all.len() <= cause {
                    all.resize(cause + 1, Tally::new(TIMELINE_BUCKETS));
                }
                if tally.count > 0 {
                    all[cause].merge(tally, earlier_ns);
                }
            }
        }
        all
    }

    fn causes_table(&self, counted: &[Tally]) -> Table {
        let mut table = Counter::default();
        for (cause, tally) in counted.iter().enumerate() {
            if tally.count > 0 {
                table.merge(cause, cause, tally);
            }
        }
        table.table(&self.causes, false, |&cause| Named {
            name: self.causes.name(cause).to_owned(),
            ..Named::default()
        })
    }

    fn stories(&self, clocks: &Clocks, pairs: &[Pair]) -> Vec<Story> {
        let mut told: Vec<Told> = Vec::new();
        for (at, host) in self.hosts.iter().enumerate() {
            told.extend(host.groups.iter().map(|group| Told {
                key: (at, group.serial),
                absorbed: false,
                story: self.story(at, group, clocks.ahead_ns(at)),
            }));
        }
        ends::tell(&mut told, &self.ends, pairs);
        told.retain(|it| !it.absorbed);
        told.sort_by(|a, b| {
            let (a, b) = (&a.story.incident, &b.story.incident);
            (b.severity, &a.first).cmp(&(a.severity, &b.first))
        });
        let stories = told.into_iter().map(|it| it.story);
        stories.filter(|story| self.is_asked_for(story)).collect()
    }

    fn story(&self, host: usize, group: &Group, earlier_ns: i64) -> Story {
        let mut incident = group.record(group.last_ns);
        let read = group.sample.as_ref().and_then(Sample::read);
        let mut sample = read.map(Cow::into_owned);
        if earlier_ns != 0 {
            let of_sample = sample
                .iter_mut()
                .flat_map(|failure| [Some(&mut failure.time), failure.timing.start.as_mut()]);
            [
                &mut incident.time,
                &mut incident.first,
                &mut incident.last,
                &mut incident.rate.start,
            ]
            .into_iter()
            .chain(of_sample.flatten())
            .for_each(|time| move_back(time, earlier_ns));
        }
        Story {
            incident,
            host: self.hosts.get(host).and_then(|host| host.name.clone()),
            wanted: group.wanted,
            evidence: sample.as_ref().map(evidence).unwrap_or_default(),
            sample,
            other_ends: Vec::new(),
            verdict: None,
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

    fn overview(&self, incidents: &[Story], counted: &[Tally]) -> Overview {
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
        let counted = counted.iter().filter(|tally| tally.count > 0);
        Overview {
            text: Vec::new(),
            hosts,
            failures: self.failures,
            connections: self.successes_known.then_some(self.connections),
            first: counted.clone().map(|it| it.first_ns).min().map(utc_text),
            last: counted.map(|it| it.last_ns).max().map(utc_text),
            incidents: by_severity,
            incidents_left_out: self.hosts.iter().map(|host| host.groups_left_out).sum(),
            confidence: self.confidence,
            restricted_to: self.options.words.clone(),
            filtered: self.filtered,
        }
    }

    /// Those that tell of trouble first; of these, those that rose most.
    fn moved(&self) -> Vec<Moved> {
        let several = self.hosts.len() > 1;
        let mut moved: Vec<Moved> = self
            .moved
            .iter()
            .filter(|&(_, &by)| by > 0)
            .map(|((host, netns, name), &by)| Moved {
                host: self
                    .hosts
                    .get(*host)
                    .and_then(|host| host.name.clone())
                    .filter(|_| several),
                netns: Some(*netns),
                name: name.clone(),
                by,
                tells_of_trouble: tells_of_trouble(name),
            })
            .collect();
        moved.sort_by_key(|it| (!it.tells_of_trouble, std::cmp::Reverse(it.by)));
        moved.truncate(MOVED);
        moved
    }

    fn timeline(&self, counted: &[Tally]) -> Timeline {
        let mut total = Buckets::new(TIMELINE_BUCKETS);
        for tally in counted {
            total.merge(&tally.buckets, 0);
        }
        let mut order: Vec<usize> = (0..counted.len()).collect();
        order.retain(|&cause| counted[cause].count > 0);
        order.sort_by_key(|&cause| (std::cmp::Reverse(counted[cause].count), cause));
        let series = order.into_iter().map(|cause| Series {
            cause: self.causes.name(cause).to_owned(),
            counts: counted[cause].buckets.aligned(&total),
        });
        Timeline {
            total: total.rate(),
            causes: series.collect(),
        }
    }
}

/// Whether a counter of nstat(8) counts what should not happen, by the words in its name.
fn tells_of_trouble(name: &str) -> bool {
    const WORDS: [&str; 17] = [
        "Abort", "Attempt", "Backlog", "Discard", "Drop", "Err", "Fail", "Full", "Loss", "Lost",
        "NoRoute", "Overflow", "Prune", "Rst", "Resets", "Retrans", "Timeout",
    ];
    WORDS.iter().any(|word| name.contains(word))
}

/// How the hosts' clocks stand.
struct Clocks {
    /// By host.
    ahead: Vec<Option<Offset>>,
    told: Vec<Clock>,
}

impl Clocks {
    fn new(collector: &Collector, ahead: Vec<Option<Offset>>) -> Self {
        let name = |host: &Host| host.name.clone().unwrap_or_else(|| "a host".to_owned());
        let told = collector
            .hosts
            .iter()
            .zip(&ahead)
            .skip(1)
            .map(|(host, offset)| Clock {
                host: name(host),
                reference: collector.hosts.first().map(name).unwrap_or_default(),
                ahead_ns: offset.map(|offset| offset.ahead_ns),
                spread_ns: offset.map(|offset| offset.spread_ns),
                joined: offset.map_or(0, |offset| offset.joined),
            });
        Self {
            told: told.collect(),
            ahead,
        }
    }

    fn ahead_ns(&self, host: usize) -> i64 {
        let offset = self.ahead.get(host).copied().flatten();
        offset.map_or(0, |offset| offset.ahead_ns)
    }
}

fn move_back(time: &mut String, by_ns: i64) {
    if let Some(utc_ns) = utc_ns(time) {
        *time = utc_text(utc_ns.saturating_sub(by_ns));
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

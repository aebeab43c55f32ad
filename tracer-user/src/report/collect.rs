//! Reads traces and counts: one pass, in bounded memory.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc, time::Duration};

use super::{
    ends::may_be_turned_away,
    host::Host,
    model::{ByConfidence, Source},
    parse::{Failed, Parsed, Parser, Wrong},
    table::{Causes, Counter, Tally},
    view::ConnectionView,
    window::Window,
};
use crate::{
    clock::utc_text,
    filter::Filter,
    incident::{Destination, Thresholds},
    join::End,
    record::{Counters, Direction, Header, Socket},
    trace::{Fault, Kind, Line, Reader, Seen},
};

/// Buckets of the timeline.
pub(super) const TIMELINE_BUCKETS: usize = 240;
/// Ends of connections that are kept, to join them with their other ones.
const ENDS: usize = 500_000;
/// Hosts that are told apart: each follows its own incidents.
const HOSTS: usize = 1024;
/// What is said of records of further ones.
const TOO_MANY_HOSTS: &str = "of more hosts than a report can tell apart (1024)";
/// Counters that are added up: some 300 in each namespace.
const COUNTERS: usize = 65_536;
/// A record that is so much older than the newest one before it is out of order, nanoseconds.
/// Verdicts wait for their evidence, and processors interleave: all that is far below.
const DISORDER_NS: i64 = 60_000_000_000;

/// What a report is about.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which failures.
    pub filter: Filter,
    /// Around which time.
    pub window: Option<Window>,
    /// So many failures at most, the first ones.
    pub count: Option<u64>,
    /// Only so long after the first record.
    pub duration: Option<Duration>,
    /// One incident, by its id.
    pub incident: Option<String>,
    /// One failure or connection, by its id.
    pub connection: Option<String>,
    /// When failures are an incident.
    pub thresholds: Thresholds,
    /// There are several traces: the ends of a connection may be in two of them.
    pub several: bool,
    /// All this in the words of the command line; `None` where nothing is asked for.
    pub words: Option<String>,
}

/// What is known so far.
pub struct Collector {
    pub(super) options: Options,
    pub(super) hosts: Vec<Host>,
    pub(super) sources: Vec<Source>,
    pub(super) causes: Causes,
    pub(super) by_process: Counter<(usize, String)>,
    pub(super) by_destination: Counter<(usize, Destination)>,
    pub(super) confidence: ByConfidence,
    pub(super) failures: u64,
    pub(super) filtered: u64,
    pub(super) connections: u64,
    pub(super) successes_known: bool,
    pub(super) lossy: u64,
    /// Of connections that another host may have recorded, too.
    pub(super) ends: Vec<End>,
    pub(super) ends_beyond: u64,
    /// By host, namespace and name.
    pub(super) moved: BTreeMap<(usize, u32, String), u64>,
    seen: Seen,
}

/// Where in which trace the reading is.
struct Place {
    host: usize,
    begun_ns: Option<i64>,
    last_ns: Option<i64>,
    /// Of the failures.
    newest_ns: i64,
    ended: bool,
}

impl Collector {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            hosts: Vec::new(),
            sources: Vec::new(),
            causes: Causes::default(),
            by_process: Counter::default(),
            by_destination: Counter::default(),
            confidence: ByConfidence::default(),
            failures: 0,
            filtered: 0,
            connections: 0,
            successes_known: false,
            lossy: 0,
            ends: Vec::new(),
            ends_beyond: 0,
            moved: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Reads a trace to its end. Traces of one host are to come in the order of their times.
    pub fn read(&mut self, reader: &mut Reader) {
        let mut source = Source {
            file: reader.name().to_owned(),
            ..Source::default()
        };
        let mut place = Place {
            host: usize::MAX,
            begun_ns: None,
            last_ns: None,
            newest_ns: i64::MIN,
            ended: false,
        };
        reader.each(&Parser, |so_far, line, parsed| {
            let taken = parsed.and_then(|it| self.take(it, line, &mut place, &mut source));
            if let Err((fault, why)) = taken {
                so_far.bad(fault, line.number, &why);
            }
            if place.ended {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        source.ended = place.last_ns.map(utc_text);
        source.records = reader.records();
        source.cut_short = reader.problems().count(Fault::CutShort) > 0;
        source.problems = reader.problems().summary();
        self.sources.push(source);
    }

    fn take(
        &mut self,
        parsed: Parsed<'_>,
        line: &Line<'_>,
        place: &mut Place,
        source: &mut Source,
    ) -> Result<(), Wrong> {
        if place.host == usize::MAX || line.kind == Kind::Header {
            place.host = usize::MAX;
            let host = self.host(line.header.map(|it| &**it));
            place.host = host.ok_or_else(|| (Fault::BadRecord, TOO_MANY_HOSTS.to_owned()))?;
        }
        match parsed {
            Parsed::Header => note_header(source, line.header),
            Parsed::Failure(failed) => {
                source.failures += 1;
                self.time(failed.utc_ns, place);
                if place.ended {
                    return Ok(());
                }
                self.once(place.host, &failed.view.id)?;
                let utc_ns = failed.utc_ns;
                self.failure(failed, place, line);
                self.disorder(utc_ns, place)?;
            }
            Parsed::Connection(view, utc_ns) => {
                self.time(utc_ns, place);
                if place.ended {
                    return Ok(());
                }
                self.once(place.host, &view.id)?;
                self.connection(&view, utc_ns, place.host);
            }
            Parsed::Counters(counters, utc_ns) => {
                self.time(utc_ns, place);
                self.counters(counters, utc_ns, place.host);
            }
            Parsed::Ledger(ledger, utc_ns) => {
                self.time(utc_ns, place);
                source.ledger = Some(ledger);
            }
            Parsed::Nothing => {}
        }
        Ok(())
    }

    /// Notes a record's time as the trace's last.
    fn time(&mut self, utc_ns: i64, place: &mut Place) {
        place.last_ns = place.last_ns.max(Some(utc_ns));
        let begun = *place.begun_ns.get_or_insert(utc_ns);
        if let Some(window) = &mut self.options.window {
            window.settle(begun);
        }
        let duration = self.options.duration;
        let over = duration
            .and_then(|duration| i64::try_from(duration.as_nanos()).ok())
            .is_some_and(|most| utc_ns.saturating_sub(begun) > most);
        place.ended |= over;
    }

    fn once(&mut self, host: usize, id: &str) -> Result<(), Wrong> {
        if self.seen.is_new(host, id) {
            Ok(())
        } else {
            Err((Fault::Duplicate, id.chars().take(40).collect()))
        }
    }

    fn disorder(&self, utc_ns: i64, place: &mut Place) -> Result<(), Wrong> {
        let behind = place.newest_ns.saturating_sub(utc_ns);
        place.newest_ns = place.newest_ns.max(utc_ns);
        if place.newest_ns == utc_ns || behind <= DISORDER_NS {
            return Ok(());
        }
        let text = format!(
            "by {} s; an incident may appear as several",
            behind / 1_000_000_000
        );
        Err((Fault::OutOfOrder, text))
    }

    fn failure(&mut self, failed: Failed<'_>, place: &mut Place, line: &Line<'_>) {
        let Failed { view, utc_ns, .. } = &failed;
        let utc_ns = *utc_ns;
        let options = &self.options;
        let wanted = view.passes(&options.filter)
            && options
                .window
                .as_ref()
                .is_none_or(|window| window.contains(utc_ns))
            && options.count.is_none_or(|most| self.failures < most);
        let host = place.host;
        let attempt = failed.attempt(wanted);
        let group = self.hosts[host].failed(&attempt, line);
        let isn = view.tcp.as_ref().and_then(|tcp| tcp.isn);
        if let Some(end) = self.kept_end(host, view.direction, &view.socket, isn) {
            self.ends.push(End {
                start_ns: failed.began_ns,
                end_ns: utc_ns,
                reset: view.is_reset(),
                turned_away: may_be_turned_away(view.stuck_on.as_ref().unwrap_or(&view.cause)),
                group,
                ..end
            });
        }
        if !wanted {
            self.filtered += 1;
            return;
        }
        self.failures += 1;
        self.confidence.add(view.confidence);
        self.lossy += u64::from(view.lost > 0);
        let cause = self.causes.index(&view.cause);
        self.by_destination
            .add((host, attempt.destination), utc_ns, cause);
        self.by_process.add((host, failed.process), utc_ns, cause);
        let tallies = &mut self.hosts[host].tallies;
        if tallies.len() <= cause {
            tallies.resize(cause + 1, Tally::new(TIMELINE_BUCKETS));
        }
        tallies[cause].add(utc_ns);
    }

    /// Adds up by how much the counters rose. What they were before the recording says nothing.
    fn counters(&mut self, counters: Counters, utc_ns: i64, host: usize) {
        let window = self.options.window.as_ref();
        let within = window.is_none_or(|window| window.contains(utc_ns));
        if counters.since.is_none() || !within {
            return;
        }
        let wanted = &self.options.filter.netns;
        if !wanted.is_empty() && !wanted.contains(&counters.netns) {
            return;
        }
        for (name, by) in counters.counters {
            let key = (host, counters.netns, name);
            if self.moved.len() < COUNTERS || self.moved.contains_key(&key) {
                *self.moved.entry(key).or_default() += by;
            }
        }
    }

    /// An end that is to be kept, to join it with its other one.
    fn kept_end(
        &mut self,
        host: usize,
        direction: Direction,
        socket: &Socket,
        isn: Option<u32>,
    ) -> Option<End> {
        if !self.options.several {
            return None;
        }
        let end = End::of(host, direction, socket)?;
        if self.ends.len() >= ENDS {
            self.ends_beyond += 1;
            return None;
        }
        Some(End { isn, ..end })
    }

    fn connection(&mut self, view: &ConnectionView<'_>, utc_ns: i64, host: usize) {
        self.successes_known = true;
        if &*view.outcome == "abandoned" {
            return;
        }
        let destination = Destination::of(view.direction, &view.socket);
        let start_ns = view.timing.start_ns();
        self.hosts[host].succeeded(start_ns.unwrap_or(utc_ns), destination);
        let isn = view.tcp.as_ref().and_then(|tcp| tcp.isn);
        if let Some(end) = self.kept_end(host, view.direction, &view.socket, isn) {
            self.ends.push(End {
                start_ns,
                end_ns: utc_ns,
                ..end
            });
        }
        if view.passes(&self.options.filter) {
            self.connections += 1;
            self.by_destination.came_up((host, destination));
        }
    }

    /// The host that a trace comes from. Traces without a header come from hosts of their own. `None`
    /// where there are too many.
    fn host(&mut self, header: Option<&Header>) -> Option<usize> {
        let known = header.and_then(|header| self.hosts.iter().position(|host| host.is_of(header)));
        if known.is_some() || self.hosts.len() >= HOSTS {
            return known;
        }
        let with_all = header.is_some_and(|it| it.command_line.iter().any(|it| it == "--all"));
        self.successes_known |= with_all;
        self.hosts.push(Host::new(header, with_all, &self.options));
        Some(self.hosts.len() - 1)
    }
}

fn note_header(source: &mut Source, header: Option<&Arc<Header>>) {
    let Some(header) = header.map(|it| Header::clone(it)) else {
        return;
    };
    source.begun.get_or_insert(header.time);
    source.host = Some(header.host);
    source.kernel = Some(header.kernel);
    source.recorded_by = Some(header.version);
    source.command_line = header.command_line;
    source.degraded = header.degraded;
}

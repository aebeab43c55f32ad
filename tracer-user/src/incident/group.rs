//! One incident: failures that are alike.

use std::collections::HashSet;

use super::{Attempt, Buckets, Destination, Sample, share::Standing};
use crate::{
    clock::utc_text,
    record::{Confidence, Direction, Failure, Incident, IncidentState, Process, Severity},
};

/// Length of a day, nanoseconds.
pub(super) const DAY_NS: i64 = 86_400_000_000_000;
/// Buckets of an incident's rate.
const BUCKETS: usize = 60;
/// Pids that are told.
const PIDS: usize = 16;
/// Pids that are told apart.
const DISTINCT_PIDS: usize = 1024;
/// Failures whose id is told.
const IDS: usize = 8;

/// Failures that are alike: an incident, or what may become one.
#[derive(Clone, Debug)]
pub struct Group {
    day: i64,
    number: u32,
    /// Its number among all groups of its tracker.
    pub serial: u64,
    /// The first failure, nanoseconds since 1970.
    pub first_ns: i64,
    /// The last failure, nanoseconds since 1970.
    pub last_ns: i64,
    /// Failures.
    pub count: u64,
    /// Failures that pass the filter.
    pub wanted: u64,
    /// Failures over time.
    pub buckets: Buckets,
    /// How much it matters.
    pub severity: Severity,
    /// No further failure came for the time of `--incident-quiet`.
    pub closed: bool,
    /// Its surest failure, the first of these.
    pub sample: Option<Sample>,
    pub(super) announced: bool,
    destination: Destination,
    netns: Option<u32>,
    cause: Box<str>,
    stuck_on: Option<Box<str>>,
    confidence: Confidence,
    /// Of samples that a surer one replaced, the first process.
    process: Option<Box<Process>>,
    pids: Vec<u32>,
    further_pids: HashSet<u32>,
    ids: Vec<String>,
    worst: Standing,
    successes_known: bool,
}

impl Group {
    /// The incident of a day (since 1970) that has a number.
    pub(super) fn new(day: i64, number: u32, serial: u64, attempt: &Attempt<'_>) -> Self {
        Self {
            day,
            number,
            serial,
            first_ns: attempt.utc_ns,
            last_ns: attempt.utc_ns,
            count: 0,
            wanted: 0,
            buckets: Buckets::new(BUCKETS),
            severity: Severity::Info,
            closed: false,
            sample: None,
            announced: false,
            destination: attempt.destination,
            netns: attempt.netns,
            cause: attempt.cause.into(),
            stuck_on: attempt.stuck_on.map(Into::into),
            confidence: attempt.confidence,
            process: None,
            pids: Vec::new(),
            further_pids: HashSet::new(),
            ids: Vec::new(),
            worst: Standing::default(),
            successes_known: false,
        }
    }

    /// Adds a failure.
    pub(super) fn add(&mut self, attempt: &Attempt<'_>, whole: impl FnOnce() -> Option<Sample>) {
        self.count += 1;
        self.wanted += u64::from(attempt.wanted);
        self.first_ns = self.first_ns.min(attempt.utc_ns);
        self.last_ns = self.last_ns.max(attempt.utc_ns);
        self.buckets.add(attempt.utc_ns, 1);
        if self.ids.len() < IDS {
            self.ids.push(attempt.id.to_owned());
        }
        if let Some(who) = attempt.who {
            self.add_pid(who.pid);
        }
        if self.sample.is_none() || attempt.confidence > self.confidence {
            self.confidence = self.confidence.max(attempt.confidence);
            if let Some(sample) = whole()
                && let Some(replaced) = self.sample.replace(sample)
                && self.process.is_none()
            {
                let read = replaced.read();
                self.process = read.and_then(|failure| failure.process.clone().map(Box::new));
            }
        }
    }

    fn add_pid(&mut self, pid: u32) {
        if self.pids.contains(&pid) {
            return;
        }
        if self.pids.len() < PIDS {
            self.pids.push(pid);
        } else if self.distinct_pids() < DISTINCT_PIDS {
            self.further_pids.insert(pid);
        }
    }

    fn distinct_pids(&self) -> usize {
        self.pids.len() + self.further_pids.len()
    }

    /// Judges how bad it is by how its destination stands. True where it became worse.
    pub(super) fn judge(
        &mut self,
        attempt: &Attempt<'_>,
        standing: Standing,
        streak: u32,
        successes_known: bool,
    ) -> bool {
        self.successes_known |= successes_known;
        if self.count == 1 {
            self.worst.baseline = standing.baseline;
        }
        self.worst.streak = self.worst.streak.max(standing.streak);
        self.worst.share = self.worst.share.max(standing.share);
        self.worst.risen |= standing.risen;
        let severity = if attempt.severity == Severity::Info {
            Severity::Info
        } else if standing.streak >= streak {
            Severity::Critical
        } else if standing.risen {
            Severity::Warning
        } else {
            Severity::Info
        };
        let worse = severity > self.severity;
        self.severity = self.severity.max(severity);
        worse
    }

    /// `F-YYYYMMDD-NNN`.
    #[must_use]
    pub fn id(&self) -> String {
        let midnight = utc_text(self.day.saturating_mul(DAY_NS));
        let day = midnight.split('T').next().unwrap_or_default();
        format!("F-{}-{:03}", day.replace('-', ""), self.number)
    }

    /// Cause code.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// How sure the cause is: the surest of the failures.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// Where the attempts led to.
    #[must_use]
    pub fn destination(&self) -> Destination {
        self.destination
    }

    /// Its record, as of a time in nanoseconds since 1970.
    #[must_use]
    pub fn record(&self, utc_ns: i64) -> Incident {
        let sample = self.sample.as_ref().and_then(Sample::read);
        let sample = sample.as_deref();
        let process = self.process.as_deref();
        let process = process.or_else(|| sample?.process.as_ref());
        let end = Some(self.destination.end);
        let outbound = self.destination.direction == Direction::Outbound;
        Incident {
            id: self.id(),
            time: utc_text(utc_ns),
            state: if self.closed {
                IncidentState::Closed
            } else {
                IncidentState::Open
            },
            severity: self.severity,
            severity_reason: self.severity_reason(),
            first: utc_text(self.first_ns),
            last: utc_text(self.last_ns),
            count: self.count,
            direction: self.destination.direction,
            cause: self.cause.to_string(),
            stuck_on: self.stuck_on.as_deref().map(str::to_owned),
            confidence: self.confidence,
            summary: self.summary(sample),
            why: sample
                .map(|failure| failure.why.clone())
                .unwrap_or_default(),
            fix: sample
                .map(|failure| failure.fix.clone())
                .unwrap_or_default(),
            process: process.cloned(),
            pids: self.pids.clone(),
            processes: self.distinct_pids() as u64,
            remote: end.filter(|_| outbound),
            local: end.filter(|_| !outbound),
            netns: self.netns,
            rate: self.buckets.rate(),
            share: self.successes_known.then_some(self.worst.share),
            baseline: self.worst.baseline,
            failures: self.ids.clone(),
        }
    }

    /// What its surest failure says, with the number of processes in the place of one pid.
    fn summary(&self, sample: Option<&Failure>) -> String {
        let Some(sample) = sample else {
            return format!("{} at {}", self.cause, self.destination.end);
        };
        let many = match self.distinct_pids() {
            0 | 1 => return sample.summary.clone(),
            DISTINCT_PIDS => format!("{DISTINCT_PIDS} processes or more"),
            many => format!("{many} processes"),
        };
        match &sample.process {
            Some(process) => sample.summary.replacen(
                &format!("{}[{}]", process.comm, process.pid),
                &format!("{} ({many})", process.comm),
                1,
            ),
            None => sample.summary.clone(),
        }
    }

    fn severity_reason(&self) -> String {
        let end = self.destination.end;
        let (share, baseline) = (percent(self.worst.share), self.worst.baseline.map(percent));
        match (self.severity, baseline) {
            (Severity::Critical, _) => {
                let streak = self.worst.streak;
                let doubt = if self.successes_known {
                    ""
                } else {
                    "; attempts that succeed are not recorded (--all), there may have been some \
                     between"
                };
                let attempts = if streak == 1 {
                    "attempt"
                } else {
                    "attempts in a row"
                };
                format!("{streak} {attempts} to {end} failed{doubt}")
            }
            (Severity::Warning, baseline) => format!(
                "the failing share of attempts to {end} rose to {share}, from {}",
                baseline.as_deref().unwrap_or("what is not known")
            ),
            (Severity::Info, Some(baseline)) => format!(
                "of the attempts to {end}, {share} failed at worst, {baseline} before: no sudden \
                 rise"
            ),
            (Severity::Info, None) if self.successes_known => {
                format!("too few attempts to {end} are known to say whether more fail than before")
            }
            (Severity::Info, None) => "few failures, and attempts that succeed are not recorded \
                                       (--all): whether more fail than before is not known"
                .to_owned(),
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

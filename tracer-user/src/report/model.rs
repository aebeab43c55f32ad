//! What a report says, before it has a form: every format shows this, and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    record::{Confidence, Connection, Degradation, Event, Failure, Incident, Ledger, Rate},
    trace::Problem,
};

/// The version of the report's own schema.
pub const SCHEMA: &str = "tcpwhy-report/1";

/// The postmortem of one or several traces, in the order of importance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Schema of this report.
    pub schema: String,
    /// Version of tcpwhy that made it.
    pub version: String,
    /// What broke, for whom, since when, until when, how sure.
    pub overview: Overview,
    /// The incidents: the worst first, of equal ones the earliest.
    pub incidents: Vec<Story>,
    /// The one failure or connection that was asked for (`--connection`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Detail>,
    /// Failures over time.
    pub timeline: Timeline,
    /// Failures by cause.
    pub causes: Table,
    /// Failures by process.
    pub processes: Table,
    /// Failures by destination: a remote end, or a listener of this host.
    pub destinations: Table,
    /// Counters of the kernel that rose meanwhile, those that rose most first.
    pub moved: Vec<Moved>,
    /// What could not be seen, or is not shown.
    pub unseen: Vec<Unseen>,
    /// The clocks of several hosts, against that of the first one.
    pub clocks: Vec<Clock>,
    /// The traces.
    pub sources: Vec<Source>,
}

/// What broke, for whom, since when, until when, how sure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overview {
    /// Sentences: the shortest form of the report.
    pub text: Vec<String>,
    /// The hosts, by name.
    pub hosts: Vec<String>,
    /// Failures that the report is about.
    pub failures: u64,
    /// Connections that came up and ended, where they were recorded (`--all`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// The first failure (RFC 3339); absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The last failure (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Incidents by severity.
    pub incidents: BySeverity,
    /// Incidents that are too many to be told one by one, and are only counted.
    pub incidents_left_out: u64,
    /// Failures by confidence.
    pub confidence: ByConfidence,
    /// What the report is restricted to, in the words of the command line; absent where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted_to: Option<String>,
    /// Failures of the traces that the restriction left out.
    pub filtered: u64,
}

/// Counts by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BySeverity {
    /// [`crate::record::Severity::Critical`].
    pub critical: u64,
    /// [`crate::record::Severity::Warning`].
    pub warning: u64,
    /// [`crate::record::Severity::Info`].
    pub info: u64,
}

/// Counts by confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByConfidence {
    /// [`Confidence::Certain`].
    pub certain: u64,
    /// [`Confidence::Likely`].
    pub likely: u64,
    /// [`Confidence::Unknown`].
    pub unknown: u64,
}

impl ByConfidence {
    /// Counts one more.
    pub fn add(&mut self, confidence: Confidence) {
        *match confidence {
            Confidence::Certain => &mut self.certain,
            Confidence::Likely => &mut self.likely,
            Confidence::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Story {
    /// The incident, as it stood at the end of the trace.
    pub incident: Incident,
    /// The host that recorded it; absent where the trace does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Of its failures, those that the report is about.
    pub wanted: u64,
    /// Its surest failure, with all evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Failure>,
    /// The evidence of that failure, one sentence each.
    pub evidence: Vec<String>,
    /// The same connections as the other host saw them.
    pub other_ends: Vec<OtherEnd>,
    /// What both ends together say; absent where that is no more than this one says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

impl Report {
    /// It is about more than one host.
    #[must_use]
    pub fn has_several_hosts(&self) -> bool {
        self.overview.hosts.len() > 1
    }
}

impl Story {
    /// As `--incident` takes it: with the host where there are several.
    #[must_use]
    pub fn name(&self, several_hosts: bool) -> String {
        match self.host.as_ref().filter(|_| several_hosts) {
            Some(host) => format!("{}@{host}", self.incident.id),
            None => self.incident.id.clone(),
        }
    }
}

/// What the records of both ends together say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Cause code.
    pub cause: String,
    /// How sure it is: `likely` at most, since two hosts' records are joined by addresses.
    pub confidence: Confidence,
    /// One sentence.
    pub summary: String,
}

/// What another host recorded about the same connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OtherEnd {
    /// That host.
    pub host: String,
    /// Its incident, by its id there.
    pub incident: String,
    /// Connections that both incidents are about, by the client's records.
    pub joined: u64,
    /// How they were joined, in words: the least sure way.
    pub joined_by: String,
    /// Its cause for them.
    pub cause: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// Its sentence.
    pub summary: String,
    /// Its chain.
    pub why: Vec<String>,
    /// Its evidence, one sentence each.
    pub evidence: Vec<String>,
    /// What to do there: commands first.
    pub fix: Vec<String>,
    /// Its surest failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Failure>,
}

/// One failure or connection with all that the trace holds of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Detail {
    /// The host that recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its record, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Its record, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// Its evidence, one sentence each.
    pub evidence: Vec<String>,
    /// What happened to it, in the order of time (from traces with `--events`).
    pub events: Vec<Event>,
    /// Why there are no events, or not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_missing: Option<String>,
    /// The incident that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

/// Failures over time: all series have the same buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// All failures.
    pub total: Rate,
    /// Those of each cause, in the order of [`Report::causes`].
    pub causes: Vec<Series>,
}

/// The counts of one cause, in the buckets of [`Timeline::total`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Cause code.
    pub cause: String,
    /// Counts, one a bucket.
    pub counts: Vec<u64>,
}

/// Failures by something, the most first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    /// The first rows.
    pub rows: Vec<Row>,
    /// Rows that are not shown.
    pub rows_left_out: u64,
    /// Failures in them.
    pub failures_left_out: u64,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// What the failures have in common.
    pub name: String,
    /// Its host; absent where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Failures.
    pub count: u64,
    /// The first one (RFC 3339).
    pub first: String,
    /// The last one (RFC 3339).
    pub last: String,
    /// Their causes, the most frequent first.
    pub causes: Vec<CauseCount>,
    /// Connections that came up, where they were recorded (`--all`); only of destinations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_up: Option<u64>,
}

/// A cause, and how many failures have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CauseCount {
    /// Cause code.
    pub cause: String,
    /// Failures.
    pub count: u64,
}

/// A counter of the kernel that rose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    /// The host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Inode number of its network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// Its name.
    pub name: String,
    /// By how much it rose.
    pub by: u64,
    /// By its name it counts what should not happen: drops, timeouts, resets and the like.
    pub tells_of_trouble: bool,
}

/// Something that could not be seen, or is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unseen {
    /// The kind of gap.
    pub kind: Gap,
    /// The host or file that it is about; absent where it is about all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// One sentence.
    pub text: String,
}

/// Why something is not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// Events or records were lost while recording.
    Lost,
    /// The kernel does not let it be seen.
    Degraded,
    /// A filter left it out, while recording or in this report.
    Filtered,
    /// The trace was cut short.
    CutShort,
    /// The file is damaged, or not as the schema wants it.
    Damaged,
    /// It was not asked for while recording.
    NotRecorded,
    /// There is too much of it.
    LeftOut,
}

/// How far a host's clock is ahead of the first host's, found by connections that both recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clock {
    /// The host.
    pub host: String,
    /// The host that its clock is compared with.
    pub reference: String,
    /// How far it is ahead, nanoseconds: taken off its times in this report. Absent where no
    /// connection was recorded by both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead_ns: Option<i64>,
    /// Half of the connections agree within so many nanoseconds of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_ns: Option<u64>,
    /// Connections that it rests on.
    pub joined: u64,
}

/// A trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The file's name, as it was given; `-` is standard input.
    pub file: String,
    /// Host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Kernel release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Version of the tcpwhy that recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_by: Option<String>,
    /// The command line that recorded it.
    pub command_line: Vec<String>,
    /// When recording began (RFC 3339), by the host's own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<String>,
    /// The last time that the trace tells of (RFC 3339), by the host's own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Records that were read.
    pub records: u64,
    /// Failures among them.
    pub failures: u64,
    /// No trailer: it was cut short.
    pub cut_short: bool,
    /// What the recording host does not let tcpwhy see.
    pub degraded: Vec<Degradation>,
    /// The last ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// What is wrong with the file.
    pub problems: Vec<Problem>,
}

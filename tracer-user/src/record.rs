//! What tcpwhy says: the records of schema `tcpwhy/1`.
//!
//! Every field that is absent is not known. Nothing here is ever filled with a guess.

mod beyond;
mod candidate;
mod connection;
mod context;
mod counters;
mod event;
mod evidence;
mod failure;
mod incident;
mod ledger;
mod process;
mod resent;
mod run;
mod socket;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    beyond::{Flow, Nat, Peer, PeerRole},
    candidate::{Candidate, Match},
    connection::{ClosedBy, Connection, Stream, Tcp, Timing},
    context::{Context, TurnedAway, Way},
    counters::{Counters, Usage},
    event::Event,
    evidence::{Drop, Icmp, MatchedBy, Reset},
    failure::{Confidence, Direction, Failure, Phase, Severity},
    incident::{Incident, IncidentState, Rate},
    ledger::{Forgotten, HookLedger, Ledger},
    process::{Holder, Process, Role},
    resent::{Resent, ResentFor},
    run::{Degradation, Header, Trailer},
    socket::{Endpoint, Family, Listener, Socket},
};

/// The version of the record schema, carried by every header.
pub const SCHEMA: &str = "tcpwhy/1";

/// One line of output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// First line: where and how the records were made.
    Header(Box<Header>),
    /// A connection that failed, and why.
    Failure(Box<Failure>),
    /// A connection that came up, or that ended in the ordinary way (with `--all`).
    Connection(Box<Connection>),
    /// One piece of evidence as it happened (with `--events`).
    Event(Box<Event>),
    /// Like failures grouped: written when they become an incident, when it gets worse, and when it
    /// is over.
    Incident(Box<Incident>),
    /// What attribution and diagnosis were told beside events (`record --events`).
    Context(Box<Context>),
    /// What a network namespace was doing beside failures in it (`record`).
    Counters(Box<Counters>),
    /// What was seen, emitted, filtered and lost so far.
    Ledger(Ledger),
    /// Last line: totals. A trace without one was cut short.
    Trailer(Trailer),
}

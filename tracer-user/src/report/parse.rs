//! What is read of a line before it is counted: any thread may do that.

use super::view::{ConnectionView, FailureView};
use crate::{
    clock::utc_ns,
    incident::{Attempt, Who},
    record::{Counters, Ledger, Trailer},
    trace::{Fault, Kind, Line, Work},
};

/// Why a record does not count.
pub(super) type Wrong = (Fault, String);

/// Reads lines.
pub(super) struct Parser;

/// As much of a record as counting needs. Times are nanoseconds since 1970.
pub(super) enum Parsed<'a> {
    /// A header: the line has it.
    Header,
    /// A failure.
    Failure(Failed<'a>),
    /// A connection, and its time.
    Connection(ConnectionView<'a>, i64),
    /// Counters, and their time.
    Counters(Counters, i64),
    /// A ledger (of a trailer, too), and its time.
    Ledger(Ledger, i64),
    /// What is not counted. Incidents are taken together anew, so that filters and thresholds apply;
    /// events serve only those who ask for one connection.
    Nothing,
}

/// A failure.
pub(super) struct Failed<'a> {
    pub(super) view: FailureView<'a>,
    pub(super) utc_ns: i64,
    /// When its attempt began, where that is told.
    start_ns: Option<i64>,
    /// The same, or when it came up at the earliest.
    pub(super) began_ns: Option<i64>,
    /// What the processes of an incident have in common.
    pub(super) process: String,
}

impl Work for Parser {
    type Own = ();
    type Done<'a> = Result<Parsed<'a>, Wrong>;

    fn own(&self) {}

    fn line<'a>(&self, (): &mut (), line: &Line<'a>) -> Self::Done<'a> {
        let bad = |why| (Fault::BadRecord, why);
        Ok(match line.kind {
            Kind::Header => Parsed::Header,
            Kind::Failure => Parsed::Failure(Failed::new(line.parse().map_err(bad)?)?),
            Kind::Connection => {
                let view: ConnectionView<'_> = line.parse().map_err(bad)?;
                let utc_ns = time(&view.time)?;
                Parsed::Connection(view, utc_ns)
            }
            Kind::Counters => {
                let counters: Counters = line.parse().map_err(bad)?;
                let utc_ns = time(&counters.time)?;
                Parsed::Counters(counters, utc_ns)
            }
            Kind::Ledger => {
                let ledger: Ledger = line.parse().map_err(bad)?;
                let utc_ns = time(&ledger.time)?;
                Parsed::Ledger(ledger, utc_ns)
            }
            Kind::Trailer => {
                let trailer: Trailer = line.parse().map_err(bad)?;
                let utc_ns = time(&trailer.time)?;
                Parsed::Ledger(trailer.ledger, utc_ns)
            }
            Kind::Event | Kind::Context | Kind::Incident => Parsed::Nothing,
        })
    }
}

fn time(text: &str) -> Result<i64, Wrong> {
    let no_time = || (Fault::BadRecord, "its time is no time".to_owned());
    utc_ns(text).ok_or_else(no_time)
}

impl<'a> Failed<'a> {
    fn new(view: FailureView<'a>) -> Result<Self, Wrong> {
        let utc_ns = time(&view.time)?;
        let start_ns = view.timing.start_ns();
        let who = view.process.as_ref().map(|process| process.who());
        Ok(Self {
            utc_ns,
            start_ns,
            began_ns: start_ns.or_else(|| view.came_up_ns(utc_ns)),
            process: process_name(who),
            view,
        })
    }

    /// As grouping wants it.
    pub(super) fn attempt(&self, wanted: bool) -> Attempt<'_> {
        let view = &self.view;
        Attempt {
            id: &view.id,
            utc_ns: self.utc_ns,
            start_ns: self.start_ns.unwrap_or(self.utc_ns),
            destination: view.destination(),
            netns: view.socket.netns,
            cause: &view.cause,
            stuck_on: view.stuck_on.as_deref(),
            confidence: view.confidence,
            severity: view.severity,
            who: view.process.as_ref().map(|process| process.who()),
            wanted,
        }
    }
}

/// What the processes of an incident have in common.
fn process_name(who: Option<Who<'_>>) -> String {
    let Some(who) = who else {
        return "(process not known)".to_owned();
    };
    match (who.container, who.unit, who.exe) {
        (Some(container), ..) => {
            let short = container.get(..12).unwrap_or(container);
            [who.comm, " (container ", short, ")"].concat()
        }
        (None, Some(place), _) | (None, None, Some(place)) => [who.comm, " (", place, ")"].concat(),
        (None, None, None) => who.comm.to_owned(),
    }
}

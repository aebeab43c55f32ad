//! From an attempt to a verdict: the first rule that finds its evidence gives the cause.
//!
//! Pure: no clock, no I/O. A rule never guesses: where evidence is missing it says which, and lowers
//! the confidence.

mod beyond;
mod case;
mod finding;
mod fix;
pub mod inbound;
mod places;
mod rules;
mod ruling;
pub(crate) mod words;

pub use self::{case::Case, finding::Finding, places::Places};
use crate::{
    attribute::Attempt,
    record::{Confidence, Severity},
};

/// What is to be said of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Cause and its evidence; the chain begins with what the application saw.
    pub finding: Finding,
    /// What it was stuck on, where the application gave up first.
    pub stuck_on: Option<&'static str>,
    /// Errno that the application got, where it is known.
    pub errno: Option<i32>,
    /// How much it matters.
    pub severity: Severity,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It failed.
    Failed(Box<Verdict>),
    /// Another attempt of the same process, to another address, came up first.
    LostRace {
        /// The address that won.
        winner: std::net::IpAddr,
    },
    /// It came up, and ended later.
    Closed,
}

/// Why nobody is named.
const KERNELS_OWN: &str = "a kernel thread made it: no process owns it";

/// Judges an attempt. `places` serves only to make commands ready to run.
#[must_use]
pub fn diagnose(attempt: &Attempt, places: &Places) -> Outcome {
    let case = Case::new(attempt, places);
    if let Some(state) = attempt.stream() {
        if state.failure == 0 {
            return Outcome::Closed;
        }
        let (finding, severity) = rules::stream::judge(&case, state);
        return Outcome::Failed(Box::new(conclude_stream(&case, finding, severity)));
    }
    if let Some(winner) = case.race_winner() {
        return Outcome::LostRace { winner };
    }
    let (finding, stuck_on) = rules::judge(&case);
    Outcome::Failed(Box::new(conclude(&case, finding, stuck_on)))
}

/// What is not known of whose a connection is that had come up.
#[must_use]
pub fn whose(attempt: &Attempt) -> Vec<String> {
    if attempt.stream().is_none() {
        return Vec::new();
    }
    let mut missing = words::whose(attempt);
    if attempt.is_kernels_own() {
        missing.push(KERNELS_OWN.to_owned());
    }
    missing
}

/// Where an attempt was refused by a RST of this host itself: in which network namespace, and which
/// address and port it had reached there.
#[must_use]
pub fn refused_here(attempt: &Attempt) -> Option<(u32, std::net::SocketAddr)> {
    let places = Places::default();
    let case = Case::new(attempt, &places);
    case.was_reset().then(|| case.refused_here()).flatten()
}

fn conclude_stream(case: &Case<'_>, mut finding: Finding, severity: Severity) -> Verdict {
    doubt(case, &mut finding);
    finding = beyond::explain(case, finding);
    doubt_end(case, &mut finding);
    finding.missing.extend(whose(case.attempt));
    finding.why.extend(words::who_ended(case));
    finding.why.insert(0, words::what_the_application_saw(case));
    Verdict {
        errno: case.errno(),
        severity,
        finding,
        stuck_on: None,
    }
}

/// Where events were lost, the decisive one may be among them.
fn doubt(case: &Case<'_>, finding: &mut Finding) {
    if case.attempt.lost > 0 {
        finding.confidence = finding.confidence.min(Confidence::Likely);
        finding.missing.push(format!(
            "{} events were lost or held back while it lived: see the ledger",
            case.attempt.lost
        ));
    }
}

/// Where another hook told of the end, later, how it came is inferred.
fn doubt_end(case: &Case<'_>, finding: &mut Finding) {
    if !case.attempt.end_was_seen() {
        finding.confidence = finding.confidence.min(Confidence::Likely);
        finding.missing.push(
            "how and when it ended: the kernel skipped the hook that tells (see missed in the ledger)"
                .to_owned(),
        );
    }
}

fn conclude(case: &Case<'_>, mut finding: Finding, stuck_on: Option<&'static str>) -> Verdict {
    doubt(case, &mut finding);
    finding = beyond::explain(case, finding);
    doubt_end(case, &mut finding);
    if case.attempt.began_ns().is_none() {
        finding.confidence = finding.confidence.min(Confidence::Likely);
        finding.missing.push(
            "its beginning was not seen: it is older than tcpwhy, or the table of attempts was full \
             (--max-attempts)"
                .to_owned(),
        );
    } else if case.attempt.owner.is_none() {
        finding
            .missing
            .push("the event that names its process was lost".to_owned());
    } else if case.attempt.is_kernels_own() {
        finding.missing.push(KERNELS_OWN.to_owned());
    }
    finding.why.extend(words::who_ended(case));
    finding.why.insert(0, words::what_the_application_saw(case));
    Verdict {
        errno: case.errno(),
        severity: Severity::Warning,
        finding,
        stuck_on,
    }
}

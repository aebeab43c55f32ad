//! The table, scenario by scenario: what had to be said, and what was.

use std::collections::BTreeMap;

use anyhow::Result;
use tracer_user::record::{Confidence, Direction, Failure, Phase};

use crate::{
    judge::Mismatch,
    net::Lab,
    runner::Happened,
    scenario::{Inbound, Scenario, Sure},
};

/// One side of a connection: what had to be said of it, and what was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// `out`: the client's. `listener`: handshakes that were not taken. `in`: accepted connections.
    pub name: &'static str,
    /// Causes, errnos and how sure.
    pub expected: String,
    /// The same, of the records.
    pub got: String,
}

/// The table's head.
#[must_use]
pub fn head() -> String {
    line("", "SCENARIO", "SIDE", "EXPECTED", "GOT")
}

/// A scenario's lines of the table: one a side, and below them all that differs.
#[must_use]
pub fn lines(scenario: &Scenario, done: &Result<Happened>, failures: &[&Failure]) -> Vec<String> {
    let it = match done {
        Ok(it) => it,
        Err(error) => {
            let got = format!("could not be made: {error:#}");
            let wanted = expected(scenario).remove(0);
            return vec![line("differs", &scenario.name, wanted.0, &wanted.1, &got)];
        }
    };
    let wrong = it.mismatches(Some(failures));
    let verdict = if wrong.is_empty() { "ok" } else { "differs" };
    let sides = sides(scenario, &it.lab, failures);
    let first = |place: usize, text: &'static str| if place == 0 { text } else { "" };
    let mut lines: Vec<String> = sides
        .iter()
        .enumerate()
        .map(|(place, side)| {
            let name = if place == 0 {
                scenario.name.as_str()
            } else {
                ""
            };
            let verdict = first(place, verdict);
            line(verdict, name, side.name, &side.expected, &side.got)
        })
        .collect();
    lines.extend(wrong.iter().map(difference));
    lines
}

fn line(verdict: &str, name: &str, side: &str, expected: &str, got: &str) -> String {
    format!("{verdict:<8} {name:<31} {side:<9} {expected:<56} {got}")
        .trim_end()
        .to_owned()
}

fn difference(wrong: &Mismatch) -> String {
    let Mismatch {
        what,
        expected,
        got,
    } = wrong;
    format!("           {what}: expected {expected}, got {got}")
}

/// The sides of a scenario that something had to be said of, or was.
#[must_use]
pub fn sides(scenario: &Scenario, lab: &Lab, failures: &[&Failure]) -> Vec<Side> {
    let mut got = got(lab, failures);
    let mut sides: Vec<Side> = expected(scenario)
        .into_iter()
        .map(|(name, expected)| Side {
            name,
            expected,
            got: got.remove(name).unwrap_or_else(|| "nothing".to_owned()),
        })
        .collect();
    // What a server leaves unread when the scenario ends is told too: nothing is wrong with that.
    got.remove(ACCEPTED);
    sides.extend(got.into_iter().map(|(name, got)| Side {
        name,
        expected: "nothing".to_owned(),
        got,
    }));
    sides
}

const CLIENT: &str = "out";
const LISTENER: &str = "listener";
const ACCEPTED: &str = "in";

/// What had to be said, side by side; never empty.
fn expected(scenario: &Scenario) -> Vec<(&'static str, String)> {
    let row = &scenario.row;
    let mut sides = Vec::new();
    if scenario.failures() > 0 {
        let text = said(row.cause, scenario.errno(), sure(row.sure));
        sides.push((CLIENT, times(scenario.failures(), &text)));
    }
    if !row.inbound.is_empty() {
        let one = |it: &Inbound| said(it.cause, "", sure(it.sure));
        let all: Vec<String> = row.inbound.iter().map(one).collect();
        sides.push((LISTENER, all.join("; ")));
    }
    if let Some(accepted) = row.server {
        sides.push((ACCEPTED, said(accepted.cause, accepted.errno, "")));
    }
    if sides.is_empty() {
        sides.push((CLIENT, "nothing".to_owned()));
    }
    sides
}

/// What was said of the namespaces of a lab, side by side.
fn got(lab: &Lab, failures: &[&Failure]) -> BTreeMap<&'static str, String> {
    let mut sides: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    let here = failures
        .iter()
        .filter(|failure| failure.socket.netns.is_some_and(|netns| lab.holds(netns)));
    for failure in here {
        let side = match (failure.direction, failure.phase) {
            (Direction::Outbound, _) => CLIENT,
            (Direction::Inbound, Phase::Handshake) => LISTENER,
            (Direction::Inbound, _) => ACCEPTED,
        };
        let errno = failure.errno.as_deref().unwrap_or_default();
        let text = said(&failure.cause, errno, confidence(failure.confidence));
        // Of a listener there is a record every few seconds, as long as it goes on.
        let count = sides.entry(side).or_default().entry(text).or_default();
        *count = if side == LISTENER { 1 } else { *count + 1 };
    }
    let joined = |texts: BTreeMap<String, usize>| {
        let all: Vec<String> = texts
            .into_iter()
            .map(|(text, count)| times(count, &text))
            .collect();
        all.join("; ")
    };
    sides
        .into_iter()
        .map(|(side, texts)| (side, joined(texts)))
        .collect()
}

/// `connection-refused ECONNREFUSED, certain`.
fn said(cause: &str, errno: &str, sure: &str) -> String {
    let mut text = cause.to_owned();
    if !errno.trim_matches('|').is_empty() {
        text = format!("{text} {errno}");
    }
    if !sure.is_empty() {
        text = format!("{text}, {sure}");
    }
    text
}

fn times(count: usize, text: &str) -> String {
    if count == 1 {
        text.to_owned()
    } else {
        format!("{count} x {text}")
    }
}

fn sure(sure: Sure) -> &'static str {
    match sure {
        Sure::Certain => "certain",
        Sure::Likely => "likely",
        Sure::Either => "",
        Sure::Unknown => "unknown",
    }
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Unknown => "unknown",
    }
}

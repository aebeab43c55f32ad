//! From an attempt, or what a listener turned away, to its record: diagnosis, and what is written of
//! it. Pure: live and replayed ones are judged alike.

use crate::{
    attribute::{Attempt, listener::Refusals},
    clock::Clock,
    compose::{self, held::Circumstances},
    diagnose::{self, Outcome, Places},
    record::{Connection, Direction, Failure},
};

/// What became of an attempt, as records have it.
pub enum Judged {
    /// It failed.
    Failed(Box<Failure>),
    /// It lost a race that another attempt won.
    LostRace(Box<Connection>),
    /// It came up, and ended in the ordinary way.
    Closed(Box<Connection>),
}

/// Judges an attempt; `places` serves only to make commands ready to run.
#[must_use]
pub fn judge(attempt: &Attempt, places: &Places, clock: Clock) -> Judged {
    let connection =
        |outcome: &str, ended: &str| Box::new(compose::connection(attempt, outcome, ended, clock));
    match diagnose::diagnose(attempt, places) {
        Outcome::Failed(verdict) => {
            Judged::Failed(Box::new(compose::failure(attempt, &verdict, clock)))
        }
        Outcome::LostRace { winner } => {
            let ended = format!("gave up, since its attempt to {winner} came up first:");
            Judged::LostRace(connection("abandoned", &ended))
        }
        Outcome::Closed => Judged::Closed(connection("closed", had(attempt))),
    }
}

fn had(attempt: &Attempt) -> &'static str {
    match attempt.direction() {
        Direction::Outbound => "had a connection to",
        Direction::Inbound => "had a connection from",
    }
}

/// Judges what a listener turned away.
#[must_use]
pub fn turned_away(
    mut refusals: Refusals,
    circumstances: Circumstances,
    places: &Places,
    clock: Clock,
) -> Failure {
    let Circumstances {
        held,
        lost,
        rulings,
    } = circumstances;
    for (barred, ruling) in refusals.barred.iter_mut().zip(rulings) {
        barred.seen.ruling = Some(ruling);
    }
    let mut verdict = diagnose::inbound::diagnose(&refusals, places);
    compose::inbound::doubt(&mut verdict, lost);
    compose::inbound::failure(&refusals, &verdict, held, lost, clock)
}

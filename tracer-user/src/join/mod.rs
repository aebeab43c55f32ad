//! Connections that two hosts recorded: which records are the two ends of one, and how the hosts'
//! clocks stand against each other.
//!
//! Pure. The two ends are joined by the client's initial sequence number and the addresses; where
//! addresses are translated in between, by that number and one end; where one record lacks the
//! number, by both ends and the time, once the clocks are known. What a listener recorded of several
//! clients at once is joined by its address and the time; where it listens on all addresses, by those
//! that other records show to be its own. Records whose numbers differ are
//! never joined, and addresses that mean another place on every host (loopback, link-local) neither.

mod clock;
mod end;
mod joiner;

use std::collections::HashMap;

use self::joiner::Joiner;
pub use self::{
    clock::Offset,
    end::{End, Side},
};

/// What two ends were joined by, the surest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The listener's address, and the time by clocks that could not be compared.
    ListenerOnly,
    /// The listener's address, and the time.
    Listener,
    /// Both addresses and ports, and the time.
    Tuple,
    /// The initial sequence number, and one end: something translates the other.
    IsnAndOneEnd,
    /// The initial sequence number, and both ends.
    TupleAndIsn,
}

impl By {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ListenerOnly => "the listener's address, and times that could not be compared",
            Self::Listener => "the listener's address and time",
            Self::Tuple => "addresses and time",
            Self::IsnAndOneEnd => "initial sequence number and one end's address",
            Self::TupleAndIsn => "addresses and initial sequence number",
        }
    }
}

/// Two records of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The client's record, by its place in the list of ends.
    pub client: usize,
    /// The server's.
    pub server: usize,
    /// How they were joined.
    pub by: By,
}

/// What was joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Ends of one connection.
    pub pairs: Vec<Pair>,
    /// By host: how its clock stands against that of host 0. `None` where it cannot be known.
    pub clocks: Vec<Option<Offset>>,
}

/// Joins the ends that `hosts` hosts recorded.
#[must_use]
pub fn join(hosts: usize, ends: &[End]) -> Joined {
    let ends = &end::with_addresses(ends);
    let mut joiner = Joiner::new(ends);
    joiner.by_isn(By::TupleAndIsn, &HashMap::new());
    let surest = clock::between(ends, &joiner.pairs);
    joiner.by_isn(By::IsnAndOneEnd, &surest);
    let sure = clock::between(ends, &joiner.pairs);
    // Where no sequence numbers are known, addresses that occur once have to do for the clocks.
    let mut between = clock::between(ends, &joiner.unique());
    between.extend(sure);
    joiner.by_tuple(&between);
    let between = clock::between(ends, &joiner.pairs);
    let clocks = clock::against_first(hosts, &between);
    joiner.by_listener(&between);
    Joined {
        pairs: joiner.pairs,
        clocks,
    }
}

#[cfg(test)]
mod tests;

//! The table of failures. To add one is to write one row in one of the modules below.

mod application;
mod firewall;
mod inbound;
mod link;
mod policy;
mod refused;
mod route;
mod row;
mod stream;
mod vanish;

pub(crate) use row::Step;
pub use row::{Accepted, Block, Count, Dropped, HostLimit, Inbound, Local, Nat, Row, Sure};
use tracer_user::record::Family;

/// One failure in one address family.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Unique: the row's name, with `-v6` for IPv6 where the row has both.
    pub name: String,
    /// The family it is made in.
    pub family: Family,
    /// What is done, and what must be said about it.
    pub row: Row,
}

/// Every scenario.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let subjects = [
        refused::rows(),
        firewall::rows(),
        route::rows(),
        link::rows(),
        policy::rows(),
        application::rows(),
        inbound::rows(),
        stream::rows(),
    ];
    subjects
        .into_iter()
        .flatten()
        .flat_map(Row::scenarios)
        .collect()
}

/// What this lab cannot make, and why: never counted as passed.
#[must_use]
pub fn not_possible() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "netem loss on the path",
            "this kernel has no sch_netem; silence is made with tc and with a tun device instead",
        ),
        (
            "LSM denial of connect()",
            "BPF LSM programs are refused here (EPERM)",
        ),
        (
            "drops in a network card's own XDP",
            "no such hardware: only veth native and generic",
        ),
        (
            "TIME_WAIT clash by timestamps (PAWS)",
            "could not be brought about on this kernel",
        ),
    ]
}

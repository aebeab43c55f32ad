//! Incidents: failures of the same process, remote end and cause, taken together.
//!
//! Pure: records in, in about the order of their times; no clock, no I/O. The live commands and the
//! report group alike.
//!
//! - The same **process** is the same name in the same container, else in the same systemd unit,
//!   else of the same executable: workers and restarts of a service are one.
//! - The same **remote end** is the same address and port; of inbound connections the listener's,
//!   whoever the clients are. Loopback addresses are told apart by network namespace.
//! - The same **cause** is the same code, and the same `stuck_on`.

mod attempt;
mod buckets;
mod group;
mod sample;
mod share;
mod tracker;

use std::time::Duration;

use clap::Args;

pub use self::{
    attempt::{Attempt, Destination, Who},
    buckets::Buckets,
    group::Group,
    sample::Sample,
    tracker::Tracker,
};
use crate::cli::value;

/// When failures are an incident, how bad, and for how long.
#[derive(Args, Clone, Copy, Debug, PartialEq)]
#[command(next_help_heading = "Incidents (failures of the same process, remote end and cause)")]
pub struct Thresholds {
    /// An incident is over after so long without a failure
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = value::duration)]
    pub incident_quiet: Duration,
    /// Critical: so many attempts in a row to one destination failed (without --all: failures with
    /// no longer pause between them than --incident-quiet)
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub incident_streak: u32,
    /// Warning: the failing share of a destination rose by so many percent above its own baseline
    /// (needs the connections that succeed: --all)
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub incident_rise: u32,
    /// The time over which that share is taken
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = value::duration)]
    pub incident_window: Duration,
    /// Incidents that are open at one time; beyond it, the one that was quiet longest is closed
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4096,
        value_parser = clap::value_parser!(u32).range(1..=1_048_576)
    )]
    pub max_incidents: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            incident_quiet: Duration::from_secs(300),
            incident_streak: 3,
            incident_rise: 30,
            incident_window: Duration::from_secs(60),
            max_incidents: 4096,
        }
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

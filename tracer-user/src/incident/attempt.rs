//! What grouping wants to know of an attempt.

use std::{hash::Hash as _, net::IpAddr};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::{
    clock::utc_ns,
    record::{Confidence, Connection, Direction, Endpoint, Failure, Process, Severity, Socket},
};

/// A failed attempt, as far as grouping wants to know it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Its record's id.
    pub id: &'a str,
    /// When it failed, nanoseconds since 1970.
    pub utc_ns: i64,
    /// When it began; when it failed, where that is not known.
    pub start_ns: i64,
    /// The destination.
    pub destination: Destination,
    /// Network namespace.
    pub netns: Option<u32>,
    /// Cause code.
    pub cause: &'a str,
    /// What the application was stuck on.
    pub stuck_on: Option<&'a str>,
    /// How sure the cause is.
    pub confidence: Confidence,
    /// How much it matters by itself.
    pub severity: Severity,
    /// Its process.
    pub who: Option<Who<'a>>,
    /// It passes the filter: counted in [`super::Group::wanted`].
    pub wanted: bool,
}

/// A process, as far as grouping wants to know it.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Thread-group id.
    pub pid: u32,
    /// Name.
    pub comm: &'a str,
    /// Executable.
    pub exe: Option<&'a str>,
    /// Container id.
    pub container: Option<&'a str>,
    /// systemd unit.
    pub unit: Option<&'a str>,
}

/// Where attempts lead to: a remote end, or a listener of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// Outbound: a remote end. Inbound: a listener.
    pub direction: Direction,
    /// Its address and port.
    pub end: Endpoint,
    /// Network namespace, where the address means something else in each.
    pub netns: Option<u32>,
}

impl Destination {
    /// The destination of a connection; that of an inbound one whose listener is not known is the
    /// other end.
    #[must_use]
    pub fn of(direction: Direction, socket: &Socket) -> Self {
        let end = match direction {
            Direction::Outbound => socket.remote,
            Direction::Inbound => socket.local.unwrap_or(socket.remote),
        };
        let netns = is_own_in_each_netns(end.addr).then_some(socket.netns);
        Self {
            direction,
            end,
            netns: netns.flatten(),
        }
    }
}

fn is_own_in_each_netns(addr: IpAddr) -> bool {
    addr.to_canonical().is_loopback()
}

impl<'a> Attempt<'a> {
    /// What a failure's record says; `None` where its time is no time.
    #[must_use]
    pub fn of(failure: &'a Failure) -> Option<Self> {
        let ended_ns = utc_ns(&failure.time)?;
        Some(Self {
            id: &failure.id,
            utc_ns: ended_ns,
            start_ns: failure
                .timing
                .start
                .as_deref()
                .and_then(utc_ns)
                .unwrap_or(ended_ns),
            destination: Destination::of(failure.direction, &failure.socket),
            netns: failure.socket.netns,
            cause: &failure.cause,
            stuck_on: failure.stuck_on.as_deref(),
            confidence: failure.confidence,
            severity: failure.severity,
            who: failure.process.as_ref().map(Who::of),
            wanted: true,
        })
    }

    /// What makes failures alike, as a number that differs for all that are not.
    pub(super) fn fingerprint(&self, seed: &SipHasher13) -> u128 {
        // The container, else the unit, else the executable.
        let who = self.who.map(|who| {
            let place = match (who.container, who.unit) {
                (Some(container), _) => (0, Some(container)),
                (None, Some(unit)) => (1, Some(unit)),
                (None, None) => (2, who.exe),
            };
            (who.comm, place)
        });
        let alike = (self.destination, self.cause, self.stuck_on, who);
        let mut hasher = *seed;
        alike.hash(&mut hasher);
        hasher.finish128().as_u128()
    }
}

impl<'a> Who<'a> {
    fn of(process: &'a Process) -> Self {
        Self {
            pid: process.pid,
            comm: &process.comm,
            exe: process.exe.as_deref(),
            container: process.container.as_deref(),
            unit: process.unit.as_deref(),
        }
    }
}

/// When a connection that did not fail began, and its destination; `None` where the time is not
/// known, or it is no answer to whether the destination can be reached (the loser of a race).
#[must_use]
pub(super) fn success(connection: &Connection) -> Option<(i64, Destination)> {
    if connection.outcome == "abandoned" {
        return None;
    }
    let start = connection.timing.start.as_ref().unwrap_or(&connection.time);
    let destination = Destination::of(connection.direction, &connection.socket);
    Some((utc_ns(start)?, destination))
}

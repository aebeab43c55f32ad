//! Finds attempts that never came to a SYN while their socket lives on: no hook tells of those.

use anyhow::anyhow;
use aya::maps::HashMap;
use tracer_ebpf::{
    attempt::{Entry, phase},
    event::{Attempt, Head, Tuple, Unsent, kind, unsent},
};

use super::{Hooks, Plain};

/// An attempt stays at most so long between `connect()` and `SYN_SENT`: a route lookup.
const SETTLED_AFTER_NS: u64 = 100_000_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The events that the kernel half would have sent.
    pub events: Vec<(Attempt, Unsent)>,
    /// Attempts that began too recently to tell.
    pub young: u64,
}

impl Hooks {
    /// Takes the attempts out of the table that began long enough before `now_ns`
    /// (`CLOCK_MONOTONIC`) and never came to a SYN.
    ///
    /// # Errors
    /// Where the kernel refuses to read the table: a defect.
    pub fn sweep(&mut self, now_ns: u64) -> anyhow::Result<Found> {
        let map = self.ebpf.map_mut("ATTEMPTS");
        let map = map.ok_or_else(|| anyhow!("the table of attempts is missing"))?;
        let mut table = HashMap::<_, u64, Plain<Entry>>::try_from(map)?;
        // Entries come and go while we look: one that vanishes is no error.
        let called: Vec<(u64, Entry)> = table
            .iter()
            .flatten()
            .map(|(sk, entry)| (sk, entry.0))
            .filter(|(_, entry)| entry.phase == phase::CALLED)
            .collect();
        let mut found = Found::default();
        for (sk, entry) in called {
            if now_ns.saturating_sub(entry.start_ns) <= SETTLED_AFTER_NS {
                found.young += 1;
            } else if table.remove(&sk).is_ok() {
                found.events.push(as_events(sk, &entry, now_ns));
            }
        }
        Ok(found)
    }
}

fn as_events(sk: u64, entry: &Entry, now_ns: u64) -> (Attempt, Unsent) {
    let head = |kind| Head {
        kind,
        cpu: 0,
        time_ns: now_ns,
        sk,
        attempt_ns: entry.start_ns,
    };
    let unsent = Unsent {
        head: head(kind::UNSENT),
        tuple: Tuple {
            local: [0; 16],
            remote: entry.remote,
            local_port: 0,
            remote_port: entry.remote_port,
            family: entry.family,
            protocol: 6,
            netns: entry.netns,
            state: 7,
        },
        cookie: entry.cookie,
        how: unsent::SWEPT,
        err: 0,
        cgroup_err: entry.cgroup_err,
        mark: 0,
        bound_device: 0,
        reserved: 0,
    };
    (
        Attempt {
            head: head(kind::ATTEMPT),
            owner: entry.owner,
        },
        unsent,
    )
}

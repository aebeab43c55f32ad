//! How the clocks of hosts stand against each other, by connections that both recorded.

use std::collections::{HashMap, VecDeque};

use super::{End, Pair};

/// How far a clock is ahead of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset {
    /// How far it is ahead, nanoseconds. The way of the packet is in it.
    pub ahead_ns: i64,
    /// Half of the connections agree within so many nanoseconds.
    pub spread_ns: u64,
    /// Connections that it rests on.
    pub joined: u64,
}

/// By pair of hosts (a, b): how far the clock of b is ahead of that of a. Both ways.
pub(super) fn between(ends: &[End], pairs: &[Pair]) -> HashMap<(usize, usize), Offset> {
    let mut apart: HashMap<(usize, usize), Vec<i64>> = HashMap::new();
    for pair in pairs {
        let (client, server) = (&ends[pair.client], &ends[pair.server]);
        let Some(ahead_ns) = same_moment(client, server) else {
            continue;
        };
        let (hosts, ahead_ns) = if client.host < server.host {
            ((client.host, server.host), ahead_ns)
        } else {
            ((server.host, client.host), ahead_ns.saturating_neg())
        };
        apart.entry(hosts).or_default().push(ahead_ns);
    }
    let mut offsets = HashMap::new();
    for ((a, b), mut apart) in apart {
        let offset = offset(&mut apart);
        offsets.insert((a, b), offset);
        let ahead_ns = offset.ahead_ns.saturating_neg();
        offsets.insert((b, a), Offset { ahead_ns, ..offset });
    }
    offsets
}

/// A moment that both ends saw, by the clock of the server less that of the client.
fn same_moment(client: &End, server: &End) -> Option<i64> {
    match (client.start_ns, server.start_ns) {
        (Some(client), Some(server)) => Some(server.saturating_sub(client)),
        _ if client.reset && server.reset => Some(server.end_ns.saturating_sub(client.end_ns)),
        _ => None,
    }
}

/// The median, and the median distance from it: a SYN that was lost and sent again does no harm.
fn offset(apart: &mut [i64]) -> Offset {
    let ahead_ns = median(apart);
    let mut distances: Vec<i64> = apart
        .iter()
        .map(|&it| i64::try_from(it.abs_diff(ahead_ns)).unwrap_or(i64::MAX))
        .collect();
    Offset {
        ahead_ns,
        spread_ns: median(&mut distances).unsigned_abs(),
        joined: apart.len() as u64,
    }
}

fn median(values: &mut [i64]) -> i64 {
    if values.is_empty() {
        return 0;
    }
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable(middle).1
}

/// By host: how far its clock is ahead of that of host 0, over other hosts where need be.
pub(super) fn against_first(
    hosts: usize,
    between: &HashMap<(usize, usize), Offset>,
) -> Vec<Option<Offset>> {
    let mut known = vec![None; hosts];
    if hosts == 0 {
        return known;
    }
    known[0] = Some(Offset::default());
    let mut queue = VecDeque::from([(0, Offset::default())]);
    while let Some((at, so_far)) = queue.pop_front() {
        for (next, place) in known.iter_mut().enumerate() {
            let Some(step) = between.get(&(at, next)).filter(|_| place.is_none()) else {
                continue;
            };
            let first = at == 0;
            let offset = Offset {
                ahead_ns: so_far.ahead_ns.saturating_add(step.ahead_ns),
                spread_ns: so_far.spread_ns.saturating_add(step.spread_ns),
                joined: if first {
                    step.joined
                } else {
                    so_far.joined.min(step.joined)
                },
            };
            *place = Some(offset);
            queue.push_back((next, offset));
        }
    }
    known
}

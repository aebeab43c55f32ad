//! What another host recorded about the same connections, and what both ends together say.

use std::collections::{HashMap, HashSet};

use super::model::{OtherEnd, Story, Verdict};
use crate::{
    join::{By, End, Pair},
    record::{Confidence, Incident},
};

/// A group, by its host and its number there.
type Key = (usize, u64);

/// An incident that is being told.
pub(super) struct Told {
    pub(super) key: Key,
    /// The story of its other end tells all of it.
    pub(super) absorbed: bool,
    pub(super) story: Story,
}

/// Causes that say what one end saw of it, not why: the other end, or the way, did something.
const SYMPTOMS: [&str; 12] = [
    "no-answer",
    "unknown",
    "abandoned",
    "process-exited",
    "handshake-incomplete",
    "connection-refused",
    "reset-by-peer",
    "icmp-unreachable",
    "icmp-prohibited",
    "retransmission-timeout",
    "user-timeout",
    "keepalive-timeout",
];

/// Causes of a client whom a listener may have turned away: nothing answered, or the connection broke
/// off. One that was refused met no listener at all.
const TURNED_AWAY: [&str; 9] = [
    "no-answer",
    "unknown",
    "abandoned",
    "process-exited",
    "accept-queue-full",
    "syn-queue-full",
    "handshake-rejected",
    "reset-by-peer",
    "retransmission-timeout",
];

/// Whether a listener may have turned a client away that failed for this cause.
pub(super) fn may_be_turned_away(cause: &str) -> bool {
    TURNED_AWAY.contains(&cause)
}

/// Tells each incident of a client what its servers say, and the other way round.
pub(super) fn tell(told: &mut [Told], ends: &[End], pairs: &[Pair]) {
    let places: HashMap<Key, usize> = told
        .iter()
        .enumerate()
        .map(|(at, it)| (it.key, at))
        .collect();
    let mut joined: Vec<_> = count(ends, pairs).into_iter().collect();
    joined.sort_by_key(|(keys, common)| (std::cmp::Reverse(common.clients.len()), *keys));
    for (
        (client, server),
        Common {
            clients,
            servers,
            by,
        },
    ) in joined
    {
        let (Some(&client), Some(&server)) = (places.get(&client), places.get(&server)) else {
            continue;
        };
        let of_server = other_end(&told[server].story, clients.len(), by);
        let of_client = other_end(&told[client].story, clients.len(), by);
        let verdict = verdict(&told[client].story.incident, &of_server);
        let story = &mut told[client].story;
        story.verdict = story.verdict.take().or(verdict);
        told[client].story.other_ends.push(of_server);
        told[server].absorbed |= servers.len() as u64 >= told[server].story.incident.count;
        told[server].story.other_ends.push(of_client);
    }
}

/// What two groups have in common.
struct Common {
    /// Records of the client: one of these may be joined with several of a listener.
    clients: HashSet<usize>,
    /// Records of the server: one of these may be about several clients.
    servers: HashSet<usize>,
    /// The least sure way in which they were joined.
    by: By,
}

fn count(ends: &[End], pairs: &[Pair]) -> HashMap<(Key, Key), Common> {
    let mut counts = HashMap::new();
    for pair in pairs {
        let (client, server) = (&ends[pair.client], &ends[pair.server]);
        if let (Some(a), Some(b)) = (client.group, server.group) {
            let common = counts
                .entry(((client.host, a), (server.host, b)))
                .or_insert_with(|| Common {
                    clients: HashSet::new(),
                    servers: HashSet::new(),
                    by: pair.by,
                });
            common.clients.insert(pair.client);
            common.servers.insert(pair.server);
            common.by = common.by.min(pair.by);
        }
    }
    counts
}

fn other_end(story: &Story, joined: usize, by: By) -> OtherEnd {
    let incident = &story.incident;
    OtherEnd {
        host: story
            .host
            .clone()
            .unwrap_or_else(|| "the other host".to_owned()),
        incident: incident.id.clone(),
        joined: joined as u64,
        joined_by: by.name().to_owned(),
        cause: incident.cause.clone(),
        confidence: incident.confidence,
        summary: incident.summary.clone(),
        why: incident.why.clone(),
        evidence: story.evidence.clone(),
        fix: incident.fix.clone(),
        sample: story.sample.clone(),
    }
}

/// What both ends say: the one that knows why, where the other knows only that.
fn verdict(client: &Incident, server: &OtherEnd) -> Option<Verdict> {
    let symptom = |cause: &str| SYMPTOMS.contains(&cause);
    let seen = client.stuck_on.as_deref().unwrap_or(&client.cause);
    let confidence = server.confidence.min(Confidence::Likely);
    match (symptom(seen), symptom(&server.cause)) {
        (true, false) => Some(Verdict {
            cause: server.cause.clone(),
            confidence,
            summary: format!("on {}: {}", server.host, server.summary),
        }),
        (true, true) if seen == "no-answer" && server.cause == "handshake-incomplete" => {
            Some(Verdict {
                cause: client.cause.clone(),
                confidence: confidence.min(client.confidence),
                summary: format!(
                    "the SYNs reached {}, and its SYN-ACKs did not reach the client: they were lost \
                     on the way back",
                    server.host
                ),
            })
        }
        _ => None,
    }
}

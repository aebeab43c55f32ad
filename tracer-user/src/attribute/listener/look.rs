//! Looks at listeners: what their counts say of what no hook saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tracer_ebpf::{
    listener::{CountKey, Listener},
    tcp_state,
};

use super::{Kind, Listeners};

/// What a network namespace counts of packets that its listeners turned away (TcpExt of
/// `/proc/net/netstat`), and the settings that decide on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// `ListenDrops`: all of them.
    pub listen_drops: u64,
    /// `ListenOverflows`: of those, the ones that found a full accept queue.
    pub listen_overflows: u64,
    /// `TCPReqQFullDrop`: likewise, a full SYN queue.
    pub syn_queue_drops: u64,
    /// `TCPReqQFullDoCookies`: not dropped, but answered with a SYN cookie.
    pub syn_queue_cookies: u64,
    /// `net.core.somaxconn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub somaxconn: Option<u64>,
    /// `net.ipv4.tcp_max_syn_backlog`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_syn_backlog: Option<u64>,
    /// `net.ipv4.tcp_syncookies`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syncookies: Option<u64>,
    /// `net.ipv4.tcp_abort_on_overflow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_on_overflow: Option<u64>,
    /// `net.ipv4.tcp_synack_retries`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synack_retries: Option<u64>,
}

impl Counters {
    /// Without SYN cookies, the last quarter of `tcp_max_syn_backlog` is for clients that are known
    /// already (`tcp_conn_request`, `net/ipv4/tcp_input.c`): whether that many handshakes reach it.
    #[must_use]
    pub fn refuse_strangers_at(&self, handshakes: u32) -> bool {
        let (Some(0), Some(most)) = (self.syncookies, self.max_syn_backlog) else {
            return false;
        };
        u64::from(handshakes) > most - (most >> 2)
    }
}

/// One look at listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// When, `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// All were looked at: those that are not among `listeners` are as they were last seen.
    pub whole: bool,
    /// Listeners, as they are now.
    pub listeners: Vec<(u64, Listener)>,
    /// What the network namespaces count, of those where something moved, and those that are new.
    pub counters: BTreeMap<u32, Counters>,
    /// What the kernel half counted.
    pub counts: Vec<(CountKey, u64)>,
}

/// A listener whose count of drops has grown.
struct Mover {
    sk: u64,
    listener: Listener,
    since_ns: u64,
    before_ns: u64,
    drops: u64,
}

/// What a namespace counted and no listener has been found for yet. It is read after the listeners
/// were looked at, so it is never too little; what is too much belongs to the next look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pool {
    drops: u64,
    overflows: u64,
    syn_queue: u64,
}

impl Pool {
    fn grow(&mut self, last: Self, now: Self) {
        // What stays for longer than one look belongs to a listener that is not watched.
        let keep = |pool: u64, last: u64, now: u64| pool.min(last) + now;
        self.drops = keep(self.drops, last.drops, now.drops);
        self.overflows = keep(self.overflows, last.overflows, now.overflows);
        self.syn_queue = keep(self.syn_queue, last.syn_queue, now.syn_queue);
    }

    fn take(&mut self, [accept, syn, ignored]: [u64; 3]) {
        self.drops = self.drops.saturating_sub(accept + syn + ignored);
        self.overflows = self.overflows.saturating_sub(accept);
        self.syn_queue = self.syn_queue.saturating_sub(syn);
    }
}

/// A network namespace with listeners.
#[derive(Clone, Debug, Default)]
pub(super) struct Namespace {
    pub(super) counters: Counters,
    pool: Pool,
    last: Pool,
}

impl Listeners {
    /// Namespaces whose counters have to be read before this look is taken: those of listeners that
    /// turned something away, or whose SYN queue is full.
    #[must_use]
    pub fn moved(&self, listeners: &[(u64, Listener)]) -> Vec<u32> {
        let moved = listeners.iter().filter(|(sk, now)| {
            self.watched.get(sk).is_some_and(|known| {
                known.listener.inode == now.inode
                    && (known.drops != now.drops
                        || known.held != 0
                        || is_syn_queue_full(now)
                        || is_syn_queue_full(&known.listener))
            })
        });
        let mut netns: Vec<u32> = moved.map(|(_, now)| now.netns).collect();
        netns.sort_unstable();
        netns.dedup();
        netns
    }

    /// Namespaces with listeners whose counters were never read.
    #[must_use]
    pub fn unread(&self) -> Vec<u32> {
        let mut netns: Vec<u32> = self
            .watched
            .values()
            .map(|known| known.listener.netns)
            .filter(|netns| !self.namespaces.contains_key(netns))
            .collect();
        netns.sort_unstable();
        netns.dedup();
        netns
    }

    /// Those that are not as they were last seen: a look without the others says the same.
    #[must_use]
    pub fn changed(&self, mut listeners: Vec<(u64, Listener)>) -> Vec<(u64, Listener)> {
        let is_known = |sk, now: &Listener| self.get(sk).is_some_and(|it| it.listener == *now);
        listeners.retain(|(sk, now)| !is_known(*sk, now));
        listeners
    }

    /// Takes a look. With it time passes: clients are no longer waited for, what has not gone on is
    /// over, and listeners that ended some time before are forgotten.
    pub fn look(&mut self, look: &Look) {
        self.take(look);
        self.give_up(look.time_ns);
        self.forget(look.time_ns);
    }

    fn take(&mut self, look: &Look) {
        for &(key, count) in &look.counts {
            let of_it = |known: &&u64| self.watched[known].counts.contains_key(&key);
            if let Some(sk) = self.watched.keys().find(of_it).copied() {
                self.count_to(sk, key, count, look.time_ns);
            }
        }
        let movers = self.movers(look);
        let mut namespaces: Vec<u32> = movers.iter().map(|it| it.listener.netns).collect();
        namespaces.extend(look.counters.keys());
        namespaces.sort_unstable();
        namespaces.dedup();
        for netns in namespaces {
            let here: Vec<&Mover> = movers
                .iter()
                .filter(|it| it.listener.netns == netns)
                .collect();
            let cookies = look
                .counters
                .get(&netns)
                .and_then(|now| self.grown(netns, now));
            self.turned_away(&here, cookies.map(|_| netns), look.time_ns);
            self.cookies(netns, cookies.unwrap_or(0), look.time_ns);
        }
    }

    /// Takes over what listeners are like now.
    fn movers(&mut self, look: &Look) -> Vec<Mover> {
        let mut seen: BTreeMap<u64, Listener> = BTreeMap::new();
        if look.whole {
            let open = self.watched().filter(|(_, known)| !known.has_ended());
            seen.extend(open.map(|(sk, known)| (sk, known.listener)));
        }
        seen.extend(look.listeners.iter().copied());
        let mut movers = Vec::new();
        for (sk, now) in seen {
            let Some(known) = self.watched.get_mut(&sk) else {
                continue;
            };
            if known.has_ended() {
                continue;
            }
            if known.listener.inode != now.inode || now.state != tcp_state::LISTEN {
                // The socket is gone, and its end was not seen.
                known.listener.state = 0;
                known.looked_ns = look.time_ns;
                continue;
            }
            let drops = now.drops.wrapping_sub(known.drops);
            known.drops = now.drops;
            if drops != 0 || known.held != 0 {
                movers.push(Mover {
                    sk,
                    listener: now,
                    since_ns: known.looked_ns,
                    before_ns: known.before_ns,
                    drops: drops.into(),
                });
            } else {
                known.ahead = 0;
            }
            known.before_ns = known.looked_ns;
            known.looked_ns = look.time_ns;
            known.syn_queue_before = known.listener.syn_queue;
            known.listener = now;
        }
        movers
    }

    /// Takes over what a namespace counts, and gives the number of cookies sent since the last time.
    /// `None` where it is the first time.
    fn grown(&mut self, netns: u32, now: &Counters) -> Option<u64> {
        let Some(known) = self.namespaces.get_mut(&netns) else {
            // What counted before is no news.
            let new = Namespace {
                counters: now.clone(),
                ..Namespace::default()
            };
            self.namespaces.insert(netns, new);
            return None;
        };
        let before = std::mem::replace(&mut known.counters, now.clone());
        let grown = Pool {
            drops: now.listen_drops.saturating_sub(before.listen_drops),
            overflows: now.listen_overflows.saturating_sub(before.listen_overflows),
            syn_queue: now.syn_queue_drops.saturating_sub(before.syn_queue_drops),
        };
        known.pool.grow(known.last, grown);
        known.last = grown;
        let cookies = now.syn_queue_cookies;
        Some(cookies.saturating_sub(before.syn_queue_cookies))
    }

    /// Divides what the listeners of one namespace turned away among the kinds; by its counters, where
    /// they are known.
    fn turned_away(&mut self, movers: &[&Mover], counted: Option<u32>, now_ns: u64) {
        let pool = counted.and_then(|netns| Some(self.namespaces.get(&netns)?.pool));
        let mut rest = pool;
        for mover in movers {
            let most = rest.map_or(0, |rest| rest.drops);
            let alone = movers.len() == 1;
            let (queued, held) = self.queued(mover, most, alone);
            let span = (mover.before_ns, now_ns);
            self.turn_away_by_state(mover.sk, &mover.listener, held, span);
            let Some(pool) = pool else {
                continue;
            };
            let (split, sure) = split(queued, &mover.listener, pool, alone);
            if let Some(rest) = &mut rest {
                rest.take(split);
            }
            self.turn_away(mover.sk, split, sure, (mover.since_ns, now_ns));
        }
        if let (Some(netns), Some(rest)) = (counted, rest)
            && let Some(known) = self.namespaces.get_mut(&netns)
        {
            known.pool = rest;
        }
    }

    /// Of a listener's drops, those that the namespace counts as turned away, and those that neither
    /// this explains nor a packet that was seen dropped there, not even now that one more look has been
    /// taken: such an event may come a moment later.
    ///
    /// A listener's own count holds what it turns away and, since some kernels, each packet that is
    /// dropped at it, so that one packet may count twice; the namespace's holds only the former. It is
    /// read last, so what a listener alone is given may be ahead of its own count, until the next look.
    fn queued(&mut self, mover: &Mover, most: u64, alone: bool) -> (u64, u64) {
        let Some(known) = self.watched.get_mut(&mover.sk) else {
            return (0, 0);
        };
        let drops = known.held + mover.drops;
        let seen = drops.min(known.otherwise);
        known.otherwise -= seen;
        let unseen = drops - seen;
        let queued = if alone { drops } else { unseen }.min(most);
        let ahead = std::mem::replace(&mut known.ahead, queued.saturating_sub(unseen));
        let unexplained = unseen.saturating_sub(queued + ahead);
        let decided = unexplained.min(known.held);
        known.held = unexplained - decided;
        (queued, decided)
    }

    /// What no counter names is divided by what the listener is like. Not where the kernel does not name
    /// the receivers of what it drops (before 6.11): strays of connections that are long gone are among
    /// a listener's drops, too, and what finds its accept queue full counts twice.
    pub(super) fn turn_away_by_state(
        &mut self,
        sk: u64,
        listener: &Listener,
        count: u64,
        span_ns: (u64, u64),
    ) {
        if !self.unnamed {
            self.turn_away(sk, split_by_state(count, listener), false, span_ns);
        }
    }

    fn turn_away(&mut self, sk: u64, split: [u64; 3], sure: bool, (since_ns, now_ns): (u64, u64)) {
        let third = if self.nears_max_syn_backlog(sk) {
            Kind::SynBacklog
        } else {
            Kind::Ignored
        };
        let kinds = [Kind::AcceptQueue, Kind::SynQueue, third];
        for (kind, count) in kinds.into_iter().zip(split) {
            if count > 0 {
                let incident = self.incident(sk, kind, since_ns);
                incident.begin_at(since_ns);
                incident.sure &= sure;
                incident.turn_away(count, now_ns);
            }
        }
    }

    /// No counter tells of SYNs that are ignored for this: by what the listener was like at two looks,
    /// the later of which comes up to a second after them.
    fn nears_max_syn_backlog(&self, sk: u64) -> bool {
        let Some(known) = self.watched.get(&sk) else {
            return false;
        };
        let most = known.syn_queue_before.max(known.listener.syn_queue);
        let namespace = self.namespaces.get(&known.listener.netns);
        namespace.is_some_and(|it| it.counters.refuse_strangers_at(most))
    }

    /// Cookies that were sent instead: of the one listener of the namespace whose SYN queue is full.
    fn cookies(&mut self, netns: u32, cookies: u64, now_ns: u64) {
        if cookies == 0 {
            return;
        }
        let mut full = self.watched.iter().filter(|(_, known)| {
            known.listener.netns == netns && is_syn_queue_full(&known.listener)
        });
        if let (Some((&sk, known)), None) = (full.next(), full.next()) {
            let since_ns = known.before_ns;
            let incident = self.incident(sk, Kind::Cookies, since_ns);
            incident.begin_at(since_ns);
            incident.turn_away(cookies, now_ns);
        }
    }
}

/// `inet_csk_reqsk_queue_is_full` (`include/net/inet_connection_sock.h`).
fn is_syn_queue_full(listener: &Listener) -> bool {
    listener.backlog_limit > 0 && listener.syn_queue >= listener.backlog_limit
}

/// `sk_acceptq_is_full` (`include/net/sock.h`).
fn is_accept_queue_full(listener: &Listener) -> bool {
    listener.backlog > listener.backlog_limit
}

/// The kinds of what one listener turned away, and whether the counters leave no other way to divide
/// it.
fn split(queued: u64, listener: &Listener, pool: Pool, alone: bool) -> ([u64; 3], bool) {
    if pool.overflows == pool.drops {
        ([queued, 0, 0], true)
    } else if pool.overflows == 0 && pool.syn_queue == pool.drops {
        ([0, queued, 0], true)
    } else if alone {
        let accept = pool.overflows.min(queued);
        let syn = pool.syn_queue.min(queued - accept);
        let split = [accept, syn, queued - accept - syn];
        (split, pool.drops == queued)
    } else {
        (split_by_state(queued, listener), false)
    }
}

fn split_by_state(queued: u64, listener: &Listener) -> [u64; 3] {
    if is_accept_queue_full(listener) {
        [queued, 0, 0]
    } else if is_syn_queue_full(listener) {
        [0, queued, 0]
    } else {
        [0, 0, queued]
    }
}

//! What a listener turned away in a span of time, of one kind.

use std::{net::SocketAddr, ops::RangeInclusive, sync::Arc};

use tracer_ebpf::{
    event::{Owner, Tuple},
    listener::{AtListener, Listener},
};

use super::{APART_NS, Counters, GATHER_NS, Watched, barred::HOLD_NS};
use crate::{
    attribute::evidence::{PacketKind, SeenDrop, is_same_kind},
    cause,
    record::MatchedBy,
};

/// Kinds that are told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Its accept queue was full.
    AcceptQueue,
    /// Its SYN queue was full.
    SynQueue,
    /// It had as many handshakes under way as its network namespace allows without SYN cookies.
    SynBacklog,
    /// SYNs that it ignored for a reason that no counter names.
    Ignored,
    /// Its SYN queue was full, and SYN cookies were sent instead: nobody was turned away.
    Cookies,
    /// Clients that never acknowledged its SYN-ACK.
    Unanswered,
    /// Packets that were dropped at it, for this reason of the kernel's.
    Dropped(Option<Arc<str>>),
    /// SYNs that a firewall of its network namespace kept from it, or its answers from the client.
    Firewall {
        /// They were answered with an ICMP error.
        rejects: bool,
    },
    /// Clients that acknowledged its SYN-ACK, as it was sent again, to no avail: a firewall dropped that.
    LastAck,
}

/// Packets that were dropped in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The kernel's reason.
    pub reason: Option<Arc<str>>,
    /// Function that dropped it.
    pub location: Option<Arc<str>>,
    /// What it was.
    pub packet: PacketKind,
    /// Its TCP flags (RFC 9293, 3.1).
    pub flags: u16,
    /// How many were seen one by one.
    pub count: u64,
    /// How they are joined to the listener: by itself, where the kernel names the receiver.
    pub matched_by: MatchedBy,
}

impl Dropped {
    pub(super) fn of(
        at: &AtListener,
        reason: Option<&Arc<str>>,
        location: Option<&Arc<str>>,
    ) -> Self {
        Self {
            reason: reason.cloned(),
            location: location.cloned(),
            packet: PacketKind::of(&at.packet),
            flags: at.packet.flags,
            count: 1,
            matched_by: MatchedBy::Listener,
        }
    }

    /// As what it counts; `None` where it is no matter of a handshake.
    pub(super) fn kind(&self) -> Option<Kind> {
        const CAUSES: [&str; 4] = [
            "handshake-rejected",
            "bad-segments",
            "traffic-control-drop",
            "out-of-memory",
        ];
        let reason = self.reason.as_deref().unwrap_or_default();
        let location = self.location.as_deref().unwrap_or_default();
        if reason == "TCP_LISTEN_OVERFLOW"
            || matches!(location, "cookie_v4_check" | "cookie_v6_check")
        {
            return Some(Kind::AcceptQueue);
        }
        let known = cause::by_drop_reason(reason).any(|cause| CAUSES.contains(&cause.code));
        (known && !self.is_stray()).then(|| Kind::Dropped(self.reason.clone()))
    }

    /// Segments of connections that are long gone, and answers to nobody: every listener sees such.
    fn is_stray(&self) -> bool {
        const RST: u16 = 4;
        const ACK: u16 = 16;
        self.reason.as_deref() == Some("TCP_FLAGS") && self.flags & (ACK | RST) != 0
    }
}

/// Packets between a listener and its clients that a firewall dropped in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct Barred {
    /// Where, and how many.
    pub seen: SeenDrop,
    /// Some of them: its rules are asked about these.
    pub samples: Vec<Sample>,
    /// There were others.
    pub more: bool,
}

/// One packet of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Both its ends, as the listener has them.
    pub ends: Tuple,
    /// Its TCP flags (RFC 9293, 3.1).
    pub flags: u16,
}

impl Barred {
    pub(super) fn new(seen: SeenDrop, ends: Tuple, flags: u16) -> Self {
        Self {
            seen,
            samples: vec![Sample { ends, flags }],
            more: false,
        }
    }

    pub(super) fn add(&mut self, others: &Self) {
        self.seen.add(&others.seen);
        self.more |= others.more;
        for sample in &others.samples {
            if self.samples.contains(sample) {
                continue;
            }
            self.more |= self.samples.len() >= MAX_SAMPLES;
            if self.samples.len() < MAX_SAMPLES {
                self.samples.push(*sample);
            }
        }
    }
}

/// Another socket that listens on the same end.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    /// As [`Listener::inode`].
    pub inode: u64,
    /// As [`Refusals::creator`].
    pub creator: Option<Owner>,
    /// As [`Refusals::found_at`].
    pub found_at: Vec<Owner>,
}

/// The clients of a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Client {
    /// None was seen.
    #[default]
    Unseen,
    /// One.
    One(SocketAddr),
    /// Several, or one from several ports; this was the last.
    Many(SocketAddr),
}

/// What a listener turned away in a span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusals {
    /// Address of the listener: an opaque key.
    pub sk: u64,
    /// What it is like.
    pub listener: Listener,
    /// Who called `listen()`, where that was seen.
    pub creator: Option<Owner>,
    /// Processes found holding it at the start.
    pub found_at: Vec<Owner>,
    /// What kind.
    pub kind: Kind,
    /// Beginning of the span, `CLOCK_MONOTONIC`.
    pub since_ns: u64,
    /// The last one, `CLOCK_MONOTONIC`.
    pub until_ns: u64,
    /// How many in that span.
    pub turned_away: u64,
    /// When it began, `CLOCK_MONOTONIC`.
    pub began_ns: u64,
    /// How many since it began.
    pub total: u64,
    /// The kernel's own counts and reasons leave no other kind; else it is inferred.
    pub sure: bool,
    /// From whom.
    pub client: Client,
    /// Drops at it that were seen one by one.
    pub drops: Vec<Dropped>,
    /// Drops by a firewall.
    pub barred: Vec<Barred>,
    /// Others that listen there too, where any of them may have been meant.
    pub beside: Vec<Beside>,
    /// RSTs that answered them.
    pub resets: u64,
    /// How often an answer was sent again at most.
    pub retransmits: u32,
    /// What the network namespace counts, and its settings, where they were asked for.
    pub counters: Option<Counters>,
}

/// Drops of different kinds kept of one span.
const MAX_DROPS: usize = 8;
/// Packets of one kind that a firewall's rules are asked about.
const MAX_SAMPLES: usize = 8;

/// What goes on.
#[derive(Clone, Debug)]
pub(super) struct Incident {
    began_ns: u64,
    since_ns: u64,
    pub(super) last_ns: u64,
    pub(super) next_ns: u64,
    pub(super) pending: u64,
    total: u64,
    pub(super) sure: bool,
    client: Client,
    drops: Vec<Dropped>,
    barred: Vec<Barred>,
    resets: u64,
    pub(super) retransmits: u32,
}

impl Incident {
    pub(super) fn new(since_ns: u64) -> Self {
        Self {
            began_ns: since_ns,
            since_ns,
            last_ns: since_ns,
            next_ns: since_ns + GATHER_NS,
            pending: 0,
            total: 0,
            sure: true,
            client: Client::Unseen,
            drops: Vec::new(),
            barred: Vec::new(),
            resets: 0,
            retransmits: 0,
        }
    }

    pub(super) fn began_ns(&self) -> u64 {
        self.began_ns
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// It turned something away within a span of time, as far as that is known.
    pub(super) fn overlaps(&self, span_ns: &RangeInclusive<u64>) -> bool {
        self.total > 0 && self.began_ns <= *span_ns.end() && self.last_ns >= *span_ns.start()
    }

    pub(super) fn turn_away(&mut self, count: u64, now_ns: u64) {
        self.pending += count;
        self.total += count;
        self.last_ns = self.last_ns.max(now_ns);
    }

    /// It began at least as early as this, unless something of it is told already.
    pub(super) fn begin_at(&mut self, since_ns: u64) {
        if self.total == self.pending {
            self.began_ns = self.began_ns.min(since_ns);
            self.since_ns = self.since_ns.min(since_ns);
        }
    }

    pub(super) fn see(&mut self, seen: Dropped, client: SocketAddr, was_reset: bool, now_ns: u64) {
        self.last_ns = self.last_ns.max(now_ns);
        self.resets += u64::from(was_reset);
        self.note(client);
        let same = |other: &&mut Dropped| {
            let same_packet = (other.packet, other.flags) == (seen.packet, seen.flags);
            same_packet && (&other.reason, &other.location) == (&seen.reason, &seen.location)
        };
        if let Some(other) = self.drops.iter_mut().find(same) {
            other.count += 1;
        } else if self.drops.len() < MAX_DROPS {
            self.drops.push(seen);
        }
    }

    /// A firewall dropped something of it.
    pub(super) fn bar(&mut self, barred: Barred) {
        let same = |other: &&mut Barred| is_same_kind(&other.seen, &barred.seen);
        if let Some(other) = self.barred.iter_mut().find(same) {
            other.add(&barred);
        } else if self.barred.len() < MAX_DROPS {
            self.barred.push(barred);
        }
    }

    pub(super) fn note(&mut self, client: SocketAddr) {
        self.client = match self.client {
            Client::Unseen => Client::One(client),
            Client::One(one) if one == client => Client::One(one),
            _ => Client::Many(client),
        };
    }

    /// Hands over what there was since the last time.
    pub(super) fn take(
        &mut self,
        sk: u64,
        kind: &Kind,
        watched: &Watched,
        counters: Option<&Counters>,
    ) -> Refusals {
        let refusals = Refusals {
            sk,
            listener: watched.listener,
            creator: watched.creator,
            found_at: watched.found_at.clone(),
            kind: kind.clone(),
            since_ns: self.since_ns,
            until_ns: self.last_ns,
            turned_away: std::mem::take(&mut self.pending),
            began_ns: self.began_ns,
            total: self.total,
            sure: std::mem::replace(&mut self.sure, true),
            client: std::mem::take(&mut self.client),
            drops: std::mem::take(&mut self.drops),
            barred: std::mem::take(&mut self.barred),
            beside: Vec::new(),
            resets: std::mem::take(&mut self.resets),
            retransmits: std::mem::take(&mut self.retransmits),
            counters: counters.cloned(),
        };
        self.since_ns = self.last_ns;
        // What a firewall drops is told that much later.
        let held_ns = match kind {
            Kind::Firewall { .. } => HOLD_NS,
            _ => 0,
        };
        self.next_ns = self.last_ns + held_ns + APART_NS;
        refusals
    }
}

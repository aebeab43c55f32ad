//! Evidence about connections that had come up and are not followed from their beginning: kept by the
//! address of the socket until it ends, and joined only where the two ends agree, too.

use std::{num::NonZeroUsize, sync::Arc};

use lru::LruCache;
use tracer_ebpf::event::{self, Packet, State, Tuple};

use super::{
    evidence::{Evidence, ResetSeen},
    tracker::HOLD_NS,
};
use crate::{
    decode::Place,
    record::{Direction, MatchedBy},
};

/// Sockets whose evidence is kept at most.
const MAX_SOCKETS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// Pieces of one kind kept of one socket: the last ones.
const MAX_PIECES: usize = 64;

/// What happened to one socket.
#[derive(Default)]
struct Pieces {
    drops: Vec<(Box<event::Drop>, Place)>,
    resets_sent: Vec<(u64, Option<Arc<str>>)>,
    resets_received: Vec<(u64, Tuple)>,
    soft_errors: Vec<(u64, i32, Tuple)>,
}

/// Evidence by socket.
pub(super) struct StreamEvidence {
    by_socket: LruCache<u64, Pieces>,
    /// Sockets whose evidence had to go.
    pub(super) forgotten: u64,
}

impl Default for StreamEvidence {
    fn default() -> Self {
        Self {
            by_socket: LruCache::new(MAX_SOCKETS),
            forgotten: 0,
        }
    }
}

fn keep<T>(pieces: &mut Vec<T>, piece: T) {
    if pieces.len() >= MAX_PIECES {
        pieces.remove(0);
    }
    pieces.push(piece);
}

impl StreamEvidence {
    fn of(&mut self, sk: u64) -> &mut Pieces {
        if !self.by_socket.contains(&sk) && self.by_socket.len() == MAX_SOCKETS.get() {
            self.forgotten += 1;
        }
        self.by_socket.get_or_insert_mut(sk, Pieces::default)
    }

    pub(super) fn drop(&mut self, event: Box<event::Drop>, place: Place) {
        keep(&mut self.of(event.head.sk).drops, (event, place));
    }

    pub(super) fn reset_sent(&mut self, event: &event::ResetSent, reason: Option<Arc<str>>) {
        let sent = (event.head.time_ns, reason);
        keep(&mut self.of(event.head.sk).resets_sent, sent);
    }

    pub(super) fn reset_received(&mut self, event: &event::ResetReceived) {
        let received = (event.head.time_ns, event.tuple);
        keep(&mut self.of(event.head.sk).resets_received, received);
    }

    pub(super) fn soft_error(&mut self, event: &event::SocketError) {
        let error = (event.head.time_ns, event.err_soft, event.tuple);
        keep(&mut self.of(event.head.sk).soft_errors, error);
    }

    /// Hands over what belongs to a connection that ended at `end_ns`. The address of its socket may
    /// have been another's before.
    pub(super) fn take(&mut self, sk: u64, tuple: &Tuple, end_ns: u64, evidence: &mut Evidence) {
        let Some(pieces) = self.by_socket.pop(&sk) else {
            return;
        };
        for (drop, place) in pieces.drops {
            if is_between(&drop.packet, tuple) {
                evidence.add_drop(&drop, &place, MatchedBy::Socket, tuple);
            }
        }
        let is_near = |time_ns: u64| time_ns.abs_diff(end_ns) <= HOLD_NS;
        for (time_ns, reason) in pieces.resets_sent {
            if is_near(time_ns) {
                evidence.resets_sent.push(ResetSeen {
                    reason,
                    netns: tuple.netns,
                    matched_by: MatchedBy::Socket,
                });
            }
        }
        for (time_ns, ends) in pieces.resets_received {
            if is_near(time_ns) && is_same(&ends, tuple) {
                evidence.add_reset_received(time_ns);
            }
        }
        for (time_ns, err, ends) in pieces.soft_errors {
            if is_same(&ends, tuple) {
                evidence.add_soft_error(time_ns, err);
            }
        }
    }
}

/// Which side opened a connection, from TCP's own counts: the ACK of a SYN counts in `bytes_acked` of
/// the side that sent it (`tcp_snd_una_update`, `net/ipv4/tcp_input.c`), while an accepted socket
/// begins behind its SYN-ACK (`tcp_create_openreq_child`, `net/ipv4/tcp_minisocks.c`), and neither
/// counts in `bytes_sent`. `None` where the counts fit neither, as where the kernel has none.
#[must_use]
pub fn direction(state: &State) -> Option<Direction> {
    const ESTABLISHED: u32 = 1;
    const CLOSE_WAIT: u32 = 8;
    let stream = &state.stream;
    let mut under_way = stream.snd_nxt.wrapping_sub(state.isn);
    if !matches!(state.old, ESTABLISHED | CLOSE_WAIT) {
        // Its FIN takes a number, too, once it is sent.
        under_way = under_way.checked_sub(u32::from(stream.snd_nxt == state.write_seq))?;
    }
    let sent = state.bytes_sent.checked_sub(state.bytes_retrans)?;
    let acked = sent.checked_sub(under_way.into())?;
    match stream.bytes_acked.checked_sub(acked)? {
        0 => Some(Direction::Inbound),
        1 => Some(Direction::Outbound),
        _ => None,
    }
}

/// Whether what TCP wrote last never left this host: it waits, though nothing is under way and the
/// peer's window is open. So IP refused it each time that TCP probed (`tcp_write_wakeup`,
/// `net/ipv4/tcp_output.c`).
#[must_use]
pub fn never_left(state: &State) -> bool {
    let stream = &state.stream;
    let unsent = state.write_seq.wrapping_sub(stream.snd_nxt);
    let room = stream.send_window >= unsent.min(stream.mss.max(1));
    unsent > 0 && stream.packets_out == 0 && stream.probes_out > 0 && room
}

fn is_same(a: &Tuple, b: &Tuple) -> bool {
    (a.local, a.local_port, a.remote, a.remote_port)
        == (b.local, b.local_port, b.remote, b.remote_port)
}

/// In one direction or the other.
fn is_between(packet: &Packet, tuple: &Tuple) -> bool {
    let from = (packet.source, packet.source_port);
    let to = (packet.destination, packet.destination_port);
    let local = (tuple.local, tuple.local_port);
    let remote = (tuple.remote, tuple.remote_port);
    (from, to) == (local, remote) || (from, to) == (remote, local)
}

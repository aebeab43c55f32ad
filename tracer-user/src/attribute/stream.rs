//! Evidence about connections that had come up and are not followed from their beginning: kept by the
//! address of the socket until it ends, and joined only where the two ends agree, too.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    sync::Arc,
};

use lru::LruCache;
use tracer_ebpf::{
    event::{self, Packet, State, Tuple, seen_by, stream_flag},
    tcp_state::{self, CLOSE_WAIT, ESTABLISHED},
};

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
/// RSTs kept of one socket's address: each ends a connection, and one batch of events may hold that many
/// connections of one address.
const MAX_RESETS: usize = 1024;

/// What happened to one socket.
#[derive(Default)]
struct Pieces {
    drops: Vec<(Box<event::Drop>, Place)>,
    resets_sent: Vec<(event::ResetSent, Option<Arc<str>>)>,
    resets_received: Vec<(u64, Tuple)>,
    soft_errors: Vec<(u64, i32, Tuple)>,
}

impl Pieces {
    fn is_empty(&self) -> bool {
        self.drops.is_empty()
            && self.resets_sent.is_empty()
            && self.resets_received.is_empty()
            && self.soft_errors.is_empty()
    }
}

/// Takes what a condition holds for; the rest stays if it came after a moment.
fn take_some<T>(
    all: &mut Vec<T>,
    keep_after_ns: u64,
    time_ns: impl Fn(&T) -> u64,
    is_ours: impl Fn(&T) -> bool,
) -> Vec<T> {
    let (ours, mut others): (Vec<T>, Vec<T>) =
        std::mem::take(all).into_iter().partition(|it| is_ours(it));
    others.retain(|it| time_ns(it) > keep_after_ns);
    *all = others;
    ours
}

/// Evidence by socket.
pub(super) struct StreamEvidence {
    by_socket: LruCache<u64, Pieces>,
    /// When connections ended at this address that wait to be judged, in order: a busy host uses the
    /// address of a socket again within microseconds.
    ends: HashMap<u64, VecDeque<u64>>,
    /// Sockets whose evidence had to go.
    pub(super) forgotten: u64,
}

impl Default for StreamEvidence {
    fn default() -> Self {
        Self {
            by_socket: LruCache::new(MAX_SOCKETS),
            ends: HashMap::new(),
            forgotten: 0,
        }
    }
}

fn keep<T>(pieces: &mut Vec<T>, piece: T, most: usize) {
    if pieces.len() >= most {
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
        keep(
            &mut self.of(event.head.sk).drops,
            (event, place),
            MAX_PIECES,
        );
    }

    pub(super) fn reset_sent(&mut self, event: &event::ResetSent, reason: Option<Arc<str>>) {
        keep(
            &mut self.of(event.head.sk).resets_sent,
            (*event, reason),
            MAX_RESETS,
        );
    }

    pub(super) fn reset_received(&mut self, event: &event::ResetReceived) {
        let received = (event.head.time_ns, event.tuple);
        keep(
            &mut self.of(event.head.sk).resets_received,
            received,
            MAX_RESETS,
        );
    }

    pub(super) fn soft_error(&mut self, event: &event::SocketError) {
        let error = (event.head.time_ns, event.err_soft, event.tuple);
        keep(&mut self.of(event.head.sk).soft_errors, error, MAX_PIECES);
    }

    /// A connection ended, and waits to be judged.
    pub(super) fn ended(&mut self, state: &State) {
        let ends = self.ends.entry(state.head.sk).or_default();
        ends.push_back(state.head.time_ns);
    }

    /// The next end at the address of one that is judged now.
    fn next_end(&mut self, sk: u64) -> Option<u64> {
        let ends = self.ends.get_mut(&sk)?;
        ends.pop_front();
        let next = ends.front().copied();
        if next.is_none() {
            self.ends.remove(&sk);
        }
        next
    }

    /// Hands over what belongs to a connection that ended. The address of its socket may have been
    /// another's before, and may be another's since: what came later and is not its own stays.
    pub(super) fn take(&mut self, state: &State, evidence: &mut Evidence) {
        let (sk, tuple, end_ns) = (state.head.sk, &state.tuple, state.head.time_ns);
        let next = self.next_end(sk);
        let Some(all) = self.by_socket.get_mut(&sk) else {
            return;
        };
        let is_near = |time_ns: u64| time_ns.abs_diff(end_ns) <= HOLD_NS;
        let is_of_next = |time_ns: u64| next.is_some_and(|next| time_ns >= next);
        let drops = take_some(
            &mut all.drops,
            end_ns,
            |(drop, _)| drop.head.time_ns,
            |(drop, _)| is_between(&drop.packet, tuple),
        );
        for (drop, place) in drops {
            evidence.add_drop(&drop, &place, MatchedBy::Socket, tuple);
        }
        let sent = take_some(
            &mut all.resets_sent,
            end_ns,
            |(reset, _)| reset.head.time_ns,
            |(reset, _)| {
                let time_ns = reset.head.time_ns;
                is_near(time_ns) && !is_of_next(time_ns) && is_on_the_side_of(state, reset)
            },
        );
        for (reset, reason) in sent {
            evidence.resets_sent.push(ResetSeen {
                reason,
                netns: tuple.netns,
                matched_by: MatchedBy::Socket,
                was_open: tcp_state::is_open(reset.state),
            });
        }
        let received = take_some(
            &mut all.resets_received,
            end_ns,
            |it| it.0,
            |(time_ns, ends)| is_near(*time_ns) && is_same(ends, tuple) && !is_of_next(*time_ns),
        );
        for (time_ns, _) in received {
            evidence.add_reset_received(time_ns);
        }
        let errors = take_some(
            &mut all.soft_errors,
            end_ns,
            |it| it.0,
            |(_, _, ends)| is_same(ends, tuple),
        );
        for (time_ns, err, _) in errors {
            evidence.add_soft_error(time_ns, err);
        }
        if all.is_empty() {
            self.by_socket.pop(&sk);
        }
    }
}

/// Which side opened a connection, from TCP's own counts: the ACK of a SYN counts in `bytes_acked` of
/// the side that sent it (`tcp_snd_una_update`, `net/ipv4/tcp_input.c`), while an accepted socket
/// begins behind its SYN-ACK (`tcp_create_openreq_child`, `net/ipv4/tcp_minisocks.c`), and neither
/// counts in `bytes_sent`. `None` where the counts fit neither, as where the kernel has none, and where they
/// may hold a byte more than was sent, which makes an opened one look accepted ([`may_be_refused`]).
#[must_use]
pub fn direction(state: &State) -> Option<Direction> {
    let stream = &state.stream;
    let under_way = stream.snd_nxt.wrapping_sub(state.isn);
    let closed = !matches!(state.old, ESTABLISHED | CLOSE_WAIT);
    // Its FIN takes a number, too, once it is sent.
    let fin = closed && stream.snd_nxt == state.write_seq;
    let sent = state.bytes_sent.checked_sub(state.bytes_retrans)?;
    let numbers = stream.bytes_acked.checked_add(under_way.into())?;
    match numbers.checked_sub(sent.checked_add(fin.into())?)? {
        0 if may_be_refused(state) => None,
        0 => Some(Direction::Inbound),
        1 => Some(Direction::Outbound),
        _ => None,
    }
}

/// Whether IP may have refused a single byte that TCP had for it, and counted (`__tcp_transmit_skb`,
/// `net/ipv4/tcp_output.c`): one that waits still, or one that was to be sent again, which
/// `bytes_retrans` and `total_retrans` leave out.
fn may_be_refused(state: &State) -> bool {
    // Its FIN may wait behind it.
    let waits = matches!(state.write_seq.wrapping_sub(state.stream.snd_nxt), 1 | 2);
    waits || state.stream.total_retrans < state.retransmits
}

/// Bytes of data that were received: TCP counts the peer's FIN, too (`tcp_rcv_nxt_update`,
/// `net/ipv4/tcp_input.c`).
#[must_use]
pub fn bytes_received(state: &State) -> u64 {
    let fin = state.stream.flags & stream_flag::PEER_CLOSED != 0;
    state.bytes_received.saturating_sub(fin.into())
}

/// Whether what TCP wrote last never left this host: it waits, though nothing is under way and the
/// peer's window is open. So IP refused it each time that TCP probed (`tcp_write_wakeup`,
/// `net/ipv4/tcp_output.c`). Sequence numbers tell what is under way: TCP forgets its segments before it
/// tells of an end by a timer (`tcp_write_err`, `net/ipv4/tcp_timer.c`).
#[must_use]
pub fn never_left(state: &State) -> bool {
    let stream = &state.stream;
    let unsent = state.write_seq.wrapping_sub(stream.snd_nxt);
    let room = stream.send_window >= unsent.min(stream.mss.max(1));
    unsent > 0 && stream.snd_nxt == state.isn && stream.probes_out > 0 && room
}

/// Whether a RST is on the side of an end where it has to be: an application's abort closes the socket
/// first (`__tcp_close`, `net/ipv4/tcp.c`), a timer (`net/ipv4/tcp_timer.c`), `tcp_abort` and Multipath
/// TCP (`mptcp_do_fastclose`, `net/mptcp/protocol.c`) send the RST first.
fn is_on_the_side_of(end: &State, reset: &event::ResetSent) -> bool {
    let end_ns = end.head.time_ns;
    if tcp_state::is_open(reset.state) {
        return reset.head.time_ns <= end_ns;
    }
    // One that was told when its socket went came after all of its RSTs: those since its beginning.
    let began_ns = end.head.attempt_ns;
    let is_late = end.seen_by == seen_by::LATER && began_ns != 0;
    // Where the state was not kept: an end by an error follows its RST as a rule.
    reset.head.time_ns >= end_ns
        || (reset.state == 0 && end.err != 0)
        || (is_late && reset.head.time_ns > began_ns)
}

pub(super) fn is_same(a: &Tuple, b: &Tuple) -> bool {
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

//! What clients send whose SYN was answered again, and a firewall of this host drops.
//!
//! Such a segment is handed over from the first SYN-ACK that was sent again on. It is joined to the
//! handshake by its two ends, in whatever network namespace it is dropped, and by its sequence number.

use std::{net::SocketAddr, num::NonZeroUsize};

use lru::LruCache;
use tracer_ebpf::event;

use super::{barred::ends, refusals::Barred};
use crate::{
    attribute::evidence::{PacketKind, SeenDrop},
    decode::Place,
    net,
};

/// Clients whose segments are remembered.
const MAX_CLIENTS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// The window that a SYN-ACK offers is not scaled (RFC 7323, 2.2): so far behind its initial sequence
/// number a client may send.
const WINDOW: u32 = 1 << 16;

/// Both ends: the client's, and the one that it connects to.
type Key = (SocketAddr, SocketAddr);

/// Of one client.
struct Kept {
    /// Sequence number of the first.
    seq: u32,
    barred: Barred,
}

/// Dropped segments, by their ends.
pub(super) struct Acks {
    kept: LruCache<Key, Kept>,
    /// Clients whose segments had to go.
    pub(super) forgotten: u64,
}

impl Default for Acks {
    fn default() -> Self {
        Self {
            kept: LruCache::new(MAX_CLIENTS),
            forgotten: 0,
        }
    }
}

impl Acks {
    /// Keeps what a firewall dropped, if it may be of a handshake that has been answered.
    pub(super) fn keep(&mut self, drop: &event::Drop, place: &Place) {
        let (packet, kind) = (&drop.packet, PacketKind::of(&drop.packet));
        if !matches!(kind, PacketKind::Other | PacketKind::Rst) || place.hook.is_none() {
            return;
        }
        let ends = ends(packet, true);
        let seen = SeenDrop::at_listener(drop, place, &ends, true);
        if !seen.is_netfilter() {
            return;
        }
        let barred = Barred::new(seen, ends, packet.flags);
        let end = |address, port| SocketAddr::new(net::address(address), port);
        let key = (
            end(ends.remote, ends.remote_port),
            end(ends.local, ends.local_port),
        );
        if let Some(kept) = self.kept.get_mut(&key)
            && packet.seq.wrapping_sub(kept.seq).wrapping_add(WINDOW) <= 2 * WINDOW
            && kept.barred.seen.packet == kind
        {
            kept.barred.add(&barred);
            return;
        }
        // A RST that follows says less than the acknowledgment before.
        if kind == PacketKind::Rst && self.kept.contains(&key) {
            return;
        }
        let kept = Kept {
            seq: packet.seq,
            barred,
        };
        if let Some((other, _)) = self.kept.push(key, kept)
            && other != key
        {
            self.forgotten += 1;
        }
    }

    /// Hands over what was dropped of a handshake: by its ends, and the client's initial sequence number.
    pub(super) fn take(
        &mut self,
        client: SocketAddr,
        local: SocketAddr,
        isn: u32,
    ) -> Option<Barred> {
        let kept = self.kept.pop(&(client, local))?;
        let is_of_it = kept.seq.wrapping_sub(isn) <= WINDOW;
        is_of_it.then_some(kept.barred)
    }
}

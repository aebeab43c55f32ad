//! Why TCP sent segments again.

use std::num::NonZeroUsize;

use lru::LruCache;
use tracer_ebpf::{
    event::{Retransmit, State, Tuple},
    listener::CameUp,
    tcp_state::{SYN_RECV, SYN_SENT},
};

use super::stream::is_same;
use crate::record::{Resent, ResentFor};

/// What made TCP send a segment again; `None` where the socket does not tell, as where an ICMP error had
/// made its segments smaller.
#[must_use]
pub fn resent_for(again: &Retransmit) -> Option<ResentFor> {
    // `enum tcp_ca_state` (`include/uapi/linux/tcp.h`).
    const OPEN: u32 = 0;
    const DISORDER: u32 = 1;
    const CWR: u32 = 2;
    const RECOVERY: u32 = 3;
    const LOSS: u32 = 4;
    // `ICSK_TIME_LOSS_PROBE` (`include/net/inet_connection_sock.h`): it stays set until the probe is
    // sent (`tcp_send_loss_probe`, `net/ipv4/tcp_output.c`).
    const LOSS_PROBE: u32 = 5;
    match (again.tuple.state, again.ca_state) {
        (SYN_SENT, _) => Some(ResentFor::Syn),
        // Both ends opened it: a listener's answers come from a request, which is no such socket.
        (SYN_RECV, _) => Some(ResentFor::SynAck),
        (_, RECOVERY) => Some(ResentFor::Fast),
        (_, LOSS) if follows_timeout(again) => Some(ResentFor::Rto),
        (_, OPEN | DISORDER | CWR) if again.timer == LOSS_PROBE => Some(ResentFor::Tlp),
        _ => None,
    }
}

/// In `TCP_CA_Loss`. The timer's own retransmission is made while no timer is set
/// (`tcp_write_timer_handler`, `net/ipv4/tcp_timer.c`). `tcp_enter_loss` sets the marker; what enters
/// that state for another reason clears it (`tcp_simple_retransmit`, `net/ipv4/tcp_input.c`).
fn follows_timeout(again: &Retransmit) -> bool {
    again.undo_marker != 0 || (again.timer == 0 && again.retransmits > 0)
}

/// Counts what was sent again, as TCP does: not what it held back (`__tcp_retransmit_skb`,
/// `net/ipv4/tcp_output.c`), since the last one was still queued below, the window had no room, memory
/// was short, or there was no route.
pub(super) fn count(resent: &mut Resent, again: &Retransmit) {
    let held_back = [libc::EBUSY, libc::EAGAIN, libc::ENOMEM, libc::EHOSTUNREACH];
    if held_back.contains(&-again.err) {
        return;
    }
    if let Some(class) = resent_for(again) {
        *resent.of_mut(class) += again.segments.max(1);
    }
}

/// Adds up what was counted of the same connection in two places.
pub(super) fn add(resent: &mut Resent, more: Resent) {
    for class in ResentFor::ALL {
        *resent.of_mut(class) += more.of(class);
    }
}

/// Connections counted at most that are not followed from their beginning: least recently used go first.
const MAX_SOCKETS: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// What connections sent again that are not followed from their beginning, by the address of the socket
/// and the two ends.
pub(super) struct OfStreams(LruCache<u64, (Tuple, Resent)>);

impl Default for OfStreams {
    fn default() -> Self {
        Self(LruCache::new(MAX_SOCKETS))
    }
}

impl OfStreams {
    pub(super) fn add(&mut self, again: &Retransmit) {
        let new = || (again.tuple, Resent::default());
        let of_it = self.0.get_or_insert_mut(again.head.sk, new);
        if !is_same(&of_it.0, &again.tuple) {
            // The address is another connection's now.
            *of_it = new();
        }
        count(&mut of_it.1, again);
    }

    /// A listener's connection came up.
    pub(super) fn came_up(&mut self, up: &CameUp) {
        let resent = Resent {
            syn_ack: up.synack_retransmits,
            ..Resent::default()
        };
        self.0.put(up.head.sk, (up.tuple, resent));
    }

    /// Hands over what was counted of a connection that has ended.
    pub(super) fn take(&mut self, state: &State) -> Resent {
        let counted = self.0.pop(&state.head.sk);
        let own = counted.filter(|(tuple, _)| is_same(tuple, &state.tuple));
        let resent = own.map(|(_, resent)| resent).unwrap_or_default();
        // More than it has sent again is of an earlier one between the same ends, at the same address.
        if resent.sum() > state.stream.total_retrans {
            Resent::default()
        } else {
            resent
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_ebpf::event::{Head, Wire as _};

    use super::*;

    fn again(state: u32, ca_state: u32, timer: u32) -> Retransmit {
        Retransmit {
            head: Head {
                sk: 1,
                ..Head::ZERO
            },
            tuple: Tuple {
                local_port: 80,
                state,
                ..Tuple::ZERO
            },
            ca_state,
            timer,
            ..Retransmit::ZERO
        }
    }

    #[test]
    fn the_state_of_congestion_control_and_the_timer_tell_why() {
        let of = |state, ca_state, timer| resent_for(&again(state, ca_state, timer));
        assert_eq!(of(2, 4, 0), Some(ResentFor::Syn));
        assert_eq!(of(3, 4, 0), Some(ResentFor::SynAck));
        for ca_state in 0..3 {
            assert_eq!(of(1, ca_state, 5), Some(ResentFor::Tlp));
            assert_eq!(of(1, ca_state, 1), None);
        }
        assert_eq!(of(4, 3, 5), Some(ResentFor::Fast));
        // A smaller path MTU: no timeout, and nothing to undo.
        assert_eq!(of(1, 4, 1), None);
        let by_timer = Retransmit {
            retransmits: 1,
            ..again(1, 4, 0)
        };
        assert_eq!(resent_for(&by_timer), Some(ResentFor::Rto));
        let afterwards = Retransmit {
            undo_marker: 7,
            ..again(1, 4, 1)
        };
        assert_eq!(resent_for(&afterwards), Some(ResentFor::Rto));
    }

    #[test]
    fn only_what_a_connection_itself_sent_again_is_taken() {
        let mut all = OfStreams::default();
        let fast = Retransmit {
            segments: 3,
            ..again(1, 3, 1)
        };
        all.came_up(&CameUp {
            head: fast.head,
            tuple: fast.tuple,
            synack_retransmits: 2,
            ..CameUp::ZERO
        });
        all.add(&fast);
        // Still queued below.
        all.add(&Retransmit {
            err: -libc::EBUSY,
            ..fast
        });
        let mut end = State {
            head: fast.head,
            tuple: fast.tuple,
            ..State::ZERO
        };
        end.stream.total_retrans = 5;
        let counted = Resent {
            syn_ack: 2,
            fast: 3,
            ..Resent::default()
        };
        assert_eq!(all.take(&end), counted);
        assert_eq!(all.take(&end), Resent::default());
        all.add(&fast);
        end.stream.total_retrans = 2;
        assert_eq!(all.take(&end), Resent::default());
        all.add(&fast);
        end.stream.total_retrans = 3;
        end.tuple.remote_port = 1;
        assert_eq!(all.take(&end), Resent::default());
    }
}

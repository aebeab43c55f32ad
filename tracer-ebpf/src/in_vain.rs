//! What connections send again in vain: what the peer has, and tells, meanwhile tells a path that loses
//! large segments from one that loses all.

use aya_ebpf::{macros::map, maps::LruHashMap};
use tracer_ebpf::{config::ABSENT, event::InVain};

use crate::{
    kernel::{layout, read, read_to},
    socket,
};

/// Least recently used goes first.
const SOCKETS: u32 = 1 << 13;

/// Of one socket, since the peer acknowledged something in order.
#[repr(C)]
#[derive(Clone, Copy)]
struct Again {
    /// As [`InVain::sent_ns`].
    sent_ns: u64,
    /// `tcp_sock.snd_una` meanwhile.
    una: u32,
    /// As [`InVain::len`].
    len: u32,
    /// As [`InVain::times`].
    times: u32,
    /// `tcp_sock.segs_in` when something was last sent again.
    heard: u32,
}

#[map]
static IN_VAIN: LruHashMap<u64, Again> = LruHashMap::with_max_entries(SOCKETS, 0);

/// A connection has sent a segment again, and holds its socket's lock: of each, one runs at a time. A
/// frame of its own.
#[inline(never)]
pub(crate) fn note(sk: u64, skb: u64) -> u32 {
    let una: u32 = read(sk, layout!(tcp_snd_una));
    let heard: u32 = read(sk, layout!(tcp_segs_in));
    let cb = skb.wrapping_add(layout!(skb_cb) as u64);
    let is_first = read::<u32>(cb, layout!(tcp_cb_seq)) == una;
    // It may hold several.
    let len = read::<u32>(skb, layout!(skb_len)).min(read(sk, layout!(tcp_mss_cache)));
    if let Some(again) = IN_VAIN.get_ptr_mut(sk) {
        // SAFETY: a map value.
        let again = unsafe { &mut *again };
        if again.una == una {
            again.heard = heard;
            if is_first {
                again.times += 1;
                again.len = match again.len {
                    0 => len,
                    least => least.min(len),
                };
            }
            return 0;
        }
    }
    let again = Again {
        sent_ns: longest_under_way(sk),
        una,
        len: if is_first { len } else { 0 },
        times: is_first as u32,
        heard,
    };
    // Where it cannot be kept, nothing is told of it.
    IN_VAIN.insert(sk, again, 0).is_ok() as u32
}

/// When that was sent which has waited longest for its acknowledgment. What is sent again goes to the
/// end of that queue (`tcp_update_skb_after_send`, `net/ipv4/tcp_output.c`).
#[inline(always)]
fn longest_under_way(sk: u64) -> u64 {
    if layout!(tcp_tsorted_sent_queue) == ABSENT || layout!(skb_tsorted_anchor) == ABSENT {
        return 0;
    }
    // It is not empty: something was just sent again.
    let first: u64 = read(sk, layout!(tcp_tsorted_sent_queue));
    let skb = first.wrapping_sub(layout!(skb_tsorted_anchor) as u64);
    read(skb, layout!(skb_mstamp_ns))
}

/// Writes what is known of a connection that has ended. A frame of its own.
///
/// # Safety
/// `to` is valid for writes.
#[inline(never)]
pub(crate) unsafe fn tell(to: *mut InVain, sk: u64) -> u32 {
    let una: u32 = read(sk, layout!(tcp_snd_una));
    // SAFETY: a map value.
    let again = IN_VAIN.get_ptr(sk).map(|again| unsafe { &*again });
    // SAFETY: as the caller promises; every field is written.
    unsafe {
        let Some(again) = again.filter(|again| again.una == una) else {
            to.write_bytes(0, 1);
            return 0;
        };
        read_to(&raw mut (*to).sacked, sk, layout!(tcp_recv_sack_cache));
        (*to).sent_ns = again.sent_ns;
        read_to(
            &raw mut (*to).delivered_us,
            sk,
            layout!(tcp_delivered_mstamp),
        );
        (*to).len = again.len;
        (*to).times = again.times;
        (*to).heard_after = read::<u32>(sk, layout!(tcp_segs_in)).wrapping_sub(again.heard);
        (*to).last_heard_ms = socket::since_ms(read(sk, layout!(tcp_last_heard)));
    }
    0
}

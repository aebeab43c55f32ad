//! Since when accepted connections are up (`--all`). Only their ends tell of them; what is kept until
//! then is that moment alone.

use aya_ebpf::{macros::map, maps::LruHashMap};

use crate::{kernel::setting, ring};

/// By address of the socket. Least recently used goes first. User space sets its real size: that of
/// the table of attempts, or next to nothing.
#[map]
static ACCEPTED: LruHashMap<u64, u64> = LruHashMap::with_max_entries(65_536, 0);

/// A frame of its own.
#[inline(never)]
pub(crate) fn came_up(sk: u64) -> u32 {
    // Where it does not fit, its record says nothing of its beginning.
    let _ = ACCEPTED.insert(sk, ring::now_ns(), 0);
    0
}

/// 0 where that is not known.
#[inline(always)]
pub(crate) fn since_ns(sk: u64) -> u64 {
    if setting!(follow_open) == 0 {
        return 0;
    }
    // SAFETY: an aliased element would hold the moment of another socket that has the same address,
    // and came after this one.
    unsafe { ACCEPTED.get(sk) }.map_or(0, |&since_ns| since_ns)
}

/// The socket is gone: its address may be that of another one, which nobody accepts.
#[inline(always)]
pub(crate) fn gone(sk: u64) {
    if setting!(follow_open) != 0 {
        let _ = ACCEPTED.remove(sk);
    }
}

//! The table of attempts under way, keyed by socket address.

use aya_ebpf::{macros::map, maps::LruHashMap};
use tracer_ebpf::attempt::Entry;

/// Least recently used goes first. User space sets its real size (`--max-attempts`).
#[map]
static ATTEMPTS: LruHashMap<u64, Entry> = LruHashMap::with_max_entries(65_536, 0);

#[inline(always)]
pub(crate) fn get(sk: u64) -> Option<*mut Entry> {
    ATTEMPTS.get_ptr_mut(sk)
}

#[inline(always)]
pub(crate) fn put(sk: u64, entry: &Entry) -> bool {
    ATTEMPTS.insert(sk, entry, 0).is_ok()
}

#[inline(always)]
pub(crate) fn remove(sk: u64) {
    // It may have been evicted in between: then there is nothing to do.
    let _ = ATTEMPTS.remove(sk);
}

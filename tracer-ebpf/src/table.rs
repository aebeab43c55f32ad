//! The table of attempts under way, keyed by socket address.

use aya_ebpf::{macros::map, maps::LruHashMap};
use tracer_ebpf::attempt::{Entry, phase};

use crate::{owner, ring, socket};

/// Least recently used goes first. User space sets its real size (`--max-attempts`).
#[map]
static ATTEMPTS: LruHashMap<u64, Entry> = LruHashMap::with_max_entries(65_536, 0);

/// An attempt that [`describe`] has not filled in.
pub(crate) const NOTHING: Entry = Entry {
    owner: owner::NOBODY,
    start_ns: 0,
    cookie: 0,
    remote: [0; 16],
    remote_port: 0,
    family: 0,
    netns: 0,
    phase: 0,
    announced: 0,
    cgroup_err: 0,
    pending_slot: 0,
};

/// Takes what the socket itself tells of an attempt that begins, or is first seen, now. A frame of
/// its own.
#[inline(never)]
pub(crate) fn describe(entry: &mut Entry, sk: u64, phase: u32) -> u32 {
    entry.start_ns = ring::now_ns();
    // SAFETY: a field of the caller's.
    unsafe { socket::remote(&raw mut entry.remote, sk) };
    entry.remote_port = socket::remote_port(sk);
    entry.family = socket::family(sk);
    entry.netns = socket::netns(sk);
    entry.phase = phase;
    0
}

/// The attempt that a socket makes; none once it has failed.
#[inline(always)]
pub(crate) fn get(sk: u64) -> Option<*mut Entry> {
    let entry = any(sk)?;
    // SAFETY: a map value.
    let phase = unsafe { (*entry).phase };
    (phase < phase::FAILED).then_some(entry)
}

/// The last attempt of a socket, under way or failed.
#[inline(always)]
pub(crate) fn any(sk: u64) -> Option<*mut Entry> {
    ATTEMPTS.get_ptr_mut(sk)
}

#[inline(always)]
pub(crate) fn put(sk: u64, entry: &Entry) -> bool {
    ATTEMPTS.insert(sk, entry, 0).is_ok()
}

/// As [`put`], but what stands there already stays.
#[inline(always)]
pub(crate) fn put_new(sk: u64, entry: &Entry) -> bool {
    const BPF_NOEXIST: u64 = 1;
    ATTEMPTS.insert(sk, entry, BPF_NOEXIST).is_ok()
}

#[inline(always)]
pub(crate) fn remove(sk: u64) {
    // It may have been evicted in between: then there is nothing to do.
    let _ = ATTEMPTS.remove(sk);
}

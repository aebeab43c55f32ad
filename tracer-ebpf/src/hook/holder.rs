//! Whose a connection is whose beginning was not seen: accepted, or older than the tracer. No hook
//! tells of `accept()`; but who closes the last descriptor of a socket, in its own context, held it.

use aya_ebpf::{macros::map, maps::Array};
use tracer_ebpf::{
    attempt::{Entry, phase},
    counter::{Count, Hook},
    event::{Holder, Owner, holder, kind, owner_flag},
};

use crate::{
    announce, count,
    kernel::{layout, read},
    owner, pending, ring,
    socket::{self, IPPROTO_TCP, state},
    table,
};

/// User space waits for the end of a failure's story for 10 ms: what is closed long after tells
/// nothing any more.
const SOON_NS: u64 = 1_000_000_000;

/// The holder that was found last: descriptors come process by process.
#[map]
static LAST_FOUND: Array<u32> = Array::with_max_entries(1, 0);

/// True for a connection whose beginning was not seen.
#[inline(always)]
pub(crate) fn is_held(entry: *mut Entry) -> bool {
    // SAFETY: a map value.
    unsafe { (*entry).owner.flags & owner_flag::HELD_IT != 0 }
}

/// A process has a descriptor of a connection that was there before the tracer.
#[inline(never)]
pub(crate) fn found(sk: u64, task: u64) -> u32 {
    let leader: u64 = read(task, layout!(task_group_leader));
    let phase = match socket::tcp_state(sk) {
        state::SYN_SENT => phase::SYN_SENT,
        _ => phase::OPEN,
    };
    let mut entry = table::NOTHING;
    table::describe(&mut entry, sk, phase);
    // SAFETY: a value of this frame.
    unsafe { owner::holder(&raw mut entry.owner, leader) };
    if !owner::is_watched(entry.owner.tgid, entry.owner.uid) {
        count::hook(Hook::Find, Count::Filtered);
        return 0;
    }
    if let Some(known) = table::any(sk) {
        // SAFETY: a map value.
        let other = unsafe { &mut (*known).owner };
        if other.flags & owner_flag::HELD_IT != 0 && other.tgid != entry.owner.tgid {
            other.flags |= owner_flag::SHARED;
        }
        return 0;
    }
    if phase == phase::SYN_SENT {
        entry.pending_slot = pending::slot(&entry.remote, entry.remote_port);
        pending::add(entry.pending_slot, 1);
    }
    count::hook(Hook::Find, Count::Seen);
    if !table::put_new(sk, &entry) {
        count::hook(Hook::Find, Count::MapFull);
    }
    tell_found(sk, &entry.owner)
}

/// Each process once: user space asks at once what else there is to know of it.
#[inline(always)]
fn tell_found(sk: u64, owner: &Owner) -> u32 {
    let Some(last) = LAST_FOUND.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: a map value that only the iterator writes, run by one thread.
    unsafe {
        if *last != owner.tgid {
            *last = owner.tgid;
            emit(Hook::Find, (sk, 0), owner, holder::FOUND);
        }
    }
    0
}

#[inline(always)]
fn emit(hook: Hook, (sk, attempt_ns): (u64, u64), owner: &Owner, how: u32) {
    ring::emit::<Holder>(hook, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::HOLDER, sk, attempt_ns);
            (*event).owner = *owner;
            (*event).how = how;
            (*event).reserved = 0;
        }
    });
}

/// This side begins to close a connection while data is under way that may yet be lost (with `--all`:
/// any). From here on no descriptor need hold it, so whose it is is remembered where that is not known,
/// and told where another process had opened it: it was passed on, or inherited.
#[inline(never)]
pub(crate) fn closes(sk: u64) -> u32 {
    if !socket::is_in_call(sk) || read::<u16>(sk, layout!(sock_protocol)) != IPPROTO_TCP {
        return 0;
    }
    let known = table::any(sk);
    if known.is_some_and(is_of_current) {
        return 0;
    }
    let mut entry = table::NOTHING;
    table::describe(&mut entry, sk, phase::OPEN);
    if !take(&mut entry.owner) {
        return 0;
    }
    match known {
        Some(known) => tell_closed(sk, &entry.owner, known),
        None if !table::put(sk, &entry) => count::hook(Hook::State, Count::MapFull),
        None => {}
    }
    0
}

/// Of the current process, or it has been told of before: its beginning was not seen.
#[inline(always)]
fn is_of_current(entry: *mut Entry) -> bool {
    // SAFETY: a map value.
    is_held(entry) || unsafe { (*entry).owner.tgid } == owner::current_tgid()
}

/// The current process, which has the socket locked in a system call; none where a filter leaves it
/// out.
#[inline(always)]
fn take(owner: &mut Owner) -> bool {
    let taken = owner::take_current(owner) != 0;
    owner.flags |= owner_flag::HELD_IT;
    taken && owner.flags & owner_flag::KERNEL_THREAD == 0
}

/// A connection of which nobody knows whose it is has failed: who closes it will tell. Gives the key
/// of an attempt that is not known.
#[inline(never)]
pub(crate) fn unknown(sk: u64) -> u64 {
    let mut entry = table::NOTHING;
    table::describe(&mut entry, sk, phase::UNOWNED);
    if !table::put(sk, &entry) {
        count::hook(Hook::State, Count::MapFull);
    }
    0
}

/// The socket of a failed connection is gone. Told where who closed it is news: it is not known whose
/// the connection is, or it is another's, who had the socket passed on or inherited it.
#[inline(never)]
pub(crate) fn closed(sk: u64, entry: &mut Entry) -> u32 {
    let is_known = entry.phase != phase::UNOWNED;
    if is_known && entry.owner.tgid == owner::current_tgid() {
        return 0;
    }
    // A softirq or timer that ends an orphan runs in anybody's context.
    if !socket::is_in_call(sk) || (!is_known && ring::now_ns() - entry.start_ns > SOON_NS) {
        return 0;
    }
    if !take(&mut entry.owner) {
        return 0;
    }
    announce::process(Hook::Destroy, entry.owner.tgid);
    count::hook(Hook::Destroy, Count::Seen);
    let attempt_ns = if is_known { entry.start_ns } else { 0 };
    emit(
        Hook::Destroy,
        (sk, attempt_ns),
        &entry.owner,
        holder::CLOSED,
    );
    0
}

/// Another process than the one that opened it begins to close a connection.
#[inline(always)]
fn tell_closed(sk: u64, owner: &Owner, opened: *mut Entry) {
    let attempt_ns = announce::attempt(Hook::State, sk, opened);
    announce::process(Hook::State, owner.tgid);
    emit(Hook::State, (sk, attempt_ns), owner, holder::CLOSED);
}

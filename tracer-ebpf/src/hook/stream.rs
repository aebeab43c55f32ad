//! How a connection ended that had come up: which ends are failures, and who ended it.

use tracer_ebpf::{
    attempt::{Entry, phase},
    config::ABSENT,
    counter::{Attempts, Count, Hook},
    event::{Attempt, kind, owner_flag, seen_by},
};

use super::{
    end::{self, Seen},
    holder,
};
use crate::{
    announce, count,
    kernel::{layout, read, setting},
    owner, pending, ring,
    socket::{self, state},
    table,
};

/// `ss -K` and the like (`tcp_abort`) hold the socket's lock in a task that has nothing to do with it.
const ECONNABORTED: i32 = 103;

/// An end that somebody suffers from. While both sides may still write, every end but the one by FIN;
/// once this side has closed, only one that loses data which it had handed to TCP: also without an
/// error, where the kernel gives up connections that nobody has open (`tcp_check_oom`).
#[inline(always)]
pub(crate) fn has_failed(sk: u64, old: u32) -> bool {
    match old {
        state::ESTABLISHED | state::CLOSE_WAIT => true,
        state::FIN_WAIT1 | state::CLOSING | state::LAST_ACK => {
            let written: u32 = read(sk, layout!(tcp_write_seq));
            let acked: u32 = read(sk, layout!(tcp_snd_una));
            // The FIN takes one number.
            written.wrapping_sub(acked) > 1
        }
        _ => false,
    }
}

/// A socket that is over, though no change of state told of it, and that shows that it did not end
/// well. The ends that [`has_failed`] lets pass show nothing of the kind, whether or not their change of
/// state was seen. `was_open`: its application had not closed it before. 1 where it was told now.
#[inline(never)]
pub(crate) fn unseen(sk: u64, was_open: bool) -> u32 {
    // `tcp_disconnect` forgets the port, and moves the sequence numbers.
    if !shows_failure(sk, was_open)
        || socket::remote_port(sk) == 0
        || read::<u16>(sk, layout!(sock_protocol)) != socket::IPPROTO_TCP
    {
        return 0;
    }
    count::hook(Hook::State, Count::Recovered);
    ended(sk, last_state(sk, was_open), true, 0, seen_by::LATER);
    1
}

/// Data that the peer never acknowledged, or no FIN of this side, though its application had it open to
/// the last: whoever ended it, it was not by closing it, and the application may have taken the error.
/// What is acknowledged and what is written outlive `tcp_write_queue_purge` and `tcp_done`.
#[inline(always)]
fn shows_failure(sk: u64, was_open: bool) -> bool {
    let written: u32 = read(sk, layout!(tcp_write_seq));
    let acked: u32 = read(sk, layout!(tcp_snd_una));
    match written.wrapping_sub(acked) {
        // Its FIN alone takes nothing away from anybody, nor does an error from who has closed it.
        under_way @ 0..=1 => was_open && is_without_fin(sk, under_way),
        _ => true,
    }
}

/// Whether all of what this side has sent was data, of which so many bytes are not acknowledged: it never
/// closed the connection. By TCP's own counts: `bytes_acked` has the SYN of who sent it, and the FIN, and
/// `bytes_sent` neither. Where who opened it is not known, one number too many may be either.
#[inline(always)]
fn is_without_fin(sk: u64, under_way: u32) -> bool {
    if layout!(tcp_bytes_acked) == ABSENT || layout!(tcp_bytes_sent) == ABSENT {
        return false;
    }
    let acked: u64 = read(sk, layout!(tcp_bytes_acked));
    let sent: u64 = read(sk, layout!(tcp_bytes_sent));
    let again: u64 = read(sk, layout!(tcp_bytes_retrans));
    let opened_here = table::get(sk).is_some_and(|entry| !holder::is_held(entry));
    let counted = acked.wrapping_add(under_way as u64).wrapping_add(again);
    let beside_data = counted.wrapping_sub(sent) as i64 - opened_here as i64;
    // Each time that IP refuses a byte, it counts as sent.
    beside_data == 0 || (under_way == 1 && beside_data < 0)
}

/// Half-closed ones are not told apart.
#[inline(always)]
fn last_state(sk: u64, was_open: bool) -> u32 {
    match (was_open, socket::has_peer_closed(sk)) {
        (true, false) => state::ESTABLISHED,
        (true, true) => state::CLOSE_WAIT,
        (false, false) => state::FIN_WAIT1,
        (false, true) => state::LAST_ACK,
    }
}

/// Hands over the end of a connection, with its owner: who opened it, or who ended it by a system
/// call. Where neither is known, user space looks for who holds it.
#[inline(never)]
pub(crate) fn ended(sk: u64, old: u32, failure: bool, cookie: u64, by: u32) -> u32 {
    let err: i32 = read(sk, layout!(sock_err));
    let aborted = err == ECONNABORTED;
    // Whoever closed it did so long ago: the task that destroys it now is not the holder.
    let is_left_alone = socket::is_orphan(sk) && (aborted || !socket::is_in_call(sk));
    let entry = table::get(sk);
    let attempt_ns = match entry {
        Some(entry) => announce::attempt(Hook::State, sk, entry),
        // Who closed it was left out.
        None if setting!(follow_open) != 0 && !failure && owner::is_filtering() => return 0,
        None if is_left_alone => 0,
        None if socket::is_in_call(sk) && !aborted => match closer(sk, by) {
            0 if owner::is_filtering() => return 0,
            attempt_ns => attempt_ns,
        },
        None => holder::unknown(sk),
    };
    let seen = Seen::of_stream(by, cookie, failure);
    count::hook(seen.hook, Count::Seen);
    if failure {
        count::attempt(Attempts::Failed);
        count::errno(err);
    }
    // SAFETY: a map value.
    let known = entry.map(|entry| unsafe { &*entry });
    emit(sk, attempt_ns, known, old, &seen);
    if let Some(entry) = entry {
        // SAFETY: a map value.
        let entry = unsafe { &mut *entry };
        if entry.phase == phase::SYN_SENT {
            // That it came up was not seen.
            pending::add(entry.pending_slot, -1);
        }
        entry.phase = if is_left_alone {
            phase::TOLD
        } else {
            phase::FAILED
        };
    } else if failure {
        told(sk);
    }
    0
}

/// A frame of its own.
#[inline(never)]
fn emit(sk: u64, attempt_ns: u64, entry: Option<&Entry>, old: u32, seen: &Seen) -> u32 {
    end::emit_event(sk, attempt_ns, entry, (old, state::CLOSE), *seen);
    0
}

/// A failure that is told without an entry: once only.
#[inline(never)]
fn told(sk: u64) -> u32 {
    let mut entry = table::NOTHING;
    table::describe(&mut entry, sk, phase::TOLD);
    // Where [`holder::unknown`] has put it, it stays.
    table::put_new(sk, &entry) as u32
}

/// The task that made the system call, as the owner of a connection that is not in the table: its
/// key, or 0 where a filter leaves the task out. It ended the connection, or had it open to the last.
#[inline(never)]
fn closer(sk: u64, by: u32) -> u64 {
    let mut owner = owner::NOBODY;
    if owner::take_current(&mut owner) == 0 {
        return 0;
    }
    owner.flags |= match by {
        seen_by::STATE => owner_flag::ENDED_IT,
        _ => owner_flag::HELD_IT,
    };
    announce::process(Hook::State, owner.tgid);
    let now_ns = ring::now_ns();
    ring::emit::<Attempt>(Hook::State, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::ATTEMPT, sk, now_ns);
            (*event).owner = owner;
        }
    });
    now_ns
}

//! How a connection ended that had come up: which ends are failures, and who ended it.

use tracer_ebpf::{
    attempt::phase,
    counter::{Attempts, Count, Hook},
    event::{Attempt, kind, owner_flag},
};

use super::{
    end::{self, Seen},
    holder,
};
use crate::{
    announce, count,
    kernel::{layout, read},
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

/// Hands over the end of a connection, with its owner: who opened it, or who ended it by a system
/// call. Where neither is known, user space looks for who holds it.
#[inline(never)]
pub(crate) fn ended(sk: u64, old: u32, failure: bool, cookie: u64) -> u32 {
    let err: i32 = read(sk, layout!(sock_err));
    let aborted = err == ECONNABORTED;
    // Whoever closed it did so long ago: the task that destroys it now is not the holder.
    let is_left_alone = socket::is_orphan(sk) && (aborted || !socket::is_in_call(sk));
    let entry = table::get(sk);
    let attempt_ns = match entry {
        // Accepted, or older than the tracer.
        Some(entry) if !failure && holder::is_held(entry) => return 0,
        Some(entry) => announce::attempt(Hook::State, sk, entry),
        None if !failure => return 0,
        None if is_left_alone => 0,
        None if socket::is_in_call(sk) && !aborted => match closer(sk) {
            0 if owner::is_filtering() => return 0,
            attempt_ns => attempt_ns,
        },
        None => holder::unknown(sk),
    };
    count::hook(Hook::State, Count::Seen);
    if failure {
        count::attempt(Attempts::Failed);
        count::errno(err);
    }
    let seen = Seen {
        failure: failure as u32,
        ..Seen::at_state(cookie)
    };
    // SAFETY: a map value.
    let known = entry.map(|entry| unsafe { &*entry });
    end::emit_event(sk, attempt_ns, known, (old, state::CLOSE), seen);
    if let Some(entry) = entry {
        // SAFETY: a map value.
        let entry = unsafe { &mut *entry };
        if entry.phase == phase::SYN_SENT {
            // That it came up was not seen.
            pending::add(entry.pending_slot, -1);
        }
        entry.phase = phase::FAILED;
        if is_left_alone {
            table::remove(sk);
        }
    }
    0
}

/// The task that made the system call, as the owner of a connection that is not in the table: its
/// key, or 0 where a filter leaves the task out.
#[inline(never)]
fn closer(sk: u64) -> u64 {
    let mut owner = owner::NOBODY;
    if owner::take_current(&mut owner) == 0 {
        return 0;
    }
    owner.flags |= owner_flag::ENDED_IT;
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

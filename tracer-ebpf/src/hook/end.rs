//! How an attempt ended: the event of it, and the failures whose state change was not seen. A kernel
//! may skip a program: where it is running on that CPU already (`__bpf_trace_run`,
//! `kernel/trace/bpf_trace.c`), and, where its builder wants it so, while certain tasks are current,
//! such as a supervisor whose time slice a timer or a packet interrupts. Then the next hook on that
//! socket tells of the end.

use tracer_ebpf::{
    attempt::{Entry, phase},
    counter::{Attempts, Count, Hook},
    event::{State, kind, seen_by},
};

use super::accepted;
use crate::{
    announce, count, in_vain,
    kernel::{layout, read, read_to},
    owner::{self, Sibling},
    pending, ring, socket,
    socket::state,
};

/// Which hook tells of an end.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// In whose name it is counted.
    pub(crate) hook: Hook,
    /// One of [`seen_by`].
    pub(crate) by: u32,
    /// The socket's cookie; 0 where it is not known.
    pub(crate) cookie: u64,
    /// 1: it counts as a failure.
    pub(crate) failure: u32,
}

impl Seen {
    /// At the change of state itself.
    #[inline(always)]
    pub(crate) fn at_state(cookie: u64) -> Self {
        Self {
            hook: Hook::State,
            by: seen_by::STATE,
            cookie,
            failure: 1,
        }
    }

    /// Of a connection that had come up.
    #[inline(always)]
    pub(crate) fn of_stream(by: u32, cookie: u64, failure: bool) -> Self {
        let hook = match by {
            seen_by::STATE => Hook::State,
            _ => Hook::Destroy,
        };
        Self {
            hook,
            by,
            cookie,
            failure: failure as u32,
        }
    }
}

/// An attempt failed: handed over, and remembered as such. It stays in the table until the socket is
/// gone, or used again: `connect()` may yet return this failure, and by then the socket has forgotten
/// that it ever sent a SYN.
#[inline(always)]
pub(crate) fn failed(sk: u64, entry: *mut Entry, old: u32, seen: Seen) {
    count::attempt(Attempts::Failed);
    count::errno(read(sk, layout!(sock_err)));
    emit(sk, entry, (old, state::CLOSE), seen);
    // SAFETY: a map value.
    let entry = unsafe { &mut *entry };
    pending::add(entry.pending_slot, -1);
    entry.phase = if is_without_errno(sk) {
        phase::FAILED_UNSENT
    } else {
        phase::FAILED
    };
}

/// A connection about which something was handed over is gone: user space may forget it.
#[inline(never)]
pub(crate) fn over(sk: u64, entry: &mut Entry) -> u32 {
    let seen = Seen {
        hook: Hook::Destroy,
        by: seen_by::LATER,
        cookie: entry.cookie,
        failure: 0,
    };
    emit(sk, entry, (state::ESTABLISHED, state::CLOSE), seen);
    0
}

/// An attempt that stands in `SYN_SENT` in the table, and whose socket has left it: the state change
/// was not seen. If it came up it is none of our business any more.
#[inline(never)]
pub(crate) fn unseen(sk: u64, entry: &mut Entry, hook: Hook, by: u32) -> u32 {
    // `tcp_connect_init` clears it, the SYN-ACK sets it.
    if read::<u32>(sk, layout!(tcp_rcv_nxt)) != 0 {
        pending::add(entry.pending_slot, -1);
        entry.phase = phase::OPEN;
        return 0;
    }
    count::hook(Hook::State, Count::Recovered);
    let seen = Seen {
        hook,
        by,
        cookie: entry.cookie,
        failure: 1,
    };
    failed(sk, entry, state::SYN_SENT, seen);
    0
}

/// No SYN was made: the errno goes to the caller alone.
#[inline(always)]
fn is_without_errno(sk: u64) -> bool {
    read::<u32>(sk, layout!(sock_err)) == 0 && read::<u32>(sk, layout!(tcp_segs_out)) == 0
}

/// Hands over that an attempt of the table went from one state to another.
#[inline(always)]
pub(crate) fn emit(sk: u64, entry: *mut Entry, states: (u32, u32), seen: Seen) {
    let attempt_ns = announce::attempt(seen.hook, sk, entry);
    // SAFETY: a map value.
    emit_event(sk, attempt_ns, Some(unsafe { &*entry }), states, seen);
}

/// Hands over a change of state, whether or not the table knows the attempt.
#[inline(always)]
pub(crate) fn emit_event(
    sk: u64,
    attempt_ns: u64,
    entry: Option<&Entry>,
    (old, new): (u32, u32),
    seen: Seen,
) {
    let task = owner::current_task();
    ring::emit::<State>(seen.hook, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::STATE, sk, attempt_ns);
            socket::tuple(&raw mut (*event).tuple, sk);
            if let (0, Some(entry)) = ((*event).tuple.remote_port, entry) {
                // The socket has forgotten it already.
                (*event).tuple.remote = entry.remote;
                (*event).tuple.remote_port = entry.remote_port;
            }
            socket::path(&raw mut (*event).path, sk);
            socket::stream(&raw mut (*event).stream, sk);
            in_vain::tell(&raw mut (*event).in_vain, sk);
            (*event).cookie = seen.cookie;
            read_to(&raw mut (*event).bytes_sent, sk, layout!(tcp_bytes_sent));
            read_to(
                &raw mut (*event).bytes_retrans,
                sk,
                layout!(tcp_bytes_retrans),
            );
            read_to(
                &raw mut (*event).bytes_received,
                sk,
                layout!(tcp_bytes_received),
            );
            (*event).sibling_ns = 0;
            (*event).sibling_start_ns = 0;
            (*event).sibling = [0; 16];
            if let Some(sibling) = entry.and_then(other_address_came_up) {
                (*event).sibling_ns = sibling.time_ns;
                (*event).sibling_start_ns = sibling.start_ns;
                (*event).sibling = sibling.remote;
            }
            (*event).accepted_ns = accepted::since_ns(sk);
            (*event).old = old;
            (*event).new = new;
            read_to(&raw mut (*event).err, sk, layout!(sock_err));
            read_to(&raw mut (*event).err_soft, sk, layout!(sock_err_soft));
            (*event).retransmits = read::<u8>(sk, layout!(icsk_retransmits)) as u32;
            read_to(&raw mut (*event).segs_out, sk, layout!(tcp_segs_out));
            read_to(&raw mut (*event).isn, sk, layout!(tcp_snd_una));
            read_to(&raw mut (*event).write_seq, sk, layout!(tcp_write_seq));
            (*event).srtt_us = read::<u32>(sk, layout!(tcp_srtt_us)) >> 3;
            (*event).seen_by = seen.by;
            (*event).failure = seen.failure;
            read_to(&raw mut (*event).closer_tgid, task, layout!(task_tgid));
            (*event).closer_flags = owner::task_flags(task);
            read_to(
                &raw mut (*event).closer_exit_code,
                task,
                layout!(task_exit_code),
            );
        }
    });
}

/// The last attempt of the same process to the same port that came up, if it was to another
/// address and came up while this one was under way.
#[inline(always)]
fn other_address_came_up(entry: &Entry) -> Option<&'static Sibling> {
    let known = owner::known(entry.owner.tgid)?;
    // SAFETY: a map value, which outlives the program's run.
    let sibling = unsafe { &(*known).siblings[(entry.remote_port & 3) as usize] };
    if sibling.remote_port != entry.remote_port as u64
        || sibling.time_ns < entry.start_ns
        || sibling.remote == entry.remote
    {
        return None;
    }
    Some(sibling)
}

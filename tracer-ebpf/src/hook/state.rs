//! `sock:inet_sock_set_state`: where attempts begin, come up and fail.

use aya_ebpf::{
    helpers::generated::bpf_get_socket_cookie, macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tracer_ebpf::{
    attempt::{Entry, phase},
    counter::{Attempts, Count, Hook},
    event::seen_by,
};

use super::{
    accepted,
    end::{self, Seen},
    holder, listener, stream,
};
use crate::{
    count,
    kernel::{layout, read, read_trusted, setting},
    owner::{self, Sibling},
    pending, ring,
    socket::{self, IPPROTO_TCP, state},
    table,
};

#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let (old, new) = (ctx.arg::<u64>(1) as u32, ctx.arg::<u64>(2) as u32);
    let sk: *const u8 = ctx.arg(0);
    #[cfg(feature = "debug")]
    aya_log_ebpf::debug!(&ctx, "TCP state {} -> {}", old, new);
    match (old, new) {
        (state::CLOSE, state::SYN_SENT) => begin(sk),
        (state::SYN_SENT, state::ESTABLISHED) => came_up(sk as u64),
        (state::SYN_SENT, state::CLOSE) => failed(sk, old),
        (_, state::LISTEN) => listener::began(sk as u64),
        (state::LISTEN, state::CLOSE) => listener::ended(sk as u64),
        (state::LISTEN, state::SYN_RECV) => forget_former(sk as u64),
        (state::SYN_RECV, state::ESTABLISHED) if setting!(follow_open) != 0 => {
            accepted::came_up(sk as u64);
            accepted(sk)
        }
        (state::SYN_RECV, state::ESTABLISHED) => accepted(sk),
        (state::SYN_RECV, state::CLOSE) => simultaneous_open_failed(sk, old),
        (_, state::CLOSE) => ended(sk, old),
        (state::ESTABLISHED, state::FIN_WAIT1) | (state::CLOSE_WAIT, state::LAST_ACK)
            if setting!(follow_open) != 0 || has_data_under_way(sk) =>
        {
            holder::closes(sk as u64)
        }
        _ => 0,
    };
    0
}

/// A listener makes a socket (`inet_csk_clone_lock`, `net/ipv4/inet_connection_sock.c`). What stands at
/// its address is of a former socket, which went while the kernel ran no program.
#[inline(always)]
fn forget_former(sk: u64) -> u32 {
    // Looking is cheaper than removing, which takes a lock.
    if table::any(sk).is_some() {
        table::remove(sk);
    }
    0
}

/// A listener has taken a connection.
#[inline(always)]
fn accepted(sk: *const u8) -> u32 {
    if listener::awaits_anyone() {
        listener::came_up(sk as u64)
    } else {
        0
    }
}

// Each of these has a frame of its own, and returns a number as the verifier wants of a function:
// the frames of a chain of calls may have 512 bytes together.

/// Runs in the caller's context: this is where its owner is certain.
#[inline(never)]
fn begin(sk: *const u8) -> u32 {
    // SAFETY: an argument of the tracepoint.
    let protocol: u16 = unsafe { read_trusted(sk, layout!(sock_protocol)) };
    // An MPTCP socket shares its fate with its first subflow, which is seen as TCP.
    if protocol != IPPROTO_TCP {
        return 0;
    }
    if let Some(entry) = table::get(sk as u64) {
        // SAFETY: a map value.
        let entry = unsafe { &mut *entry };
        if entry.phase == phase::CALLED {
            entry.phase = phase::SYN_SENT;
            entry.pending_slot = pending::slot(&entry.remote, entry.remote_port);
            pending::add(entry.pending_slot, 1);
            count::attempt(Attempts::Settled);
            return 0;
        }
    }
    begin_unannounced(sk as u64);
    0
}

/// Without the connect hook, or where that saw nothing (a kernel's own socket), it begins here.
#[inline(always)]
fn begin_unannounced(sk: u64) {
    let mut entry = table::NOTHING;
    table::describe(&mut entry, sk, phase::SYN_SENT);
    if owner::take_current(&mut entry.owner) == 0 {
        count::hook(Hook::State, Count::Filtered);
        return;
    }
    entry.pending_slot = pending::slot(&entry.remote, entry.remote_port);
    if table::put(sk, &entry) {
        pending::add(entry.pending_slot, 1);
    } else {
        count::hook(Hook::State, Count::MapFull);
    }
}

#[inline(never)]
fn came_up(sk: u64) -> u32 {
    let Some(entry) = table::get(sk) else {
        return 0;
    };
    // SAFETY: a map value.
    let found = unsafe { &mut *entry };
    count::attempt(Attempts::Established);
    pending::add(found.pending_slot, -1);
    remember_success(found);
    if found.announced != 0 {
        // Evidence was handed over: user space must learn that it came to nothing.
        let states = (state::SYN_SENT, state::ESTABLISHED);
        end::emit(sk, entry, states, Seen::at_state(0));
    }
    found.phase = phase::OPEN;
    0
}

/// So that the loser of a race to several addresses of one service can be told from one that gave
/// up.
#[inline(always)]
fn remember_success(entry: &Entry) {
    if let Some(known) = owner::known(entry.owner.tgid) {
        // SAFETY: a map value; a torn write by another thread fails the comparison of addresses.
        let sibling = unsafe { &mut (*known).siblings[(entry.remote_port & 3) as usize] };
        *sibling = Sibling {
            time_ns: ring::now_ns(),
            start_ns: entry.start_ns,
            remote: entry.remote,
            remote_port: entry.remote_port as u64,
        };
    }
}

#[inline(never)]
fn failed(sk: *const u8, old: u32) -> u32 {
    // SAFETY: an argument of the tracepoint.
    let protocol: u16 = unsafe { read_trusted(sk, layout!(sock_protocol)) };
    if protocol != IPPROTO_TCP {
        return 0;
    }
    let address = sk as u64;
    let entry = table::get(address);
    // Where a filter works in the kernel, what is not in the table was left out by it.
    if entry.is_none() && owner::is_filtering() {
        return 0;
    }
    count::hook(Hook::State, Count::Seen);
    let seen = Seen::at_state(cookie(sk));
    match entry {
        Some(entry) => end::failed(address, entry, old, seen),
        None => {
            count::attempt(Attempts::Failed);
            count::attempt(Attempts::Unowned);
            count::errno(read(address, layout!(sock_err)));
            end::emit_event(address, 0, None, (old, state::CLOSE), seen);
        }
    }
    0
}

/// 0 where the kernel has no cookies for tracing programs.
#[inline(always)]
fn cookie(sk: *const u8) -> u64 {
    if setting!(has_cookie) == 0 {
        return 0;
    }
    // SAFETY: an argument of the tracepoint; where the helper is missing, this is pruned.
    unsafe { bpf_get_socket_cookie(sk.cast_mut().cast()) }
}

/// Both ends sent a SYN. A socket that a listener made is no attempt, and not in the table.
#[inline(always)]
fn simultaneous_open_failed(sk: *const u8, old: u32) -> u32 {
    if table::get(sk as u64).is_some() {
        failed(sk, old)
    } else {
        0
    }
}

/// True where this side has written what the other has not acknowledged: its FIN is not made yet.
#[inline(always)]
fn has_data_under_way(sk: *const u8) -> bool {
    // SAFETY: an argument of the tracepoint.
    unsafe { read_trusted::<u32>(sk, layout!(sock_wmem_queued)) != 0 }
}

/// A connection that had come up is over. The ordinary end costs three loads at most.
#[inline(never)]
fn ended(sk: *const u8, old: u32) -> u32 {
    // SAFETY: an argument of the tracepoint.
    let protocol: u16 = unsafe { read_trusted(sk, layout!(sock_protocol)) };
    let address = sk as u64;
    let failure = protocol == IPPROTO_TCP && stream::has_failed(address, old);
    let is_wanted = setting!(follow_open) != 0 && protocol == IPPROTO_TCP && socket::is_open(old);
    if failure || is_wanted {
        stream::ended(address, old, failure, cookie(sk), seen_by::STATE);
    }
    0
}

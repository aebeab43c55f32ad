//! What happens at listening sockets. Only refused packets, answers sent again and `listen()` itself
//! come here: a connection that comes up at once does not.

use aya_ebpf::{
    EbpfContext,
    macros::{map, raw_tracepoint},
    maps::{Array, LruHashMap, PerCpuArray},
    programs::RawTracePointContext,
};
use tracer_ebpf::{
    config::ABSENT,
    counter::{Count, Hook},
    event::{Owner, Packet, tcp_flag},
    listener::{
        AtListener, CameUp, CountKey, LOOKS, Listener, Listening, flag,
        how::{BEGAN, ENDED, FOUND},
        kind,
        what::{ANSWERED_AGAIN, DROPPED, RESET},
    },
};

use super::packet;
use crate::{
    atomic, count,
    kernel::{layout, read, setting},
    owner, pending, ring,
    socket::{self, IPPROTO_TCP, state},
    stalled,
};

/// Exact counts of what happened at each listener.
#[map]
static LISTENER_COUNTS: LruHashMap<CountKey, u64> = LruHashMap::with_max_entries(8192, 0);

/// Events about listeners that this CPU handed over in the present second.
#[repr(C)]
struct Bucket {
    second_ns: u64,
    used: u64,
}

#[map]
static LISTENER_BUCKETS: PerCpuArray<Bucket> = PerCpuArray::with_max_entries(4, 0);

const SLOTS: u32 = 1 << 12;

/// When a client was last answered again, by a hash of its address and port; and in the last place,
/// when any was. User space clears it.
#[map]
static AGAIN: Array<u64> = Array::with_max_entries(SLOTS + 1, 0);

/// An answer is sent again for so long at most (`TCP_RTO_MAX`, and a margin): then nobody waits for
/// its acknowledgment any more.
const WAIT_NS: u64 = 300_000_000_000;

/// Writes what a listener is like.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
unsafe fn describe(to: *mut Listener, sk: u64) {
    // SAFETY: as the caller promises.
    unsafe {
        (*to).local_port = read(sk, layout!(sock_num));
        (*to).family = socket::family(sk);
        (*to).netns = socket::netns(sk);
        (*to).inode = socket::inode(sk);
        (*to).cookie = read(sk, layout!(sock_cookie));
        (*to).backlog = read(sk, layout!(sock_ack_backlog));
        (*to).backlog_limit = read(sk, layout!(sock_max_ack_backlog));
        (*to).syn_queue = read(sk, layout!(icsk_accept_queue_len));
        (*to).drops = read(sk, layout!(sock_drops));
        (*to).state = socket::tcp_state(sk);
        (*to).flags = families(sk);
        // Last: what comes behind its choice of a family is verified once for each.
        socket::local(&raw mut (*to).local, sk);
    }
}

/// What an IPv6 listener takes, as [`flag`] has it. Computed: each choice is one more path to verify.
#[inline(always)]
fn families(sk: u64) -> u32 {
    if layout!(sock_ipv6only) == ABSENT {
        return 0;
    }
    let byte = read::<u8>(sk, layout!(sock_ipv6only)) as u32;
    flag::BOTH_FAMILIES - (byte >> layout!(sock_ipv6only_bit) & 1)
}

/// `listen()`, in its caller's context.
#[inline(never)]
pub(crate) fn began(sk: u64) -> u32 {
    if read::<u16>(sk, layout!(sock_protocol)) != IPPROTO_TCP {
        return 0;
    }
    let mut owner = owner::NOBODY;
    if owner::take_current(&mut owner) == 0 {
        return 0;
    }
    emit_listening(sk, &owner, BEGAN)
}

/// It listens no longer: what waits in its queues is gone.
#[inline(never)]
pub(crate) fn ended(sk: u64) -> u32 {
    if read::<u16>(sk, layout!(sock_protocol)) != IPPROTO_TCP {
        return 0;
    }
    emit_listening(sk, &owner::NOBODY, ENDED)
}

#[inline(always)]
fn emit_listening(sk: u64, owner: &Owner, how: u32) -> u32 {
    count::hook(Hook::State, Count::Seen);
    ring::emit::<Listening>(Hook::State, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::LISTENING, sk, 0);
            describe(&raw mut (*event).listener, sk);
            (*event).owner = *owner;
            (*event).how = how;
            (*event).reserved = 0;
        }
    });
    0
}

/// True where a dropped packet's receiver is a listener.
#[inline(always)]
pub(crate) fn is_listener(sk: u64) -> bool {
    sk != 0 && socket::tcp_state(sk) == state::LISTEN
}

/// A packet was dropped whose receiver is a listener.
#[inline(never)]
pub(crate) fn dropped(sk: u64, packet: &Packet, reason: u32, location: u64) -> u32 {
    let seen = Seen {
        hook: Hook::Drop,
        what: DROPPED,
        reason,
        location,
        retransmits: 0,
    };
    emit(sk, packet, &seen)
}

/// A listener answered a packet with a RST.
#[inline(never)]
pub(crate) fn reset(sk: u64, packet: &Packet, reason: u32) -> u32 {
    let seen = Seen {
        hook: Hook::SendReset,
        what: RESET,
        reason,
        location: 0,
        retransmits: 0,
    };
    emit(sk, packet, &seen)
}

/// A listener sends its SYN-ACK again.
#[inline(never)]
pub(crate) fn answered_again(sk: u64, request: u64) -> u32 {
    let mut packet = packet::NOTHING;
    asked(request, &mut packet);
    let now_ns = ring::now_ns();
    remember(slot(&packet.source, packet.source_port), now_ns);
    remember(SLOTS, now_ns);
    stalled::note_answer_to(&packet);
    let seen = Seen {
        hook: Hook::SynackRetransmit,
        what: ANSWERED_AGAIN,
        reason: u32::MAX,
        location: 0,
        retransmits: read::<u8>(request, layout!(request_num_retrans)) as u32,
    };
    emit(sk, &packet, &seen)
}

/// The SYN that made a request, as far as the request still tells. A frame of its own.
#[inline(never)]
fn asked(request: u64, packet: &mut Packet) -> u32 {
    // SAFETY: fields of the caller's.
    unsafe {
        socket::remote(&raw mut packet.source, request);
        socket::local(&raw mut packet.destination, request);
    }
    packet.source_port = socket::remote_port(request);
    packet.destination_port = read(request, layout!(sock_num));
    packet.ip_version = match socket::family(request) {
        socket::AF_INET6 => 6,
        _ => 4,
    };
    packet.seq = read(request, layout!(request_rcv_isn));
    packet.netns = socket::netns(request);
    1
}

/// What happened, in numbers.
struct Seen {
    hook: Hook,
    what: u32,
    reason: u32,
    location: u64,
    retransmits: u32,
}

#[inline(always)]
fn emit(sk: u64, packet: &Packet, seen: &Seen) -> u32 {
    count::hook(seen.hook, Count::Seen);
    let key = CountKey::of(sk, socket::inode(sk), seen.what, seen.reason, packet.flags);
    let counted = count_one(&key);
    // The first of a kind makes it known; from then on user space can ask for their number.
    if counted > 1 && !take(bucket(&key)) {
        count::hook(seen.hook, Count::Summarized);
        return 0;
    }
    ring::emit::<AtListener>(seen.hook, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::AT_LISTENER, sk, 0);
            describe(&raw mut (*event).listener, sk);
            (*event).packet = *packet;
            (*event).location = seen.location;
            (*event).count = counted;
            (*event).what = seen.what;
            (*event).reason = seen.reason;
            (*event).retransmits = seen.retransmits;
            (*event).reserved = 0;
        }
    });
    0
}

/// Counts one more, and gives their number.
#[inline(always)]
fn count_one(key: &CountKey) -> u64 {
    if let Some(counted) = LISTENER_COUNTS.get_ptr_mut(key) {
        // SAFETY: a map value; other CPUs change it too, so the addition is atomic.
        unsafe {
            atomic::add_u64(counted, 1);
            return counted.read_volatile();
        }
    }
    let first = 1_u64;
    // BPF_NOEXIST: another CPU may have been first.
    if LISTENER_COUNTS.insert(key, first, 1).is_err()
        && let Some(counted) = LISTENER_COUNTS.get_ptr_mut(key)
    {
        // SAFETY: as above.
        unsafe {
            atomic::add_u64(counted, 1);
            return counted.read_volatile();
        }
    }
    first
}

/// Which allowance: SYNs that are dropped have one of their own, apart from what is no handshake's
/// beginning.
#[inline(always)]
fn bucket(key: &CountKey) -> u32 {
    if key.what == DROPPED && key.class == tcp_flag::SYN as u32 {
        0
    } else {
        key.what
    }
}

/// Takes a place in this second's allowance of this kind: a flood of one must not hide the others.
#[inline(always)]
fn take(kind: u32) -> bool {
    const SECOND_NS: u64 = 1_000_000_000;
    let Some(bucket) = LISTENER_BUCKETS.get_ptr_mut(kind) else {
        return false;
    };
    let now_ns = ring::now_ns();
    // SAFETY: a map value of this CPU. Where an interrupt nests, one event more or less passes.
    let bucket = unsafe { &mut *bucket };
    if now_ns - bucket.second_ns >= SECOND_NS {
        *bucket = Bucket {
            second_ns: now_ns,
            used: 0,
        };
    }
    bucket.used += 1;
    // Each answer that is sent again is one connection; drops are of one kind, mostly.
    let limit = setting!(listener_events_per_second) as u64;
    bucket.used
        <= if kind == ANSWERED_AGAIN {
            limit * 16
        } else {
            limit
        }
}

#[inline(always)]
fn slot(address: &[u8; 16], port: u16) -> u32 {
    pending::slot(address, port) & (SLOTS - 1)
}

#[inline(always)]
fn remember(slot: u32, now_ns: u64) {
    if let Some(at_ns) = AGAIN.get_ptr_mut(slot) {
        // SAFETY: a map value; other CPUs write nearly the same.
        unsafe { at_ns.write_volatile(now_ns) };
    }
}

/// True where some client was answered again lately. One look at an array, for each connection that
/// comes up.
#[inline(always)]
pub(crate) fn awaits_anyone() -> bool {
    AGAIN.get(SLOTS).is_some_and(|&at_ns| at_ns != 0)
}

/// A connection that a listener made came up: told where its client had to be answered again.
#[inline(never)]
pub(crate) fn came_up(sk: u64) -> u32 {
    let now_ns = ring::now_ns();
    let mut client = [0; 16];
    // SAFETY: a value of this frame.
    unsafe { socket::remote(&raw mut client, sk) };
    let answered = AGAIN
        .get(slot(&client, socket::remote_port(sk)))
        .copied()
        .unwrap_or(0);
    if answered == 0 || now_ns - answered > WAIT_NS {
        return 0;
    }
    count::hook(Hook::State, Count::Seen);
    ring::emit::<CameUp>(Hook::State, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::CAME_UP, sk, 0);
            socket::tuple(&raw mut (*event).tuple, sk);
            (*event).synack_retransmits = read(sk, layout!(tcp_total_retrans));
            (*event).reserved = 0;
        }
    });
    0
}

/// What the last look saw, in the order of the program's arguments.
#[map]
static LOOKED_AT: Array<Listener> = Array::with_max_entries(LOOKS, 0);

/// Never attached: user space runs it, with the addresses of listeners, to see what they are like now
/// in every network namespace at once. An address may be stale: reading memory that is gone gives
/// zeros, or another socket, whose inode number differs.
#[raw_tracepoint(tracepoint = "look_at_listeners")]
pub(crate) fn look_at_listeners(ctx: RawTracePointContext) -> i32 {
    let mut at = 0;
    while at < LOOKS {
        // SAFETY: the context is twelve numbers (`MAX_BPF_FUNC_ARGS`).
        let sk = unsafe { ctx.as_ptr().cast::<u64>().add(at as usize).read_volatile() };
        if sk != 0 {
            look(sk, at);
        }
        at += 1;
    }
    0
}

#[inline(never)]
fn look(sk: u64, at: u32) -> u32 {
    if let Some(looked) = LOOKED_AT.get_ptr_mut(at) {
        // SAFETY: a map value that only this program writes, run by one thread.
        unsafe { describe(looked, sk) };
    }
    0
}

/// It was there before the tracer, and a process holds it.
#[inline(never)]
pub(crate) fn found(sk: u64, task: u64) -> u32 {
    let leader: u64 = read(task, layout!(task_group_leader));
    ring::emit::<Listening>(Hook::Find, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::LISTENING, sk, 0);
            describe(&raw mut (*event).listener, sk);
            owner::holder(&raw mut (*event).owner, leader);
            (*event).how = FOUND;
            (*event).reserved = 0;
        }
    });
    0
}

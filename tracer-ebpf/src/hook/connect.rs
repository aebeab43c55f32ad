//! Where `connect()` begins and returns: for attempts that fail before a SYN is made, of which no
//! tracepoint tells.

use aya_ebpf::{
    EbpfContext,
    bindings::bpf_sock_addr,
    helpers::generated::{bpf_get_retval, bpf_get_socket_cookie, bpf_probe_read_kernel},
    macros::{cgroup_sock_addr, fexit},
    programs::{FExitContext, SockAddrContext},
};
use tracer_ebpf::{
    attempt::{Entry, phase},
    counter::{Attempts, Count, Hook},
    event::{
        owner_flag,
        unsent::{RETRIED, RETURNED},
    },
};

use super::unsent;
use crate::{
    count,
    kernel::{layout, read, setting},
    owner, ring,
    socket::{self, AF_INET, AF_INET6, IPPROTO_TCP, state},
    table,
};

/// Lets `connect()` go on.
const ALLOW: i32 = 1;

#[cgroup_sock_addr(connect4)]
pub(crate) fn connect4(ctx: SockAddrContext) -> i32 {
    // SAFETY: the context of this program type; the verifier checks each access.
    let address = unsafe { (*ctx.sock_addr).user_ip4 };
    begin(&ctx, AF_INET, socket::mapped(address))
}

#[cgroup_sock_addr(connect6)]
pub(crate) fn connect6(ctx: SockAddrContext) -> i32 {
    // SAFETY: as above. The verifier wants each word loaded on its own.
    let words = unsafe {
        let address = &raw const (*ctx.sock_addr).user_ip6;
        [
            (&raw const (*address)[0]).read_volatile(),
            (&raw const (*address)[1]).read_volatile(),
            (&raw const (*address)[2]).read_volatile(),
            (&raw const (*address)[3]).read_volatile(),
        ]
    };
    let mut remote = [0; 16];
    let mut at = 0;
    while at < 16 {
        remote[at] = (words[at / 4] >> (8 * (at % 4))) as u8;
        at += 1;
    }
    begin(&ctx, AF_INET6, remote)
}

#[inline(always)]
fn begin(ctx: &SockAddrContext, family: u16, remote: [u8; 16]) -> i32 {
    let address: *mut bpf_sock_addr = ctx.sock_addr;
    // SAFETY: the context of this program type; the verifier checks each access.
    let (protocol, port, sk) = unsafe {
        (
            (*address).protocol,
            (&raw const (*address).user_port).read_volatile(),
            (*address).__bindgen_anon_1.sk as u64,
        )
    };
    let sk = as_number(sk);
    if protocol != IPPROTO_TCP as u32 {
        return ALLOW;
    }
    settle_previous(sk);
    let start = Start {
        // SAFETY: the context of this program type.
        cookie: unsafe { bpf_get_socket_cookie(ctx.as_ptr()) },
        remote,
        remote_port: u16::from_be(port as u16),
        family,
        cgroup_err: decided_before(),
    };
    remember(sk, &start);
    ALLOW
}

/// What the context tells of an attempt.
struct Start {
    cookie: u64,
    remote: [u8; 16],
    remote_port: u16,
    family: u16,
    cgroup_err: i32,
}

// Each of these has a frame of its own, and returns a number as the verifier wants of a function.

/// The attempt before on the same socket, if it never came to a SYN.
#[inline(never)]
fn settle_previous(sk: u64) -> u32 {
    if let Some(entry) = table::get(sk) {
        // SAFETY: a map value.
        if unsafe { (*entry).phase } == phase::CALLED {
            unsent::emit(Hook::Connect, sk, entry, RETRIED, 0);
        }
    }
    0
}

#[inline(never)]
fn remember(sk: u64, start: &Start) -> u32 {
    let mut entry = Entry {
        owner: owner::NOBODY,
        start_ns: ring::now_ns(),
        cookie: start.cookie,
        remote: start.remote,
        remote_port: start.remote_port,
        family: start.family,
        netns: socket::netns(sk),
        phase: phase::CALLED,
        announced: 0,
        cgroup_err: start.cgroup_err,
        pending_slot: 0,
    };
    if owner::take_current(&mut entry.owner) == 0 {
        return 0;
    }
    entry.owner.flags |= owner_flag::FROM_CONNECT;
    if table::put(sk, &entry) {
        count::attempt(Attempts::Begun);
    } else {
        count::hook(Hook::Connect, Count::MapFull);
    }
    0
}

/// The verifier knows this pointer as a socket, on which it forbids arithmetic: read back from
/// memory, it is a number like in every other hook.
#[inline(always)]
fn as_number(pointer: u64) -> u64 {
    let mut number = 0_u64;
    // SAFETY: both are 8 bytes of this stack frame.
    unsafe {
        bpf_probe_read_kernel((&raw mut number).cast(), 8, (&raw const pointer).cast());
    }
    number
}

/// What the programs of the same event before this one decided. Ours is attached to the root, whose
/// programs run last (`kernel/bpf/cgroup.c`, `compute_effective_progs`).
#[inline(always)]
fn decided_before() -> i32 {
    if setting!(has_retval) == 0 {
        return 0;
    }
    // SAFETY: the helper has no preconditions; where the kernel lacks it, this branch is pruned.
    -(unsafe { bpf_get_retval() } as i32)
}

/// `__inet_stream_connect` returned: where programs may be attached to functions, the errno itself.
#[fexit(function = "__inet_stream_connect")]
pub(crate) fn inet_stream_connect(ctx: FExitContext) -> i32 {
    const EINPROGRESS: i32 = 115;
    const EALREADY: i32 = 114;
    const EISCONN: i32 = 106;
    /// The return value stands behind the five arguments.
    const RETURN: usize = 5;
    let err = -(ctx.arg::<u64>(RETURN) as i32);
    if err <= 0 || err == EINPROGRESS || err == EALREADY || err == EISCONN {
        return 0;
    }
    let sk: u64 = read(ctx.arg::<u64>(0), layout!(socket_sk));
    if read::<u16>(sk, layout!(sock_protocol)) != IPPROTO_TCP
        || socket::tcp_state(sk) != state::CLOSE
    {
        return 0;
    }
    match table::any(sk) {
        Some(entry) => told_already(sk, entry, err),
        None => returned(sk, ctx.arg(1), err),
    }
    0
}

/// The failure of an attempt that came to `SYN_SENT`, whether this call made it or an earlier one.
#[inline(always)]
fn told_already(sk: u64, entry: *mut Entry, err: i32) {
    // SAFETY: a map value.
    if unsafe { (*entry).phase } == phase::FAILED_UNSENT {
        unsent::emit(Hook::ConnectReturn, sk, entry, RETURNED, err);
    }
    // The next `connect()` on this socket is another attempt.
    table::remove(sk);
}

/// The destination of `connect()` stands in the `sockaddr` that it was given.
#[inline(always)]
fn returned(sk: u64, sockaddr: u64, err: i32) {
    let family: u16 = read(sockaddr, 0);
    let remote = match family {
        AF_INET => socket::mapped(read(sockaddr, 4)),
        AF_INET6 => read(sockaddr, 8),
        _ => return,
    };
    let mut entry = Entry {
        owner: owner::NOBODY,
        start_ns: ring::now_ns(),
        cookie: 0,
        remote,
        remote_port: u16::from_be(read(sockaddr, 2)),
        family,
        netns: socket::netns(sk),
        phase: phase::CALLED,
        announced: 0,
        cgroup_err: 0,
        pending_slot: 0,
    };
    if owner::take_current(&mut entry.owner) == 0 {
        count::hook(Hook::ConnectReturn, Count::Filtered);
        return;
    }
    unsent::emit(Hook::ConnectReturn, sk, &raw mut entry, RETURNED, err);
}

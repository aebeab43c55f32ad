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
    kernel::{layout, read, read_to, setting},
    owner, ring,
    socket::{self, AF_INET, AF_INET6, IPPROTO_TCP, state},
    table,
};

/// Lets `connect()` go on.
const ALLOW: i32 = 1;

#[cgroup_sock_addr(connect4)]
pub(crate) fn connect4(ctx: SockAddrContext) -> i32 {
    let mut entry = table::NOTHING;
    // SAFETY: the context of this program type; the verifier checks each access.
    entry.remote = socket::mapped(unsafe { (*ctx.sock_addr).user_ip4 });
    entry.family = AF_INET;
    begin(&ctx, &mut entry)
}

#[expect(
    clippy::cast_ptr_alignment,
    reason = "an address in a record is aligned to 8"
)]
#[cgroup_sock_addr(connect6)]
pub(crate) fn connect6(ctx: SockAddrContext) -> i32 {
    let mut entry = table::NOTHING;
    let remote = (&raw mut entry.remote).cast::<u32>();
    // SAFETY: as above, and 16 bytes of an aligned record. The verifier wants each word loaded on its
    // own.
    unsafe {
        let address = &raw const (*ctx.sock_addr).user_ip6;
        remote.write((&raw const (*address)[0]).read_volatile());
        remote
            .add(1)
            .write((&raw const (*address)[1]).read_volatile());
        remote
            .add(2)
            .write((&raw const (*address)[2]).read_volatile());
        remote
            .add(3)
            .write((&raw const (*address)[3]).read_volatile());
    }
    entry.family = AF_INET6;
    begin(&ctx, &mut entry)
}

#[inline(always)]
fn begin(ctx: &SockAddrContext, entry: &mut Entry) -> i32 {
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
    // SAFETY: the context of this program type.
    entry.cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    entry.remote_port = u16::from_be(port as u16);
    entry.cgroup_err = decided_before();
    remember(sk, entry);
    ALLOW
}

// Each of these has a frame of its own, and returns a number as the verifier wants of a function.

/// The attempt before on the same socket, if it never came to a SYN.
#[inline(never)]
fn settle_previous(sk: u64, cookie: u64) -> u32 {
    if let Some(entry) = table::get(sk) {
        // SAFETY: a map value.
        let previous = unsafe { &*entry };
        // A former socket at the same address went while the kernel ran no program.
        if previous.phase == phase::CALLED && previous.cookie == cookie {
            unsent::emit(Hook::Connect, sk, entry, RETRIED, 0);
        }
    }
    0
}

#[inline(never)]
fn remember(sk: u64, entry: &mut Entry) -> u32 {
    if !takes(sk, entry) {
        return 0;
    }
    entry.owner.flags |= owner_flag::FROM_CONNECT;
    if !table::put_new(sk, entry) {
        settle_previous(sk, entry.cookie);
        if !table::put(sk, entry) {
            count::hook(Hook::Connect, Count::MapFull);
            return 0;
        }
    }
    count::attempt(Attempts::Begun);
    0
}

/// Whose call it is, and since when; false where a filter leaves the caller out.
#[inline(always)]
fn takes(sk: u64, entry: &mut Entry) -> bool {
    entry.start_ns = ring::now_ns();
    entry.netns = socket::netns(sk);
    entry.phase = phase::CALLED;
    owner::take_current(&mut entry.owner) != 0
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
        None => {
            returned(sk, ctx.arg(1), err);
        }
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

/// The destination of `connect()` stands in the `sockaddr` that it was given (`struct sockaddr_in`,
/// `struct sockaddr_in6`). A frame of its own.
#[inline(never)]
fn returned(sk: u64, sockaddr: u64, err: i32) -> u32 {
    let mut entry = table::NOTHING;
    entry.family = read(sockaddr, 0);
    entry.remote_port = u16::from_be(read(sockaddr, 2));
    // SAFETY: a field of a value of this frame.
    unsafe {
        match entry.family {
            AF_INET => socket::v4(&raw mut entry.remote, sockaddr, 4),
            AF_INET6 => read_to(&raw mut entry.remote, sockaddr, 8),
            _ => return 0,
        }
    }
    if takes(sk, &mut entry) {
        unsent::emit(Hook::ConnectReturn, sk, &raw mut entry, RETURNED, err);
    } else {
        count::hook(Hook::ConnectReturn, Count::Filtered);
    }
    0
}

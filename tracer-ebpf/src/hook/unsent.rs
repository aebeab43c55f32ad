//! The event of an attempt that ended before a SYN was made.

use tracer_ebpf::{
    attempt::Entry,
    counter::{Attempts, Count, Hook},
    event::{Unsent, kind},
};

use crate::{
    announce, count,
    kernel::{layout, read},
    ring,
    socket::{self, IPPROTO_TCP},
};

/// Hands over that `entry` never came to a SYN.
#[inline(always)]
pub(crate) fn emit(hook: Hook, sk: u64, entry: *mut Entry, how: u32, err: i32) {
    count::hook(hook, Count::Seen);
    count::attempt(Attempts::Settled);
    count::attempt(Attempts::Failed);
    count::errno(err);
    let attempt_ns = announce::attempt(hook, sk, entry);
    // SAFETY: a map value, or the caller's own.
    let entry = unsafe { &*entry };
    ring::emit::<Unsent>(hook, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::UNSENT, sk, attempt_ns);
            if entry.family == socket::AF_INET {
                let address = &raw mut (*event).tuple.local;
                socket::v4(address, sk, layout!(sock_rcv_saddr));
            } else {
                socket::local(&raw mut (*event).tuple.local, sk);
            }
            (*event).tuple.remote = entry.remote;
            (*event).tuple.local_port = u16::from_be(read(sk, layout!(inet_sport)));
            (*event).tuple.remote_port = entry.remote_port;
            (*event).tuple.family = entry.family;
            (*event).tuple.protocol = IPPROTO_TCP;
            (*event).tuple.netns = entry.netns;
            (*event).tuple.state = socket::tcp_state(sk);
            (*event).cookie = entry.cookie;
            (*event).how = how;
            (*event).err = err;
            (*event).cgroup_err = entry.cgroup_err;
            (*event).mark = read(sk, layout!(sock_mark));
            (*event).bound_device = read(sk, layout!(sock_bound_dev_if));
            (*event).reserved = 0;
        }
    });
}

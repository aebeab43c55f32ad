//! What a `struct sock *` tells, read from any context.

use tracer_ebpf::{
    config::ABSENT,
    event::{Path, Tuple, device},
};

use crate::kernel::{self, layout, read};

pub(crate) const AF_INET: u16 = 2;
pub(crate) const AF_INET6: u16 = 10;
pub(crate) const IPPROTO_TCP: u16 = 6;

/// TCP states (`include/net/tcp_states.h`).
pub(crate) mod state {
    pub(crate) const ESTABLISHED: u32 = 1;
    pub(crate) const SYN_SENT: u32 = 2;
    pub(crate) const SYN_RECV: u32 = 3;
    pub(crate) const CLOSE: u32 = 7;
    pub(crate) const NEW_SYN_RECV: u32 = 12;
}

/// The mapped form of an IPv4 address.
#[inline(always)]
pub(crate) fn mapped(address: u32) -> [u8; 16] {
    let b = address.to_ne_bytes();
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, b[0], b[1], b[2], b[3],
    ]
}

#[inline(always)]
pub(crate) fn tcp_state(sk: u64) -> u32 {
    read::<u8>(sk, layout!(sock_state)) as u32
}

#[inline(always)]
pub(crate) fn netns(sk: u64) -> u32 {
    kernel::netns(read(sk, layout!(sock_net)))
}

#[inline(always)]
fn is_mapped(address: &[u8; 16]) -> bool {
    let prefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    let mut same = true;
    let mut at = 0;
    while at < 12 {
        same &= address[at] == prefix[at];
        at += 1;
    }
    same
}

/// The two ends of a full socket. `inet_sport` keeps the local port when `skc_num` is 0 already.
#[inline(always)]
pub(crate) fn tuple(sk: u64) -> Tuple {
    let family: u16 = read(sk, layout!(sock_family));
    let mut local = mapped(read(sk, layout!(sock_rcv_saddr)));
    let mut remote = mapped(read(sk, layout!(sock_daddr)));
    if family == AF_INET6 && layout!(sock_v6_daddr) != ABSENT {
        let v6: [u8; 16] = read(sk, layout!(sock_v6_daddr));
        if !is_mapped(&v6) {
            remote = v6;
            local = read(sk, layout!(sock_v6_rcv_saddr));
        }
    }
    Tuple {
        local,
        remote,
        local_port: u16::from_be(read(sk, layout!(inet_sport))),
        remote_port: u16::from_be(read(sk, layout!(sock_dport))),
        family,
        protocol: read(sk, layout!(sock_protocol)),
        netns: netns(sk),
        state: tcp_state(sk),
    }
}

/// The device that a full socket sends through.
#[inline(always)]
pub(crate) fn path(sk: u64) -> Path {
    device(read(read(sk, layout!(sock_dst_cache)), layout!(dst_dev)))
}

/// A `struct net_device *`; all zero where it is 0.
#[inline(always)]
pub(crate) fn device(dev: u64) -> Path {
    let made = read::<u64>(dev, layout!(dev_link_ops)) != 0;
    Path {
        device: read(dev, layout!(dev_name)),
        device_index: read(dev, layout!(dev_ifindex)),
        flags: read::<u32>(dev, layout!(dev_flags)) | if made { device::VIRTUAL } else { 0 },
        link_state: read::<u64>(dev, layout!(dev_state)) as u32,
        mtu: read(dev, layout!(dev_mtu)),
    }
}

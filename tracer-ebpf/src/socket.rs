//! What a `struct sock *` tells, read from any context.

use aya_ebpf::helpers::generated::bpf_jiffies64;
use tracer_ebpf::{
    config::ABSENT,
    event::{Path, Stream, Tuple, device, stream_flag},
};

pub(crate) use tracer_ebpf::tcp_state::{self as state, is_open};

use crate::kernel::{self, layout, read, read_to, setting};

pub(crate) const AF_INET: u16 = 2;
pub(crate) const AF_INET6: u16 = 10;
pub(crate) const IPPROTO_TCP: u16 = 6;

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

/// Whether it is the mapped form of an IPv4 address.
///
/// # Safety
/// `address` is valid for reads, and aligned to 8.
#[expect(
    clippy::cast_ptr_alignment,
    reason = "the caller promises it, as of every address in a record"
)]
#[inline(always)]
unsafe fn is_mapped(address: *const [u8; 16]) -> bool {
    const PREFIX: u32 = u32::from_be(0xffff);
    // SAFETY: as the caller promises.
    unsafe { *address.cast::<u64>() == 0 && *address.cast::<u32>().add(2) == PREFIX }
}

#[inline(always)]
pub(crate) fn family(sk: u64) -> u16 {
    read(sk, layout!(sock_family))
}

#[inline(always)]
pub(crate) fn remote_port(sk: u64) -> u16 {
    u16::from_be(read(sk, layout!(sock_dport)))
}

/// Writes the remote address alone.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn remote(to: *mut [u8; 16], sk: u64) {
    // SAFETY: as the caller promises.
    unsafe { address(to, sk, layout!(sock_daddr), layout!(sock_v6_daddr)) };
}

/// Writes the local address of a socket, or of a listener's request.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn local(to: *mut [u8; 16], sk: u64) {
    // SAFETY: as the caller promises.
    unsafe { address(to, sk, layout!(sock_rcv_saddr), layout!(sock_v6_rcv_saddr)) };
}

/// Writes an address that stands at `v6`, or else at `v4`. In its place: a choice of two values would
/// become one of each byte.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
unsafe fn address(to: *mut [u8; 16], sk: u64, v4: u32, v6: u32) {
    // SAFETY: as the caller promises.
    unsafe {
        if family(sk) == AF_INET6 && v6 != ABSENT {
            // An IPv4 address on an IPv6 socket stands here in its mapped form.
            read_to(to, sk, v6);
        } else {
            self::v4(to, sk, v4);
        }
    }
}

/// Writes the mapped form of the IPv4 address at `from + offset` of kernel memory.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn v4(to: *mut [u8; 16], from: u64, offset: u32) {
    // SAFETY: as the caller promises.
    unsafe {
        *to = mapped(0);
        read_to(to.cast::<[u8; 4]>().add(3), from, offset);
    }
}

/// Writes the two ends of a full socket. `inet_sport` keeps the local port when `skc_num` is 0
/// already.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn tuple(to: *mut Tuple, sk: u64) {
    let family = family(sk);
    // SAFETY: as the caller promises.
    unsafe {
        remote(&raw mut (*to).remote, sk);
        if family == AF_INET6 && !is_mapped(&raw const (*to).remote) {
            local(&raw mut (*to).local, sk);
        } else {
            // A dual-stack socket's own IPv6 address may be unspecified: `::`.
            v4(&raw mut (*to).local, sk, layout!(sock_rcv_saddr));
        }
        (*to).local_port = u16::from_be(read(sk, layout!(inet_sport)));
        (*to).remote_port = remote_port(sk);
        (*to).family = family;
        read_to(&raw mut (*to).protocol, sk, layout!(sock_protocol));
        (*to).netns = netns(sk);
        (*to).state = tcp_state(sk);
    }
}

/// Writes the device that a full socket sends through.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn path(to: *mut Path, sk: u64) {
    // SAFETY: as the caller promises.
    unsafe {
        device(
            to,
            read(read(sk, layout!(sock_dst_cache)), layout!(dst_dev)),
        );
    };
}

/// Writes what a `struct net_device *` tells; all zero where it is 0.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn device(to: *mut Path, dev: u64) {
    let made = read::<u64>(dev, layout!(dev_link_ops)) != 0;
    let flags = read::<u32>(dev, layout!(dev_flags));
    // SAFETY: as the caller promises.
    unsafe {
        read_to(&raw mut (*to).device, dev, layout!(dev_name));
        read_to(&raw mut (*to).device_index, dev, layout!(dev_ifindex));
        (*to).flags = flags | if made { device::VIRTUAL } else { 0 };
        (*to).link_state = read::<u64>(dev, layout!(dev_state)) as u32;
        read_to(&raw mut (*to).mtu, dev, layout!(dev_mtu));
    }
}

/// A system call holds the socket's lock: this runs in the context of the task that made it, since
/// softirqs and timers put off what they have for such a socket (`sock_owned_by_user`).
#[inline(always)]
pub(crate) fn is_in_call(sk: u64) -> bool {
    read::<u32>(sk, layout!(sock_owned)) != 0
}

/// `SOCK_DEAD`, `SOCK_DONE` and `SOCK_KEEPOPEN` are bits 0, 1 and 3 of `sk_flags` (`enum sock_flags`,
/// `include/net/sock.h`), since long before 5.10.
const DEAD: u64 = 1;
const DONE: u64 = 1 << 1;
const KEEPOPEN: u64 = 1 << 3;

/// The application has closed it, and TCP goes on alone.
#[inline(always)]
pub(crate) fn is_orphan(sk: u64) -> bool {
    read::<u64>(sk, layout!(sock_flags)) & DEAD != 0
}

/// Its FIN has come (`tcp_fin`, `net/ipv4/tcp_input.c`).
#[inline(always)]
pub(crate) fn has_peer_closed(sk: u64) -> bool {
    read::<u64>(sk, layout!(sock_flags)) & DONE != 0
}

/// Inode number of a socket's file; 0 where no descriptor holds it.
#[inline(always)]
pub(crate) fn inode(sk: u64) -> u64 {
    let file: u64 = read(read(sk, layout!(sock_socket)), layout!(socket_file));
    read(read(file, layout!(file_inode)), layout!(inode_number))
}

/// Writes what TCP knows of a connection.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn stream(to: *mut Stream, sk: u64) {
    let flags: u64 = read(sk, layout!(sock_flags));
    let bit = |set: bool, bit: u32| if set { bit } else { 0 };
    // SAFETY: as the caller promises.
    unsafe {
        (*to).inode = inode(sk);
        read_to(&raw mut (*to).bytes_acked, sk, layout!(tcp_bytes_acked));
        (*to).rto_us = read::<u32>(sk, layout!(icsk_rto)).wrapping_mul(setting!(jiffy_us));
        read_to(&raw mut (*to).cwnd, sk, layout!(tcp_snd_cwnd));
        read_to(&raw mut (*to).mss, sk, layout!(tcp_mss_cache));
        read_to(&raw mut (*to).send_window, sk, layout!(tcp_snd_wnd));
        read_to(&raw mut (*to).snd_nxt, sk, layout!(tcp_snd_nxt));
        read_to(&raw mut (*to).total_retrans, sk, layout!(tcp_total_retrans));
        (*to).last_sent_ms = since_ms(read(sk, layout!(tcp_last_sent)));
        (*to).last_received_ms = since_ms(read(sk, layout!(icsk_last_received)));
        read_to(
            &raw mut (*to).user_timeout_ms,
            sk,
            layout!(icsk_user_timeout),
        );
        (*to).reserved = 0;
        (*to).probes_out = read::<u8>(sk, layout!(icsk_probes_out)) as u32;
        (*to).flags = bit(flags & DEAD != 0, stream_flag::ORPHAN)
            | bit(is_in_call(sk), stream_flag::IN_CALL)
            | bit(flags & KEEPOPEN != 0, stream_flag::KEEPALIVE)
            | bit(is_one_of_several(sk), stream_flag::ONE_OF_SEVERAL)
            | bit(flags & DONE != 0, stream_flag::PEER_CLOSED);
    }
}

/// A subflow of a Multipath TCP connection that another one may carry on.
#[inline(always)]
fn is_one_of_several(sk: u64) -> bool {
    let msk: u64 = read(read(sk, layout!(icsk_ulp_data)), layout!(subflow_conn));
    let first: u64 = read(msk, layout!(mptcp_first));
    let joined: u8 = read(msk, layout!(mptcp_extra_subflows));
    // Each is counted until a worker has taken it away.
    let others = joined > u8::from(first != sk) || (first != sk && is_open(tcp_state(first)));
    // Of any other socket, what was read there is something else.
    read::<u8>(sk, layout!(tcp_is_mptcp)) != 0 && others
}

/// Milliseconds since a moment of `tcp_jiffies32`.
#[inline(always)]
pub(crate) fn since_ms(jiffies: u32) -> u32 {
    // SAFETY: no preconditions.
    let now = unsafe { bpf_jiffies64() } as u32;
    (now.wrapping_sub(jiffies) as u64 * setting!(jiffy_us) as u64 / 1000) as u32
}

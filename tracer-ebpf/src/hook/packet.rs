//! What a dropped or answered `struct sk_buff *` tells: the headers it carries and where it is.

use tracer_ebpf::{
    config::ABSENT,
    event::{Packet, device},
};

use crate::{
    kernel::{self, layout, read, read_to},
    socket,
};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
/// `SKB_DST_PTRMASK` (`include/linux/skbuff.h`).
const DST_MASK: u64 = !1;
const IPPROTO_TCP: u8 = 6;
/// IPv6 extension headers that may stand before TCP (RFC 8200): hop-by-hop, routing, destination.
const EXTENSIONS: [u8; 3] = [0, 43, 60];

/// The TCP header of a packet; all zero where [`tcp`] has not filled it in.
pub(crate) const NOTHING: Packet = Packet {
    source: [0; 16],
    destination: [0; 16],
    source_port: 0,
    destination_port: 0,
    flags: 0,
    ip_version: 0,
    seq: 0,
    ack: 0,
    netns: 0,
    device_index: 0,
};

/// Takes the TCP header of a packet; 0 where it is not TCP, or not there. `transport_header` is often
/// not set yet where packets are dropped, so it is found from the network header. A frame of its own,
/// as the verifier wants it of a function: the frames of a chain of calls may have 512 bytes together.
#[inline(never)]
pub(crate) fn tcp(skb: u64, packet: &mut Packet) -> u32 {
    let head: u64 = read(skb, layout!(skb_head));
    let network = head + read::<u16>(skb, layout!(skb_network_header)) as u64;
    let first: u8 = read(network, 0);
    let tcp = match (u16::from_be(read(skb, layout!(skb_protocol))), first >> 4) {
        // Locally sent packets may not carry their protocol yet.
        (ETH_P_IP | 0, 4) => ipv4(packet, network, first),
        (ETH_P_IPV6 | 0, 6) => ipv6(packet, network),
        _ => return 0,
    };
    if tcp == 0 {
        return 0;
    }
    let ports: [u16; 2] = read(tcp, 0);
    packet.source_port = u16::from_be(ports[0]);
    packet.destination_port = u16::from_be(ports[1]);
    let numbers: [u32; 2] = read(tcp, 4);
    packet.seq = u32::from_be(numbers[0]);
    packet.ack = u32::from_be(numbers[1]);
    packet.flags = read::<u8>(tcp, 13) as u16;
    packet.ip_version = (first >> 4) as u16;
    let dev = device(skb);
    packet.netns = netns(skb, dev);
    packet.device_index = read(dev, layout!(dev_ifindex));
    1
}

/// Takes the addresses; where the TCP header is, or 0.
#[inline(always)]
fn ipv4(packet: &mut Packet, network: u64, first: u8) -> u64 {
    let header: [u32; 3] = read(network, 0);
    let protocol = (u32::from_be(header[2]) >> 16) as u8;
    let fragment_offset = u32::from_be(header[1]) & 0x1fff;
    let length = (first & 15) as u64 * 4;
    if protocol != IPPROTO_TCP || fragment_offset != 0 || length < 20 {
        return 0;
    }
    // SAFETY: fields of the caller's.
    unsafe {
        socket::v4(&raw mut packet.source, network, 12);
        socket::v4(&raw mut packet.destination, network, 16);
    }
    network + length
}

/// Takes the addresses; where the TCP header is, or 0.
#[inline(always)]
fn ipv6(packet: &mut Packet, network: u64) -> u64 {
    let mut next: u8 = read(network, 6);
    let mut at = network + 40;
    for _ in 0..4 {
        if next != EXTENSIONS[0] && next != EXTENSIONS[1] && next != EXTENSIONS[2] {
            break;
        }
        let extension: [u8; 2] = read(at, 0);
        next = extension[0];
        at += (extension[1] as u64 + 1) * 8;
    }
    if next != IPPROTO_TCP {
        return 0;
    }
    // SAFETY: fields of the caller's.
    unsafe {
        read_to(&raw mut packet.source, network, 8);
        read_to(&raw mut packet.destination, network, 24);
    }
    at
}

/// The network device that a packet is at: its own, else its route's; 0 where it has neither. A
/// packet that has arrived has no device of its own any more, and its route's is loopback.
#[inline(always)]
pub(crate) fn device(skb: u64) -> u64 {
    let dev: u64 = read(skb, layout!(skb_dev));
    if dev != 0 {
        return dev;
    }
    let dev = route_device(skb);
    if read::<u32>(dev, layout!(dev_flags)) & device::LOOPBACK != 0 {
        0
    } else {
        dev
    }
}

#[inline(always)]
fn route_device(skb: u64) -> u64 {
    read(route(skb), layout!(dst_dev))
}

/// Its `struct dst_entry *`; 0 where it has none.
#[inline(always)]
pub(crate) fn route(skb: u64) -> u64 {
    read::<u64>(skb, layout!(skb_refdst)) & DST_MASK
}

/// The network namespace of its socket, else of its device.
#[inline(always)]
fn netns(skb: u64, dev: u64) -> u32 {
    let sk: u64 = read(skb, layout!(skb_sk));
    if sk != 0 {
        return socket::netns(sk);
    }
    let dev = if dev != 0 { dev } else { route_device(skb) };
    kernel::netns(read(dev, layout!(dev_net)))
}

/// `skb->_nfct`'s low bits, or `u32::MAX` where conntrack has no entry for it.
#[inline(always)]
pub(crate) fn conntrack(skb: u64) -> u32 {
    if layout!(skb_nfct) == ABSENT {
        return u32::MAX;
    }
    match read::<u64>(skb, layout!(skb_nfct)) {
        0 => u32::MAX,
        entry => (entry & 7) as u32,
    }
}

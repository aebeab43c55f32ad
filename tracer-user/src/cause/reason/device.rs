//! Network devices and the packet's own make-up.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::failure(
        "DEV_READY",
        "the device is down, or not ready to send or receive",
    )
    .look("ip -br link (UP and LOWER_UP)"),
    Reason::failure("DEV_HDR", "the driver's own header or metadata is invalid"),
    Reason::failure("SKB_CSUM", "the checksum could not be computed or verified"),
    Reason::failure(
        "SKB_GSO_SEG",
        "a large packet could not be cut into segments",
    )
    .look("ethtool -k DEV | grep segmentation [ethtool]"),
    Reason::failure(
        "SKB_BAD_GSO",
        "a large packet whose headers do not fit what it says of its segments",
    ),
    Reason::failure(
        "SKB_UCOPY_FAULT",
        "its data could not be copied from, or shared with, user space (tun, vhost)",
    ),
    Reason::failure(
        "RECURSION_LIMIT",
        "passed through too many virtual devices: they lead in a circle",
    )
    .look("ip -d link show; dmesg | grep -i 'dead loop'"),
    Reason::depends(
        "PACKET_SOCK_ERROR",
        "a packet socket (tcpdump) could not take its copy; the packet itself goes on",
    ),
    Reason::failure(
        "NO_TX_TARGET",
        "no port of the bridge, or no VXLAN peer, is there to send it to",
    )
    .look("bridge fdb show; bridge link show"),
    Reason::failure(
        "MAC_INVALID_SOURCE",
        "its link-layer sender is no valid address: zero or multicast",
    ),
    Reason::failure(
        "LOCAL_MAC",
        "its link-layer sender is the address of the receiving device itself: a loop",
    )
    .look("bridge fdb show"),
    Reason::ordinary(
        "MAC_IEEE_MAC_CONTROL",
        "a pause frame or the like (01-80-C2-00-00-01), which a bridge does not forward",
    ),
    Reason::failure(
        "BRIDGE_INGRESS_STP_STATE",
        "its bridge port does not forward, or not yet: spanning tree",
    )
    .look("bridge link show (state forwarding?)"),
    Reason::depends(
        "ARP_PVLAN_DISABLE",
        "no IP packet (such as an ARP request), to be sent back by the device that it came in by, \
         and proxy_arp_pvlan is off",
    )
    .look("sysctl net.ipv4.conf.DEV.proxy_arp_pvlan"),
];

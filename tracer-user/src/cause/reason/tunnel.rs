//! Tunnels.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::failure(
        "VXLAN_INVALID_HDR",
        "a VXLAN header with reserved bits set, or without a network id",
    ),
    Reason::failure(
        "VXLAN_VNI_NOT_FOUND",
        "no VXLAN device here has this network id",
    )
    .look("ip -d link show type vxlan"),
    Reason::failure(
        "VXLAN_ENTRY_EXISTS",
        "would move an address that is fixed to another place of the VXLAN",
    )
    .look("bridge fdb show dev DEV"),
    Reason::failure(
        "IP_TUNNEL_ECN",
        "congestion marks inside and outside of the tunnel contradict each other (RFC 6040)",
    ),
    Reason::failure(
        "TUNNEL_TXINFO",
        "reached a tunnel device of mode external without being told where to go",
    )
    .look("ip -d link show dev DEV; tc filter show dev DEV egress"),
];

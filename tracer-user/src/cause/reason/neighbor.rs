//! The link-layer address of the next hop.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::failure(
        "NEIGH_CREATEFAIL",
        "no neighbour entry could be made: the table is full, mostly",
    )
    .look("ip neigh | wc -l (against net.ipv4.neigh.default.gc_thresh3)"),
    Reason::failure(
        "NEIGH_FAILED",
        "the next hop did not answer ARP or neighbour discovery",
    )
    .look("ip neigh show nud failed"),
    Reason::failure(
        "NEIGH_QUEUEFULL",
        "too many packets wait for the next hop's link-layer address: the oldest goes",
    )
    .look("sysctl net.ipv4.neigh.default.unres_qlen_bytes; ip -s neigh show"),
    Reason::failure("NEIGH_DEAD", "the neighbour entry was just being removed"),
    Reason::failure(
        "NEIGH_HH_FILLFAIL",
        "the device could not write its link-layer header",
    )
    .look("ip -d link show (type and state of the device)"),
];

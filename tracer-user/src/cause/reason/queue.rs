//! Queues: queueing disciplines, the queue of a CPU, rings of a device.

use super::Reason;

/// Where a queueing discipline counts its drops.
const QDISC: &str = "tc -s qdisc show dev DEV (dropped, overlimits, backlog)";

pub(super) static REASONS: &[Reason] = &[
    Reason::failure(
        "QDISC_DROP",
        "the queueing discipline of the device dropped it: full, shaped, or a device without \
            carrier",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_OVERLIMIT",
        "the queueing discipline had reached its limit",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_CONGESTED",
        "the queueing discipline dropped it to tell the sender of congestion (CoDel, PIE, RED)",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_BURST_DROP",
        "more packets were handed to the queueing discipline at once than \
            net.core.qdisc_max_burst allows",
    )
    .look("sysctl net.core.qdisc_max_burst"),
    Reason::failure(
        "CAKE_FLOOD",
        "the cake queueing discipline's protection against floods: this flow does not slow down",
    )
    .look(QDISC),
    Reason::failure(
        "FQ_BAND_LIMIT",
        "the fq queueing discipline: this priority band is full",
    )
    .look(QDISC),
    Reason::failure(
        "FQ_HORIZON_LIMIT",
        "the fq queueing discipline: the time at which it may be sent lies too far ahead",
    )
    .look(QDISC),
    Reason::failure(
        "FQ_FLOW_LIMIT",
        "the fq queueing discipline: this flow has too many packets \
        waiting",
    )
    .look(QDISC),
    Reason::failure(
        "DUALPI2_STEP_DROP",
        "the dualpi2 queueing discipline: too late for the low-latency queue, and not ECN-capable",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_GENERIC",
        "the queueing discipline dropped it, for no reason that \
        has a name",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_OVERLIMIT",
        "the queueing discipline had reached its limit",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_CONGESTED",
        "the queueing discipline dropped it to tell the sender of congestion (CoDel, PIE, RED)",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_MAXFLOWS",
        "the queueing discipline has no place for one more flow (SFQ)",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_FLOOD_PROTECTION",
        "the queueing discipline's protection against floods: this flow does not slow down (CAKE)",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_BAND_LIMIT",
        "this priority band of the queueing discipline is \
        full (FQ)",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_HORIZON_LIMIT",
        "the time at which the queueing discipline may send it lies too far ahead (FQ)",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_FLOW_LIMIT",
        "this flow has too many packets waiting (FQ, SFQ)",
    )
    .look(QDISC),
    Reason::failure(
        "QDISC_DROP_L4S_STEP_NON_ECN",
        "too late for the low-latency queue, and not ECN-capable (DualPI2)",
    )
    .look(QDISC),
    Reason::failure(
        "CPU_BACKLOG",
        "the input queue of a CPU is full, or this flow fills more than its share of it: the CPU \
            does not keep up",
    )
    .look(
        "cat /proc/net/softnet_stat (a line a CPU, hexadecimal; 2nd column: dropped); \
        net.core.netdev_max_backlog",
    ),
    Reason::failure(
        "FULL_RING",
        "the ring of a virtual device is full: its reader does not keep \
        up",
    )
    .look("ip -s link show (dropped)"),
    Reason::failure(
        "MACVLAN_BROADCAST_BACKLOG",
        "the queue in which a macvlan device keeps broadcasts is full",
    ),
    Reason::failure(
        "IPVLAN_MULTICAST_BACKLOG",
        "the queue in which an ipvlan device keeps multicasts is full",
    ),
];

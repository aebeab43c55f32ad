//! `traffic-control-drop`: a queue, tc, XDP or cgroup program dropped the packets.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "traffic-control-drop",
    title: "a queue, tc, XDP or cgroup program dropped the packets",
    place: Place::Policy,
    sees: "connect() hangs for its whole timeout and ends in ETIMEDOUT.",
    path: "Not the firewall, but a program or queue at the device or the cgroup: tc \
            classifiers (TC_EGRESS, TC_INGRESS), the queueing discipline (QDISC_DROP and kin, \
            at __dev_queue_xmit), XDP (XDP, or NOT_SPECIFIED at do_xdp_generic or \
            veth_xdp_rcv_skb), cgroup_skb programs (BPF_CGROUP_EGRESS; on the way in \
            SOCKET_FILTER). XDP in a network driver drops before there is a packet to see.",
    files: &[
        "net/core/dev.c",
        "net/core/filter.c",
        "net/sched/sch_generic.c",
        "kernel/bpf/cgroup.c",
    ],
    confirm: &[
        "tc -s qdisc show dev DEV; tc -s filter show dev DEV egress; tc -s filter show dev \
            DEV ingress",
        "bpftool net; bpftool cgroup tree",
        "ip -d link show dev DEV | grep xdp",
    ],
    mend: &[
        "tc filter del dev DEV egress    (or ingress)",
        "tc qdisc replace dev DEV root fq_codel",
        "ip link set dev DEV xdp off",
        "systemd's IPAddressDeny= and IPAddressAllow= are cgroup_skb programs: systemctl \
            show UNIT -p IPAddressDeny",
    ],
    drop_reasons: &[
        "TC_EGRESS",
        "TC_INGRESS",
        "QDISC_DROP",
        "QDISC_OVERLIMIT",
        "QDISC_CONGESTED",
        "CAKE_FLOOD",
        "FQ_BAND_LIMIT",
        "FQ_HORIZON_LIMIT",
        "FQ_FLOW_LIMIT",
        "DUALPI2_STEP_DROP",
        "QDISC_BURST_DROP",
        "QDISC_DROP_GENERIC",
        "QDISC_DROP_OVERLIMIT",
        "QDISC_DROP_CONGESTED",
        "QDISC_DROP_MAXFLOWS",
        "QDISC_DROP_FLOOD_PROTECTION",
        "QDISC_DROP_BAND_LIMIT",
        "QDISC_DROP_HORIZON_LIMIT",
        "QDISC_DROP_FLOW_LIMIT",
        "QDISC_DROP_L4S_STEP_NON_ECN",
        "TC_ERROR",
        "TC_COOKIE_ERROR",
        "TC_CHAIN_NOTFOUND",
        "TC_RECLASSIFY_LOOP",
        "TAP_FILTER",
        "TAP_TXFILTER",
        "XDP",
        "BPF_CGROUP_EGRESS",
        "SOCKET_FILTER",
    ],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &[],
    counters: &[],
    usage: &[],
};

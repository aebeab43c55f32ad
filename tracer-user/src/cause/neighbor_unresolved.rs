//! `neighbor-unresolved`: the next hop does not answer ARP or neighbour discovery.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "neighbor-unresolved",
    title: "the next hop does not answer ARP or neighbour discovery",
    place: Place::Path,
    sees: "connect() fails with EHOSTUNREACH (\"No route to host\") after about 3 s, or ends \
            in ETIMEDOUT where TCP gives up sooner.",
    path: "The SYN waits in the neighbour's queue while the kernel asks for the link-layer \
            address of the next hop. After mcast_solicit tries a second apart \
            neigh_timer_handler() gives up: neigh_invalidate() drops the queue (NEIGH_FAILED; \
            NOT_SPECIFIED on IPv6) and the socket learns EHOSTUNREACH.",
    files: &["net/core/neighbour.c"],
    confirm: &[
        "ip neigh show to NEXT_HOP",
        "ip route get REMOTE    (names the next hop)",
        "arping -c3 -I DEV NEXT_HOP    [iputils-arping]",
        "ndisc6 NEXT_HOP DEV    [ndisc6] (IPv6)",
        "tcpdump -eni DEV arp or icmp6    [tcpdump]",
    ],
    mend: &[
        "Is the host on, and on this VLAN? Is the prefix length right, here and there?",
        "Correct the gateway: ip route replace default via GATEWAY dev DEV",
        "ip neigh flush dev DEV",
        "With thousands of neighbours: raise net.ipv4.neigh.default.gc_thresh3",
    ],
    drop_reasons: &[
        "NEIGH_FAILED",
        "NEIGH_QUEUEFULL",
        "NEIGH_CREATEFAIL",
        "NEIGH_DEAD",
    ],
    reset_reasons: &[],
    errnos: &["EHOSTUNREACH", "ETIMEDOUT"],
    sysctls: &[
        "net.ipv4.neigh.default.mcast_solicit",
        "net.ipv4.neigh.default.gc_thresh3",
        "net.ipv4.tcp_syn_retries",
    ],
    counters: &[],
    usage: &[],
};

//! `link-down`: the interface is down or has no carrier.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "link-down",
    title: "the interface is down or has no carrier",
    place: Place::Host,
    sees: "connect() hangs and ends in ETIMEDOUT or EHOSTUNREACH, or fails at once with \
            ENETUNREACH where the routes went with the link.",
    path: "The route still points at a device that does not send: its queue drops what it is \
            given, ARP requests first (QDISC_DROP), so that the SYN waits for a neighbour that \
            is never found; or the far end of a veth pair is down (NOT_SPECIFIED at \
            __dev_forward_skb2).",
    files: &["net/core/dev.c", "net/sched/sch_generic.c"],
    confirm: &[
        "ip -br link    (UP: switched on; LOWER_UP: there is a carrier)",
        "ip -s link show dev DEV",
    ],
    mend: &[
        "ip link set DEV up",
        "Check cable, switch port, bond or the virtual machine's network card",
        "sysctl -w net.ipv4.conf.all.ignore_routes_with_linkdown=1    (use another route \
            while there is no carrier)",
    ],
    drop_reasons: &["QDISC_DROP", "DEV_READY"],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"],
    sysctls: &["net.ipv4.conf.all.ignore_routes_with_linkdown"],
    counters: &[],
    usage: &[],
};

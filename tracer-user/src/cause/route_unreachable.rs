//! `route-unreachable`: an unreachable route refuses the destination.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "route-unreachable",
    title: "an unreachable route refuses the destination",
    place: Place::Host,
    sees: "connect() fails at once with EHOSTUNREACH (\"No route to host\").",
    path: "The route lookup ends at a route of type unreachable: fib_table_lookup() gives \
            -EHOSTUNREACH and connect() returns it before a SYN is made. On a router, \
            ip_error() drops the packet and answers with ICMP host unreachable, at a limited \
            rate.",
    files: &["net/ipv4/fib_trie.c", "net/ipv4/route.c"],
    confirm: &[
        "ip route get REMOTE",
        "ip route show table all type unreachable",
        "ip -6 route show table all type unreachable",
    ],
    mend: &[
        "ip route del unreachable PREFIX",
        "ip route add REMOTE via GATEWAY dev DEV    (a longer prefix wins)",
        "VPN and container daemons add such routes on purpose while their tunnel is down: \
            bring the tunnel up",
    ],
    drop_reasons: &["IP_INADDRERRORS"],
    reset_reasons: &[],
    errnos: &["EHOSTUNREACH"],
    sysctls: &[],
    counters: &[],
    usage: &[],
};

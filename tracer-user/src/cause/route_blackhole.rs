//! `route-blackhole`: a blackhole route swallows the destination.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "route-blackhole",
    title: "a blackhole route swallows the destination",
    place: Place::Host,
    sees: "connect() fails at once with EINVAL (\"Invalid argument\"). Where the blackhole is \
            on a router, SYNs vanish and connect() ends in ETIMEDOUT.",
    path: "The route lookup ends at a route of type blackhole: fib_table_lookup() gives \
            -EINVAL and connect() returns it before a SYN is made. On a router, ip_error() \
            drops the packet without any answer (reason NOT_SPECIFIED).",
    files: &["net/ipv4/fib_trie.c", "net/ipv4/route.c"],
    confirm: &[
        "ip route get REMOTE",
        "ip route show table all type blackhole",
        "ip -6 route show table all type blackhole",
    ],
    mend: &[
        "ip route del blackhole PREFIX",
        "ip route add REMOTE via GATEWAY dev DEV    (a longer prefix wins over the \
            blackhole)",
        "If a routing daemon or a DDoS guard put it there, change it there, or it comes back",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["EINVAL", "ETIMEDOUT"],
    sysctls: &[],
    counters: &[],
    usage: &[],
};

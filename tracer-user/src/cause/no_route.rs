//! `no-route`: no route to the destination.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "no-route",
    title: "no route to the destination",
    place: Place::Host,
    sees: "connect() fails at once with ENETUNREACH (\"Network is unreachable\"). Where the \
            missing route is on a router, the same error comes a moment later, or ETIMEDOUT if \
            the router stays silent.",
    path: "tcp_v4_connect() or tcp_v6_connect() asks for a route; fib_table_lookup() finds \
            none in any table that the policy rules name (-EAGAIN, turned into -ENETUNREACH). \
            The socket never leaves CLOSE: no SYN is made. On a router, ip_error() drops the \
            packet (IP_INNOROUTES) and answers with ICMP network unreachable.",
    files: &[
        "net/ipv4/tcp_ipv4.c",
        "net/ipv6/tcp_ipv6.c",
        "net/ipv4/fib_trie.c",
        "net/ipv4/route.c",
    ],
    confirm: &[
        "ip route get REMOTE",
        "ip rule; ip route show table all",
        "ip -6 route get REMOTE",
    ],
    mend: &[
        "ip route add PREFIX via GATEWAY dev DEV",
        "ip route add default via GATEWAY dev DEV",
        "For IPv6 without connectivity: remove the AAAA record, or let the application \
            prefer IPv4 (/etc/gai.conf)",
    ],
    drop_reasons: &["IP_INNOROUTES", "IP_OUTNOROUTES"],
    reset_reasons: &[],
    errnos: &["ENETUNREACH"],
    sysctls: &[],
    counters: &[
        "IpOutNoRoutes",
        "IpExtInNoRoutes",
        "Ip6OutNoRoutes",
        "Ip6InNoRoutes",
    ],
    usage: &[],
};

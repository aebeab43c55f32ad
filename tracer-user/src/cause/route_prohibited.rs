//! `route-prohibited`: a prohibit route forbids the destination.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "route-prohibited",
    title: "a prohibit route forbids the destination",
    place: Place::Policy,
    sees: "connect() fails at once with EACCES (\"Permission denied\"). Where the route is on \
            a router: EHOSTUNREACH on IPv4, EACCES on IPv6.",
    path: "The route lookup ends at a route (or a policy rule) of type prohibit: \
            fib_table_lookup() gives -EACCES and connect() returns it before a SYN is made. On \
            a router, ip_error() drops the packet and answers with ICMP administratively \
            prohibited, at a limited rate.",
    files: &["net/ipv4/fib_trie.c", "net/ipv4/route.c"],
    confirm: &[
        "ip route get REMOTE",
        "ip route show table all type prohibit",
        "ip rule | grep prohibit",
    ],
    mend: &[
        "ip route del prohibit PREFIX",
        "ip rule del prohibit from PREFIX",
        "Ask whoever owns the policy before removing it: somebody forbade this on purpose",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["EACCES", "EHOSTUNREACH"],
    sysctls: &[],
    counters: &[],
    usage: &[],
};

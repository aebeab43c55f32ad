//! `ports-exhausted`: no free local port is left.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "ports-exhausted",
    title: "no free local port is left",
    place: Place::Host,
    sees: "connect() fails at once with EADDRNOTAVAIL (\"Cannot assign requested address\"), \
            usually in bursts, to one and the same destination.",
    path: "__inet_hash_connect() tries every port of ip_local_port_range for this local \
            address and destination and finds each taken, often by sockets in TIME_WAIT (60 s \
            each). The socket goes SYN_SENT and back to CLOSE within microseconds, without a \
            port: no SYN leaves.",
    files: &["net/ipv4/inet_hashtables.c"],
    confirm: &[
        "ss -Htan dst REMOTE | awk '{print $1}' | sort | uniq -c",
        "ss -s",
        "sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports",
    ],
    mend: &[
        "Reuse connections: keep-alive or a connection pool in the application",
        "sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
        "sysctl -w net.ipv4.tcp_tw_reuse=1",
        "Spread over more source addresses or more destination addresses; where the \
            application binds before connect(), set IP_BIND_ADDRESS_NO_PORT",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["EADDRNOTAVAIL"],
    sysctls: &[
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_tw_reuse",
        "net.ipv4.tcp_max_tw_buckets",
    ],
    counters: &[],
    usage: &["TCP inuse", "TCP tw"],
};

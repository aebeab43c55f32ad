//! `address-in-use`: the chosen local address and port are taken.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "address-in-use",
    title: "the chosen local address and port are taken",
    place: Place::Application,
    sees: "bind() fails with EADDRINUSE, or connect() on a socket bound to a fixed local port \
            fails at once with EADDRNOTAVAIL.",
    path: "The application chose the local port. bind(): inet_csk_get_port() finds a \
            conflicting owner. connect(): __inet_check_established() finds the same pair of \
            ends in use already, perhaps in TIME_WAIT; the socket goes SYN_SENT and back to \
            CLOSE, with its port. No SYN leaves.",
    files: &[
        "net/ipv4/inet_connection_sock.c",
        "net/ipv4/inet_hashtables.c",
    ],
    confirm: &[
        "ss -tanop 'src LOCAL and dst REMOTE and dport = :PORT'    (connect(): the same pair of \
            ends, TIME_WAIT too)",
        "ss -tlnp    (bind(): who listens on the port?)",
    ],
    mend: &[
        "Do not bind a client to a fixed port: let the kernel choose",
        "Stop the process that holds the port, or wait out its TIME_WAIT (60 s)",
        "sysctl -w net.ipv4.tcp_tw_reuse=1    (lets connect() take over a TIME_WAIT socket)",
        "A server sets SO_REUSEADDR before bind()",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["EADDRNOTAVAIL", "EADDRINUSE"],
    sysctls: &["net.ipv4.tcp_tw_reuse", "net.ipv4.ip_local_port_range"],
    counters: &[],
    usage: &[],
};

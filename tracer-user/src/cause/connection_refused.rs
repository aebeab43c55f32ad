//! `connection-refused`: nothing listens on that port.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "connection-refused",
    title: "nothing listens on that port",
    place: Place::Service,
    sees: "connect() fails with ECONNREFUSED (\"Connection refused\") within one round trip.",
    path: "The SYN reached the destination host, which has no listener for the address and \
            port: tcp_v4_rcv() or tcp_v6_rcv() finds no socket (NO_SOCKET) and sends a RST. \
            Here tcp_reset() turns the RST in SYN_SENT into ECONNREFUSED.",
    files: &[
        "net/ipv4/tcp_ipv4.c",
        "net/ipv6/tcp_ipv6.c",
        "net/ipv4/tcp_input.c",
    ],
    confirm: &[
        "ss -Htlnp 'sport = :PORT'    (on the destination host, in the right network \
            namespace)",
        "ss -Htlnp | grep PORT    (does it listen on 127.0.0.1 or on one address family \
            only?)",
    ],
    mend: &[
        "Start the service, or wait until it is ready: systemctl status UNIT",
        "Bind it to the address that clients use (0.0.0.0 or [::], not 127.0.0.1)",
        "Correct the port in the client's configuration",
        "In a container: publish the port",
    ],
    drop_reasons: &["NO_SOCKET"],
    reset_reasons: &["NO_SOCKET"],
    errnos: &["ECONNREFUSED"],
    sysctls: &[],
    counters: &["TcpAttemptFails", "TcpOutRsts"],
    usage: &[],
};

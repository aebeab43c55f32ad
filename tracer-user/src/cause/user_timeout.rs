//! `user-timeout`: the application's TCP_USER_TIMEOUT passed without an acknowledgement.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "user-timeout",
    title: "TCP_USER_TIMEOUT passed without an acknowledgement",
    place: Place::Stream,
    sees: "send() or recv() fails with ETIMEDOUT after the time that the application, its library \
            or its database driver set (or with EHOSTUNREACH where ICMP errors came meanwhile).",
    path: "As with a retransmission timeout, but tcp_write_timeout() compares with \
            icsk_user_timeout (setsockopt TCP_USER_TIMEOUT, milliseconds) instead of \
            tcp_retries2. tcp_probe_timer() applies it to a window that stays closed, and \
            tcp_keepalive_timer() to keep-alive probes. tcp_write_err() ends the connection; only \
            the keep-alive timer sends a RST.",
    files: &["net/ipv4/tcp_timer.c"],
    confirm: &[
        "ss -tino 'dst REMOTE'    (rto, backoff, unacked, retrans; a closed window: \
            timer:(persist,…))",
        "strace -f -e trace=setsockopt -p PID    [strace] (who sets TCP_USER_TIMEOUT, to what?)",
        "nstat -az TcpExtTCPTimeouts TcpExtTCPAbortOnTimeout    (twice)",
    ],
    mend: &[
        "Find where the path, or the peer, fell silent",
        "If the pause was bearable: raise the timeout (gRPC keepalive, libpq tcp_user_timeout, \
            Go, JDBC and others set it)",
        "Retry on a new connection: this is what the timeout is for",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EACCES"],
    sysctls: &["net.ipv4.tcp_retries2"],
    counters: &["TcpExtTCPTimeouts", "TcpExtTCPAbortOnTimeout"],
    usage: &[],
};

//! `accept-queue-full`: the listener's accept queue is full.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "accept-queue-full",
    title: "the listener's accept queue is full",
    place: Place::Service,
    sees: "Clients hang and end in ETIMEDOUT; with tcp_abort_on_overflow=1 they get \
            ECONNRESET.",
    path: "The application does not accept() fast enough: as many finished handshakes wait as \
            its backlog allows. tcp_conn_request() drops new SYNs (ListenOverflows, \
            ListenDrops; no drop reason), and the last ACK of a handshake under way is dropped \
            with TCP_LISTEN_OVERFLOW.",
    confirm: &[
        "ss -Htln 'sport = :PORT'    (full where Recv-Q is more than Send-Q, the backlog)",
        "nstat -az TcpExtListenOverflows TcpExtListenDrops",
    ],
    mend: &[
        "Look at why the application does not accept(): is it stuck, starved of CPU, out of \
            descriptors or workers?",
        "Raise the backlog in its listen() call and net.core.somaxconn (the smaller counts), \
            then restart it",
        "sysctl -w net.core.somaxconn=4096",
    ],
    drop_reasons: &["TCP_LISTEN_OVERFLOW"],
    errnos: &["ETIMEDOUT", "ECONNRESET"],
    sysctls: &["net.core.somaxconn", "net.ipv4.tcp_abort_on_overflow"],
};

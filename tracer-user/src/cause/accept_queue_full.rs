//! `accept-queue-full`: the listener's accept queue is full.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "accept-queue-full",
    title: "the listener's accept queue is full",
    place: Place::Service,
    sees: "Clients hang and end in ETIMEDOUT; with tcp_abort_on_overflow=1 they get \
            ECONNRESET. A \
            server that is out of descriptors gets EMFILE or ENFILE from accept(), again and \
            again, and its queue fills up.",
    path: "The application does not accept() fast enough: as many finished handshakes wait as \
            its backlog allows. tcp_conn_request() ignores new SYNs, and the last ACK of a \
            handshake under way is dropped. The latter is dropped with \
            TCP_LISTEN_OVERFLOW, or at cookie_v4_check() or cookie_v6_check(). A SYN that a full \
            queue ignores leaves no trace in the kernel's hooks: on the listener's host tcpwhy \
            reads the listener's own count of drops, elsewhere it shows as no-answer.",
    files: &[
        "net/ipv4/tcp_input.c",
        "net/ipv4/syncookies.c",
        "net/ipv6/syncookies.c",
    ],
    confirm: &[
        "ss -ltn 'sport = :PORT'    (on the listener's host; full where Recv-Q is more than \
            Send-Q, the backlog)",
        "nstat -az TcpExtListenDrops TcpExtListenOverflows    (there, twice: do they grow?)",
    ],
    mend: &[
        "Look at why the application does not accept(): is it stuck, starved of CPU, out of \
            descriptors or workers?",
        "Raise the backlog in its listen() call and net.core.somaxconn (the smaller counts), \
            then restart it",
        "sysctl -w net.core.somaxconn=4096",
    ],
    drop_reasons: &["TCP_LISTEN_OVERFLOW"],
    reset_reasons: &["INVALID_SYN"],
    errnos: &["ETIMEDOUT", "ECONNRESET", "EMFILE", "ENFILE"],
    sysctls: &[
        "net.core.somaxconn",
        "net.ipv4.tcp_abort_on_overflow",
        "fs.nr_open",
        "fs.file-max",
    ],
    counters: &["TcpExtListenOverflows", "TcpExtListenDrops"],
    usage: &[],
};

//! `reset-by-local`: this end reset an established connection.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "reset-by-local",
    title: "this end reset the connection",
    place: Place::Stream,
    sees: "The peer gets ECONNRESET and may lose data that was already on its way; here close() \
            returns without an error.",
    path: "__tcp_close() finds data that was never read (TCP_ABORT_ON_CLOSE), or SO_LINGER with 0 \
        s (tcp_disconnect(), TCP_STATE), and calls tcp_send_active_reset() instead of sending a \
        FIN. So do tcp_disconnect() with unsent data (TCP_DISCONNECT_WITH_DATA), \
        tcp_rcv_state_process() for data that arrives after close() (TCP_ABORT_ON_DATA), \
        TCP_LINGER2 below 0 (TCP_ABORT_ON_LINGER), an orphan in FIN_WAIT2 that outlived \
        tcp_fin_timeout (TCP_STATE), and inet_csk_listen_stop() for connections that were never \
        accepted (TCP_STATE). A process that ends, killed or not, closes all its sockets in this \
        way.",
    files: &[
        "net/ipv4/tcp.c",
        "net/ipv4/tcp_output.c",
        "net/ipv4/tcp_input.c",
        "net/ipv4/inet_connection_sock.c",
    ],
    confirm: &[
        "nstat -az TcpExtTCPAbortOnClose TcpExtTCPAbortOnData TcpExtTCPAbortOnLinger \
            TcpExtTCPAbortOnMemory    (twice: which grows?)",
        "strace -f -tt -e trace=close,shutdown,setsockopt,recvfrom,read -p PID    [strace] (is \
            the last read short of 0? is SO_LINGER set?)",
        "ss -tnmp 'dst REMOTE'    (Recv-Q: data that the application has not read)",
    ],
    mend: &[
        "Read until recv() gives 0 before close(); or shutdown(SHUT_WR), then read, then close",
        "Do not set SO_LINGER to 0 unless the peer may lose data",
        "A server that refuses a request early (413, 401) should read, or limit and drain, the \
            body first",
        "Before a restart: stop accepting, let the connections end, then exit",
    ],
    drop_reasons: &["TCP_ABORT_ON_DATA"],
    reset_reasons: &[
        "TCP_ABORT_ON_CLOSE",
        "TCP_ABORT_ON_DATA",
        "TCP_ABORT_ON_LINGER",
        "TCP_DISCONNECT_WITH_DATA",
        "TCP_STATE",
    ],
    errnos: &["ECONNRESET"],
    sysctls: &["net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_max_orphans"],
    counters: &[
        "TcpOutRsts",
        "TcpEstabResets",
        "TcpExtTCPAbortOnClose",
        "TcpExtTCPAbortOnData",
        "TcpExtTCPAbortOnLinger",
    ],
    usage: &["TCP orphan"],
};

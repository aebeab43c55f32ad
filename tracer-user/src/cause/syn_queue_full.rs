//! `syn-queue-full`: the listener's SYN queue is full.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "syn-queue-full",
    title: "the listener's SYN queue is full",
    place: Place::Service,
    sees: "Some clients hang, retry and may end in ETIMEDOUT while the listener has many \
            half-open connections.",
    path: "SYN cookies are off, and as many handshakes are under way as the listener's backlog \
            allows, or more than three quarters of tcp_max_syn_backlog, whose last quarter is for \
            clients that the host has known before: tcp_conn_request() ignores the SYN. Of the \
            latter no counter but TcpExtListenDrops tells. A SYN \
            flood, or clients whose SYN-ACKs get lost. Such a SYN leaves no trace in the \
            kernel's hooks: on the listener's host tcpwhy reads the listener's own count of \
            drops, elsewhere the connection shows as no-answer.",
    files: &["net/ipv4/tcp_input.c"],
    confirm: &[
        "ss -ltn 'sport = :PORT'    (on the listener's host; Send-Q is the backlog)",
        "ss -Htan state syn-recv 'sport = :PORT' | wc -l    (there: how many wait?)",
        "nstat -az TcpExtListenDrops TcpExtListenOverflows TcpExtTCPReqQFullDrop \
            TcpExtTCPReqQFullDoCookies    (there, twice: do they grow?)",
        "ss -Htan state syn-recv 'sport = :PORT' | awk '{print $4}' | sort | uniq -c    (few \
            clients or many?)",
    ],
    mend: &[
        "sysctl -w net.ipv4.tcp_syncookies=1",
        "Raise the backlog in the application's listen() call, net.core.somaxconn and \
            net.ipv4.tcp_max_syn_backlog",
        "Filter the flood upstream; or find why SYN-ACKs are not answered",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &[
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_max_syn_backlog",
        "net.core.somaxconn",
        "net.ipv4.tcp_synack_retries",
    ],
    counters: &[
        "TcpExtTCPReqQFullDrop",
        "TcpExtTCPReqQFullDoCookies",
        "TcpExtListenDrops",
    ],
    usage: &[],
};

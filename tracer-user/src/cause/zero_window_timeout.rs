//! `zero-window-timeout`: the peer took no more data, for too long.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "zero-window-timeout",
    title: "the peer took no more data, for too long",
    place: Place::Stream,
    sees: "send() blocks, then fails with ETIMEDOUT. A plain window probe that the peer answers \
            keeps a connection alive for ever: only a TCP_USER_TIMEOUT, a peer that falls silent, \
            or a socket that was closed with data unsent ends it.",
    path: "The peer's application does not read, so that its receive buffer is full and it \
            announces a window of 0. tcp_probe_timer() probes the window; it gives up after \
            TCP_USER_TIMEOUT, after tcp_retries2 probes in a row that nobody answers, or, for a \
            socket that was closed, after tcp_orphan_retries. A window that was closed on data \
            already sent is probed by tcp_retransmit_timer() (tcp_rtx_probe0_timed_out()).",
    files: &["net/ipv4/tcp_timer.c"],
    confirm: &[
        "ss -tino 'dst REMOTE'    (timer:(persist,…), snd_wnd:0, Send-Q that does not shrink)",
        "ss -tnmp 'sport = :PORT'    (on the peer: Recv-Q is full, and which process does not \
            read)",
        "nstat -az TcpExtTCPWinProbe TcpExtTCPAbortOnTimeout    (twice; on the peer: \
            TcpExtTCPToZeroWindowAdv, TcpExtTCPZeroWindowDrop)",
    ],
    mend: &[
        "Look at the peer's process: stuck, stopped (SIGSTOP, a debugger), starved of CPU, or \
            blocked in something of its own?",
        "Slow consumers: read in a thread of its own, or limit what is sent ahead",
        "sysctl -w net.ipv4.tcp_rmem='4096 131072 33554432'    (on the peer: a larger buffer only \
            helps against bursts)",
    ],
    drop_reasons: &["TCP_ZEROWINDOW"],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &[
        "net.ipv4.tcp_retries2",
        "net.ipv4.tcp_orphan_retries",
        "net.ipv4.tcp_rmem",
    ],
    counters: &[
        "TcpExtTCPWinProbe",
        "TcpExtTCPToZeroWindowAdv",
        "TcpExtTCPZeroWindowDrop",
        "TcpExtTCPAbortOnTimeout",
    ],
    usage: &[],
};

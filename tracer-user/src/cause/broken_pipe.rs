//! `broken-pipe`: written to after the peer had gone.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "broken-pipe",
    title: "written to after the other end had gone",
    place: Place::Stream,
    sees: "send() fails with EPIPE (\"Broken pipe\"), and SIGPIPE kills a process that does not \
            ignore it (exit status 141 in a shell).",
    path: "The peer closed: its FIN brought the socket to CLOSE_WAIT, and recv() gave 0. The \
            application wrote nevertheless. The peer's kernel has no reader any more and answers \
            with a RST (NO_SOCKET, TCP_TIMEWAIT_SOCKET, TCP_ABORT_ON_DATA); tcp_reset() in \
            CLOSE_WAIT sets EPIPE. From then on, and after a shutdown(SHUT_WR) of its own, \
            tcp_sendmsg_locked() returns EPIPE and sk_stream_error() sends SIGPIPE.",
    files: &[
        "net/ipv4/tcp_input.c",
        "net/ipv4/tcp.c",
        "net/core/stream.c",
    ],
    confirm: &[
        "ss -tanp state close-wait 'dst REMOTE'    (sockets whose peer has closed, and who keeps \
            them)",
        "strace -f -tt -e trace=read,recvfrom,write,sendto -p PID    [strace] (is a recv() that \
            gave 0 followed by a write?)",
        "tcpdump -ni any 'host REMOTE and tcp port PORT'    [tcpdump] (a FIN from the peer, our \
            data, its RST)",
    ],
    mend: &[
        "Close the connection when recv() gives 0",
        "Connection pools: check an idle connection before it is used again, give it a shorter \
            life than the server's idle timeout, retry once on a new one",
        "Ignore SIGPIPE, or send with MSG_NOSIGNAL, and handle EPIPE",
        "Look at the peer: why did it close (timeout, limit, restart, client that went away)?",
    ],
    drop_reasons: &[],
    reset_reasons: &["NO_SOCKET", "TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA"],
    errnos: &["EPIPE"],
    sysctls: &["net.ipv4.tcp_fin_timeout"],
    counters: &["TcpEstabResets"],
    usage: &[],
};

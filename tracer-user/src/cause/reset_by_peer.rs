//! `reset-by-peer`: the other end reset an established connection.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "reset-by-peer",
    title: "the other end reset the connection",
    place: Place::Stream,
    sees: "recv() or send() fails with ECONNRESET (\"Connection reset by peer\"), poll() reports \
            POLLERR and POLLHUP. What was sent and not yet read by the peer may be lost.",
    path: "A RST that lies in the window arrives: tcp_validate_incoming() accepts it and \
            tcp_reset() sets the socket's error and closes it at once. The peer sent it since it \
            closed with data unread, or with SO_LINGER 0, or crashed, restarted and no longer \
            knew the connection; or something between the two forged it: a load balancer or NAT \
            whose idle timeout had passed, a firewall. Where both ends are on this host, the reset \
            reason tells which.",
    files: &["net/ipv4/tcp_input.c"],
    confirm: &[
        "tcpdump -ni any 'host REMOTE and tcp port PORT and tcp[tcpflags] & tcp-rst != 0'    \
            [tcpdump] (IPv4; is the RST's TTL that of the peer's other packets? If not, somebody \
            between sent it)",
        "nstat -az TcpEstabResets TcpOutRsts TcpExtTCPAbortOnClose TcpExtTCPAbortOnData    (on the \
            peer)",
        "tcpwhy watch --port PORT    (on the peer: reset-by-local there names the process and why)",
    ],
    mend: &[
        "Look into the peer's log at this moment: crash, restart, timeout, or a limit on \
            connections or requests",
        "If it comes after a constant idle time: a NAT, load balancer or server drops idle \
            connections; send keep-alives more often than that, or close idle ones first",
        "Retry what is safe to repeat: a pooled connection may be reset at any time",
    ],
    drop_reasons: &[],
    reset_reasons: &[
        "NO_SOCKET",
        "TCP_TIMEWAIT_SOCKET",
        "TCP_ABORT_ON_CLOSE",
        "TCP_ABORT_ON_DATA",
        "TCP_ABORT_ON_LINGER",
        "TCP_ABORT_ON_MEMORY",
        "TCP_DISCONNECT_WITH_DATA",
        "TCP_STATE",
    ],
    errnos: &["ECONNRESET"],
    sysctls: &[
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    ],
    counters: &["TcpEstabResets"],
    usage: &[],
};

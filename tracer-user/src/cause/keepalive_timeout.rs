//! `keepalive-timeout`: an idle connection's keep-alive probes were not answered.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "keepalive-timeout",
    title: "keep-alive probes of an idle connection were not answered",
    place: Place::Stream,
    sees: "recv(), poll() or the next send() fails with ETIMEDOUT (\"Connection timed out\") on a \
            connection that had been idle.",
    path: "With SO_KEEPALIVE, tcp_keepalive_timer() sends a probe after tcp_keepalive_time of \
            silence (TCP_KEEPIDLE), then one every tcp_keepalive_intvl (TCP_KEEPINTVL). After \
            tcp_keepalive_probes (TCP_KEEPCNT) without any answer, or after TCP_USER_TIMEOUT where \
            that is set, it sends a RST (TCP_KEEPALIVE_TIMEOUT) and tcp_write_err() sets \
            ETIMEDOUT, or the error that ICMP left.",
    files: &["net/ipv4/tcp_timer.c"],
    confirm: &[
        "ss -tno 'dst REMOTE'    (timer:(keepalive,…))",
        "nstat -az TcpExtTCPKeepAlive TcpExtTCPAbortOnTimeout    (twice)",
        "tcpdump -ni any 'host REMOTE and tcp port PORT'    [tcpdump] (probes that nobody answers)",
        "ping -c3 REMOTE",
    ],
    mend: &[
        "Is the peer up, and has it kept its address? A suspended laptop, a moved virtual machine, \
            a restarted container",
        "A NAT or firewall that forgets idle connections: send keep-alives more often than its \
            idle timeout",
        "sysctl -w net.ipv4.tcp_keepalive_time=300    (s; for new and old connections that set no \
            TCP_KEEPIDLE of their own)",
        "If it fires too soon: raise TCP_KEEPCNT or TCP_KEEPINTVL in the application",
    ],
    drop_reasons: &[],
    reset_reasons: &["TCP_KEEPALIVE_TIMEOUT"],
    errnos: &["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EACCES"],
    sysctls: &[
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    ],
    counters: &["TcpExtTCPKeepAlive", "TcpExtTCPAbortOnTimeout"],
    usage: &[],
};

//! `abandoned`: the application gave up first.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "abandoned",
    title: "the application gave up first",
    place: Place::Application,
    sees: "The application's own message (\"timed out\", \"cancelled\"): the kernel did not end \
            the connection.",
    path: "A close(), shutdown() or disconnect while the socket was in SYN_SENT: it goes to \
            CLOSE without an error, in the process's own context. An application timeout \
            shorter than TCP's, a cancelled request, or the loser of a race between IPv4 and IPv6. \
            stuck_on names what the connection was waiting for. One that takes an ICMP error from \
            SO_ERROR while TCP still tries, as non-blocking clients do (curl), has not given up: \
            that error's cause is told, but before Linux 5.14, where nothing reports the error, it \
            looks the same as giving up.",
    files: &["net/ipv4/af_inet.c", "net/ipv4/tcp.c"],
    confirm: &[
        "tcpwhy explain STUCK_ON",
        "strace -f -tt -e trace=network,poll,epoll_wait,close -p PID    [strace]",
    ],
    mend: &[
        "Mend what it was stuck on",
        "If the path is merely slow: raise the application's connect timeout (the first SYN \
            retransmission comes only after 1 s)",
        "The loser of a happy-eyeballs race needs nothing",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EACCES"],
    sysctls: &["net.ipv4.tcp_syn_retries"],
    counters: &[],
    usage: &[],
};

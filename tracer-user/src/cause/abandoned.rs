//! `abandoned`: the application gave up first.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "abandoned",
    title: "the application gave up first",
    place: Place::Application,
    sees: "The application's own message (\"timed out\", \"cancelled\"): the kernel did not end \
            the connection. One that reads SO_ERROR while TCP still tries, as non-blocking \
            clients do (curl), takes an ICMP error from there and ends at once with that errno.",
    path: "A close(), shutdown() or disconnect while the socket was in SYN_SENT: it goes to \
            CLOSE without an error, in the process's own context. An application timeout \
            shorter than TCP's, a cancelled request, the loser of a race between IPv4 and IPv6, \
            or an ICMP error that was only noted (sk_err_soft): poll() wakes up for it, SO_ERROR \
            gives and clears it, and the application closes. stuck_on names what the connection \
            was waiting for.",
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

//! `abandoned`: the application gave up first.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "abandoned",
    title: "the application gave up first",
    place: Place::Application,
    sees: "The application's own message (\"timed out\", \"cancelled\"); the kernel set no \
            error.",
    path: "A close(), shutdown() or disconnect while the socket was in SYN_SENT: it goes to \
            CLOSE without an error, in the process's own context. An application timeout \
            shorter than TCP's, a cancelled request, or the loser of a race between IPv4 and \
            IPv6. stuck_on names what the connection was waiting for.",
    confirm: &[
        "tcpwhy explain STUCK_ON",
        "strace -f -tt -e trace=network,poll,epoll_wait,close -p PID",
    ],
    mend: &[
        "Mend what it was stuck on",
        "If the path is merely slow: raise the application's connect timeout (the first SYN \
            retransmission comes only after 1 s)",
        "The loser of a happy-eyeballs race needs nothing",
    ],
    drop_reasons: &[],
    errnos: &[],
    sysctls: &["net.ipv4.tcp_syn_retries"],
};

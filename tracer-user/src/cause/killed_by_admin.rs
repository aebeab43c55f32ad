//! `killed-by-admin`: somebody on this host destroyed the socket.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "killed-by-admin",
    title: "somebody on this host destroyed the socket",
    place: Place::Host,
    sees: "connect() fails with ECONNABORTED (\"Software caused connection abort\").",
    path: "A privileged process asked the kernel to destroy the socket: SOCK_DESTROY over \
            netlink (ss -K, a network agent) or a BPF program; tcp_abort() sets ECONNABORTED \
            and moves the socket from SYN_SENT to CLOSE.",
    confirm: &[
        "ausearch -x ss -ts recent",
        "journalctl --since -5min | grep -iE 'ss -K|destroy'",
        "pgrep -a 'cilium|antrea|netd'    (agents that destroy sockets)",
    ],
    mend: &[
        "Find who did it and why: tcpwhy names the process that ran at that moment",
        "Let the application retry: nothing is wrong with the path",
    ],
    drop_reasons: &[],
    errnos: &["ECONNABORTED"],
    sysctls: &[],
};

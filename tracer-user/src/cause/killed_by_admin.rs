//! `killed-by-admin`: somebody on this host destroyed the socket.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "killed-by-admin",
    title: "somebody on this host destroyed the socket",
    place: Place::Host,
    sees: "connect() fails with ECONNABORTED (\"Software caused connection abort\").",
    path: "A privileged process asked the kernel to destroy the socket: SOCK_DESTROY over \
            netlink (ss -K, a network agent) or a BPF program; tcp_abort() sets ECONNABORTED \
            and moves the socket to CLOSE. It does so in a system call of who asks, with the \
            socket's lock held, so that tcpwhy names that process. A network namespace that is removed destroys no socket: \
            each one holds its namespace. What it loses is its device, and is told as \
            no-route there, and as silence, icmp-unreachable or no-answer at the other end.",
    files: &["net/ipv4/tcp.c"],
    confirm: &[
        "pgrep -a 'cilium|antrea|netd'    (agents that destroy sockets)",
        "journalctl --since -5min | grep -iE 'ss -K|destroy'",
        "ausearch -x ss -ts recent    [auditd] (where execve is audited)",
    ],
    mend: &[
        "Find who did it and why: a person with ss -K, a script, or an agent of this host",
        "Let the application retry: nothing is wrong with the path",
    ],
    drop_reasons: &[],
    reset_reasons: &["TCP_STATE"],
    errnos: &["ECONNABORTED"],
    sysctls: &[],
    counters: &[],
    usage: &[],
};

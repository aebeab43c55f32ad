//! `denied-by-policy`: a security policy of this host refused connect().

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "denied-by-policy",
    title: "a security policy of this host refused connect()",
    place: Place::Policy,
    sees: "connect() fails at once with EPERM (\"Operation not permitted\") or EACCES \
            (\"Permission denied\"); nothing is sent.",
    path: "Before TCP is asked: a seccomp filter answers for the system call, \
            security_socket_connect() asks the LSMs (SELinux, AppArmor, Landlock, BPF LSM), \
            then tcp_v4_pre_connect() or tcp_v6_pre_connect() runs the connect4 or connect6 BPF \
            programs of the process's cgroups. tcpwhy cannot see what seccomp or an LSM denies \
            before TCP is asked, only what the cgroup programs deny, and what is refused once TCP \
            was asked. An LSM may also keep what arrives from the socket: sk_filter_trim_cap() \
            drops it (SECURITY_HOOK), and connect() ends in ETIMEDOUT.",
    files: &[
        "security/security.c",
        "net/ipv4/tcp_ipv4.c",
        "net/ipv6/tcp_ipv6.c",
        "net/core/filter.c",
    ],
    confirm: &[
        "bpftool cgroup tree | grep -B2 connect",
        "journalctl -k -g 'avc: *denied|apparmor=\"DENIED\"'",
        "ausearch -m avc -ts recent    [auditd]",
        "grep -E 'Seccomp|NoNewPrivs' /proc/PID/status",
        "cat /proc/PID/attr/current",
    ],
    mend: &[
        "Allow it where it is denied: the SELinux or AppArmor profile, the sandbox's \
            settings, or the agent that attached the BPF program (bpftool names it)",
        "bpftool cgroup detach CGROUP connect4 id PROG    (in an emergency; an agent may put \
            it back)",
    ],
    drop_reasons: &["SECURITY_HOOK"],
    reset_reasons: &[],
    errnos: &["EPERM", "EACCES", "ETIMEDOUT"],
    sysctls: &[],
    counters: &[],
    usage: &[],
};

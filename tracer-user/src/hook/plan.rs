//! Every program, where it attaches, and what is missing without it.

/// How a program attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tracepoint with BTF-typed arguments.
    BtfTracepoint,
    /// A raw tracepoint.
    RawTracepoint,
    /// The exit of a kernel function; refused by locked-down kernels.
    FunctionExit,
    /// `cgroup/connect4` or `connect6`, at the root of the v2 hierarchy.
    CgroupConnect,
}

/// When a program is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Without it there is no tracer.
    Always,
    /// Without it something is known less well.
    IfPossible,
    /// Only where the named one could not be attached.
    Instead(&'static str),
    /// Only for `tcpwhy run`.
    FollowCommand,
}

/// One program.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// Name of the program in the BPF object.
    pub program: &'static str,
    /// The kernel's name of the hook.
    pub hook: &'static str,
    /// How it attaches.
    pub kind: Kind,
    /// When it is wanted.
    pub need: Need,
    /// What it tells.
    pub tells: &'static str,
    /// What is not known, or known less well, without it.
    pub without: &'static str,
}

/// The programs, in the order in which they are attached: evidence before the verdicts that it
/// explains, so that nothing is judged before its evidence could be seen.
pub const PLAN: &[Hook] = &[
    Hook {
        program: "sched_process_fork",
        hook: "sched_process_fork",
        kind: Kind::RawTracepoint,
        need: Need::FollowCommand,
        tells: "descendants of the command",
        without: "children of the command are not followed",
    },
    Hook {
        program: "kfree_skb",
        hook: "kfree_skb",
        kind: Kind::RawTracepoint,
        need: Need::Always,
        tells: "which packets this kernel drops, where and why",
        without: "drops on this host look like silence",
    },
    Hook {
        program: "icmp_send",
        hook: "icmp_send",
        kind: Kind::RawTracepoint,
        need: Need::IfPossible,
        tells: "ICMP errors that this host sends",
        without: "ICMP errors sent by this host are known only by their effect",
    },
    Hook {
        program: "tcp_send_reset",
        hook: "tcp_send_reset",
        kind: Kind::RawTracepoint,
        need: Need::IfPossible,
        tells: "RSTs that this host sends, and why",
        without: "RSTs sent by this host are known only by their effect",
    },
    Hook {
        program: "tcp_receive_reset",
        hook: "tcp_receive_reset",
        kind: Kind::RawTracepoint,
        need: Need::Always,
        tells: "RSTs received",
        without: "a refusal by RST and one by ICMP look alike",
    },
    Hook {
        program: "tcp_retransmit_skb",
        hook: "tcp_retransmit_skb",
        kind: Kind::RawTracepoint,
        need: Need::IfPossible,
        tells: "what is sent again, why, and whether it left TCP",
        without: "when SYNs were sent again is not known, and of other segments not why",
    },
    Hook {
        program: "tcp_retransmit_synack",
        hook: "tcp_retransmit_synack",
        kind: Kind::RawTracepoint,
        need: Need::IfPossible,
        tells: "SYN-ACKs that listeners on this host send again",
        without: "that a listener on this host answered is not known",
    },
    Hook {
        program: "inet_sk_error_report",
        hook: "inet_sk_error_report",
        kind: Kind::RawTracepoint,
        need: Need::IfPossible,
        tells: "errors that ICMP leaves on a socket",
        without: "ICMP errors are known only once the attempt has ended (kernel 5.14 and newer tell)",
    },
    Hook {
        program: "tcp_destroy_sock",
        hook: "tcp_destroy_sock",
        kind: Kind::BtfTracepoint,
        need: Need::Always,
        tells: "when a socket is gone",
        without: "a socket's address could be taken for another's",
    },
    Hook {
        program: "inet_sock_set_state",
        hook: "inet_sock_set_state",
        kind: Kind::BtfTracepoint,
        need: Need::Always,
        tells: "when attempts begin, come up and fail, and who began them",
        without: "there is nothing to tell",
    },
    Hook {
        program: "inet_stream_connect",
        hook: "__inet_stream_connect",
        kind: Kind::FunctionExit,
        need: Need::IfPossible,
        tells: "the errno of a connect() that failed before a SYN",
        without: "the errno of a connect() that failed before a SYN is inferred, not read",
    },
    Hook {
        program: "connect4",
        hook: "cgroup/connect4",
        kind: Kind::CgroupConnect,
        need: Need::Instead("inet_stream_connect"),
        tells: "that an IPv4 connect() failed before a SYN",
        without: "an IPv4 connect() that fails before a SYN (no route, denied) is not seen",
    },
    Hook {
        program: "connect6",
        hook: "cgroup/connect6",
        kind: Kind::CgroupConnect,
        need: Need::Instead("inet_stream_connect"),
        tells: "that an IPv6 connect() failed before a SYN",
        without: "an IPv6 connect() that fails before a SYN (no route, denied) is not seen",
    },
];

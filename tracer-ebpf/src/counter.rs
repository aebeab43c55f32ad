//! How the BPF programs count: per-CPU arrays that user space sums up.

/// The hooks that count, in the order of the rows of the counter array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Hook {
    /// `cgroup/connect4` and `cgroup/connect6`.
    Connect,
    /// fexit `__inet_stream_connect`.
    ConnectReturn,
    /// `inet_sock_set_state`.
    State,
    /// `tcp_destroy_sock`.
    Destroy,
    /// `tcp_retransmit_skb`.
    Retransmit,
    /// `tcp_retransmit_synack`.
    SynackRetransmit,
    /// `tcp_send_reset`.
    SendReset,
    /// `tcp_receive_reset`.
    ReceiveReset,
    /// `inet_sk_error_report`.
    ErrorReport,
    /// `kfree_skb`.
    Drop,
    /// `icmp_send`.
    Icmp,
    /// `iter/task_file`.
    Find,
}

impl Hook {
    /// Every hook, in order.
    pub const ALL: [Self; 12] = [
        Self::Connect,
        Self::ConnectReturn,
        Self::State,
        Self::Destroy,
        Self::Retransmit,
        Self::SynackRetransmit,
        Self::SendReset,
        Self::ReceiveReset,
        Self::ErrorReport,
        Self::Drop,
        Self::Icmp,
        Self::Find,
    ];

    /// The kernel's name of the hook.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "cgroup/connect",
            Self::ConnectReturn => "__inet_stream_connect",
            Self::State => "inet_sock_set_state",
            Self::Destroy => "tcp_destroy_sock",
            Self::Retransmit => "tcp_retransmit_skb",
            Self::SynackRetransmit => "tcp_retransmit_synack",
            Self::SendReset => "tcp_send_reset",
            Self::ReceiveReset => "tcp_receive_reset",
            Self::ErrorReport => "inet_sk_error_report",
            Self::Drop => "kfree_skb",
            Self::Icmp => "icmp_send",
            Self::Find => "iter/task_file",
        }
    }
}

/// What is counted of each hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Count {
    /// It ran and what it saw was of interest.
    Seen,
    /// An event was submitted.
    Emitted,
    /// The ring buffer was full.
    RingFull,
    /// A table was full.
    MapFull,
    /// Too many in too short a time.
    RateLimited,
    /// A filter left it out.
    Filtered,
    /// Counted exactly, by kind, at a listener; its details were too many in too short a time.
    Summarized,
    /// The kernel skipped the program, and another hook told what it would have: nothing is lost.
    Recovered,
}

impl Count {
    /// How many there are.
    pub const LEN: u32 = 8;
}

/// Row of the counter array that holds a hook's count.
#[must_use]
pub const fn index(hook: Hook, count: Count) -> u32 {
    hook as u32 * Count::LEN + count as u32
}

/// Rows of the hooks' counter array.
#[allow(clippy::cast_possible_truncation, reason = "a handful of hooks")]
pub const LEN: u32 = Hook::ALL.len() as u32 * Count::LEN;

/// Rows that count attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Attempts {
    /// Began at `cgroup/connect`: no SYN yet.
    Begun,
    /// Of those, came to `SYN_SENT`, or are known to have ended before it.
    Settled,
    /// Failed (an event was submitted or lost).
    Failed,
    /// Failed, and its owner was not in the table: evicted, or older than the tracer.
    Unowned,
    /// Came up.
    Established,
}

impl Attempts {
    /// How many there are.
    pub const LEN: u32 = 5;
}

/// Rows of the errno counters: one an errno, the last for those beyond.
pub const ERRNOS: u32 = 256;
/// Rows of the drop-reason counters: one a reason, the last for those of other subsystems.
pub const DROP_REASONS: u32 = 256;

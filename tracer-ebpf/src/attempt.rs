//! The table of attempts: what the BPF programs remember of each `connect()` under way. User space
//! reads it only to find those that never came to a SYN.

use crate::event::Owner;

/// How far an attempt has come.
pub mod phase {
    /// `connect()` was called; no SYN yet.
    pub const CALLED: u32 = 1;
    /// `SYN_SENT`.
    pub const SYN_SENT: u32 = 2;
    /// Came up, and is followed to its end.
    pub const OPEN: u32 = 3;
    /// Failed or ended, and that was handed over; `connect()` may yet return the errno.
    pub const FAILED: u32 = 4;
    /// Likewise, but no SYN was made, and only the return of `connect()` tells the errno.
    pub const FAILED_UNSENT: u32 = 5;
    /// Failed, and was handed over without an owner, since its beginning was not seen: who closes it
    /// is.
    pub const UNOWNED: u32 = 6;
    /// Failed, and was handed over; nobody has it open whose closing it could tell anything.
    pub const TOLD: u32 = 7;
}

wire! {
    /// One attempt, keyed by the address of its socket.
    pub struct Entry {
        /// Who called `connect()`.
        pub owner: Owner,
        /// `bpf_ktime_get_ns` at its beginning.
        pub start_ns: u64,
        /// `bpf_get_socket_cookie`; 0 where not asked for yet.
        pub cookie: u64,
        /// Remote address, as `connect()` was given it; zero where only `SYN_SENT` was seen.
        pub remote: [u8; 16],
        /// Remote port, likewise.
        pub remote_port: u16,
        /// `AF_INET` or `AF_INET6`.
        pub family: u16,
        /// Inode number of the network namespace, where `remote` is known.
        pub netns: u32,
        /// One of [`phase`].
        pub phase: u32,
        /// 1 once an event has announced it.
        pub announced: u32,
        /// What the control-group programs before ours had decided, positive errno; 0: allowed.
        pub cgroup_err: i32,
        /// Slot of the table of pending destinations that it counts in.
        pub pending_slot: u32,
    }
}

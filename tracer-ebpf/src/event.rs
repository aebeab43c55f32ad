//! Events: what the hooks write into the ring buffer, one fixed-size record each.
//!
//! Integers are in the host's byte order, ports too. Addresses are 16 bytes in network order; IPv4
//! stands in its mapped form (`::ffff:a.b.c.d`).

#[cfg(feature = "decode")]
pub use crate::json::{Short, Wire};

/// Length of a task's name, its NUL included (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;
/// Bytes kept of a command line.
pub const CMDLINE_LEN: usize = 256;
/// Bytes kept of one component of an executable's path.
pub const PATH_COMPONENT_LEN: usize = 48;
/// Components kept of an executable's path.
pub const PATH_DEPTH: usize = 10;
/// Return addresses kept of a drop's kernel stack.
pub const STACK_DEPTH: usize = 16;
/// Length of a network device's name, its NUL included (`IFNAMSIZ`).
pub const DEVICE_LEN: usize = 16;

/// What kind of event a record is: the first field of [`Head`].
pub mod kind {
    /// [`super::Process`].
    pub const PROCESS: u32 = 1;
    /// [`super::Attempt`].
    pub const ATTEMPT: u32 = 2;
    /// [`super::State`].
    pub const STATE: u32 = 3;
    /// [`super::Unsent`].
    pub const UNSENT: u32 = 4;
    /// [`super::Retransmit`].
    pub const RETRANSMIT: u32 = 5;
    /// [`super::SynackRetransmit`].
    pub const SYNACK_RETRANSMIT: u32 = 6;
    /// [`super::ResetSent`].
    pub const RESET_SENT: u32 = 7;
    /// [`super::ResetReceived`].
    pub const RESET_RECEIVED: u32 = 8;
    /// [`super::SocketError`].
    pub const SOCKET_ERROR: u32 = 9;
    /// [`super::Drop`].
    pub const DROP: u32 = 10;
    /// [`super::IcmpSent`].
    pub const ICMP_SENT: u32 = 11;
    /// [`super::Holder`].
    pub const HOLDER: u32 = 12;
}

wire! {
    /// What every event begins with.
    pub struct Head {
        /// One of [`kind`].
        pub kind: u32,
        /// The CPU it ran on.
        pub cpu: u32,
        /// `bpf_ktime_get_ns` (`CLOCK_MONOTONIC`).
        pub time_ns: u64,
        /// Address of the socket that this is about: an opaque key, unique while the socket lives.
        /// 0 where there is none.
        pub sk: u64,
        /// Start of the attempt (`connect()`) on that socket, `CLOCK_MONOTONIC`; 0 where the
        /// attempt is not known.
        pub attempt_ns: u64,
    }
}

wire! {
    /// A process, taken in its own context at the first `connect()` after each `exec`.
    pub struct Process {
        /// Common fields; `sk` is 0.
        pub head: Head,
        /// Start of the process (`task_struct.start_boottime` of its main thread), nanoseconds.
        pub started_ns: u64,
        /// How often it has called `exec` (`task_struct.self_exec_id`).
        pub exec_id: u64,
        /// Where it had given up its memory by then, and has not called `exec` since its parent forked it:
        /// `arg_start`, `start_code` and `start_stack` of that memory, by which its parent is known to
        /// run the same program. Else 0.
        pub image: [u64; 3],
        /// Thread-group id, initial pid namespace.
        pub tgid: u32,
        /// Parent's thread-group id, initial pid namespace.
        pub ppid: u32,
        /// Thread-group id in the process's own pid namespace.
        pub ns_tgid: u32,
        /// Bytes of `cmdline` that are valid.
        pub cmdline_len: u32,
        /// Arguments, each ended by NUL.
        pub cmdline: [u8; CMDLINE_LEN],
        /// Components of the executable's path that are valid, the file's name first.
        pub exe_depth: u32,
        /// 1 where the path reached its root within [`PATH_DEPTH`] components.
        pub exe_whole: u32,
        /// The components, each ended by NUL where it is shorter than its place.
        pub exe: [[u8; PATH_COMPONENT_LEN]; PATH_DEPTH],
    }
}

/// Flags of an [`Owner`].
pub mod owner_flag {
    /// The caller was a kernel thread: no process owns the attempt.
    pub const KERNEL_THREAD: u32 = 1;
    /// The attempt was seen at `cgroup/connect4` or `cgroup/connect6`, so its beginning is that of
    /// `connect()`.
    pub const FROM_CONNECT: u32 = 2;
    /// Not who called `connect()`, but who ended the connection, in a system call on its socket.
    pub const ENDED_IT: u32 = 4;
    /// Not who called `connect()`, but who had a descriptor of the socket: when the tracer began, or
    /// when it closed it.
    pub const HELD_IT: u32 = 8;
    /// When the tracer began, other processes had descriptors of it, too.
    pub const SHARED: u32 = 16;
    /// `cgroup_id` is of the hierarchy of version 1, since that of version 2 holds it at its root.
    pub const CGROUP_V1: u32 = 32;
}

wire! {
    /// The task that called `connect()`, taken in its own context.
    pub struct Owner {
        /// Start of the process, as in [`Process::started_ns`].
        pub started_ns: u64,
        /// As in [`Process::exec_id`].
        pub exec_id: u64,
        /// Id of its control group: of version 2, unless [`owner_flag::CGROUP_V1`] is set; 0 where it was
        /// not taken.
        pub cgroup_id: u64,
        /// Thread-group id, initial pid namespace.
        pub tgid: u32,
        /// Thread id, initial pid namespace.
        pub tid: u32,
        /// User id, initial user namespace.
        pub uid: u32,
        /// Bits of [`owner_flag`].
        pub flags: u32,
        /// Name of the process (its main thread).
        pub comm: [u8; COMM_LEN],
        /// Name of the thread.
        pub thread_comm: [u8; COMM_LEN],
    }
}

wire! {
    /// Two ends, as the socket sees them: `local` is this end.
    pub struct Tuple {
        /// Local address.
        pub local: [u8; 16],
        /// Remote address.
        pub remote: [u8; 16],
        /// Local port; 0 where none was chosen.
        pub local_port: u16,
        /// Remote port.
        pub remote_port: u16,
        /// `AF_INET` or `AF_INET6` of the socket.
        pub family: u16,
        /// `IPPROTO_TCP`, or `IPPROTO_MPTCP` (262).
        pub protocol: u16,
        /// Inode number of the network namespace.
        pub netns: u32,
        /// TCP state (`include/net/tcp_states.h`) at the time of the event.
        pub state: u32,
    }
}

wire! {
    /// A network device: the one that a socket sends through (that of its cached route), or that a
    /// packet was at.
    pub struct Path {
        /// Name of the device; empty where there is none.
        pub device: [u8; DEVICE_LEN],
        /// Its index.
        pub device_index: u32,
        /// Bits of [`device`]: those of `net_device.flags`, and [`device::VIRTUAL`].
        pub flags: u32,
        /// `net_device.state`: [`device::NO_CARRIER`].
        pub link_state: u32,
        /// Its MTU, bytes.
        pub mtu: u32,
    }
}

/// Bits of a network device's state.
pub mod device {
    /// `IFF_UP` (`include/uapi/linux/if.h`), in [`super::Path::flags`].
    pub const UP: u32 = 1;
    /// `IFF_LOOPBACK`, in [`super::Path::flags`].
    pub const LOOPBACK: u32 = 8;
    /// Made by software (`net_device.rtnl_link_ops` is set: veth, bridge, tun, …), in
    /// [`super::Path::flags`]. The kernel's own flags end below this bit.
    pub const VIRTUAL: u32 = 1 << 31;
    /// `__LINK_STATE_NOCARRIER` (`include/linux/netdevice.h`), in [`super::Path::link_state`].
    pub const NO_CARRIER: u32 = 1 << 2;
}

/// Bits of [`Packet::flags`] (RFC 9293, 3.1).
pub mod tcp_flag {
    /// Synchronize sequence numbers.
    pub const SYN: u16 = 2;
    /// Reset the connection.
    pub const RST: u16 = 4;
    /// The acknowledgment number is valid.
    pub const ACK: u16 = 16;
}

wire! {
    /// A TCP packet's header.
    pub struct Packet {
        /// Source address.
        pub source: [u8; 16],
        /// Destination address.
        pub destination: [u8; 16],
        /// Source port.
        pub source_port: u16,
        /// Destination port.
        pub destination_port: u16,
        /// TCP flags (RFC 9293, 3.1): FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
        pub flags: u16,
        /// 4 or 6.
        pub ip_version: u16,
        /// Sequence number.
        pub seq: u32,
        /// Acknowledgment number.
        pub ack: u32,
        /// Inode number of the network namespace it was in; 0 where that is not known.
        pub netns: u32,
        /// Index of the network device it was at; 0 where it was at none.
        pub device_index: u32,
    }
}

wire! {
    /// An attempt that something happened to: comes before its first evidence.
    pub struct Attempt {
        /// Common fields.
        pub head: Head,
        /// Who called `connect()`.
        pub owner: Owner,
    }
}

/// How a holder came to be known.
pub mod holder {
    /// It had descriptors of connections when the tracer began; `sk` is the first of them.
    pub const FOUND: u32 = 1;
    /// It closed the last descriptor of a connection that had failed or ended: told where it is another
    /// process than was known before.
    pub const CLOSED: u32 = 2;
}

wire! {
    /// A process that holds connections, and is not who opened them.
    pub struct Holder {
        /// Common fields; `attempt_ns` is that of the failure.
        pub head: Head,
        /// The process.
        pub owner: Owner,
        /// One of [`holder`].
        pub how: u32,
        /// Always 0.
        pub reserved: u32,
    }
}

/// Which hook told of the end of an attempt.
pub mod seen_by {
    /// `inet_sock_set_state`: the change itself.
    pub const STATE: u32 = 1;
    /// `inet_sk_error_report`, right after it: the kernel had skipped the former.
    pub const ERROR_REPORT: u32 = 2;
    /// `inet_sk_error_report` of `tcp_disconnect`, or `tcp_destroy_sock`: the kernel had skipped
    /// both of the former. A socket that never came up has forgotten its error and its sequence
    /// numbers by then; of one that had come up, [`super::State::old`] is inferred, and
    /// [`stream_flag::ORPHAN`](super::stream_flag::ORPHAN) is always set.
    pub const LATER: u32 = 3;
}

/// Bits of [`Stream::flags`].
pub mod stream_flag {
    /// The application has closed it (`SOCK_DEAD`): nobody gets an errno any more.
    pub const ORPHAN: u32 = 1;
    /// A system call held the socket's lock, so this ran in the context of the task that made it
    /// (`lock_sock`, `include/net/sock.h`); softirqs and timers leave such a socket alone.
    pub const IN_CALL: u32 = 2;
    /// `SO_KEEPALIVE` is on (`SOCK_KEEPOPEN`).
    pub const KEEPALIVE: u32 = 4;
    /// A subflow of a Multipath TCP connection that has another one, which may carry it on
    /// (`mptcp_sock`, `net/mptcp/protocol.h`).
    pub const ONE_OF_SEVERAL: u32 = 8;
    /// The peer's FIN has come (`SOCK_DONE`). TCP counts it as a byte received.
    pub const PEER_CLOSED: u32 = 16;
}

wire! {
    /// What TCP knows of a connection that came up.
    pub struct Stream {
        /// Inode number of the socket's file; 0 where it has none: not accepted yet, or closed.
        pub inode: u64,
        /// `tcp_sock.bytes_acked`.
        pub bytes_acked: u64,
        /// `icsk_rto`, microseconds.
        pub rto_us: u32,
        /// `tcp_sock.snd_cwnd`, segments.
        pub cwnd: u32,
        /// `tcp_sock.mss_cache`, bytes.
        pub mss: u32,
        /// `tcp_sock.snd_wnd`: what the peer is ready to take, bytes.
        pub send_window: u32,
        /// `tcp_sock.snd_nxt`.
        pub snd_nxt: u32,
        /// `tcp_sock.total_retrans`: segments sent again since the connection began.
        pub total_retrans: u32,
        /// Time since data was sent (`lsndtime`), milliseconds.
        pub last_sent_ms: u32,
        /// Time since data was received (`icsk_ack.lrcvtime`), milliseconds.
        pub last_received_ms: u32,
        /// `TCP_USER_TIMEOUT`, milliseconds; 0: none.
        pub user_timeout_ms: u32,
        /// `icsk_probes_out`: window or keepalive probes without an answer.
        pub probes_out: u32,
        /// Bits of [`stream_flag`].
        pub flags: u32,
        /// Always 0.
        pub reserved: u32,
    }
}

wire! {
    /// What a connection has sent again and again since the peer acknowledged something in order: its
    /// first segment that is missing there, and what the peer has told meanwhile. All zero where nothing
    /// was sent again.
    pub struct InVain {
        /// `tcp_sock.recv_sack_cache`: beginnings and ends of what the peer has beyond what is missing
        /// (RFC 2018), as it told last; those before `snd_una` are of old.
        pub sacked: [u32; 8],
        /// When that of what was under way was sent that had waited longest, as something was sent
        /// again for the first time; `CLOCK_MONOTONIC`. 0 where it is not known.
        pub sent_ns: u64,
        /// `tcp_sock.delivered_mstamp`: when the peer last acknowledged something, in order or not;
        /// `CLOCK_MONOTONIC`, microseconds.
        pub delivered_us: u64,
        /// Bytes of the missing segment, as it was sent again: the least.
        pub len: u32,
        /// How often it was sent again, and left TCP.
        pub times: u32,
        /// Segments that came from the peer (`tcp_sock.segs_in`) after something was last sent again.
        pub heard_after: u32,
        /// Time since a valid segment came with an acknowledgment (`tcp_sock.rcv_tstamp`), milliseconds.
        pub last_heard_ms: u32,
    }
}

wire! {
    /// A socket left `SYN_SENT`, or a connection that had come up failed (or, with `--all`, ended):
    /// `inet_sock_set_state`.
    pub struct State {
        /// Common fields.
        pub head: Head,
        /// The socket's two ends.
        pub tuple: Tuple,
        /// The device that it sends through.
        pub path: Path,
        /// What TCP knows of it.
        pub stream: Stream,
        /// What it has sent again in vain.
        pub in_vain: InVain,
        /// `bpf_get_socket_cookie`; 0 where the kernel has none for tracing programs.
        pub cookie: u64,
        /// `tcp_sock.bytes_sent`.
        pub bytes_sent: u64,
        /// `tcp_sock.bytes_retrans`.
        pub bytes_retrans: u64,
        /// `tcp_sock.bytes_received`.
        pub bytes_received: u64,
        /// When another attempt of the same process to the same port, but another address, came up;
        /// 0 where none did.
        pub sibling_ns: u64,
        /// When that attempt began.
        pub sibling_start_ns: u64,
        /// Its address.
        pub sibling: [u8; 16],
        /// When it came up, where it was accepted here (only with `--all`); 0 where that is not known.
        pub accepted_ns: u64,
        /// State before.
        pub old: u32,
        /// State after.
        pub new: u32,
        /// `sk_err`: the errno that the application will get; 0 where none.
        pub err: i32,
        /// `sk_err_soft`: what ICMP or the neighbour left behind; 0 where nothing.
        pub err_soft: i32,
        /// `icsk_retransmits`.
        pub retransmits: u32,
        /// `tcp_sock.segs_out`: 0 where TCP never made a SYN.
        pub segs_out: u32,
        /// `tcp_sock.snd_una`: the initial sequence number while in `SYN_SENT`.
        pub isn: u32,
        /// `tcp_sock.write_seq`; 0 where no initial sequence number was chosen.
        pub write_seq: u32,
        /// `tcp_sock.srtt_us` in microseconds.
        pub srtt_us: u32,
        /// One of [`seen_by`].
        pub seen_by: u32,
        /// 1: it counts as a failure.
        pub failure: u32,
        /// The task in whose context this ran: meaningful only where `seen_by` is
        /// [`seen_by::STATE`] and `err` is 0, since only a closer's own system call gets there
        /// without an error.
        pub closer_tgid: u32,
        /// `task_struct.flags` of that task.
        pub closer_flags: u32,
        /// `task_struct.exit_code` of that task.
        pub closer_exit_code: i32,
    }
}

/// How it was found out that an attempt never got as far as a SYN.
pub mod unsent {
    /// The socket was destroyed.
    pub const DESTROYED: u32 = 1;
    /// `connect()` was called again on the same socket.
    pub const RETRIED: u32 = 2;
    /// Nothing followed for a while: user space looked.
    pub const SWEPT: u32 = 3;
    /// `connect()` returned the errno in [`super::Unsent::err`] (fexit).
    pub const RETURNED: u32 = 4;
}

wire! {
    /// An attempt that ended before a SYN was made.
    pub struct Unsent {
        /// Common fields. `time_ns` is when it was found out.
        pub head: Head,
        /// The socket's two ends: only `remote`, `remote_port`, `family`, `protocol` and `netns`
        /// are sure.
        pub tuple: Tuple,
        /// `bpf_get_socket_cookie`.
        pub cookie: u64,
        /// One of [`unsent`].
        pub how: u32,
        /// The errno of `connect()`, positive; 0 where it is not known.
        pub err: i32,
        /// What the control-group programs before ours had decided (`bpf_get_retval`), positive;
        /// 0 where they allowed it, or where the kernel does not tell.
        pub cgroup_err: i32,
        /// `SO_MARK` of the socket: part of the route lookup.
        pub mark: u32,
        /// `SO_BINDTODEVICE` of the socket: part of the route lookup.
        pub bound_device: u32,
        /// Always 0.
        pub reserved: u32,
    }
}

wire! {
    /// `tcp_retransmit_skb`.
    pub struct Retransmit {
        /// Common fields.
        pub head: Head,
        /// The socket's two ends.
        pub tuple: Tuple,
        /// The device that it sends through.
        pub path: Path,
        /// What transmitting returned: 0, a negative errno or a `NET_XMIT_*` code.
        /// Before 6.18 the hook fires only for 0.
        pub err: i32,
        /// `icsk_retransmits`.
        pub retransmits: u32,
        /// `tcp_sock.snd_una`.
        pub isn: u32,
        /// `icsk_ca_state`.
        pub ca_state: u32,
        /// `icsk_pending`: the timer that is set, or that runs now; 0 in traces of versions that did not
        /// keep it, as the next ones.
        pub timer: u32,
        /// `tcp_sock.undo_marker`: where losses that turn out to be none are to be undone; 0 where no
        /// congestion is supposed.
        pub undo_marker: u32,
        /// Segments that it holds (`tcp_skb_cb.tcp_gso_segs`).
        pub segments: u32,
        /// Always 0.
        pub reserved: u32,
    }
}

wire! {
    /// `tcp_retransmit_synack`: a listener of this host sends its SYN-ACK again.
    pub struct SynackRetransmit {
        /// Common fields; `sk` is the listener.
        pub head: Head,
        /// The two ends as the listener sees them.
        pub tuple: Tuple,
        /// The client's initial sequence number (`tcp_request_sock.rcv_isn`).
        pub client_isn: u32,
        /// How often it was sent again (`request_sock.num_retrans`).
        pub retransmits: u32,
    }
}

wire! {
    /// `tcp_send_reset`: this host's kernel sends a RST.
    pub struct ResetSent {
        /// Common fields; `sk` is 0 where no socket was found.
        pub head: Head,
        /// The packet that it answers; all zero where it answers none.
        pub packet: Packet,
        /// `enum sk_rst_reason` of the running kernel; `u32::MAX` where it has none.
        pub reason: u32,
        /// `TCP_*` state of the socket as it sent it, where the RST is about a connection of its own: an
        /// open one's ends after it, a closed one's has ended before. 0 for any other, and in traces
        /// of versions that did not keep it.
        pub state: u32,
    }
}

wire! {
    /// `tcp_receive_reset`.
    pub struct ResetReceived {
        /// Common fields.
        pub head: Head,
        /// The socket's two ends.
        pub tuple: Tuple,
    }
}

wire! {
    /// `inet_sk_error_report`, where it left a soft error on a socket in `SYN_SENT`.
    pub struct SocketError {
        /// Common fields.
        pub head: Head,
        /// The socket's two ends.
        pub tuple: Tuple,
        /// `sk_err`.
        pub err: i32,
        /// `sk_err_soft`, or what is about to become it.
        pub err_soft: i32,
    }
}

/// How a dropped packet refers to [`Head::sk`].
pub mod drop_socket {
    /// No socket.
    pub const NONE: u32 = 0;
    /// `skb->sk`: the sender on the way out, the receiver after early demultiplexing.
    pub const SKB: u32 = 1;
    /// The `rx_sk` argument: the receiver.
    pub const RECEIVER: u32 = 2;
}

wire! {
    /// `kfree_skb`: a packet was dropped.
    pub struct Drop {
        /// Common fields.
        pub head: Head,
        /// Its TCP header.
        pub packet: Packet,
        /// Return address of the call that dropped it.
        pub location: u64,
        /// `enum skb_drop_reason` of the running kernel; `u32::MAX` where it has none.
        pub reason: u32,
        /// One of [`drop_socket`].
        pub socket: u32,
        /// State of that socket; 0 where there is none.
        pub socket_state: u32,
        /// `dst_entry.error` of the packet's route, positive; 0 where none.
        pub route_err: i32,
        /// `skb->_nfct`'s low bits (`enum ip_conntrack_info`), or `u32::MAX` where conntrack had no
        /// entry for it.
        pub conntrack: u32,
        /// Return addresses of `stack` that are valid.
        pub stack_depth: u32,
        /// The network device it was at.
        pub path: Path,
        /// Kernel stack, innermost first.
        pub stack: [u64; STACK_DEPTH],
    }
}

wire! {
    /// `icmp_send`: this host answers a packet with an ICMP error (IPv4 only).
    pub struct IcmpSent {
        /// Common fields; `sk` is the packet's own socket, 0 where it has none.
        pub head: Head,
        /// The packet that it answers.
        pub packet: Packet,
        /// ICMP type (RFC 792).
        pub kind: u32,
        /// ICMP code.
        pub code: u32,
    }
}

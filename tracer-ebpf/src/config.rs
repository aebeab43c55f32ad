//! What user space tells the BPF programs: frozen before they are loaded, so that the verifier
//! takes each value as a constant and prunes what it switches off.

/// A field or an argument that the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

/// Declares a `repr(C)` structure of `u32` fields that all start as [`ABSENT`].
macro_rules! absent_by_default {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$field_meta])* pub $field: u32,)* }

        impl $name {
            /// Everything absent.
            pub const ABSENT: Self = Self { $($field: ABSENT,)* };
        }
    };
}

absent_by_default! {
    /// Byte offsets of kernel structure fields and positions of tracepoint arguments, from the
    /// running kernel's BTF. The name is `structure_field`.
    pub struct Layout {
        /// `sock_common.skc_family`.
        pub sock_family,
        /// `sock_common.skc_state`.
        pub sock_state,
        /// `sock_common.skc_ipv6only`: the byte that has the bit.
        pub sock_ipv6only,
        /// Which bit that is, the lowest being 0.
        pub sock_ipv6only_bit,
        /// `sock_common.skc_daddr`.
        pub sock_daddr,
        /// `sock_common.skc_rcv_saddr`.
        pub sock_rcv_saddr,
        /// `sock_common.skc_dport`.
        pub sock_dport,
        /// `sock_common.skc_num`.
        pub sock_num,
        /// `sock_common.skc_v6_daddr`.
        pub sock_v6_daddr,
        /// `sock_common.skc_v6_rcv_saddr`.
        pub sock_v6_rcv_saddr,
        /// `sock_common.skc_net`.
        pub sock_net,
        /// `sock_common.skc_bound_dev_if`.
        pub sock_bound_dev_if,
        /// `sock.sk_protocol`, 2 bytes.
        pub sock_protocol,
        /// `sock.sk_err`.
        pub sock_err,
        /// `sock.sk_err_soft`.
        pub sock_err_soft,
        /// `sock.sk_error_queue.next`: the head of the list.
        pub sock_error_queue,
        /// `sock.sk_error_queue.prev`: the newest on it.
        pub sock_error_queue_last,
        /// `sk_buff.cb`, where a queued error lies, or TCP's own part of a segment.
        pub skb_cb,
        /// `tcp_skb_cb.seq`.
        pub tcp_cb_seq,
        /// `tcp_skb_cb.tcp_gso_segs`, 2 bytes.
        pub tcp_cb_segs,
        /// `sk_buff.len`.
        pub skb_len,
        /// `sk_buff.tcp_tsorted_anchor`.
        pub skb_tsorted_anchor,
        /// `sk_buff.skb_mstamp_ns`: when a segment was sent last, `CLOCK_MONOTONIC`.
        pub skb_mstamp_ns,
        /// `sock_exterr_skb.ee.ee_errno`.
        pub exterr_errno,
        /// `sock_exterr_skb.ee.ee_origin`, 1 byte.
        pub exterr_origin,
        /// `sock.sk_wmem_queued`.
        pub sock_wmem_queued,
        /// `sock.sk_dst_cache`.
        pub sock_dst_cache,
        /// `sock.sk_mark`.
        pub sock_mark,
        /// `sock_common.skc_cookie`.
        pub sock_cookie,
        /// `sock.sk_socket`.
        pub sock_socket,
        /// `sock.sk_ack_backlog`.
        pub sock_ack_backlog,
        /// `sock.sk_max_ack_backlog`.
        pub sock_max_ack_backlog,
        /// `sock.sk_drops`.
        pub sock_drops,
        /// `inet_connection_sock.icsk_accept_queue.qlen`.
        pub icsk_accept_queue_len,
        /// `sock.sk_lock.owned`.
        pub sock_owned,
        /// `sock_common.skc_flags`.
        pub sock_flags,
        /// `inet_sock.inet_sport`.
        pub inet_sport,
        /// `inet_connection_sock.icsk_retransmits`, 1 byte.
        pub icsk_retransmits,
        /// `inet_connection_sock.icsk_ca_state`: the byte that begins with its 5 bits.
        pub icsk_ca_state,
        /// `inet_connection_sock.icsk_pending`, 1 byte.
        pub icsk_pending,
        /// `inet_connection_sock.icsk_rto`, in jiffies.
        pub icsk_rto,
        /// `inet_connection_sock.icsk_user_timeout`, milliseconds.
        pub icsk_user_timeout,
        /// `inet_connection_sock.icsk_probes_out`, 1 byte.
        pub icsk_probes_out,
        /// `inet_connection_sock.icsk_ack.lrcvtime`, in jiffies.
        pub icsk_last_received,
        /// `tcp_sock.lsndtime`, in jiffies.
        pub tcp_last_sent,
        /// `tcp_sock.segs_in`.
        pub tcp_segs_in,
        /// `tcp_sock.rcv_tstamp`, in jiffies.
        pub tcp_last_heard,
        /// `tcp_sock.recv_sack_cache`.
        pub tcp_recv_sack_cache,
        /// `tcp_sock.delivered_mstamp`, microseconds of `CLOCK_MONOTONIC`.
        pub tcp_delivered_mstamp,
        /// `tcp_sock.tsorted_sent_queue.next`: of what is not acknowledged, what was sent first.
        pub tcp_tsorted_sent_queue,
        /// `tcp_sock.bytes_acked`.
        pub tcp_bytes_acked,
        /// `tcp_sock.snd_cwnd`.
        pub tcp_snd_cwnd,
        /// `tcp_sock.mss_cache`.
        pub tcp_mss_cache,
        /// `tcp_sock.snd_wnd`.
        pub tcp_snd_wnd,
        /// `tcp_sock.snd_nxt`.
        pub tcp_snd_nxt,
        /// `tcp_sock.total_retrans`.
        pub tcp_total_retrans,
        /// `tcp_sock.undo_marker`.
        pub tcp_undo_marker,
        /// `tcp_sock.is_mptcp`, 1 byte: the socket is a subflow.
        pub tcp_is_mptcp,
        /// `inet_connection_sock.icsk_ulp_data`: of a subflow, its `mptcp_subflow_context`.
        pub icsk_ulp_data,
        /// `mptcp_subflow_context.conn`: the `mptcp_sock`.
        pub subflow_conn,
        /// `mptcp_sock.first`: the subflow that it began with.
        pub mptcp_first,
        /// `mptcp_sock.pm.extra_subflows`, 1 byte: how many have joined.
        pub mptcp_extra_subflows,
        /// `tcp_sock.snd_una`.
        pub tcp_snd_una,
        /// `tcp_sock.rcv_nxt`.
        pub tcp_rcv_nxt,
        /// `tcp_sock.write_seq`.
        pub tcp_write_seq,
        /// `tcp_sock.segs_out`.
        pub tcp_segs_out,
        /// `tcp_sock.srtt_us`, in eighths of a microsecond.
        pub tcp_srtt_us,
        /// `tcp_sock.bytes_sent`.
        pub tcp_bytes_sent,
        /// `tcp_sock.bytes_retrans`.
        pub tcp_bytes_retrans,
        /// `tcp_sock.bytes_received`.
        pub tcp_bytes_received,
        /// `tcp_request_sock.rcv_isn`.
        pub request_rcv_isn,
        /// `request_sock.num_retrans`, 1 byte.
        pub request_num_retrans,
        /// `net.ns.inum`.
        pub net_inum,
        /// `sk_buff.sk`.
        pub skb_sk,
        /// `sk_buff.dev`.
        pub skb_dev,
        /// `sk_buff._skb_refdst`.
        pub skb_refdst,
        /// `sk_buff._nfct`.
        pub skb_nfct,
        /// `sk_buff.head`.
        pub skb_head,
        /// `sk_buff.network_header`.
        pub skb_network_header,
        /// `sk_buff.protocol`.
        pub skb_protocol,
        /// `net_device.nd_net`.
        pub dev_net,
        /// `net_device.ifindex`.
        pub dev_ifindex,
        /// `net_device.name`.
        pub dev_name,
        /// `net_device.flags`.
        pub dev_flags,
        /// `net_device.rtnl_link_ops`.
        pub dev_link_ops,
        /// `net_device.state`, its low 4 bytes.
        pub dev_state,
        /// `net_device.mtu`.
        pub dev_mtu,
        /// `dst_entry.dev`.
        pub dst_dev,
        /// `dst_entry.error`, 2 bytes.
        pub dst_error,
        /// `socket.sk`.
        pub socket_sk,
        /// `socket.file`.
        pub socket_file,
        /// `file.f_inode`.
        pub file_inode,
        /// `file.private_data`.
        pub file_private_data,
        /// `inode.i_ino`.
        pub inode_number,
        /// `inode.i_mode`, 2 bytes.
        pub inode_mode,
        /// `task_struct.real_cred`.
        pub task_cred,
        /// `cred.uid`.
        pub cred_uid,
        /// `task_struct.group_leader`.
        pub task_group_leader,
        /// `task_struct.start_boottime` (`real_start_time` before 5.5).
        pub task_start_boottime,
        /// `task_struct.self_exec_id`.
        pub task_self_exec_id,
        /// Size of `task_struct.self_exec_id`: 4 or 8.
        pub task_self_exec_id_size,
        /// `task_struct.comm`.
        pub task_comm,
        /// `task_struct.flags`.
        pub task_flags,
        /// `task_struct.exit_code`.
        pub task_exit_code,
        /// `task_struct.real_parent`.
        pub task_real_parent,
        /// `task_struct.tgid`.
        pub task_tgid,
        /// `task_struct.thread_pid`.
        pub task_thread_pid,
        /// `task_struct.cgroups`.
        pub task_cgroups,
        /// `css_set.subsys`.
        pub css_set_subsys,
        /// `cgroup_subsys_state.cgroup`.
        pub css_cgroup,
        /// `cgroup.kn`.
        pub cgroup_kn,
        /// `kernfs_node.id`.
        pub kernfs_id,
        /// `task_struct.mm`.
        pub task_mm,
        /// `task_struct.active_mm`.
        pub task_active_mm,
        /// `task_struct.parent_exec_id`.
        pub task_parent_exec_id,
        /// `pid.level`.
        pub pid_level,
        /// `pid.numbers`.
        pub pid_numbers,
        /// Size of `struct upid`.
        pub upid_size,
        /// `upid.nr`.
        pub upid_nr,
        /// `mm_struct.arg_start`.
        pub mm_arg_start,
        /// `mm_struct.start_code`.
        pub mm_start_code,
        /// `mm_struct.start_stack`.
        pub mm_start_stack,
        /// `mm_struct.arg_end`.
        pub mm_arg_end,
        /// `mm_struct.exe_file`.
        pub mm_exe_file,
        /// `file.f_path.dentry`.
        pub file_dentry,
        /// `file.f_path.mnt`.
        pub file_mnt,
        /// `dentry.d_parent`.
        pub dentry_parent,
        /// `dentry.d_name.name`.
        pub dentry_name,
        /// `vfsmount.mnt_root`.
        pub vfsmount_root,
        /// `mount.mnt`.
        pub mount_mnt,
        /// `mount.mnt_parent`.
        pub mount_parent,
        /// `mount.mnt_mountpoint`.
        pub mount_mountpoint,
        /// Position of `enum skb_drop_reason` in `kfree_skb`.
        pub arg_drop_reason,
        /// Position of `rx_sk` in `kfree_skb`.
        pub arg_drop_receiver,
        /// Position of `err` in `tcp_retransmit_skb`.
        pub arg_retransmit_err,
        /// Position of `enum sk_rst_reason` in `tcp_send_reset`.
        pub arg_reset_reason,
    }
}

/// Most values of one kind that a filter in the kernel can hold.
pub const FILTER_LEN: usize = 4;

/// What is to be seen, and how.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Drop reasons that are ordinary, one bit each, for the first 256.
    pub benign_drops: [u64; 4],
    /// Value of `SKB_DROP_REASON_NO_SOCKET`; [`ABSENT`] where the kernel has none.
    pub no_socket: u32,
    /// 1: connections that came up are followed to their end (`--all`), with what they send again.
    pub follow_open: u32,
    /// 1: evidence of connections that are not connecting is emitted too (`--events`).
    pub all_evidence: u32,
    /// 1: only the processes in the map `FOLLOWED` and their children (`tcpwhy run`).
    pub follow_command: u32,
    /// 1: `bpf_get_socket_cookie` may be called from tracing programs.
    pub has_cookie: u32,
    /// 1: `bpf_get_retval` exists.
    pub has_retval: u32,
    /// Place in `css_set.subsys` of a controller that is mounted as control groups of version 1;
    /// [`ABSENT`] where none is.
    pub v1_controller: u32,
    /// Length of a jiffy, microseconds.
    pub jiffy_us: u32,
    /// Packets without a socket that may be emitted, each second and CPU.
    pub loose_packets_per_second: u32,
    /// Drops and RSTs at listeners that may be emitted, each second and CPU; answers sent again: 16
    /// times as many.
    pub listener_events_per_second: u32,
    /// Processes to watch (thread-group ids).
    pub pids: [u32; FILTER_LEN],
    /// How many of `pids` are valid; 0: all processes.
    pub pids_len: u32,
    /// Users to watch.
    pub uids: [u32; FILTER_LEN],
    /// How many of `uids` are valid; 0: all users.
    pub uids_len: u32,
    /// Process that is never watched: the tracer itself; 0: none.
    pub own_tgid: u32,
}

impl Settings {
    /// Everything off, nothing filtered.
    pub const DEFAULT: Self = Self {
        benign_drops: [0; 4],
        no_socket: ABSENT,
        follow_open: 0,
        all_evidence: 0,
        follow_command: 0,
        has_cookie: 0,
        has_retval: 0,
        v1_controller: ABSENT,
        jiffy_us: 0,
        loose_packets_per_second: 0,
        listener_events_per_second: 0,
        pids: [0; FILTER_LEN],
        pids_len: 0,
        uids: [0; FILTER_LEN],
        uids_len: 0,
        own_tgid: 0,
    };
}

//! Fills [`Layout`], the kernel half's map of the running kernel's structures.
//!
//! Every field is asked for by name and its size is checked, since the kernel half reads it as
//! an integer of that size; where a kernel release renamed a field, both names are here.

use std::fmt;

use tracer_ebpf::config::{ABSENT, Layout};

use super::btf::{Argument, Btf, Member};

/// A field without which nothing can be traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingField {
    /// The field's names, as `structure.path`, newest first.
    pub sources: &'static [&'static str],
    /// The bytes that it must have; 0: any number.
    pub size: u32,
}

impl fmt::Display for MissingField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this kernel's BTF has no {}", self.sources.join(" or "))?;
        match self.size {
            0 => Ok(()),
            size => write!(f, " of {size} bytes"),
        }
    }
}

impl std::error::Error for MissingField {}

/// One field of [`Layout`] and where it comes from.
struct Row {
    slot: fn(&mut Layout) -> &mut u32,
    source: MissingField,
}

/// `field = bytes, "structure.path" | "structure.older_path";` with 0 for any size.
macro_rules! rows {
    ($($field:ident = $size:literal, $($source:literal)|+;)*) => {
        &[$(Row {
            slot: |layout| &mut layout.$field,
            source: MissingField { sources: &[$($source),+], size: $size },
        }),*]
    };
}

const REQUIRED: &[Row] = rows! {
    sock_family = 2, "sock_common.skc_family";
    sock_state = 1, "sock_common.skc_state";
    sock_daddr = 4, "sock_common.skc_daddr";
    sock_rcv_saddr = 4, "sock_common.skc_rcv_saddr";
    sock_dport = 2, "sock_common.skc_dport";
    sock_num = 2, "sock_common.skc_num";
    sock_net = 8, "sock_common.skc_net.net";
    sock_bound_dev_if = 4, "sock_common.skc_bound_dev_if";
    sock_protocol = 2, "sock.sk_protocol";
    sock_err = 4, "sock.sk_err";
    sock_err_soft = 4, "sock.sk_err_soft";
    sock_wmem_queued = 4, "sock.sk_wmem_queued";
    sock_mark = 4, "sock.sk_mark";
    sock_owned = 4, "sock.sk_lock.owned";
    sock_flags = 8, "sock_common.skc_flags";
    sock_socket = 8, "sock.sk_socket";
    inet_sport = 2, "inet_sock.inet_sport";
    icsk_retransmits = 1, "inet_connection_sock.icsk_retransmits";
    icsk_ca_state = 1, "inet_connection_sock.icsk_ca_state";
    tcp_snd_una = 4, "tcp_sock.snd_una";
    tcp_rcv_nxt = 4, "tcp_sock.rcv_nxt";
    tcp_write_seq = 4, "tcp_sock.write_seq";
    tcp_segs_out = 4, "tcp_sock.segs_out";
    tcp_srtt_us = 4, "tcp_sock.srtt_us";
    request_rcv_isn = 4, "tcp_request_sock.rcv_isn";
    request_num_retrans = 1, "request_sock.num_retrans";
    net_inum = 4, "net.ns.inum";
    skb_sk = 8, "sk_buff.sk";
    skb_dev = 8, "sk_buff.dev";
    skb_refdst = 8, "sk_buff._skb_refdst";
    skb_head = 8, "sk_buff.head";
    skb_network_header = 2, "sk_buff.network_header";
    skb_protocol = 2, "sk_buff.protocol";
    dev_net = 8, "net_device.nd_net.net";
    dev_ifindex = 4, "net_device.ifindex";
    dev_name = 16, "net_device.name";
    dst_dev = 8, "dst_entry.dev" | "dst_entry.dev_rcu";
    socket_sk = 8, "socket.sk";
    task_group_leader = 8, "task_struct.group_leader";
    task_start_boottime = 8, "task_struct.start_boottime" | "task_struct.real_start_time";
    task_comm = 16, "task_struct.comm";
    task_flags = 4, "task_struct.flags";
    task_real_parent = 8, "task_struct.real_parent";
    task_tgid = 4, "task_struct.tgid";
};

/// Each of these only adds detail. `skc_v6_*` is absent without `CONFIG_IPV6`, `_nfct` without
/// `CONFIG_NF_CONNTRACK`, what Multipath TCP has without `CONFIG_MPTCP`.
const OPTIONAL: &[Row] = rows! {
    sock_v6_daddr = 16, "sock_common.skc_v6_daddr";
    sock_v6_rcv_saddr = 16, "sock_common.skc_v6_rcv_saddr";
    sock_cookie = 8, "sock_common.skc_cookie";
    sock_error_queue = 8, "sock.sk_error_queue.next";
    sock_error_queue_last = 8, "sock.sk_error_queue.prev";
    skb_cb = 48, "sk_buff.cb";
    exterr_errno = 4, "sock_exterr_skb.ee.ee_errno";
    exterr_origin = 1, "sock_exterr_skb.ee.ee_origin";
    sock_ack_backlog = 4, "sock.sk_ack_backlog";
    sock_max_ack_backlog = 4, "sock.sk_max_ack_backlog";
    sock_drops = 4, "sock.sk_drops";
    icsk_accept_queue_len = 4, "inet_connection_sock.icsk_accept_queue.qlen";
    socket_file = 8, "socket.file";
    file_inode = 8, "file.f_inode";
    file_private_data = 8, "file.private_data";
    inode_number = 8, "inode.i_ino";
    inode_mode = 2, "inode.i_mode";
    task_cred = 8, "task_struct.real_cred";
    cred_uid = 4, "cred.uid";
    tcp_bytes_sent = 8, "tcp_sock.bytes_sent";
    tcp_bytes_retrans = 8, "tcp_sock.bytes_retrans";
    tcp_bytes_received = 8, "tcp_sock.bytes_received";
    sock_dst_cache = 8, "sock.sk_dst_cache";
    skb_nfct = 8, "sk_buff._nfct";
    icsk_rto = 4, "inet_connection_sock.icsk_rto";
    icsk_user_timeout = 4, "inet_connection_sock.icsk_user_timeout";
    icsk_pending = 1, "inet_connection_sock.icsk_pending";
    icsk_probes_out = 1, "inet_connection_sock.icsk_probes_out";
    icsk_last_received = 4, "inet_connection_sock.icsk_ack.lrcvtime";
    tcp_last_sent = 4, "tcp_sock.lsndtime";
    tcp_bytes_acked = 8, "tcp_sock.bytes_acked";
    tcp_segs_in = 4, "tcp_sock.segs_in";
    tcp_last_heard = 4, "tcp_sock.rcv_tstamp";
    tcp_recv_sack_cache = 32, "tcp_sock.recv_sack_cache";
    tcp_delivered_mstamp = 8, "tcp_sock.delivered_mstamp";
    tcp_tsorted_sent_queue = 8, "tcp_sock.tsorted_sent_queue.next";
    tcp_cb_seq = 4, "tcp_skb_cb.seq";
    tcp_cb_segs = 2, "tcp_skb_cb.tcp_gso_segs";
    skb_len = 4, "sk_buff.len";
    skb_tsorted_anchor = 16, "sk_buff.tcp_tsorted_anchor";
    skb_mstamp_ns = 8, "sk_buff.skb_mstamp_ns";
    tcp_snd_cwnd = 4, "tcp_sock.snd_cwnd";
    tcp_mss_cache = 4, "tcp_sock.mss_cache";
    tcp_snd_wnd = 4, "tcp_sock.snd_wnd";
    tcp_snd_nxt = 4, "tcp_sock.snd_nxt";
    tcp_total_retrans = 4, "tcp_sock.total_retrans";
    tcp_undo_marker = 4, "tcp_sock.undo_marker";
    tcp_is_mptcp = 1, "tcp_sock.is_mptcp";
    icsk_ulp_data = 8, "inet_connection_sock.icsk_ulp_data";
    subflow_conn = 8, "mptcp_subflow_context.conn";
    mptcp_first = 8, "mptcp_sock.first";
    mptcp_extra_subflows = 1, "mptcp_sock.pm.extra_subflows" | "mptcp_sock.pm.subflows";
    dev_flags = 4, "net_device.flags";
    dev_link_ops = 8, "net_device.rtnl_link_ops";
    dev_state = 8, "net_device.state";
    dev_mtu = 4, "net_device.mtu";
    dst_error = 2, "dst_entry.error";
    task_exit_code = 4, "task_struct.exit_code";
    task_thread_pid = 8, "task_struct.thread_pid";
    task_cgroups = 8, "task_struct.cgroups";
    css_set_subsys = 0, "css_set.subsys";
    css_cgroup = 8, "cgroup_subsys_state.cgroup";
    cgroup_kn = 8, "cgroup.kn";
    kernfs_id = 8, "kernfs_node.id";
    task_mm = 8, "task_struct.mm";
    task_active_mm = 8, "task_struct.active_mm";
    task_parent_exec_id = 0, "task_struct.parent_exec_id";
    pid_level = 4, "pid.level";
    pid_numbers = 0, "pid.numbers";
    upid_nr = 4, "upid.nr";
    mm_arg_start = 8, "mm_struct.arg_start";
    mm_start_code = 8, "mm_struct.start_code";
    mm_start_stack = 8, "mm_struct.start_stack";
    mm_arg_end = 8, "mm_struct.arg_end";
    mm_exe_file = 8, "mm_struct.exe_file";
    file_dentry = 8, "file.f_path.dentry";
    file_mnt = 8, "file.f_path.mnt";
    dentry_parent = 8, "dentry.d_parent";
    dentry_name = 8, "dentry.d_name.name";
    vfsmount_root = 8, "vfsmount.mnt_root";
    mount_mnt = 0, "mount.mnt";
    mount_parent = 8, "mount.mnt_parent";
    mount_mountpoint = 8, "mount.mnt_mountpoint";
};

/// Finds every field in `btf`; those that only add detail stay [`ABSENT`] where there is none.
pub fn layout(btf: &Btf) -> Result<Layout, MissingField> {
    let mut layout = Layout::ABSENT;
    for row in REQUIRED {
        *(row.slot)(&mut layout) = offset(btf, &row.source).ok_or(row.source)?;
    }
    for row in OPTIONAL {
        *(row.slot)(&mut layout) = offset(btf, &row.source).unwrap_or(ABSENT);
    }
    layout.upid_size = btf.type_size("upid").unwrap_or(ABSENT);
    ipv6_only(btf, &mut layout);
    exec_id(btf, &mut layout);
    arguments(btf, &mut layout);
    Ok(layout)
}

/// Byte offset of the first of the names that exists and has the right size. `icsk_ca_state` is
/// a bit-field; only its first byte's offset is wanted, and that it begins that byte.
fn offset(btf: &Btf, source: &MissingField) -> Option<u32> {
    let right = |member: &Member| {
        member.bit_offset == 0 && (source.size == 0 || member.byte_size == source.size)
    };
    let members = source.sources.iter().filter_map(|name| {
        let (structure, path) = name.split_once('.')?;
        btf.member(structure, path)
    });
    members
        .filter(right)
        .map(|member| member.byte_offset)
        .next()
}

/// A bit-field of one bit.
fn ipv6_only(btf: &Btf, layout: &mut Layout) {
    let member = btf.member("sock_common", "skc_ipv6only");
    if let Some(member) = member.filter(|it| it.bit_size == 1) {
        layout.sock_ipv6only = member.byte_offset;
        layout.sock_ipv6only_bit = member.bit_offset;
    }
}

/// `u32` before 5.7, `u64` since.
fn exec_id(btf: &Btf, layout: &mut Layout) {
    let Some(member) = btf.member("task_struct", "self_exec_id") else {
        return;
    };
    if matches!(member.byte_size, 4 | 8) {
        layout.task_self_exec_id = member.byte_offset;
        layout.task_self_exec_id_size = member.byte_size;
    }
}

/// Arguments that came with some release or another, found by their type.
fn arguments(btf: &Btf, layout: &mut Layout) {
    let int = Argument::Int {
        size: 4,
        signed: true,
    };
    layout.arg_drop_reason = position(btf, "kfree_skb", Argument::Enum("skb_drop_reason"));
    layout.arg_drop_receiver = position(btf, "kfree_skb", Argument::Pointer("sock"));
    layout.arg_retransmit_err = position(btf, "tcp_retransmit_skb", int);
    layout.arg_reset_reason = position(btf, "tcp_send_reset", Argument::Enum("sk_rst_reason"));
}

fn position(btf: &Btf, tracepoint: &str, wanted: Argument<'_>) -> u32 {
    let arguments = btf.tracepoint_arguments(tracepoint).unwrap_or_default();
    let index = arguments.iter().position(|argument| *argument == wanted);
    index
        .and_then(|index| u32::try_from(index).ok())
        .unwrap_or(ABSENT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A directory of `*.btf` files, of other kernels, may be named in this variable.
    fn kernels() -> Vec<(String, Btf)> {
        let mut kernels = vec![("running".to_owned(), Btf::from_sys_fs().unwrap())];
        if let Some(directory) = std::env::var_os("TCPWHY_TEST_BTF") {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "btf") {
                    let btf = Btf::parse(&std::fs::read(&path).unwrap()).unwrap();
                    kernels.push((path.display().to_string(), btf));
                }
            }
        }
        kernels
    }

    #[test]
    fn every_field_that_must_exist_is_found() {
        for (name, btf) in kernels() {
            let layout = layout(&btf).unwrap_or_else(|missing| panic!("{name}: {missing}"));
            println!("{name}: {layout:?}");
            // The addresses are first in include/net/sock.h, `nr` is first in include/linux/pid.h.
            assert_eq!(layout.sock_daddr, 0, "{name}");
            assert_eq!(layout.sock_rcv_saddr, 4, "{name}");
            assert_eq!(layout.upid_nr, 0, "{name}");
            assert_eq!(layout.upid_size, 16, "{name}");
            assert_eq!(layout.task_self_exec_id_size, 8, "{name}");
            // Behind `skc_reuse`, of 4 bits, and `skc_reuseport`.
            assert_eq!(layout.sock_ipv6only, layout.sock_state + 1, "{name}");
            assert_eq!(layout.sock_ipv6only_bit, 5, "{name}");
            let configured = |row: &&Row| {
                !["skc_v6", "_nfct"]
                    .iter()
                    .any(|part| row.source.sources[0].contains(part))
            };
            for row in OPTIONAL.iter().filter(configured) {
                let mut layout = layout;
                assert_ne!(*(row.slot)(&mut layout), ABSENT, "{name}: {}", row.source);
            }
        }
    }

    #[test]
    fn the_tables_fill_every_field_once() {
        let mut layout = Layout::ABSENT;
        let slots = REQUIRED.iter().chain(OPTIONAL).map(|row| row.slot);
        let mut seen = std::collections::BTreeSet::new();
        for slot in slots {
            assert!(seen.insert(std::ptr::from_mut(slot(&mut layout)).addr()));
        }
        // What the tables leave: upid_size, two of ipv6only, two of self_exec_id, four arguments.
        assert_eq!(seen.len() + 9, size_of::<Layout>() / size_of::<u32>());
    }

    #[test]
    fn a_missing_field_is_named_in_one_line() {
        let source = REQUIRED[0].source;
        assert_eq!(
            source.to_string(),
            "this kernel's BTF has no sock_common.skc_family of 2 bytes"
        );
    }
}

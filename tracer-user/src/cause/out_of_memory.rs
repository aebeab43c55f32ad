//! `out-of-memory`: no memory for the socket or its packets.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "out-of-memory",
    title: "no memory for the socket or its packets",
    place: Place::Host,
    sees: "connect() fails with ENOBUFS (\"No buffer space available\") or ENOMEM (\"Cannot \
            allocate memory\").",
    path: "tcp_connect() cannot allocate the SYN, or the packets of the handshake are refused \
            because TCP's memory is over its limit (PROTO_MEM), its cgroup's memory is, or an \
            allocation failed (NOMEM).",
    files: &["net/ipv4/tcp_output.c"],
    confirm: &[
        "cat /proc/net/sockstat    (TCP: mem, in pages)",
        "nstat -az TcpExtTCPMemoryPressures TcpExtTCPAbortOnMemory",
        "cat /sys/fs/cgroup/CGROUP/memory.events; dmesg | grep -i 'out of memory'",
    ],
    mend: &[
        "sysctl -w net.ipv4.tcp_mem='MIN PRESSURE MAX'    (pages)",
        "Raise the cgroup's memory.max",
        "Find who holds the buffers: ss -tmn | sort",
    ],
    drop_reasons: &[
        "NOMEM",
        "PROTO_MEM",
        "PFMEMALLOC",
        "SOCKET_BACKLOG",
        "TCP_OFO_QUEUE_PRUNE",
    ],
    reset_reasons: &["TCP_ABORT_ON_MEMORY"],
    errnos: &["ENOBUFS", "ENOMEM"],
    sysctls: &[
        "net.ipv4.tcp_mem",
        "net.ipv4.tcp_max_orphans",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    ],
    counters: &[
        "TcpExtTCPMemoryPressures",
        "TcpExtTCPAbortOnMemory",
        "TcpExtPruneCalled",
        "TcpExtRcvPruned",
        "TcpExtOfoPruned",
        "TcpExtTCPOFODrop",
        "TcpExtTCPBacklogDrop",
        "TcpExtTCPRcvQDrop",
        "TcpExtTCPWqueueTooBig",
    ],
    usage: &["TCP mem", "TCP orphan", "TCP alloc"],
};

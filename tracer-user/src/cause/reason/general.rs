//! Reasons of every protocol, and the absence of one.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::ordinary(
        "NOT_DROPPED_YET",
        "no drop: the packet is still in use (value 0)",
    ),
    Reason::ordinary(
        "CONSUMED",
        "no drop: the packet served its purpose and was freed",
    ),
    Reason::depends(
        "NOT_SPECIFIED",
        "the kernel gives no reason here; the function that dropped it tells more",
    )
    .look(
        "the drop's location in tcpwhy's record (ip_error: a route refused it; do_xdp_generic: \
        XDP)",
    ),
    Reason::failure(
        "NO_SOCKET",
        "no socket listens or is connected there, so a RST answers it; at cookie_v4_check() or \
         cookie_v6_check(): the ACK of a SYN cookie was invalid, or the accept queue was full",
    )
    .counts(&["TcpOutRsts"])
    .look("ss -Htlnp (in the network namespace of the drop: who listens, on which address?)"),
    Reason::depends(
        "SOCKET_CLOSE",
        "still queued when its socket was closed; MPTCP and Unix sockets only",
    ),
    Reason::depends(
        "SOCKET_RCVBUFF",
        "the receive buffer of the socket is full; UDP and raw sockets, TCP has reasons of its own",
    )
    .counts(&["UdpRcvbufErrors"])
    .look("ss -unmp (Recv-Q, and d in skmem)"),
    Reason::failure(
        "SOCKET_BACKLOG",
        "the application held the socket while more packets came than may wait for it (twice \
         SO_RCVBUF, half SO_SNDBUF and 64 KiB)",
    )
    .counts(&["TcpExtTCPBacklogDrop"])
    .look("ss -tmp (skmem: bl is the backlog)"),
    Reason::failure(
        "PROTO_MEM",
        "TCP's memory, or the socket's receive buffer, is exhausted: what arrived cannot be queued",
    )
    .counts(&["TcpExtTCPRcvQDrop", "TcpExtTCPOFODrop"])
    .look("cat /proc/net/sockstat (TCP: mem, in pages, against net.ipv4.tcp_mem)"),
    Reason::failure("NOMEM", "the kernel could not allocate memory")
        .look("dmesg | grep -iE 'allocation failure|out of memory'"),
    Reason::failure(
        "PFMEMALLOC",
        "memory is so short that the packet lies in the reserve kept for swapping over the \
         network, and this socket may not use that",
    )
    .counts(&["TcpExtPFMemallocDrop"])
    .look("vm.min_free_kbytes, and what uses up the memory"),
    Reason::ordinary(
        "QUEUE_PURGE",
        "queued packets freed all at once, mostly since their socket was closed",
    ),
    Reason::depends(
        "PKT_TOO_SMALL",
        "shorter than its headers need or say, such as a TCP header length below 20 bytes",
    )
    .counts(&["TcpInErrs"]),
    Reason::depends(
        "HDR_TRUNC",
        "a header could not be made contiguous, mostly since the packet ends before it",
    ),
    Reason::depends(
        "UNHANDLED_PROTO",
        "nobody handles this network-layer protocol (EtherType), or this extension header or ICMP \
         type",
    )
    .look("ip -s link show (dropped)"),
    Reason::depends(
        "PTYPE_ABSENT",
        "nobody handles this EtherType; Linux 5.18 only, then UNHANDLED_PROTO",
    ),
    Reason::ordinary(
        "UNIX_DISCONNECT",
        "a Unix socket let go of its peer with messages still queued: not of the network",
    ),
    Reason::ordinary(
        "UNIX_SKIP_OOB",
        "recv() on a Unix socket passed over out-of-band data: not of the network",
    ),
];

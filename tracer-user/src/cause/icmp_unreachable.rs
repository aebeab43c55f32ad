//! `icmp-unreachable`: a router said that the destination cannot be reached.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "icmp-unreachable",
    title: "a router said that the destination cannot be reached",
    place: Place::Path,
    sees: "connect() fails with EHOSTUNREACH (\"No route to host\"), ENETUNREACH (\"Network is \
            unreachable\") or ENOPROTOOPT, at once or at a later retransmission.",
    path: "An ICMP destination unreachable that quotes the SYN arrives; tcp_v4_err() or \
            tcp_v6_err() finds the socket. In SYN_SENT the error ends the connection, unless a \
            system call holds the socket just then: it is kept in sk_err_soft, and is the \
            verdict when the retries run out.",
    files: &["net/ipv4/tcp_ipv4.c", "net/ipv6/tcp_ipv6.c"],
    confirm: &[
        "tcpdump -ni any 'host REMOTE or icmp or icmp6'    [tcpdump] (the ICMP's sender is \
            the router that knows)",
        "mtr -nT -P PORT REMOTE    [mtr-tiny]",
        "ip route get REMOTE",
    ],
    mend: &[
        "On the router that sent it: is there a route to the destination, and does the last \
            hop's ARP or neighbour discovery work?",
        "Is the destination up?",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &[
        "EHOSTUNREACH",
        "ENETUNREACH",
        "ENOPROTOOPT",
        "EPROTO",
        "EHOSTDOWN",
        "ENONET",
    ],
    sysctls: &["net.ipv4.tcp_syn_retries"],
    counters: &[
        "IcmpInDestUnreachs",
        "Icmp6InDestUnreachs",
        "IcmpInTimeExcds",
    ],
    usage: &[],
};

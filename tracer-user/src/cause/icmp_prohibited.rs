//! `icmp-prohibited`: a router said that the connection is forbidden.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "icmp-prohibited",
    title: "a router said that the connection is forbidden",
    place: Place::Path,
    sees: "connect() fails with EHOSTUNREACH or ENETUNREACH on IPv4, EACCES (\"Permission \
            denied\") on IPv6.",
    path: "A router or firewall on the way answers the SYN with ICMP administratively \
            prohibited (IPv4 type 3, code 9, 10 or 13; IPv6 type 1, code 1, 5 or 6). \
            tcp_v4_err() or tcp_v6_err() turns it into the socket's error.",
    files: &["net/ipv4/tcp_ipv4.c", "net/ipv6/tcp_ipv6.c"],
    confirm: &[
        "tcpdump -ni any 'icmp[icmptype] == icmp-unreach or icmp6[0] == 1'    [tcpdump] \
            (the sender is the host that forbids)",
        "mtr -nT -P PORT REMOTE    [mtr-tiny]",
    ],
    mend: &[
        "Open the flow on the firewall that sent the ICMP",
        "On Linux that is a REJECT rule (--reject-with icmp-admin-prohibited) or a route of \
            type prohibit: ip route show table all type prohibit",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["EHOSTUNREACH", "ENETUNREACH", "EACCES"],
    sysctls: &[],
    counters: &["IcmpInDestUnreachs", "Icmp6InDestUnreachs"],
    usage: &[],
};

//! `firewall-reject`: a firewall rejected the connection.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "firewall-reject",
    title: "a firewall rejected the connection",
    place: Place::Policy,
    sees: "connect() fails with ECONNREFUSED (reject with TCP reset or ICMP port unreachable), \
            or with EHOSTUNREACH or EACCES (ICMP administratively prohibited), at once or at \
            the first retransmission about 1 s later. An application that reads the error \
            through SO_ERROR, as non-blocking clients do (curl), ends at once with that errno. A \
            connection that had come up is reset (ECONNRESET), or outlives the ICMP errors until \
            a timer ends it with their errno.",
    path: "The reject target drops the packet (NETFILTER_DROP) and answers it with an ICMP error \
            or a RST of its own. A RST made by netfilter passes no reset tracepoint. An ICMP \
            error that arrives while connect() still holds the socket is only noted \
            (sk_err_soft): poll() wakes up for it and SO_ERROR gives it; else it takes effect at \
            the next SYN.",
    files: &[
        "net/ipv4/netfilter/nf_reject_ipv4.c",
        "net/ipv6/netfilter/nf_reject_ipv6.c",
    ],
    confirm: &[
        "nft list ruleset | grep -n reject",
        "iptables-save -c | grep REJECT",
        "tcpdump -ni any 'host REMOTE and (icmp or icmp6 or tcp port PORT)'    [tcpdump]",
    ],
    mend: &[
        "nft insert rule FAMILY TABLE CHAIN ip daddr REMOTE tcp dport PORT accept    (into the \
            chain that rejects: an accept ends only its own base chain)",
        "nft insert rule FAMILY TABLE CHAIN ip6 daddr REMOTE tcp dport PORT accept    (IPv6)",
        "iptables -I OUTPUT -d REMOTE -p tcp --dport PORT -j ACCEPT    (or INPUT, FORWARD)",
        "ip6tables -I OUTPUT -d REMOTE -p tcp --dport PORT -j ACCEPT    (IPv6)",
        "Where the reject comes from another host, change it there",
    ],
    drop_reasons: &["NETFILTER_DROP"],
    reset_reasons: &[],
    errnos: &["ECONNREFUSED", "EHOSTUNREACH", "EACCES", "ECONNRESET"],
    sysctls: &[],
    counters: &[],
    usage: &[],
};

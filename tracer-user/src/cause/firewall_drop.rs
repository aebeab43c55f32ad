//! `firewall-drop`: a firewall dropped the packets.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "firewall-drop",
    title: "a firewall dropped the packets",
    place: Place::Policy,
    sees: "connect() hangs for its whole timeout and ends in ETIMEDOUT. A drop on OUTPUT looks \
            the same: TCP does not pass the firewall's EPERM on.",
    path: "A netfilter hook gives the verdict DROP, and the packet is freed with \
            NETFILTER_DROP: for nftables and iptables-nft in nft_do_chain() since Linux 6.1, \
            earlier in nf_hook_slow(); for iptables-legacy, connection tracking and others \
            always in nf_hook_slow(). TCP retransmits the SYN until tcp_syn_retries is spent.",
    files: &["net/netfilter/nf_tables_core.c", "net/netfilter/core.c"],
    confirm: &[
        "nft list ruleset",
        "iptables-save -c; ip6tables-save -c",
        "nft monitor trace    (needs a rule with 'meta nftrace set 1' for this flow)",
    ],
    mend: &[
        "nft insert rule FAMILY TABLE CHAIN ip daddr REMOTE tcp dport PORT accept    (into the \
            chain that drops: an accept ends only its own base chain, others of the same hook \
            still judge the packet)",
        "nft insert rule FAMILY TABLE CHAIN ip6 daddr REMOTE tcp dport PORT accept    (IPv6)",
        "iptables -I OUTPUT -d REMOTE -p tcp --dport PORT -j ACCEPT    (or INPUT, FORWARD: \
            the hook that tcpwhy names)",
        "ip6tables -I OUTPUT -d REMOTE -p tcp --dport PORT -j ACCEPT    (IPv6)",
        "Make it lasting in what writes the rules: firewalld, ufw, Docker, Kubernetes \
            network policy",
    ],
    drop_reasons: &["NETFILTER_DROP"],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &["net.ipv4.tcp_syn_retries"],
    counters: &[],
    usage: &[],
};

//! `firewall-drop`: a firewall dropped the packets.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "firewall-drop",
    title: "a firewall dropped the packets",
    place: Place::Policy,
    sees: "connect() hangs for its whole timeout and ends in ETIMEDOUT. A drop on OUTPUT looks \
            the same: TCP does not pass the firewall's EPERM on.",
    path: "A netfilter hook (nft_do_chain() for nftables and iptables-nft, nf_hook_slow() for \
            iptables-legacy and others) gives the verdict DROP; the packet is freed with \
            NETFILTER_DROP. TCP retransmits the SYN until tcp_syn_retries is spent.",
    confirm: &[
        "nft list ruleset",
        "iptables-save -c; ip6tables-save -c",
        "nft monitor trace    (needs a rule with 'meta nftrace set 1' for this flow)",
    ],
    mend: &[
        "nft insert rule FAMILY TABLE CHAIN ip daddr REMOTE tcp dport PORT accept",
        "iptables -I OUTPUT -d REMOTE -p tcp --dport PORT -j ACCEPT    (or INPUT, FORWARD: \
            the hook that tcpwhy names)",
        "Make it lasting in what writes the rules: firewalld, ufw, Docker, Kubernetes \
            network policy",
    ],
    drop_reasons: &["NETFILTER_DROP"],
    errnos: &["ETIMEDOUT"],
    sysctls: &["net.ipv4.tcp_syn_retries"],
};

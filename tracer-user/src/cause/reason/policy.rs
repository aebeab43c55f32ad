//! Rules that somebody wrote: netfilter, LSM, BPF, tc classifiers, IPsec.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::failure(
        "NETFILTER_DROP",
        "a netfilter hook gave the verdict drop: a firewall's rule, a full or failing connection \
         tracking, or a reject",
    )
    .look("nft list ruleset; iptables-save -c; conntrack -S [conntrack]"),
    Reason::failure(
        "SOCKET_FILTER",
        "a filter of the socket (SO_ATTACH_FILTER), or a cgroup_skb program on the way in, \
            dropped it",
    )
    .look("ss -0tb; bpftool cgroup tree"),
    Reason::failure(
        "SECURITY_HOOK",
        "a security module (SELinux, Smack, BPF LSM) refused to give it to the socket, or to let \
            the connection come up",
    )
    .look("journalctl -k -g 'avc: *denied'"),
    Reason::failure(
        "BPF_CGROUP_EGRESS",
        "a cgroup_skb program on the way out dropped it",
    )
    .look("bpftool cgroup tree; systemctl show UNIT -p IPAddressDeny"),
    Reason::failure(
        "XFRM_POLICY",
        "an IPsec policy demands what this packet is not, or forbids it",
    )
    .look("ip xfrm policy; cat /proc/net/xfrm_stat"),
    Reason::failure(
        "TC_INGRESS",
        "a tc classifier or program on the way in dropped it",
    )
    .look("tc -s filter show dev DEV ingress; bpftool net"),
    Reason::failure(
        "TC_EGRESS",
        "a tc classifier or program on the way out dropped it",
    )
    .look("tc -s filter show dev DEV egress; bpftool net"),
    Reason::failure(
        "TC_ERROR",
        "an internal error of tc; Linux 6.7 only, then split by kind",
    ),
    Reason::failure(
        "TC_COOKIE_ERROR",
        "tc could not go on where its hardware offload had left \
        off",
    ),
    Reason::failure(
        "TC_CHAIN_NOTFOUND",
        "a tc action leads to a chain that does not exist",
    )
    .look("tc filter show dev DEV ingress"),
    Reason::failure(
        "TC_RECLASSIFY_LOOP",
        "tc classified the same packet again and again: a loop \
        of rules",
    )
    .look("tc filter show dev DEV ingress"),
    Reason::failure("XDP", "a generic XDP program dropped it")
        .look("ip -d link show dev DEV | grep xdp; bpftool net"),
    Reason::failure(
        "TAP_FILTER",
        "a filter on a tun or tap device dropped it (TUNSETFILTEREBPF)",
    ),
    Reason::failure(
        "TAP_TXFILTER",
        "a tap device's filter of receivers dropped it \
        (TUNSETTXFILTER)",
    ),
];

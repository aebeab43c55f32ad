//! `conntrack-invalid`: connection tracking called the packet invalid.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "conntrack-invalid",
    title: "connection tracking called the packet invalid",
    place: Place::Policy,
    sees: "connect() hangs and ends in ETIMEDOUT; often only some connections, after a \
            failover or with asymmetric routing.",
    path: "nf_conntrack cannot fit the packet to a connection (only one direction passes here, \
            out of window, bad flags) and leaves it in state INVALID; a rule such as \"ct \
            state invalid drop\" then drops it (NETFILTER_DROP).",
    files: &["net/netfilter/nf_conntrack_proto_tcp.c"],
    confirm: &[
        "nft list ruleset | grep -n 'ct state.*invalid'; iptables-save -c | grep INVALID",
        "conntrack -S    [conntrack] (invalid)",
        "sysctl -w net.netfilter.nf_conntrack_log_invalid=6    (logs each invalid TCP \
            packet: set it back to 0)",
    ],
    mend: &[
        "Send both directions through this host, or exempt the traffic: notrack",
        "sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1    (tolerate out-of-window \
            packets)",
    ],
    drop_reasons: &["NETFILTER_DROP"],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &[
        "net.netfilter.nf_conntrack_tcp_be_liberal",
        "net.netfilter.nf_conntrack_tcp_loose",
        "net.netfilter.nf_conntrack_log_invalid",
    ],
    counters: &[],
    usage: &[],
};

//! `conntrack-full`: the connection tracking table is full.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "conntrack-full",
    title: "the connection tracking table is full",
    place: Place::Policy,
    sees: "New connections hang and end in ETIMEDOUT while those that exist go on.",
    path: "nf_conntrack_in() cannot make an entry: nf_conntrack_count has reached \
            nf_conntrack_max and nothing could be dropped early. The packet gets NF_DROP and is \
            freed in nf_hook_slow() (NETFILTER_DROP); the log says \"nf_conntrack: table full, \
            dropping packet\".",
    files: &["net/netfilter/nf_conntrack_core.c", "net/netfilter/core.c"],
    confirm: &[
        "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
        "dmesg | grep 'table full'",
        "conntrack -S    [conntrack] (drop, early_drop)",
    ],
    mend: &[
        "sysctl -w net.netfilter.nf_conntrack_max=NUMBER",
        "Exempt heavy traffic: nft add rule ip raw PREROUTING tcp dport PORT notrack",
        "Shorten net.netfilter.nf_conntrack_tcp_timeout_established and _time_wait",
    ],
    drop_reasons: &["NETFILTER_DROP"],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &[
        "net.netfilter.nf_conntrack_count",
        "net.netfilter.nf_conntrack_max",
        "net.netfilter.nf_conntrack_buckets",
        "net.netfilter.nf_conntrack_tcp_timeout_established",
    ],
    counters: &[],
    usage: &[],
};

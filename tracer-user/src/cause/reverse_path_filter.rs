//! `reverse-path-filter`: the reverse-path filter dropped what arrived.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "reverse-path-filter",
    title: "the reverse-path filter dropped what arrived",
    place: Place::Policy,
    sees: "connect() hangs and ends in ETIMEDOUT, although the SYN or its answer arrives on \
            the wire.",
    path: "A packet came in by an interface that the route back to its source does not use: \
            fib_validate_source() refuses it and ip_rcv_finish_core() drops it (IP_RPFILTER). \
            IPv4 only; typical with two uplinks, policy routing or VPNs. The larger of conf.all \
            and the interface's own value counts (1 strict, 2 loose).",
    files: &["net/ipv4/fib_frontend.c", "net/ipv4/ip_input.c"],
    confirm: &[
        "nstat -az TcpExtIPReversePathFilter",
        "sysctl -a 2>/dev/null | grep '\\.rp_filter'",
        "ip route get REMOTE from LOCAL    (where an answer was dropped: the way back must leave \
            by the device that it came in by)",
    ],
    mend: &[
        "sysctl -w net.ipv4.conf.DEV.rp_filter=2    (loose)",
        "Route the way back through the same interface: ip rule, ip route",
        "For asymmetric paths by fwmark: sysctl -w net.ipv4.conf.DEV.src_valid_mark=1",
    ],
    drop_reasons: &["IP_RPFILTER"],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &["net.ipv4.conf.*.rp_filter"],
    counters: &["TcpExtIPReversePathFilter"],
    usage: &[],
};

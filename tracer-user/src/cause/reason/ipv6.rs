//! IPv6 and its neighbour discovery.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::failure("IPV6DISABLED", "IPv6 is switched off on this device")
        .counts(&["Ip6InDiscards", "Ip6OutDiscards"])
        .look("sysctl -a 2>/dev/null | grep disable_ipv6"),
    Reason::failure(
        "IPV6_BAD_EXTHDR",
        "an ICMPv6 error that quotes a packet with a malformed extension header",
    )
    .counts(&["Icmp6InErrors"]),
    Reason::failure(
        "IPV6_TOO_MANY_EXTHDRS",
        "more IPv6 extension headers than this host takes",
    )
    .counts(&["Ip6InHdrErrors"]),
    Reason::depends(
        "IPV6_NDISC_FRAG",
        "a fragmented neighbour discovery message, which RFC 6980 forbids",
    )
    .look("sysctl net.ipv6.conf.all.suppress_frag_ndisc"),
    Reason::depends(
        "IPV6_NDISC_HOP_LIMIT",
        "a neighbour discovery message with a hop limit other than 255: it came through a router",
    ),
    Reason::depends(
        "IPV6_NDISC_BAD_CODE",
        "a neighbour discovery message with an ICMP code other than 0",
    ),
    Reason::depends(
        "IPV6_NDISC_BAD_OPTIONS",
        "a neighbour discovery message with malformed options",
    ),
    Reason::depends(
        "IPV6_NDISC_NS_OTHERHOST",
        "a neighbour solicitation for an address that is not this host's",
    ),
];

//! The internet layer: headers, routes, fragments, ICMP, UDP.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::failure("IP_CSUM", "wrong checksum of the IPv4 header")
        .counts(&["IpExtInCsumErrors", "IpInHdrErrors"]),
    Reason::failure(
        "IP_INHDR",
        "something is wrong with the IP header: version, length, options, or a hop limit that ran \
         out on IPv6",
    )
    .counts(&["IpInHdrErrors", "Ip6InHdrErrors"]),
    Reason::failure(
        "IP_RPFILTER",
        "the reverse-path filter: the route back to the sender does not use the interface that it \
         came in by",
    )
    .counts(&["TcpExtIPReversePathFilter"])
    .look("sysctl -a 2>/dev/null | grep '\\.rp_filter'"),
    Reason::depends(
        "IP_NOPROTO",
        "no protocol above IP takes this protocol number, and no raw socket; the answer is ICMP \
         protocol unreachable",
    )
    .counts(&["IpInUnknownProtos", "Ip6InUnknownProtos"]),
    Reason::failure(
        "IP_INADDRERRORS",
        "not for this host, and not to be forwarded: an unreachable route, no forwarding on the \
         device, or an address that must not be forwarded",
    )
    .counts(&["IpInAddrErrors", "Ip6InAddrErrors"])
    .look(
        "sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding; ip route show table all type \
        unreachable",
    ),
    Reason::failure(
        "IP_INNOROUTES",
        "came in, and no route leads to its destination",
    )
    .counts(&["IpExtInNoRoutes", "Ip6InNoRoutes"])
    .look("ip route get REMOTE; sysctl net.ipv4.ip_forward"),
    Reason::failure(
        "IP_OUTNOROUTES",
        "on its way out, and no route leads to its destination (any more)",
    )
    .counts(&["IpOutNoRoutes", "Ip6OutNoRoutes"])
    .look("ip route get REMOTE"),
    Reason::failure(
        "IP_LOCAL_SOURCE",
        "came in from outside with an address of this host as its sender: a loop, a duplicate \
         address, or a packet of this host that came back",
    )
    .look(
        "sysctl net.ipv4.conf.all.accept_local; ip -br addr (on the other host: the same \
        address?)",
    ),
    Reason::failure(
        "IP_INVALID_SOURCE",
        "its sender is no address that can send: multicast, broadcast or zero",
    ),
    Reason::failure(
        "IP_LOCALNET",
        "a loopback address (127.0.0.0/8) in a packet that came in from outside",
    )
    .look("sysctl net.ipv4.conf.all.route_localnet (DNAT to 127.0.0.1 needs it)"),
    Reason::failure(
        "IP_INVALID_DEST",
        "its destination is no address: 0.0.0.0/8",
    ),
    Reason::failure(
        "PKT_TOO_BIG",
        "larger than the MTU of the next link, and must not be fragmented; the sender is told by \
         ICMP",
    )
    .counts(&["IpFragFails", "Ip6FragFails", "Ip6InTooBigErrors"])
    .look("ip link show (mtu); ip route get REMOTE (mtu)"),
    Reason::depends(
        "DUP_FRAG",
        "a fragment that was there already, or overlaps another",
    )
    .counts(&["IpReasmFails", "Ip6ReasmFails"]),
    Reason::failure(
        "FRAG_REASM_TIMEOUT",
        "fragments of a packet whose other fragments did not come in time",
    )
    .counts(&["IpReasmTimeout", "IpReasmFails", "Ip6ReasmTimeout"])
    .look("sysctl net.ipv4.ipfrag_time net.ipv4.ipfrag_high_thresh"),
    Reason::failure(
        "FRAG_TOO_FAR",
        "fragments of a sender that has sent too many others meanwhile: they may be mixed up",
    )
    .counts(&["IpReasmFails"])
    .look("sysctl net.ipv4.ipfrag_max_dist"),
    Reason::ordinary(
        "OTHERHOST",
        "a frame for another machine, seen since the device is promiscuous",
    ),
    Reason::ordinary(
        "UNICAST_IN_L2_MULTICAST",
        "addressed to one host inside a link-layer broadcast or multicast: a copy, which RFC 1122 \
         wants dropped",
    ),
    Reason::depends("ICMP_CSUM", "wrong ICMP checksum")
        .counts(&["IcmpInCsumErrors", "IcmpInErrors"]),
    Reason::depends("UDP_CSUM", "wrong UDP checksum").counts(&["UdpInCsumErrors"]),
    Reason::depends(
        "INVALID_PROTO",
        "against the rules of its protocol, such as an ICMP echo or timestamp to a broadcast \
            address",
    ),
];

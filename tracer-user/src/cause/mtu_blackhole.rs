//! `mtu-blackhole`: full-size segments vanish, small ones pass.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "mtu-blackhole",
    title: "full-size segments vanish, small ones pass",
    place: Place::Path,
    sees: "The connection comes up and small messages pass; the first large one stalls it (a TLS \
            handshake that hangs at the certificate, a transfer that stops after a few kB). It \
            ends in ETIMEDOUT minutes later, or in the application's own timeout.",
    path: "A hop on the way has a smaller MTU. It must drop what is too big and say so: \
            ip_forward() and ip6_forward() (PKT_TOO_BIG) answer with ICMP type 3 code 4 or ICMPv6 \
            packet-too-big. Where a firewall eats that ICMP, tcp_v4_mtu_reduced() or \
            tcp_v6_mtu_reduced() never runs here: tcp_retransmit_timer() sends the same \
            full-size segment until tcp_retries2 is spent. With tcp_mtu_probing=1, \
            tcp_mtu_probing() makes the segments smaller once tcp_retries1 retransmissions \
            failed. What drops it is most often not this host. Its socket then knows only what the peer \
            has and tells: tcp_sacktag_write_queue() notes smaller segments that arrived behind \
            the missing one, tcp_ack() and tcp_data_queue() that the peer lives.",
    files: &[
        "net/ipv4/ip_forward.c",
        "net/ipv6/ip6_output.c",
        "net/ipv4/tcp_ipv4.c",
        "net/ipv6/tcp_ipv6.c",
        "net/ipv4/tcp_timer.c",
        "net/ipv4/tcp_input.c",
    ],
    confirm: &[
        "ping -c3 -M do -s SIZE REMOTE    (the MTU of this end less 28, on IPv6 less 48: 1472 and \
            1452 of 1500; then smaller ones: which is the largest that passes?)",
        "ss -tino 'dst REMOTE'    (mss, pmtu, and retrans or backoff that grow)",
        "tracepath -n REMOTE    [iputils-tracepath] (the hop where pmtu falls)",
        "tcpdump -ni any 'icmp[0] == 3 and icmp[1] == 4 or icmp6[0] == 2'    [tcpdump] (does the \
            notice arrive?)",
    ],
    mend: &[
        "Let ICMP type 3 code 4, and ICMPv6 type 2, pass the firewalls on both sides",
        "sysctl -w net.ipv4.tcp_mtu_probing=1    (this host then finds the size by itself; for \
            IPv6 too)",
        "nft add rule FAMILY TABLE CHAIN tcp flags syn tcp option maxseg size set rt mtu    \
            (clamp, in a forward chain of the router before the narrow link: VPN, PPPoE, tunnel)",
        "ip route add REMOTE via GATEWAY dev DEV mtu lock 1400    (for this destination only)",
        "Give both ends of a tunnel, and a container's network, the MTU that their link really has",
    ],
    drop_reasons: &["PKT_TOO_BIG"],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT", "EMSGSIZE"],
    sysctls: &[
        "net.ipv4.tcp_mtu_probing",
        "net.ipv4.tcp_base_mss",
        "net.ipv4.ip_no_pmtu_disc",
        "net.ipv4.tcp_retries1",
        "net.ipv4.tcp_retries2",
        "net.ipv4.route.min_pmtu",
    ],
    counters: &[
        "IpFragFails",
        "Ip6InTooBigErrors",
        "Icmp6InPktTooBigs",
        "TcpExtTCPMTUPSuccess",
        "TcpExtTCPMTUPFail",
        "TcpExtTCPTimeouts",
    ],
    usage: &[],
};

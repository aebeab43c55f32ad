//! `bad-segments`: segments were damaged or did not fit.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "bad-segments",
    title: "segments were damaged or did not fit",
    place: Place::Path,
    sees: "connect() hangs and ends in ETIMEDOUT: answers arrive and are thrown away.",
    path: "The receiver drops what fails its checks: IP header (IP_CSUM, IP_INHDR, \
            PKT_TOO_SMALL), TCP checksum (TCP_CSUM), sequence, acknowledgement or timestamp \
            (TCP_INVALID_SEQUENCE, TCP_INVALID_ACK_SEQUENCE, TCP_RFC7323_PAWS). Damaged \
            offloads, and middleboxes that rewrite packets, are the usual makers.",
    files: &[
        "net/ipv4/tcp_input.c",
        "net/ipv4/tcp_ipv4.c",
        "net/ipv4/ip_input.c",
    ],
    confirm: &[
        "nstat -az TcpInCsumErrors TcpInErrs IpInHdrErrors TcpExtPAWSEstab",
        "tcpdump -vvni DEV 'host REMOTE and tcp port PORT' | grep -i incorrect    [tcpdump] \
            (wrong only on receive; on send the card fills it in)",
        "ethtool -k DEV | grep checksum    [ethtool]",
    ],
    mend: &[
        "ethtool -K DEV rx off tx off    [ethtool] (to test whether a checksum \
            offload is at fault)",
        "Update the network card's driver or firmware; look at middleboxes that rewrite TCP \
            (NAT, load balancer, WAN optimiser)",
    ],
    drop_reasons: &[
        "TCP_CSUM",
        "SKB_CSUM",
        "IP_CSUM",
        "IP_INHDR",
        "PKT_TOO_SMALL",
        "TCP_INVALID_SEQUENCE",
        "TCP_INVALID_END_SEQUENCE",
        "TCP_INVALID_ACK_SEQUENCE",
        "TCP_RFC7323_PAWS",
        "TCP_RFC7323_TSECR",
        "TCP_OVERWINDOW",
        "TCP_RFC7323_TW_PAWS",
        "TCP_TOO_OLD_ACK",
        "TCP_ACK_UNSENT_DATA",
        "IPV6_TOO_MANY_EXTHDRS",
        "FRAG_REASM_TIMEOUT",
        "FRAG_TOO_FAR",
    ],
    reset_reasons: &["TCP_INVALID_ACK_SEQUENCE", "TCP_RFC7323_PAWS"],
    errnos: &["ETIMEDOUT"],
    sysctls: &[],
    counters: &[
        "TcpInCsumErrors",
        "TcpInErrs",
        "IpInHdrErrors",
        "TcpExtPAWSEstab",
        "TcpExtBeyondWindow",
        "TcpExtTSEcrRejected",
    ],
    usage: &[],
};

//! TCP's own reasons.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::failure(
        "TCP_CSUM",
        "wrong TCP checksum: damaged on the way, or by a checksum offload at fault",
    )
    .counts(&["TcpInCsumErrors", "TcpInErrs"])
    .look("ethtool -k DEV | grep checksum [ethtool]"),
    Reason::failure(
        "TCP_AUTH_HDR",
        "the signature options of TCP-MD5 or TCP-AO are malformed, or both are there",
    ),
    Reason::failure(
        "TCP_MD5NOTFOUND",
        "no TCP-MD5 signature, and this socket demands one from that address",
    )
    .counts(&["TcpExtTCPMD5NotFound"]),
    Reason::failure(
        "TCP_MD5UNEXPECTED",
        "a TCP-MD5 signature, and this socket has no key for that address",
    )
    .counts(&["TcpExtTCPMD5Unexpected"]),
    Reason::failure(
        "TCP_MD5FAILURE",
        "the TCP-MD5 signature does not match: the keys differ, or a NAT changed the addresses",
    )
    .counts(&["TcpExtTCPMD5Failure"]),
    Reason::failure(
        "TCP_AONOTFOUND",
        "no TCP-AO signature, and this socket demands one from that address",
    )
    .counts(&["TcpExtTCPAORequired"]),
    Reason::failure(
        "TCP_AOUNEXPECTED",
        "a TCP-AO signature, and this socket has no key for that address",
    )
    .counts(&["TcpExtTCPAOKeyNotFound"]),
    Reason::failure(
        "TCP_AOKEYNOTFOUND",
        "a TCP-AO signature with a key id that this socket does not know",
    )
    .counts(&["TcpExtTCPAOKeyNotFound"]),
    Reason::failure(
        "TCP_AOFAILURE",
        "the TCP-AO signature does not match: the keys differ, or something changed the packet",
    )
    .counts(&["TcpExtTCPAOBad"]),
    Reason::depends(
        "TCP_FLAGS",
        "flags that make no sense in this state: none of ACK, RST and SYN, SYN with FIN, or an ACK \
         for a listener (a RST answers that)",
    ),
    Reason::failure(
        "TCP_ABORT_ON_DATA",
        "data for a connection that the application has closed already: it is reset",
    )
    .counts(&["TcpExtTCPAbortOnData"]),
    Reason::depends(
        "TCP_ZEROWINDOW",
        "data although the receive window is closed: the application here does not read; a window \
         probe with a byte of data looks the same",
    )
    .counts(&["TcpExtTCPZeroWindowDrop"])
    .look("ss -tnmp (Recv-Q: which process does not read?)"),
    Reason::ordinary(
        "TCP_OLD_DATA",
        "data that was received before: the sender retransmitted too much, or the ACK was lost",
    )
    .counts(&["TcpExtDelayedACKLost"]),
    Reason::depends(
        "TCP_OVERWINDOW",
        "data beyond the receive window, such as a probe of a window that is closed",
    )
    .counts(&["TcpExtBeyondWindow"]),
    Reason::ordinary(
        "TCP_OFOMERGE",
        "data that waits in the out-of-order queue already",
    )
    .counts(&["TcpExtTCPOFOMerge"]),
    Reason::failure(
        "TCP_RFC7323_PAWS",
        "its timestamp is older than the last one seen (protection against wrapped sequence \
         numbers): a late duplicate, or several hosts behind one NAT address",
    )
    .counts(&["TcpExtPAWSEstab", "TcpExtPAWSActive"])
    .look("net.ipv4.tcp_timestamps, on both ends"),
    Reason::ordinary(
        "TCP_RFC7323_PAWS_ACK",
        "a bare acknowledgement with an old timestamp: overtaken on its way",
    )
    .counts(&["TcpExtPAWSOldAck"]),
    Reason::depends(
        "TCP_RFC7323_TW_PAWS",
        "an old timestamp, for a socket in TIME_WAIT: a late duplicate, or a new connection from \
         behind a NAT that took the port again",
    )
    .counts(&["TcpExtPAWSTimewait"])
    .look("ss -Htan state time-wait"),
    Reason::failure(
        "TCP_RFC7323_TSECR",
        "answers a SYN-ACK with a timestamp that the SYN-ACK did not carry: forged, or changed on \
            the way",
    )
    .counts(&["TcpExtTSEcrRejected"]),
    Reason::failure(
        "TCP_LISTEN_OVERFLOW",
        "the listener's accept queue is full: the last ACK of a handshake is ignored",
    )
    .counts(&["TcpExtListenOverflows", "TcpExtListenDrops"])
    .look("ss -ltn (Recv-Q, connections that wait, against Send-Q, the backlog)"),
    Reason::ordinary(
        "TCP_OLD_SEQUENCE",
        "wholly before the window: a duplicate, or a keep-alive probe",
    ),
    Reason::failure(
        "TCP_INVALID_SEQUENCE",
        "begins beyond the receive window: forged, of another connection, or changed on the way",
    )
    .counts(&["TcpExtBeyondWindow"]),
    Reason::failure(
        "TCP_INVALID_END_SEQUENCE",
        "ends beyond the receive window: the sender overran it",
    )
    .counts(&["TcpExtBeyondWindow"]),
    Reason::failure(
        "TCP_INVALID_ACK_SEQUENCE",
        "a SYN was answered with an acknowledgement of something else: an old connection of the \
         same ports, or a middlebox that renumbers; a RST follows",
    ),
    Reason::depends(
        "TCP_RESET",
        "a RST that changes nothing: for a listener, or not at the expected sequence number (a \
         challenge ACK asks again)",
    )
    .counts(&["TcpExtTCPChallengeACK"]),
    Reason::depends(
        "TCP_INVALID_SYN",
        "a SYN in a connection that is up: the peer restarted and took the same ports, or a \
         duplicate; a challenge ACK answers it",
    )
    .counts(&["TcpExtTCPSYNChallenge", "TcpExtTCPChallengeACK"]),
    Reason::depends(
        "TCP_CLOSE",
        "for a socket that had just been closed, reset or aborted",
    ),
    Reason::depends(
        "TCP_FASTOPEN",
        "for a TCP Fast Open connection whose handshake is not finished, and it does not finish it",
    ),
    Reason::ordinary(
        "TCP_OLD_ACK",
        "acknowledges what was acknowledged before: a later one overtook it",
    ),
    Reason::depends(
        "TCP_TOO_OLD_ACK",
        "acknowledges what lies more than a window back: forged, or far overdue; a challenge ACK \
         may answer it",
    )
    .counts(&["TcpExtTCPChallengeACK"]),
    Reason::failure(
        "TCP_ACK_UNSENT_DATA",
        "acknowledges data that was never sent: forged, of another connection, or changed on the \
            way",
    )
    .counts(&["TcpExtTCPChallengeACK"]),
    Reason::failure(
        "TCP_OFO_QUEUE_PRUNE",
        "thrown out of the out-of-order queue to make room: the receive buffer is full",
    )
    .counts(&["TcpExtOfoPruned", "TcpExtPruneCalled"])
    .look("ss -tnmp (skmem: r against rb; Recv-Q: which process does not read?)"),
    Reason::ordinary(
        "TCP_OFO_DROP",
        "waited out of order, and has meanwhile arrived in order",
    ),
    Reason::failure(
        "TCP_MINTTL",
        "its hop limit is below what the socket demands (IP_MINTTL, IPV6_MINHOPCOUNT; BGP's TTL \
            security)",
    )
    .counts(&["TcpExtTCPMinTTLDrop"]),
    Reason::failure(
        "PSP_INPUT",
        "not encrypted by PSP as this connection demands, or with another key",
    ),
    Reason::failure(
        "PSP_OUTPUT",
        "to be encrypted by PSP, and the device it leaves by cannot do that",
    ),
];

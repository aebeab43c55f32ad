//! `handshake-rejected`: the handshake was refused for its options or flags.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "handshake-rejected",
    title: "the handshake was refused for its options or flags",
    place: Place::Peer,
    sees: "connect() hangs and ends in ETIMEDOUT although the port is open.",
    path: "The SYN, or its answer, carries what the other end will not take: a TCP-MD5 or \
            TCP-AO signature that is missing, unexpected or wrong (tcp_inbound_hash(), \
            TCP_MD5*, TCP_AO*), illegal flags (TCP_FLAGS), a hop limit below the minimum \
            (TCP_MINTTL). It is dropped without an answer.",
    files: &["net/ipv4/tcp.c"],
    confirm: &[
        "nstat -az TcpExtTCPMD5NotFound TcpExtTCPMD5Unexpected TcpExtTCPMD5Failure \
            TcpExtTCPAOBad TcpExtTCPAOKeyNotFound",
        "tcpdump -nvvi any 'host REMOTE and tcp port PORT'    [tcpdump] (shows md5 and ao \
            options)",
    ],
    mend: &[
        "Set the same key on both ends (BGP: the neighbour's password), for the addresses \
            that are really used",
        "A NAT between the two ends breaks TCP-MD5 and TCP-AO: the signature covers the \
            addresses",
    ],
    drop_reasons: &[
        "TCP_AUTH_HDR",
        "TCP_MD5NOTFOUND",
        "TCP_MD5UNEXPECTED",
        "TCP_MD5FAILURE",
        "TCP_AONOTFOUND",
        "TCP_AOUNEXPECTED",
        "TCP_AOKEYNOTFOUND",
        "TCP_AOFAILURE",
        "TCP_FLAGS",
        "TCP_INVALID_SYN",
        "TCP_MINTTL",
        "PSP_INPUT",
        "PSP_OUTPUT",
    ],
    reset_reasons: &["TCP_FLAGS", "INVALID_SYN"],
    errnos: &["ETIMEDOUT"],
    sysctls: &[],
    counters: &[
        "TcpExtTCPMD5NotFound",
        "TcpExtTCPMD5Unexpected",
        "TcpExtTCPMD5Failure",
        "TcpExtTCPAORequired",
        "TcpExtTCPAOBad",
        "TcpExtTCPAOKeyNotFound",
        "TcpExtTCPMinTTLDrop",
    ],
    usage: &[],
};

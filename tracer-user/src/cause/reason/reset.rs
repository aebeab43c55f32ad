//! Why a RST was sent: `enum sk_rst_reason`, Linux 6.10 and newer.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::depends(
        "NOT_SPECIFIED",
        "the kernel gives no reason for this RST, such as where the drop reason that led to it \
            has no reset reason of its own",
    )
    .counts(&["TcpOutRsts"]),
    Reason::failure(
        "NO_SOCKET",
        "no socket for a packet that came: nobody listens there, the connection is long gone, or \
         (SYN cookies) its ACK is not valid",
    )
    .counts(&["TcpOutRsts"])
    .look("ss -Htlnp (who listens, on which address?)"),
    Reason::failure(
        "TCP_INVALID_ACK_SEQUENCE",
        "in SYN_SENT an answer acknowledged something else than this SYN: an old connection of the \
         same ports, or a middlebox",
    )
    .counts(&["TcpOutRsts"]),
    Reason::failure(
        "TCP_RFC7323_PAWS",
        "in SYN_SENT an answer echoed a timestamp that this SYN did not carry",
    )
    .counts(&["TcpExtPAWSActive", "TcpOutRsts"]),
    Reason::failure(
        "TCP_TOO_OLD_ACK",
        "during the handshake an acknowledgement lay more than a window back",
    )
    .counts(&["TcpOutRsts"]),
    Reason::failure(
        "TCP_ACK_UNSENT_DATA",
        "during the handshake something was acknowledged that was never sent",
    )
    .counts(&["TcpOutRsts"]),
    Reason::failure(
        "TCP_FLAGS",
        "an ACK for a listener: of a connection that this host does not know, such as after a \
            restart",
    )
    .counts(&["TcpOutRsts"]),
    Reason::depends(
        "TCP_OLD_ACK",
        "during the handshake an old acknowledgement came, of an earlier connection with the same \
            ports",
    )
    .counts(&["TcpOutRsts"]),
    Reason::failure(
        "TCP_ABORT_ON_DATA",
        "data came for a connection that the application has closed: nobody would read it",
    )
    .counts(&["TcpExtTCPAbortOnData"]),
    Reason::failure(
        "TCP_TIMEWAIT_SOCKET",
        "data came for a connection that this end has closed, and that only lingers (TIME_WAIT, or \
         FIN_WAIT2 without an owner)",
    )
    .counts(&["TcpOutRsts"])
    .look("ss -Htano state time-wait; ss -Htano state fin-wait-2"),
    Reason::failure(
        "INVALID_SYN",
        "a handshake under way was broken off: a SYN or RST out of place, or the accept queue is \
            full and net.ipv4.tcp_abort_on_overflow is set",
    )
    .counts(&["TcpExtEmbryonicRsts", "TcpOutRsts"])
    .look("sysctl net.ipv4.tcp_abort_on_overflow; ss -ltn"),
    Reason::failure(
        "TCP_ABORT_ON_CLOSE",
        "the application closed the connection with received data unread: the peer must learn \
            that it is lost (RFC 2525, 2.17); Multipath TCP gives this reason for every subflow that \
            it closes at once, for SO_LINGER with 0 s, too",
    )
    .counts(&["TcpExtTCPAbortOnClose"]),
    Reason::failure(
        "TCP_ABORT_ON_LINGER",
        "closed with TCP_LINGER2 below 0: no FIN_WAIT2 is kept",
    )
    .counts(&["TcpExtTCPAbortOnLinger"]),
    Reason::failure(
        "TCP_ABORT_ON_MEMORY",
        "closed with data unsent, and there are too many such orphans, or TCP's memory is \
            exhausted",
    )
    .counts(&["TcpExtTCPAbortOnMemory"])
    .look(
        "cat /proc/net/sockstat (TCP: orphan and mem, against net.ipv4.tcp_max_orphans and \
        tcp_mem)",
    ),
    Reason::failure(
        "TCP_STATE",
        "aborted by this end: SO_LINGER with 0 s, a listener closed with connections that were \
            not yet accepted, ss -K, or an orphan in FIN_WAIT2 for too long",
    )
    .counts(&["TcpOutRsts", "TcpExtTCPAbortOnData"]),
    Reason::failure(
        "TCP_KEEPALIVE_TIMEOUT",
        "keep-alive probes were not answered: the connection is given up",
    )
    .counts(&["TcpExtTCPAbortOnTimeout", "TcpExtTCPKeepAlive"]),
    Reason::failure(
        "TCP_DISCONNECT_WITH_DATA",
        "connect() with AF_UNSPEC, or an abort, while data waited to be sent",
    )
    .counts(&["TcpOutRsts"]),
    Reason::depends(
        "MPTCP_RST_EUNSPEC",
        "an MPTCP subflow was closed, for no reason that has a \
        name",
    )
    .counts(&["MPTcpExtMPRstTx"]),
    Reason::failure(
        "MPTCP_RST_EMPTCP",
        "an MPTCP subflow was closed: its MPTCP options were wrong",
    )
    .counts(&["MPTcpExtMPRstTx"]),
    Reason::failure(
        "MPTCP_RST_ERESOURCE",
        "an MPTCP subflow was closed for want of resources",
    )
    .counts(&["MPTcpExtMPRstTx"])
    .look("ip mptcp limits show"),
    Reason::failure(
        "MPTCP_RST_EPROHIBIT",
        "an MPTCP subflow was refused by this host's policy",
    )
    .counts(&["MPTcpExtMPRstTx"])
    .look("ip mptcp limits show"),
    Reason::failure(
        "MPTCP_RST_EWQ2BIG",
        "an MPTCP subflow was closed: too much of its data had arrived by other subflows meanwhile",
    )
    .counts(&["MPTcpExtMPRstTx"]),
    Reason::failure(
        "MPTCP_RST_EBADPERF",
        "an MPTCP subflow was closed since it was too slow",
    )
    .counts(&["MPTcpExtMPRstTx"]),
    Reason::failure(
        "MPTCP_RST_EMIDDLEBOX",
        "an MPTCP subflow was closed: a middlebox changed its \
        data",
    )
    .counts(&["MPTcpExtMPRstTx"]),
    Reason::failure(
        "ERROR",
        "an MPTCP subflow was closed with a reason that the kernel does not \
        know",
    ),
];

//! Errors that tell of the network, the peer, or a policy.

use super::{
    Call::{Accept, Connect, Recv, Send, SoError},
    ErrnoPage,
    Weight::Failure,
};

/// By number.
pub(super) static ERRNOS: &[ErrnoPage] = &[
    ErrnoPage {
        name: "EPERM",
        weight: Failure,
        calls: &[
            (
                Connect,
                "a connect4 or connect6 BPF program of the process's cgroup, or seccomp, denied it",
            ),
            (Accept, "an LSM or seccomp denied it"),
            (
                Send,
                "an LSM or seccomp denied it; a firewall's drop is not told to TCP's callers",
            ),
        ],
        path: "tcp_v4_pre_connect() and tcp_v6_pre_connect() run the cgroup's programs; \
            security_socket_connect() asks the LSMs before that. A netfilter drop on OUTPUT gives \
            -EPERM to tcp_transmit_skb(), which connect() does not pass on: it ends in \
            ETIMEDOUT.",
    },
    ErrnoPage {
        name: "EACCES",
        weight: Failure,
        calls: &[
            (
                Connect,
                "a prohibit route, an LSM (SELinux, Landlock), or an ICMPv6 error: \
                    administratively prohibited, policy failed, reject route",
            ),
            (Accept, "an LSM denied it"),
            (
                Send,
                "an ICMPv6 error of that kind had come when TCP gave up; or an LSM denied it",
            ),
            (
                Recv,
                "an ICMPv6 error of that kind had come when TCP gave up; or an LSM denied it",
            ),
            (SoError, "an ICMPv6 error of that kind"),
        ],
        path: "fib_table_lookup() gives -EACCES for a prohibit route; tcp_v6_err() takes ICMPv6 \
            type 1 codes 1, 5 and 6 for EACCES. IPv4's administratively prohibited becomes \
            EHOSTUNREACH.",
    },
    ErrnoPage {
        name: "EPIPE",
        weight: Failure,
        calls: &[
            (
                Send,
                "this end was shut down for writing, or the peer had closed and then reset the \
                    connection; SIGPIPE comes with it unless MSG_NOSIGNAL is given. Also for a \
                    socket that was never connected",
            ),
            (
                Recv,
                "the peer had closed, data was sent nevertheless, and the peer reset the \
                    connection",
            ),
            (Connect, "another thread disconnected the socket meanwhile"),
            (
                SoError,
                "the peer had closed, data was sent nevertheless, and the peer reset the \
                    connection",
            ),
        ],
        path: "tcp_reset() in CLOSE_WAIT sets EPIPE. tcp_sendmsg_locked() returns it for \
            SEND_SHUTDOWN, sk_stream_wait_connect() for a socket in CLOSE; sk_stream_error() sends \
            SIGPIPE.",
    },
    ErrnoPage {
        name: "ENONET",
        weight: Failure,
        calls: &[
            (Connect, "an ICMP source host isolated came back"),
            (SoError, "an ICMP source host isolated came back"),
        ],
        path: "tcp_v4_err() for ICMP type 3 code 8, which is obsolete (RFC 1812).",
    },
    ErrnoPage {
        name: "EPROTO",
        weight: Failure,
        calls: &[
            (
                Connect,
                "an ICMP parameter problem came back: a router or the peer found the header \
                    malformed",
            ),
            (SoError, "an ICMP parameter problem came back"),
        ],
        path: "tcp_v4_err() and tcp_v6_err() for ICMP type 12 and ICMPv6 type 4.",
    },
    ErrnoPage {
        name: "EBADMSG",
        weight: Failure,
        calls: &[(
            Recv,
            "TLS in the kernel: a record could not be decrypted or was changed on the way",
        )],
        path: "tls_sw_recvmsg() and tls_err_abort(); plain TCP does not give it.",
    },
    ErrnoPage {
        name: "EMSGSIZE",
        weight: Failure,
        calls: &[
            (
                Connect,
                "an ICMP error had come that a packet is too big for a link on the way",
            ),
            (
                Send,
                "such an ICMP error had come when TCP gave up: the path's MTU could not be used",
            ),
            (Recv, "such an ICMP error had come when TCP gave up"),
            (
                SoError,
                "an ICMP error: a packet is too big for a link on the way; TCP makes smaller ones",
            ),
        ],
        path: "tcp_v4_mtu_reduced() notes it in sk_err_soft where the new MTU is below the \
            route's; it is the verdict only where every retransmission then fails.",
    },
    ErrnoPage {
        name: "ENOPROTOOPT",
        weight: Failure,
        calls: &[
            (
                Connect,
                "an ICMP protocol unreachable came back: the host has no TCP",
            ),
            (SoError, "an ICMP protocol unreachable came back"),
        ],
        path: "tcp_v4_err() for ICMP type 3 code 2.",
    },
    ErrnoPage {
        name: "EADDRINUSE",
        weight: Failure,
        calls: &[(
            Connect,
            "rare: the local address and port clash where bind() had put the choice off; bind() \
                and listen() give it where the port is taken",
        )],
        path: "inet_csk_get_port() finds a conflicting owner of the port; inet_csk_listen_start() \
            asks once more.",
    },
    ErrnoPage {
        name: "EADDRNOTAVAIL",
        weight: Failure,
        calls: &[(
            Connect,
            "no free local port for this destination, or the chosen one is in use for it already",
        )],
        path: "__inet_hash_connect() and __inet_check_established(). bind() gives it for an \
            address that this host does not have.",
    },
    ErrnoPage {
        name: "ENETUNREACH",
        weight: Failure,
        calls: &[
            (
                Connect,
                "no route; a multicast or broadcast address; an IPv4-mapped address on an \
                    IPv6-only socket; or an ICMP network unreachable came back",
            ),
            (
                Send,
                "an ICMP network unreachable had come when TCP gave up",
            ),
            (
                Recv,
                "an ICMP network unreachable had come when TCP gave up",
            ),
            (SoError, "an ICMP network unreachable came back"),
        ],
        path: "fib_lookup() finds nothing: connect() fails at once. Else tcp_v4_err() or \
            tcp_v6_err(): ICMP type 3 codes 0, 6, 9 and 11, ICMPv6 type 1 code 0.",
    },
    ErrnoPage {
        name: "ECONNABORTED",
        weight: Failure,
        calls: &[
            (
                Connect,
                "the socket was destroyed meanwhile: ss -K, or another thread shut it down",
            ),
            (
                Accept,
                "the client had reset the connection before it was taken, and its address was \
                    asked for: take the next",
            ),
            (Send, "the socket was destroyed: ss -K or the like"),
            (Recv, "the socket was destroyed: ss -K or the like"),
            (SoError, "the socket was destroyed: ss -K or the like"),
        ],
        path: "tcp_abort() by SOCK_DESTROY; __inet_stream_connect() where the socket is closed \
            without an error; do_accept() where the peer's name is gone.",
    },
    ErrnoPage {
        name: "ECONNRESET",
        weight: Failure,
        calls: &[
            (
                Connect,
                "a RST came after the SYN had been answered, within the call (Fast Open), or the \
                    socket was disconnected",
            ),
            (Send, "the peer, or something on the way, sent a RST"),
            (
                Recv,
                "the peer, or something on the way, sent a RST: what was not read yet is lost",
            ),
            (
                SoError,
                "the peer, or something on the way, sent a RST; or this end aborted (SO_LINGER 0)",
            ),
        ],
        path: "tcp_reset() in any state but SYN_SENT (ECONNREFUSED) and CLOSE_WAIT (EPIPE); \
            tcp_disconnect() for an abort by this end.",
    },
    ErrnoPage {
        name: "ETIMEDOUT",
        weight: Failure,
        calls: &[
            (
                Connect,
                "no answer to any SYN within tcp_syn_retries (about 2 minutes with 6), or \
                    TCP_USER_TIMEOUT",
            ),
            (
                Send,
                "what was sent was not acknowledged within tcp_retries2 (about 15 minutes) or \
                    TCP_USER_TIMEOUT; or keep-alive probes were not answered",
            ),
            (
                Recv,
                "what was sent was not acknowledged, or keep-alive probes were not answered; \
                    silence of the peer alone never gives it",
            ),
            (SoError, "one of these"),
        ],
        path: "tcp_write_timeout(), tcp_probe_timer() and tcp_keepalive_timer() call \
            tcp_write_err(): the error that an ICMP error left (sk_err_soft), else ETIMEDOUT.",
    },
    ErrnoPage {
        name: "ECONNREFUSED",
        weight: Failure,
        calls: &[
            (
                Connect,
                "a RST answered the SYN: nothing listens there, or a firewall says so; or an ICMP \
                    port unreachable came back (a firewall's reject)",
            ),
            (SoError, "the same, of a non-blocking connect()"),
            (Send, "the same, of a connect() under way, or of Fast Open"),
            (Recv, "the same, of a connect() under way"),
        ],
        path: "tcp_reset() in SYN_SENT; tcp_v4_err() for ICMP type 3 code 3 and tcp_v6_err() for \
            ICMPv6 type 1 code 4, in SYN_SENT.",
    },
    ErrnoPage {
        name: "EHOSTDOWN",
        weight: Failure,
        calls: &[
            (Connect, "an ICMP destination host unknown came back"),
            (SoError, "an ICMP destination host unknown came back"),
        ],
        path: "tcp_v4_err() for ICMP type 3 code 7, which hardly anybody sends. An unanswered ARP \
            gives EHOSTUNREACH on Linux.",
    },
    ErrnoPage {
        name: "EHOSTUNREACH",
        weight: Failure,
        calls: &[
            (
                Connect,
                "an unreachable route; the next hop does not answer ARP or neighbour discovery; \
                    or an ICMP error came back: host unreachable, administratively prohibited \
                    (IPv4), time exceeded",
            ),
            (Send, "such an ICMP error had come when TCP gave up"),
            (Recv, "such an ICMP error had come when TCP gave up"),
            (SoError, "such an ICMP error came back"),
        ],
        path: "fib_table_lookup() gives -EHOSTUNREACH for an unreachable route: connect() fails \
            at once. neigh_invalidate() reports the failed neighbour after about 3 s. Else \
            tcp_v4_err(), ICMP type 3 codes 1, 10 and 12 to 15, or tcp_v6_err(), ICMPv6 type 1 \
            codes 2 and 3.",
    },
    ErrnoPage {
        name: "EKEYREJECTED",
        weight: Failure,
        calls: &[(
            Connect,
            "TCP-MD5 and TCP-AO keys for this peer contradict each other, or none of the TCP-AO \
                keys fits",
        )],
        path: "tcp_connect(), where the socket demands TCP-AO (Linux 6.7 and newer).",
    },
];

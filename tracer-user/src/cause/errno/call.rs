//! Errors that tell of the call: whether it waits, its arguments, its process's limits.

use super::{
    Call::{Accept, Connect, Recv, Send, SoError},
    ErrnoPage,
    Weight::{Depends, Failure, Ordinary},
};

/// By number.
pub(super) static ERRNOS: &[ErrnoPage] = &[
    ErrnoPage {
        name: "EINTR",
        weight: Ordinary,
        calls: &[
            (
                Connect,
                "a signal came while it waited, and the handshake goes on: wait for POLLOUT, do \
                    not call it again",
            ),
            (Accept, "a signal came while it waited: call it again"),
            (
                Send,
                "a signal came before anything was sent: call it again",
            ),
            (
                Recv,
                "a signal came before anything was received: call it again",
            ),
        ],
        path: "sock_intr_errno(): ERESTARTSYS, restarted after a handler with SA_RESTART, where \
            no SO_RCVTIMEO or SO_SNDTIMEO is set; EINTR where one is.",
    },
    ErrnoPage {
        name: "EBADF",
        weight: Failure,
        calls: &[
            (
                Connect,
                "no open descriptor: closed already, often by another thread",
            ),
            (
                Accept,
                "no open descriptor: closed already, often by another thread",
            ),
            (
                Send,
                "no open descriptor: closed already, often by another thread",
            ),
            (
                Recv,
                "no open descriptor: closed already, often by another thread",
            ),
        ],
        path: "The descriptor is looked up first (fdget()); the network is not asked. Such a \
            descriptor may by then belong to another file: a bug of the application.",
    },
    ErrnoPage {
        name: "EAGAIN",
        weight: Depends,
        calls: &[
            (
                Accept,
                "non-blocking: no connection waits; blocking: SO_RCVTIMEO has passed",
            ),
            (
                Send,
                "non-blocking: the send buffer is full; blocking: SO_SNDTIMEO has passed. It \
                    stays full where the peer does not read or does not acknowledge",
            ),
            (
                Recv,
                "non-blocking: nothing has arrived; blocking: SO_RCVTIMEO has passed",
            ),
            (
                Connect,
                "not from TCP, which says EINPROGRESS while the handshake goes on: of a Unix \
                    socket",
            ),
        ],
        path: "inet_csk_accept(), tcp_recvmsg_locked() and sk_stream_wait_memory() return it \
            where they may not, or may no longer, wait. Ordinary for event loops; as the end of a \
            timeout it means that the peer was silent, and nothing more.",
    },
    ErrnoPage {
        name: "ENOMEM",
        weight: Failure,
        calls: &[
            (Connect, "no memory for the connection"),
            (Accept, "no memory for the new socket"),
            (
                Send,
                "no memory, or over the limit of locked pages (MSG_ZEROCOPY)",
            ),
            (SoError, "TCP's memory was exhausted"),
        ],
        path: "sk_stream_alloc_skb() and friends; memory of a cgroup counts too (memory.max).",
    },
    ErrnoPage {
        name: "EFAULT",
        weight: Failure,
        calls: &[
            (Connect, "the address does not lie in the process's memory"),
            (
                Accept,
                "the address does not lie in the process's memory: the connection is closed",
            ),
            (Send, "the data does not lie in the process's memory"),
            (Recv, "the buffer does not lie in the process's memory"),
        ],
        path: "move_addr_to_kernel() and the copies of data: a bug of the application.",
    },
    ErrnoPage {
        name: "EINVAL",
        weight: Failure,
        calls: &[
            (
                Connect,
                "a blackhole route; or a malformed address, an IPv6 link-local address without \
                    its interface (fe80::1%eth0), or a socket that listens",
            ),
            (
                Accept,
                "the socket does not listen, or no longer: another thread shut it down",
            ),
            (
                Send,
                "an option of the call is malformed (control messages, repair mode)",
            ),
            (Recv, "MSG_OOB, and there is no urgent data"),
        ],
        path: "fib_table_lookup() gives -EINVAL for a blackhole route; tcp_v6_connect() for a \
            link-local address without a scope; inet_csk_accept() where the state is not LISTEN.",
    },
    ErrnoPage {
        name: "ENFILE",
        weight: Failure,
        calls: &[(
            Accept,
            "the whole host has too many open files (fs.file-max), or no memory for one",
        )],
        path: "sock_alloc() and alloc_empty_file(). The connection stays in the accept queue: \
            accept() fails again at once, and the queue fills up.",
    },
    ErrnoPage {
        name: "EMFILE",
        weight: Failure,
        calls: &[(
            Accept,
            "the process has as many open descriptors as it may (ulimit -n, LimitNOFILE=)",
        )],
        path: "get_unused_fd_flags(). The connection stays in the accept queue: accept() fails \
            again at once, the queue fills up, and clients then meet accept-queue-full.",
    },
    ErrnoPage {
        name: "ENOTSOCK",
        weight: Failure,
        calls: &[
            (Connect, "the descriptor is no socket"),
            (Accept, "the descriptor is no socket"),
            (Send, "the descriptor is no socket"),
            (Recv, "the descriptor is no socket"),
        ],
        path: "sock_from_file(). Often a descriptor that was closed and taken by another file \
            since.",
    },
    ErrnoPage {
        name: "EOPNOTSUPP",
        weight: Failure,
        calls: &[
            (
                Connect,
                "MSG_FASTOPEN where net.ipv4.tcp_fastopen does not allow it; or an ICMP source \
                    route failed",
            ),
            (Accept, "the socket is of no kind that accepts, such as UDP"),
            (
                Send,
                "MSG_FASTOPEN where net.ipv4.tcp_fastopen does not allow it",
            ),
            (SoError, "an ICMP source route failed came back"),
        ],
        path: "tcp_sendmsg_fastopen(); tcp_v4_err() for ICMP type 3 code 5.",
    },
    ErrnoPage {
        name: "EAFNOSUPPORT",
        weight: Failure,
        calls: &[(Connect, "the address is of another family than the socket")],
        path: "tcp_v4_connect() and tcp_v6_connect(): an IPv6 address for an IPv4 socket, or \
            neither of both.",
    },
    ErrnoPage {
        name: "ENOBUFS",
        weight: Failure,
        calls: &[
            (Connect, "no memory for the SYN"),
            (Accept, "no memory for the new socket"),
            (
                Send,
                "no memory to account for MSG_ZEROCOPY, or for Fast Open: net.core.optmem_max",
            ),
            (SoError, "no memory"),
        ],
        path: "tcp_connect() where tcp_stream_alloc_skb() fails; msg_zerocopy_realloc() over \
            optmem_max.",
    },
    ErrnoPage {
        name: "EISCONN",
        weight: Ordinary,
        calls: &[
            (
                Connect,
                "it is connected already: after EINPROGRESS, a second connect() tells success in \
                    this way",
            ),
            (Send, "MSG_FASTOPEN on a socket that is connected"),
        ],
        path: "__inet_stream_connect() in SS_CONNECTED.",
    },
    ErrnoPage {
        name: "ENOTCONN",
        weight: Failure,
        calls: &[(
            Recv,
            "never connected, or it listens; send() gives EPIPE for that",
        )],
        path: "tcp_recvmsg_locked() in CLOSE or LISTEN; shutdown() and getpeername() give it too.",
    },
    ErrnoPage {
        name: "EALREADY",
        weight: Ordinary,
        calls: &[
            (
                Connect,
                "non-blocking: the handshake that began before still goes on",
            ),
            (Send, "a Fast Open is under way"),
        ],
        path: "__inet_stream_connect() in SS_CONNECTING; tcp_sendmsg_fastopen().",
    },
    ErrnoPage {
        name: "EINPROGRESS",
        weight: Ordinary,
        calls: &[
            (
                Connect,
                "non-blocking: the SYN was sent; wait for POLLOUT, then read SO_ERROR. Blocking: \
                    SO_SNDTIMEO has passed, and the handshake goes on",
            ),
            (
                Send,
                "MSG_FASTOPEN, non-blocking: the SYN was sent with no data, or not all of it",
            ),
        ],
        path: "__inet_stream_connect() where it may not, or may no longer, wait.",
    },
    ErrnoPage {
        name: "ECANCELED",
        weight: Depends,
        calls: &[
            (
                Connect,
                "io_uring only: the request, or the one that it is linked to, was cancelled or \
                    failed",
            ),
            (Accept, "io_uring only: the request was cancelled"),
            (
                Send,
                "io_uring only: the request, or the one that it is linked to, was cancelled or \
                    failed",
            ),
            (
                Recv,
                "io_uring only: the request, or the one that it is linked to, was cancelled or \
                    failed",
            ),
        ],
        path: "io_uring gives it in the completion's res, by IORING_OP_ASYNC_CANCEL, a link \
            timeout or a broken chain.",
    },
];

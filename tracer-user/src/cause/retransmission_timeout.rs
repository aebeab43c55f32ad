//! `retransmission-timeout`: data was sent again and again, and never acknowledged.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "retransmission-timeout",
    title: "data was sent again and again, and never acknowledged",
    place: Place::Stream,
    sees: "The connection stalls; send() or recv() fails with ETIMEDOUT (\"Connection timed \
            out\") about 15 minutes after the path died, or with EHOSTUNREACH where ICMP errors \
            came meanwhile.",
    path: "tcp_retransmit_timer() sends the oldest segment again, each time after twice the time, \
            up to 120 s. tcp_write_timeout() gives up once that has lasted as long as \
            tcp_retries2 retransmissions that began at 200 ms would (15: 924.6 s), and \
            tcp_write_err() sets sk_err_soft, if an ICMP error left one, else ETIMEDOUT. No RST \
            is sent. The peer is gone without a word, or the path broke: cable, route, firewall \
            state lost, a peer that was suspended. A socket that the application has closed \
            already gets tcp_orphan_retries instead.",
    files: &["net/ipv4/tcp_timer.c"],
    confirm: &[
        "ss -tino 'dst REMOTE'    (timer:(on,…), rto, backoff, unacked, retrans)",
        "nstat -az TcpExtTCPTimeouts TcpExtTCPAbortOnTimeout TcpRetransSegs    (twice)",
        "tcpdump -ni any 'host REMOTE and tcp port PORT'    [tcpdump] (on both sides: which side \
            of the path loses it?)",
        "ping -c3 REMOTE",
    ],
    mend: &[
        "Find where the path, or the peer, died at that moment",
        "Stateful firewalls and NAT: was their state lost, or had it expired while the connection \
            was idle? Send keep-alives more often",
        "To fail sooner: TCP_USER_TIMEOUT on the socket, or sysctl -w net.ipv4.tcp_retries2=8 \
            (about 100 s)",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EACCES"],
    sysctls: &[
        "net.ipv4.tcp_retries1",
        "net.ipv4.tcp_retries2",
        "net.ipv4.tcp_orphan_retries",
        "net.ipv4.tcp_rto_max_ms",
    ],
    counters: &[
        "TcpRetransSegs",
        "TcpExtTCPTimeouts",
        "TcpExtTCPAbortOnTimeout",
    ],
    usage: &[],
};

//! `handshake-incomplete`: SYN-ACKs were never answered.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "handshake-incomplete",
    title: "SYN-ACKs were never answered",
    place: Place::Path,
    sees: "The service sees nothing: accept() never returns this connection. The client hangs and \
            ends in ETIMEDOUT, or is no client at all (a scan, a SYN flood with forged senders).",
    path: "tcp_conn_request() answers the SYN and keeps a request (SYN_RECV, no socket yet). The \
            final ACK does not come: reqsk_timer_handler() sends the SYN-ACK again, 1, 2, 4 … s \
            apart, tcp_synack_retries times, and drops the request (63 s with 5 retries; sooner \
            while the queue is more than half full). The SYN-ACK, or the ACK, gets lost: a \
            firewall, a route back by another way, a NAT that forgot; with TCP_DEFER_ACCEPT the \
            request also waits for the first data.",
    files: &["net/ipv4/tcp_input.c", "net/ipv4/inet_connection_sock.c"],
    confirm: &[
        "ss -Htan state syn-recv 'sport = :PORT'    (on the listener's host: from whom?)",
        "nstat -az TcpExtTCPTimeouts TcpExtTCPSynRetrans TcpRetransSegs    (there, twice)",
        "tcpdump -ni any 'host REMOTE and tcp port PORT'    [tcpdump] (on both hosts: does the \
            SYN-ACK arrive, does the client answer it?)",
        "ip route get REMOTE from LOCAL    (the way back to the client)",
    ],
    mend: &[
        "Let SYN-ACKs out and ACKs in on every firewall of the path; both directions must pass \
            the same stateful one",
        "Correct the route back to the client",
        "A flood: sysctl -w net.ipv4.tcp_syncookies=1, and filter it upstream",
        "sysctl -w net.ipv4.tcp_synack_retries=2    (to be rid of them sooner: after 7 s)",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &[
        "net.ipv4.tcp_synack_retries",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_max_syn_backlog",
    ],
    counters: &[
        "TcpExtTCPTimeouts",
        "TcpExtTCPSynRetrans",
        "TcpAttemptFails",
    ],
    usage: &[],
};

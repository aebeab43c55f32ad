//! `no-answer`: SYNs left this host and nothing came back.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "no-answer",
    title: "SYNs left this host and nothing came back",
    place: Place::Path,
    sees: "connect() hangs and ends in ETIMEDOUT (\"Connection timed out\"), about 2 minutes \
            with the default of 6 retries.",
    path: "tcp_retransmit_timer() sends the SYN again at growing intervals; every one left \
            this host and no SYN-ACK, RST or ICMP error came. After tcp_syn_retries \
            tcp_write_timeout() closes the socket. The packets, or the answers, vanish outside: \
            a firewall that drops, a host that is off, a wrong address, a one-way route.",
    files: &["net/ipv4/tcp_timer.c"],
    confirm: &[
        "tcpdump -ni any 'host REMOTE and tcp port PORT'    [tcpdump] (here and on the \
            remote host: which side of the path loses it?)",
        "mtr -nT -P PORT REMOTE    [mtr-tiny]",
        "ping -c3 REMOTE",
        "ip route get REMOTE",
    ],
    mend: &[
        "Is the address right, and the host up?",
        "Open the port on the firewalls and security groups on the way",
        "On the remote host: is there a route back to this one?",
        "To fail sooner: a connect timeout in the application, TCP_USER_TIMEOUT, or \
            net.ipv4.tcp_syn_retries",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &["ETIMEDOUT"],
    sysctls: &[
        "net.ipv4.tcp_syn_retries",
        "net.ipv4.tcp_syn_linear_timeouts",
    ],
    counters: &[
        "TcpAttemptFails",
        "TcpExtTCPSynRetrans",
        "TcpExtTCPAbortOnTimeout",
    ],
    usage: &[],
};

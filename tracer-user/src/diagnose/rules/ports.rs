//! The local port was refused: `inet_hash_connect()`.

use crate::{
    diagnose::{case::Case, finding::Finding},
    record::Confidence,
};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    if !case.port_was_refused() {
        return never_began(case);
    }
    let remote = case.remote();
    if case.has_no_port() {
        return Some(
            Finding::new(
                "ports-exhausted",
                Confidence::Certain,
                format!("every local port that it may use towards {remote} is taken"),
            )
            .why("no SYN was made: the socket got no local port")
            .fix(format!(
                "ss -tan dst {} | awk '{{print $1}}' | sort | uniq -c",
                remote.ip()
            ))
            .fix("sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports")
            .fix("reuse connections (keep-alive, a pool), or use more addresses at either end"),
        );
    }
    let port = case.attempt.tuple().local_port;
    Some(
        Finding::new(
            "address-in-use",
            Confidence::Certain,
            format!("its local port {port} already has a connection to {remote}"),
        )
        .why(format!(
            "no SYN was made: the chosen local port {port} clashes"
        ))
        .fix(format!("ss -tanp sport = {port}"))
        .fix("let the kernel choose the port: do not bind() before connect()"),
    )
}

/// It had a port and an initial sequence number, but no SYN was made: a `TCP_FASTOPEN_CONNECT` socket
/// that was never written to (`tcp_fastopen_defer_connect`, `net/ipv4/tcp_fastopen.c`), or
/// `tcp_connect()` itself failed.
fn never_began(case: &Case<'_>) -> Option<Finding> {
    case.state
        .filter(|state| state.segs_out == 0 && state.err == 0 && case.attempt.end_was_seen())?;
    Some(
        Finding::new(
            "abandoned",
            Confidence::Likely,
            "the socket was closed before a SYN was made",
        )
        .why("a socket with TCP_FASTOPEN_CONNECT sends its SYN with the first data: none was written")
        .missing("the errno of connect(), if it failed: nothing on the socket tells"),
    )
}

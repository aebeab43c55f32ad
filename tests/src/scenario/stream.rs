//! Connections that come up, and then break.

use tracer_user::record::Phase::{Close, Established};

use super::row::{Row, Sure::Certain, row};
use crate::net::Place::*;

const SERVER: &str = "stream.py 8080 --serve";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = ended();
    rows.extend(silent());
    rows.into_iter()
        .map(|row| row.daemon(Server, SERVER))
        .collect()
}

fn broken(
    number: &'static str,
    name: &'static str,
    about: &'static str,
    client: &'static str,
) -> Row {
    row(number, name, about)
        .client(client, ("s", 8080))
        .phase(Established)
}

/// Somebody ends it.
fn ended() -> Vec<Row> {
    vec![
        broken(
            "30",
            "peer-aborts",
            "the peer closes with SO_LINGER 0",
            "stream.py $s 8080 --end peer-aborts",
        )
        .fails("reset-by-peer", "ECONNRESET", Certain)
        .reset()
        .server_tells("reset-by-local"),
        broken(
            "31",
            "peer-leaves-data",
            "the peer closes with unread data",
            "stream.py $s 8080 --end peer-leaves-data",
        )
        .fails("reset-by-peer", "ECONNRESET", Certain)
        .reset()
        .server_tells("reset-by-local"),
        broken(
            "32",
            "peer-has-closed",
            "written to after the peer has closed",
            "stream.py $s 8080 --end peer-has-closed",
        )
        .fails("broken-pipe", "EPIPE", Certain)
        .phase(Close)
        .reset(),
        broken(
            "30",
            "aborts",
            "the client closes with SO_LINGER 0",
            "stream.py $s 8080 --end aborts",
        )
        .fails("reset-by-local", "", Certain)
        .told("")
        .server_tells("reset-by-peer"),
        broken(
            "72",
            "killed-by-ss",
            "ss -K destroys the socket",
            "stream.py $s 8080 --end killed",
        )
        .fails("killed-by-admin", "ECONNABORTED", Certain)
        .server_tells("reset-by-peer"),
    ]
}

/// Nothing comes back, until a timer ends it.
fn silent() -> Vec<Row> {
    vec![
        broken(
            "33",
            "stream-user-timeout",
            "TCP_USER_TIMEOUT",
            "stream.py $s 8080 --end user-timeout",
        )
        .fails("user-timeout", "ETIMEDOUT", Certain),
        broken(
            "33",
            "stream-silence",
            "the peer is silent, and tcp_retries2 is small",
            "stream.py $s 8080 --end silence",
        )
        .on(Client, "echo 2 > /proc/sys/net/ipv4/tcp_retries2")
        .fails("retransmission-timeout", "ETIMEDOUT", Certain),
        broken(
            "34",
            "stream-keepalive",
            "keepalive probes are not answered",
            "stream.py $s 8080 --end keepalive",
        )
        .fails("keepalive-timeout", "ETIMEDOUT", Certain),
        broken(
            "97",
            "stream-zero-window",
            "the peer does not read",
            "stream.py $s 8080 --end zero-window",
        )
        .fails("zero-window-timeout", "ETIMEDOUT", Certain),
        broken(
            "33",
            "stream-output-drop",
            "its own OUTPUT begins to drop",
            "stream.py $s 8080 --end drops-output",
        )
        .fails("firewall-drop", "ETIMEDOUT", Certain)
        .dropped("NETFILTER_DROP@nft_do_chain", "output", Client, "socket"),
        broken(
            "33",
            "stream-input-drop",
            "its own INPUT begins to drop",
            "stream.py $s 8080 --end drops-input",
        )
        .fails("firewall-drop", "ETIMEDOUT", Certain)
        .dropped("NETFILTER_DROP@nft_do_chain", "input", Client, "socket"),
    ]
}

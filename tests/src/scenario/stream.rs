//! Connections that come up, and then break.

use tracer_user::record::{
    PeerRole,
    Phase::{Close, Established},
};

use super::{
    row::{HostLimit, Row, Sure::*, row},
    vanish,
};
use crate::net::Place::*;

const SERVER: &str = "stream.py 8080 --serve";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = ended();
    rows.extend(silent());
    rows.extend(in_the_way());
    rows.extend(accepted());
    rows.extend(vanish::rows());
    rows = rows
        .into_iter()
        .map(|row| row.daemon(Server, SERVER))
        .collect();
    rows.extend(multipath());
    rows
}

/// Both ends speak Multipath TCP, as Go's listeners do unless told otherwise.
fn multipath() -> Vec<Row> {
    let both = |name, about, end| {
        row("82", name, about)
            .daemon(Server, "stream.py 8080 --serve --mptcp")
            .client(
                format!("stream.py $s 8080 --mptcp --end {end}"),
                ("s", 8080),
            )
            .phase(Established)
    };
    vec![
        both(
            "mptcp-aborts",
            "Multipath TCP: the client closes with SO_LINGER 0",
            "aborts",
        )
        .fails("reset-by-local", "", Certain)
        .told("")
        .says("this host sent a RST: TCP_ABORT_ON_CLOSE")
        .server_tells("reset-by-peer", "ECONNRESET"),
        both(
            "mptcp-peer-aborts",
            "Multipath TCP: the peer closes with SO_LINGER 0",
            "peer-aborts",
        )
        .fails("reset-by-peer", "ECONNRESET", Certain)
        .reset()
        .server_tells("reset-by-local", ""),
        both(
            "mptcp-loses-subflow",
            "Multipath TCP: one of two subflows is destroyed, the application learns nothing",
            "loses-subflow",
        )
        .on(Client, SECOND_ADDRESS)
        .on(Server, "ip mptcp limits set subflow 2")
        .fails("killed-by-admin", "ECONNABORTED", Certain)
        .told("")
        .says("the subflow ended*: the application learns nothing of it*")
        .server_tells("reset-by-peer", "ECONNRESET"),
    ]
}

/// Another subflow may come from it; nothing else does, since it is deprecated.
const SECOND_ADDRESS: &str = "\
    ip addr add ${c%2}3 dev eth0 preferred_lft 0
    ip mptcp limits set subflow 2
    ip mptcp endpoint add ${c%2}3 dev eth0 subflow";

/// What would tell the sender to make its segments smaller.
const SILENT_ROUTER: &str =
    "icmp type destination-unreachable drop; icmpv6 type packet-too-big drop";

pub(super) fn broken(
    number: &'static str,
    name: &'static str,
    about: &'static str,
    end: &str,
) -> Row {
    row(number, name, about)
        .client(format!("stream.py $s 8080 --end {end}"), ("s", 8080))
        .phase(Established)
}

/// The same at the server: the connection that it accepted breaks.
pub(super) fn mirrored(
    number: &'static str,
    name: &'static str,
    end: &str,
    cause: &'static str,
    errno: &'static str,
) -> Row {
    row(number, name, "the same at the end that was accepted")
        .client(
            format!("stream.py $s 8080 --end {end} --mirror"),
            ("s", 8080),
        )
        .phase(Established)
        .only_inbound()
        .server_tells(cause, errno)
}

/// Somebody ends it.
fn ended() -> Vec<Row> {
    vec![
        broken(
            "30",
            "peer-aborts",
            "the peer closes with SO_LINGER 0",
            "peer-aborts",
        )
        .fails("reset-by-peer", "ECONNRESET", Certain)
        .reset()
        .server_tells("reset-by-local", ""),
        broken(
            "31",
            "peer-leaves-data",
            "the peer closes with unread data",
            "peer-leaves-data",
        )
        .fails("reset-by-peer", "ECONNRESET", Certain)
        .reset()
        .server_tells("reset-by-local", ""),
        broken(
            "32",
            "peer-has-closed",
            "written to after the peer has closed",
            "peer-has-closed",
        )
        .fails("broken-pipe", "EPIPE", Certain)
        .phase(Close)
        .reset(),
        broken(
            "30",
            "aborts",
            "the client closes with SO_LINGER 0",
            "aborts",
        )
        .fails("reset-by-local", "", Certain)
        .told("")
        .server_tells("reset-by-peer", "ECONNRESET"),
        broken("72", "killed-by-ss", "ss -K destroys the socket", "killed")
            .fails("killed-by-admin", "ECONNABORTED", Certain)
            .server_tells("reset-by-peer", "ECONNRESET"),
    ]
}

/// Nothing comes back, until a timer ends it.
fn silent() -> Vec<Row> {
    vec![
        broken(
            "72",
            "loses-device",
            "its network namespace loses its device, and with it address and route",
            "loses-device",
        )
        .fails("no-route", "ETIMEDOUT", Likely)
        .errno_v6("ENETUNREACH"),
        broken(
            "72",
            "peer-loses-device",
            "the other end's network namespace loses its device, as when a container is removed",
            "peer-loses-device",
        )
        .fails("icmp-unreachable", "ENETUNREACH", Likely)
        .dropped("IP_INNOROUTES", "", Router, "tuple")
        .way("forward"),
        broken(
            "72",
            "killed-when-closed",
            "ss -K destroys what its process has closed",
            "killed-when-closed",
        )
        .fails("killed-by-admin", "ECONNABORTED", Certain)
        .told("")
        .phase(Close),
        broken(
            "33",
            "stream-user-timeout",
            "TCP_USER_TIMEOUT",
            "user-timeout",
        )
        .fails("user-timeout", "ETIMEDOUT", Likely)
        .dropped("NETFILTER_DROP@nft_do_chain", "input", Server, "tuple")
        .by_rule("drop")
        .peer(PeerRole::Acceptor),
        broken(
            "33",
            "stream-router-drop",
            "a firewall between begins to drop",
            "drops-at-router",
        )
        .fails("user-timeout", "ETIMEDOUT", Likely)
        .dropped("NETFILTER_DROP@nft_do_chain", "forward", Router, "tuple"),
        broken(
            "10",
            "stream-router-reject",
            "a firewall between begins to reject, with a RST in the peer's name",
            "rejects-at-router",
        )
        .fails("reset-by-peer", "ECONNRESET", Either)
        .reset()
        .peer(PeerRole::Acceptor),
        broken(
            "40",
            "stream-mtu-blackhole",
            "a smaller link beyond the router, which may not say so",
            "meets-small-link",
        )
        .nft(Router, "output", SILENT_ROUTER)
        .fails("mtu-blackhole", "ETIMEDOUT", Likely)
        .dropped("PKT_TOO_BIG@ip_forward|ip6_forward", "", Router, "tuple")
        .way("forward"),
        broken(
            "53",
            "stream-router-tc",
            "tc of a router begins to drop",
            "drops-by-router-tc",
        )
        .fails("user-timeout", "ETIMEDOUT", Likely)
        .dropped("TC_EGRESS", "", Router, "tuple")
        .way("forward"),
        broken(
            "33",
            "stream-silence",
            "the peer is silent, and tcp_retries2 is small",
            "silence",
        )
        .on(Client, "echo 2 > /proc/sys/net/ipv4/tcp_retries2")
        .fails("retransmission-timeout", "ETIMEDOUT", Likely)
        .dropped("NETFILTER_DROP@nft_do_chain", "input", Server, "tuple"),
        broken(
            "34",
            "stream-keepalive",
            "keepalive probes are not answered",
            "keepalive",
        )
        .fails("keepalive-timeout", "ETIMEDOUT", Certain),
        broken(
            "97",
            "stream-zero-window",
            "the peer does not read",
            "zero-window",
        )
        .fails("zero-window-timeout", "ETIMEDOUT", Certain),
        broken(
            "33",
            "stream-output-drop",
            "its own OUTPUT begins to drop",
            "drops-output",
        )
        .fails("firewall-drop", "ETIMEDOUT", Certain)
        .dropped("NETFILTER_DROP@nft_do_chain", "output", Client, "socket"),
        broken(
            "10",
            "stream-output-reject",
            "its own OUTPUT begins to reject, with a RST in the peer's name",
            "rejects-output",
        )
        .fails("firewall-reject", "ECONNRESET", Either)
        .reset()
        .dropped("NETFILTER_DROP@nft_do_chain", "output", Client, "socket")
        .way("tx"),
        broken(
            "08",
            "stream-output-reject-by-icmp",
            "the same with ICMP, which the connection outlives",
            "rejects-output-by-icmp",
        )
        .fails("firewall-reject", "ECONNREFUSED", Either)
        .dropped("NETFILTER_DROP@nft_do_chain", "output", Client, "socket"),
        broken(
            "33",
            "stream-input-drop",
            "its own INPUT begins to drop",
            "drops-input",
        )
        .fails("firewall-drop", "ETIMEDOUT", Certain)
        .dropped("NETFILTER_DROP@nft_do_chain", "input", Client, "socket")
        .way("rx"),
    ]
}

/// Something on this host, or on the way, takes its segments.
fn in_the_way() -> Vec<Row> {
    let beyond = |name, about, what| broken("91", name, about, "sends-large").daemon(Router, what);
    vec![
        broken(
            "57",
            "stream-no-carrier",
            "the cable is pulled",
            "breaks-link",
        )
        .fails("link-down", "ETIMEDOUT", Certain),
        broken(
            "53",
            "stream-tc-egress",
            "its own tc begins to drop",
            "drops-by-tc",
        )
        .fails("traffic-control-drop", "ETIMEDOUT", Certain)
        .dropped("TC_EGRESS", "", Client, "socket")
        .way("tx"),
        broken(
            "57",
            "stream-taken-down",
            "its interface is taken down",
            "takes-down",
        )
        .fails("no-route", "ETIMEDOUT", Likely)
        .errno_v6("ENETUNREACH"),
        broken(
            "–",
            "stream-orphans",
            "closed with data under way, and the host bears no more such connections",
            "is-given-up",
        )
        .lowers(HostLimit::Orphans)
        .told("")
        .phase(Close)
        .fails("out-of-memory", "", Certain),
        beyond(
            "stream-unreachable",
            "a router says that the host is unreachable",
            "beyond.py unreachable",
        )
        .fails("icmp-unreachable", "EHOSTUNREACH", Likely),
        beyond(
            "stream-prohibited",
            "a router prohibits it: the errno is that of an unreachable host",
            "beyond.py prohibited",
        )
        .v4()
        .fails("icmp-unreachable", "EHOSTUNREACH", Likely),
        beyond(
            "stream-prohibited-v6",
            "a router prohibits it",
            "beyond.py prohibited",
        )
        .v6()
        .fails("icmp-prohibited", "EACCES", Likely),
        beyond(
            "stream-damaged",
            "what comes back is damaged on the way",
            "beyond.py checksum",
        )
        .fails("bad-segments", "ETIMEDOUT", Certain)
        .dropped("TCP_CSUM", "", Client, "socket")
        .way("rx"),
    ]
}

/// The connection that was accepted breaks.
fn accepted() -> Vec<Row> {
    let silence = "echo 2 > /proc/sys/net/ipv4/tcp_retries2";
    let beyond = |name, what, cause, errno| {
        mirrored("91", name, "sends-large", cause, errno).daemon(Router, what)
    };
    vec![
        mirrored(
            "57",
            "accepted-taken-down",
            "takes-down",
            "no-route",
            "ETIMEDOUT|ENETUNREACH",
        ),
        mirrored("–", "accepted-orphans", "is-given-up", "out-of-memory", "")
            .lowers(HostLimit::Orphans),
        mirrored(
            "33",
            "accepted-user-timeout",
            "user-timeout",
            "user-timeout",
            "ETIMEDOUT",
        ),
        mirrored(
            "33",
            "accepted-silence",
            "silence",
            "retransmission-timeout",
            "ETIMEDOUT",
        )
        .on(Server, silence),
        mirrored(
            "34",
            "accepted-keepalive",
            "keepalive",
            "keepalive-timeout",
            "ETIMEDOUT",
        ),
        mirrored(
            "97",
            "accepted-zero-window",
            "zero-window",
            "zero-window-timeout",
            "ETIMEDOUT",
        )
        .failures(1)
        .fails("reset-by-local", "", Certain),
        mirrored(
            "32",
            "accepted-peer-has-closed",
            "peer-has-closed",
            "broken-pipe",
            "EPIPE",
        ),
        mirrored(
            "72",
            "accepted-killed-by-ss",
            "killed",
            "killed-by-admin",
            "ECONNABORTED",
        )
        .failures(1)
        .fails("reset-by-peer", "ECONNRESET", Certain),
        mirrored(
            "72",
            "accepted-killed-when-closed",
            "killed-when-closed",
            "killed-by-admin",
            "ECONNABORTED",
        ),
        mirrored(
            "33",
            "accepted-output-drop",
            "drops-output",
            "firewall-drop",
            "ETIMEDOUT",
        ),
        mirrored(
            "10",
            "accepted-output-reject",
            "rejects-output",
            "firewall-reject",
            "ECONNRESET",
        ),
        mirrored(
            "33",
            "accepted-input-drop",
            "drops-input",
            "firewall-drop",
            "ETIMEDOUT",
        ),
        mirrored(
            "57",
            "accepted-no-carrier",
            "breaks-link",
            "link-down",
            "ETIMEDOUT",
        ),
        mirrored(
            "40",
            "accepted-mtu-blackhole",
            "meets-small-link",
            "mtu-blackhole",
            "ETIMEDOUT",
        )
        .nft(Router, "output", SILENT_ROUTER),
        mirrored(
            "53",
            "accepted-tc-egress",
            "drops-by-tc",
            "traffic-control-drop",
            "ETIMEDOUT",
        ),
        beyond(
            "accepted-unreachable",
            "beyond.py unreachable",
            "icmp-unreachable",
            "EHOSTUNREACH",
        ),
        beyond(
            "accepted-prohibited",
            "beyond.py prohibited",
            "icmp-unreachable",
            "EHOSTUNREACH",
        )
        .v4(),
        beyond(
            "accepted-prohibited-v6",
            "beyond.py prohibited",
            "icmp-prohibited",
            "EACCES",
        )
        .v6(),
        beyond(
            "accepted-damaged",
            "beyond.py checksum",
            "bad-segments",
            "ETIMEDOUT",
        ),
    ]
}

//! Devices: queues, tc, XDP, carriers, reverse-path filter, and silence.

use super::row::{Block, Row, Sure::*, row};
use crate::net::Place::*;

pub(super) fn rows() -> Vec<Row> {
    [traffic_control(), down(), silence(), beyond()].concat()
}

fn dropped(number: &'static str, name: &'static str, about: &'static str) -> Row {
    row(number, name, about).fails("traffic-control-drop", "ETIMEDOUT", Likely)
}

fn traffic_control() -> Vec<Row> {
    vec![
        dropped("53", "tc-egress", "tc drops what the client sends")
            .tc(Client, "eth0", "egress", 2)
            .fails("traffic-control-drop", "ETIMEDOUT", Certain)
            .dropped("TC_EGRESS", "", Client, "socket")
            .way("tx"),
        dropped(
            "53",
            "router-tc-egress",
            "tc drops what the router forwards",
        )
        .tc(Router, "toward-s", "egress", 2)
        .dropped("TC_EGRESS", "", Router, "tuple")
        .way("forward"),
        dropped(
            "54",
            "tc-ingress-at-peer",
            "tc drops what the server receives",
        )
        .tc(Server, "eth0", "ingress", 2)
        .dropped("TC_INGRESS", "", Server, "tuple")
        .way("rx"),
        dropped(
            "55",
            "xdp-generic",
            "generic XDP drops what the server receives",
        )
        .static_neighbours()
        .block(Block::XdpGeneric)
        .dropped("NOT_SPECIFIED|XDP@do_xdp_generic", "", Server, "tuple")
        .way("rx"),
        dropped(
            "55",
            "xdp-native",
            "native XDP drops what the server receives",
        )
        .static_neighbours()
        .block(Block::XdpNative)
        .dropped("NOT_SPECIFIED|XDP@veth_xdp_rcv_skb", "", Server, "tuple")
        .way("rx"),
        dropped("56", "qdisc-full", "a queue with no room for a SYN")
            .on(Client, "tc qdisc add dev eth0 root bfifo limit $small")
            .fails("traffic-control-drop", "ETIMEDOUT", Certain)
            .dropped("QDISC_DROP|QDISC_OVERLIMIT", "", Client, "socket")
            .way("tx"),
        dropped(
            "56",
            "qdisc-tbf",
            "a token bucket that a SYN does not fit into",
        )
        .static_neighbours()
        .on(
            Client,
            "tc qdisc add dev eth0 root tbf rate 8kbit burst 40 limit 40",
        )
        .fails("traffic-control-drop", "ETIMEDOUT", Certain)
        .dropped("QDISC_DROP|QDISC_OVERLIMIT", "", Client, "socket")
        .way("tx"),
    ]
}

fn down() -> Vec<Row> {
    let link = |number, name, about| row(number, name, about).static_neighbours();
    vec![
        link("57", "no-carrier", "the client's interface has no carrier")
            .on(Router, "ip link set toward-c down")
            .fails("link-down", "ETIMEDOUT", Either)
            .dropped("QDISC_DROP|NOT_SPECIFIED", "", Client, "socket")
            .way("tx"),
        link(
            "58",
            "no-carrier-at-router",
            "the router's interface has no carrier",
        )
        .on(Server, "ip link set eth0 down")
        .fails("link-down", "ETIMEDOUT", Either),
        row(
            "43",
            "reverse-path-filter",
            "the server's way back is another one",
        )
        .v4()
        .on(
            Server,
            "ip link add other type veth peer name rehto; ip link set other up; \
                 ip link set rehto up; ip addr add 10.10.0.1/24 dev other; \
                 ip route add $c dev other; echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter",
        )
        .fails("reverse-path-filter", "ETIMEDOUT", Likely)
        .dropped("IP_RPFILTER@ip_rcv_finish_core", "", Server, "tuple")
        .way("rx"),
    ]
}

fn silence() -> Vec<Row> {
    let silent =
        |number, name, about| row(number, name, about).fails("no-answer", "ETIMEDOUT", Either);
    vec![
        silent(
            "19",
            "no-answer",
            "the server's device takes packets away; nothing is dropped",
        )
        .tc(Server, "eth0", "ingress", 4),
        silent(
            "19",
            "no-answer-tun",
            "packets leave by a tunnel whose other end is silent",
        )
        .daemon(Client, "swallow.py out0")
        .on(Client, "ip link set out0 up; $ip route replace $s dev out0"),
        row(
            "–",
            "tun-stuck",
            "a tunnel's process does not read: its ring is full",
        )
        .daemon(Client, "swallow.py out0")
        .on(
            Client,
            "ip link set out0 up txqueuelen 1; $ip route replace $s dev out0",
        )
        .fails("unknown", "ETIMEDOUT", Unknown)
        .dropped("FULL_RING", "", Client, "tuple")
        .way("tx"),
        silent("83", "no-answer-fastopen", "the same with TCP Fast Open")
            .tc(Server, "eth0", "ingress", 4)
            .client("connect.py $s 8080 --fastopen", ("s", 8080)),
    ]
}

/// What a router says, or does, that is not this host: its kernel knows no more than what came back.
fn beyond() -> Vec<Row> {
    let said = |name, about, what| row("–", name, about).daemon(Router, what);
    vec![
        row(
            "–",
            "ttl-exceeded",
            "more routers on the way than IP_TTL allows",
        )
        .client("connect.py $s 8080 --ttl 1", ("s", 8080))
        .fails("icmp-unreachable", "EHOSTUNREACH", Either),
        said(
            "beyond-unreachable",
            "a router says that the host is unreachable",
            "beyond.py syn-unreachable",
        )
        .fails("icmp-unreachable", "EHOSTUNREACH", Likely),
        said(
            "beyond-prohibited",
            "a router prohibits it: the errno is that of an unreachable host",
            "beyond.py syn-prohibited",
        )
        .v4()
        .fails("icmp-unreachable", "EHOSTUNREACH", Likely),
        said(
            "beyond-prohibited-v6",
            "a router prohibits it",
            "beyond.py syn-prohibited",
        )
        .v6()
        .fails("firewall-reject", "EACCES", Likely),
        said(
            "beyond-port",
            "a firewall says that the port is unreachable",
            "beyond.py syn-port",
        )
        .fails("firewall-reject", "ECONNREFUSED", Likely),
        said(
            "damaged-answer",
            "the SYN-ACK is damaged on the way",
            "beyond.py synack",
        )
        .daemon(Server, "listen.py 8080")
        .fails("bad-segments", "ETIMEDOUT", Either)
        .dropped("TCP_CSUM", "", Client, "socket")
        .way("rx"),
    ]
}

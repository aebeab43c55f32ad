//! What the application and its host do to the connection: ports, timeouts, signals, races.

use super::row::{Local, Row, Sure::*, row};
use crate::net::Place::*;

const ONE_PORT: &str = "echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range";
const DROP: &str = "tcp dport 8080 drop";
const REJECT: &str = "tcp dport 8080 reject with icmpx type port-unreachable";

pub(super) fn rows() -> Vec<Row> {
    [ports(), given_up(), healthy()].concat()
}

fn ports() -> Vec<Row> {
    vec![
        row(
            "16",
            "ports-exhausted",
            "the second connection finds no free port",
        )
        .on(Client, ONE_PORT)
        .daemon(Server, "listen.py 8080 --hold")
        .client("connect.py $s 8080 --times 2 --keep", ("s", 8080))
        .told("connected EADDRNOTAVAIL")
        .local(Local::Unchosen)
        .fails("ports-exhausted", "EADDRNOTAVAIL", Either),
        row(
            "17",
            "address-in-use",
            "both ends are those of a connection that exists",
        )
        .daemon(Server, "listen.py 8080 --hold")
        .client(
            "connect.py $s 8080 --bind 20002 --times 2 --keep",
            ("s", 8080),
        )
        .told("connected EADDRNOTAVAIL")
        .local(Local::Port(20002))
        .fails("address-in-use", "EADDRNOTAVAIL", Either),
    ]
}

fn given_up() -> Vec<Row> {
    let abandoned = |number, name, about| row(number, name, about).fails("abandoned", "", Either);
    vec![
        abandoned(
            "19",
            "abandoned-dropped",
            "the application's timeout; a firewall dropped",
        )
        .nft(Server, "input", DROP)
        .client("connect.py $s 8080 --timeout 0.5", ("s", 8080))
        .told("timeout")
        .stuck_on("firewall-drop"),
        abandoned(
            "19",
            "abandoned-curl",
            "curl's own timeout; a firewall dropped",
        )
        .nft(Server, "input", DROP)
        .client(
            "curl --silent --globoff --connect-timeout 1 http://$url:8080/",
            ("s", 8080),
        )
        .exits(28)
        .stuck_on("firewall-drop"),
        abandoned(
            "19",
            "abandoned-silent",
            "the application's timeout; nothing answered",
        )
        .tc(Server, "eth0", "ingress", 4)
        .client("connect.py $s 8080 --timeout 0.5", ("s", 8080))
        .told("timeout")
        .stuck_on("no-answer"),
        abandoned("73b", "abandoned-signal", "a signal interrupts connect()")
            .nft(Server, "input", DROP)
            .client("connect.py $s 8080 --alarm 0.5", ("s", 8080))
            .told("interrupted")
            .stuck_on("firewall-drop"),
        row(
            "19b",
            "soft-error-taken",
            "non-blocking; the ICMP error is read with SO_ERROR",
        )
        .nft(Server, "input", REJECT)
        .client("connect.py $s 8080 --nonblock", ("s", 8080))
        .fails("firewall-reject", "ECONNREFUSED", Either),
        row("19b", "soft-error-taken-curl", "the same by curl")
            .nft(Server, "input", REJECT)
            .client("curl --silent --globoff http://$url:8080/", ("s", 8080))
            .exits(7)
            .fails("firewall-reject", "ECONNREFUSED", Either),
        row(
            "72",
            "killed-by-ss-while-connecting",
            "ss -K before an answer",
        )
        .nft(Server, "input", DROP)
        .client(
            "connect.py $s 8080 --meanwhile 'ss -K dport = :8080'",
            ("s", 8080),
        )
        .fails("killed-by-admin", "ECONNABORTED", Either),
        row("73", "killed-while-connecting", "SIGKILL before an answer")
            .nft(Server, "input", DROP)
            .client("connect.py $s 8080 --kill 0.5", ("s", 8080))
            .told("")
            .exits(-9)
            .fails("process-exited", "", Either)
            .stuck_on("|firewall-drop"),
    ]
}

fn healthy() -> Vec<Row> {
    vec![
        row("–", "healthy", "a connection that works: no record")
            .daemon(Server, "listen.py 8080")
            .told("connected")
            .failures(0),
        row(
            "–",
            "happy-eyeballs",
            "curl's IPv6 attempt is dropped, IPv4 wins: no failure",
        )
        .v4()
        .daemon(Server, "listen.py 8080 --http")
        .nft(Server, "input", "meta nfproto ipv6 tcp dport 8080 drop")
        .client(
            "curl --silent --resolve lab:8080:[$s6],$s4 http://lab:8080/",
            ("s", 8080),
        )
        .failures(0),
    ]
}

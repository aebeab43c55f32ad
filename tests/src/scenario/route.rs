//! Routing and neighbours, here and at the router.

use super::row::{Local, Row, Sure::*, row};
use crate::net::Place::*;

pub(super) fn rows() -> Vec<Row> {
    [here(), at_router(), neighbours()].concat()
}

fn here() -> Vec<Row> {
    let refused = |number, name, about| row(number, name, about).local(Local::Unchosen);
    vec![
        refused("11", "no-route", "no route: no SYN is made")
            .on(Client, "$ip route del default")
            .fails("no-route", "ENETUNREACH", Either),
        refused(
            "11",
            "interface-down",
            "the only interface is down, and its routes with it",
        )
        .on(Client, "ip link set eth0 down")
        .fails("no-route|link-down", "ENETUNREACH", Either),
        row("–", "route-vanishes", "the route goes after the first SYN")
            .tc(Server, "eth0", "ingress", 4)
            .client(
                "connect.py $s 8080 --meanwhile '$ip route del default'",
                ("s", 8080),
            )
            .fails("no-route", "ETIMEDOUT|ENETUNREACH", Either),
        refused("12", "route-blackhole", "a blackhole route")
            .on(Client, "$ip route add blackhole $s")
            .fails("route-blackhole", "EINVAL", Either),
        refused("12", "route-unreachable", "an unreachable route")
            .on(Client, "$ip route add unreachable $s")
            .fails("route-unreachable", "EHOSTUNREACH", Either),
        refused("12", "route-prohibited", "a prohibit route")
            .on(Client, "$ip route add prohibit $s")
            .fails("route-prohibited", "EACCES", Either),
    ]
}

fn at_router() -> Vec<Row> {
    vec![
        row("13", "router-blackhole", "the router has a blackhole route")
            .on(Router, "$ip route add blackhole $s")
            .fails("route-blackhole", "ETIMEDOUT", Either)
            .dropped(
                "NOT_SPECIFIED|IP_INNOROUTES@ip_error|dst_discard|dst_discard_out",
                "",
                Router,
                "tuple",
            )
            .way("forward"),
        row(
            "13b",
            "router-unreachable",
            "the router has an unreachable route",
        )
        .on(Router, "$ip route add unreachable $s")
        .fails("route-unreachable", "EHOSTUNREACH", Either)
        .errno_v6("ENETUNREACH|EHOSTUNREACH"),
        row(
            "13c",
            "router-prohibited",
            "the router has a prohibit route",
        )
        .on(Router, "$ip route add prohibit $s")
        .fails("route-prohibited", "EHOSTUNREACH", Either)
        .errno_v6("EACCES"),
        row("13d", "router-no-route", "the router knows no way")
            .on(Router, "$ip route del $server_net dev toward-s")
            .fails("no-route", "ENETUNREACH", Either),
    ]
}

fn neighbours() -> Vec<Row> {
    let patient = "echo 3 > /proc/sys/net/ipv4/tcp_syn_retries";
    let unresolved = |number, name, about| {
        row(number, name, about).fails("neighbor-unresolved", "EHOSTUNREACH", Either)
    };
    vec![
        unresolved(
            "14",
            "neighbour-timeout",
            "nobody answers ARP/ND; TCP gives up first",
        )
        .client("connect.py $near 8080", ("near", 8080))
        .fails("neighbor-unresolved", "ETIMEDOUT|EHOSTUNREACH", Either),
        unresolved(
            "14b",
            "neighbour-failed",
            "nobody answers ARP/ND; the neighbour fails first",
        )
        .on(Client, patient)
        .client("connect.py $near 8080", ("near", 8080)),
        unresolved(
            "15b",
            "router-neighbour-failed",
            "nobody answers the router's ARP/ND",
        )
        .on(Client, patient)
        .client("connect.py $far 8080", ("far", 8080)),
    ]
}

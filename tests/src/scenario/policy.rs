//! cgroup BPF, and seccomp, which nobody sees.

use super::row::{Block, Count, Local, Row, Sure::*, row};
use crate::net::Place::*;

pub(super) fn rows() -> Vec<Row> {
    let dropped = |number, name, about| {
        row(number, name, about).fails("traffic-control-drop", "ETIMEDOUT", Either)
    };
    vec![
        row(
            "50",
            "cgroup-denied",
            "cgroup/connect refuses: no SYN is made",
        )
        .block(Block::Connect)
        .local(Local::Unchosen)
        .fails("denied-by-policy", "EPERM", Either),
        row(
            "-",
            "seccomp-denied",
            "seccomp answers for connect(), which is never called: nothing is told, nobody is blamed",
        )
        .client("connect.py $s 8080 --seccomp EACCES", ("s", 8080))
        .failures(0)
        .told("EACCES"),
        dropped(
            "51",
            "cgroup-egress",
            "cgroup_skb drops what the client sends",
        )
        .block(Block::ClientEgress)
        .fails("traffic-control-drop", "ETIMEDOUT", Certain)
        .dropped("BPF_CGROUP_EGRESS", "", Client, "socket").way("tx"),
        dropped("52", "cgroup-ingress", "cgroup_skb drops the answer")
            .daemon(Server, "listen.py 8080")
            .block(Block::ClientIngress)
            .dropped("SOCKET_FILTER", "", Client, "socket|tuple").way("rx"),
        dropped(
            "52",
            "cgroup-ingress-at-peer",
            "cgroup_skb drops what the listener receives",
        )
        .daemon(Server, "listen.py 8080")
        .block(Block::ListenerIngress)
        .dropped("SOCKET_FILTER", "", Server, "listener|tuple")
        .turns_away("traffic-control-drop", Count::Between(2, 3), Certain)
        .by_reason("SOCKET_FILTER"),
    ]
}

//! Nobody listens there.

use super::row::{Local, Row, Sure::*, row};
use crate::net::Place::*;

pub(super) fn rows() -> Vec<Row> {
    let refused = |number, name, about| {
        row(number, name, about)
            .fails("connection-refused", "ECONNREFUSED", Either)
            .reset()
    };
    vec![
        refused(
            "01",
            "refused-loopback",
            "closed port; answered inside the client's own call",
        )
        .client("connect.py $lo 9", ("lo", 9)),
        refused("02", "refused-remote", "closed port of the server"),
        refused("02", "refused-curl", "the same, by curl")
            .client("curl --silent --globoff http://$url:8080/", ("s", 8080))
            .exits(7),
        refused("02", "refused-nc", "the same, by nc")
            .client("nc -v $s 8080", ("s", 8080))
            .exits(1),
        refused(
            "02",
            "refused-bound",
            "the same from a port of one's own choice",
        )
        .client("connect.py $s 8080 --bind 20001", ("s", 8080))
        .local(Local::Port(20001)),
        refused("18", "refused-nonblocking", "connect, poll, SO_ERROR")
            .client("connect.py $s 8080 --nonblock", ("s", 8080)),
        refused(
            "96",
            "refused-retry",
            "second attempt on the same descriptor: two records",
        )
        .client(
            "connect.py $s 8080 --nonblock --same-fd --times 2",
            ("s", 8080),
        )
        .failures(2),
        refused("02", "refused-five-times", "five attempts: five records")
            .client("connect.py $s 8080 --times 5", ("s", 8080))
            .failures(5),
        refused(
            "02",
            "refused-thread",
            "made by a thread with a name of its own",
        )
        .client("connect.py $s 8080 --thread worker-7", ("s", 8080))
        .thread("worker-7"),
        refused("02", "refused-mapped", "an IPv6 socket that talks IPv4")
            .v4()
            .client("connect.py $s 8080 --mapped", ("s", 8080))
            .mapped(),
        refused(
            "83",
            "refused-fastopen",
            "TCP Fast Open: sendto() instead of connect()",
        )
        .client("connect.py $s 8080 --fastopen", ("s", 8080)),
        refused(
            "82",
            "refused-mptcp",
            "MPTCP: one record, not one for each subflow",
        )
        .client("connect.py $s 8080 --mptcp", ("s", 8080)),
        refused("95", "refused-io-uring", "no connect system call is made")
            .client("uring.py $s 8080", ("s", 8080)),
        refused(
            "64",
            "refused-after-dnat",
            "translated by the client to a port where nobody listens",
        )
        .nft(Client, "output", "tcp dport 8080 dnat $nfip to $url:9090"),
        refused(
            "65",
            "refused-with-both-ends-translated",
            "a router translates both ends, as between containers of one bridge",
        )
        .nft(
            Router,
            "prerouting",
            "tcp dport 8080 dnat $nfip to $url:9090",
        )
        .nft(Router, "postrouting", "tcp dport 9090 masquerade")
        .says("address translation had led it from *:8080 to *:9090"),
        refused(
            "02",
            "refused-other-address",
            "the service listens on another address of the server only",
        )
        .daemon(Server, "listen.py 8080 --on $lo")
        .says("python3[$daemon] listens on *:8080 only"),
        refused(
            "02",
            "refused-other-family",
            "the service listens for the other family only",
        )
        .daemon(Server, "listen.py 8080 --on $other_any")
        .says("python3[$daemon] listens on *:8080, for IPv* only*"),
        refused(
            "02",
            "refused-other-namespace",
            "the service listens in another network namespace only",
        )
        .client("connect.py $s 7707", ("s", 7707))
        .daemon(Router, "listen.py 7707")
        .says("python3[$daemon] listens on [::]:7707 in network namespace *")
        .alone(),
    ]
}

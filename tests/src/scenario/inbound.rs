//! Handshakes that the server's listener does not take, seen from there.

use tracer_user::record::Phase::Established;

use super::row::{Count::*, Local, Nat, Row, Sure::*, row};
use crate::net::Place::*;

/// Segments made by hand: the client's kernel knows nothing of them, and would answer with a RST.
const NO_RST: &str = "tcp flags rst drop";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = queues();
    rows.extend(handshakes());
    rows.extend(barred());
    rows
}

fn queues() -> Vec<Row> {
    let cookies = |on| format!("echo {on} > /proc/sys/net/ipv4/tcp_syncookies");
    vec![
        row("20", "accept-queue-full", "the application does not accept")
            .daemon(Server, "listen.py 8080 --backlog 1 --stuck")
            .client("connect.py $s 8080 --times 4", ("s", 8080))
            .told("connected connected ETIMEDOUT ETIMEDOUT")
            .failures(2)
            .fails("accept-queue-full", "ETIMEDOUT", Likely)
            .turns_away(
                "accept-queue-full",
                Counter("TcpExtListenOverflows"),
                Certain,
            ),
        row(
            "20",
            "accept-queue-full-translated",
            "the same behind a router that translates its own address, as a host does for a container",
        )
        .daemon(Server, "listen.py 8080 --backlog 1 --stuck")
        .nft(
            Router,
            "prerouting",
            "tcp dport 8080 dnat $nfip to $url:8080",
        )
        .client("connect.py $r 8080 --times 4", ("r", 8080))
        .told("connected connected ETIMEDOUT ETIMEDOUT")
        .failures(2)
        // Where translation leads to is not asked of a host that is busy.
        .fails("accept-queue-full|no-answer", "ETIMEDOUT", Likely)
        .translated(Router, Nat::Destination)
        .turns_away(
            "accept-queue-full",
            Counter("TcpExtListenOverflows"),
            Certain,
        ),
        row(
            "21",
            "accept-queue-full-late",
            "the last ACK finds the queue full",
        )
        .daemon(Server, "listen.py 8080 --backlog 3 --stuck")
        .client("late.py $s 8080 --first 2 --late 3", ("s", 8080))
        .only_inbound()
        .turns_away(
            "accept-queue-full",
            Counter("TcpExtListenOverflows"),
            Certain,
        )
        .by_reason("TCP_LISTEN_OVERFLOW"),
        row(
            "22",
            "abort-on-overflow",
            "the same, and the listener answers with a RST",
        )
        .on(Server, "echo 1 > /proc/sys/net/ipv4/tcp_abort_on_overflow")
        .daemon(Server, "listen.py 8080 --backlog 3 --stuck")
        .client("late.py $s 8080 --first 2 --late 3", ("s", 8080))
        .told("")
        .phase(Established)
        .fails("reset-by-peer", "ECONNRESET", Certain)
        .turns_away(
            "accept-queue-full",
            Counter("TcpExtListenOverflows"),
            Certain,
        )
        .by_reason("TCP_LISTEN_OVERFLOW"),
        row("71", "syn-queue-full", "a SYN flood without SYN cookies")
            .on(Server, cookies(0))
            .on(Server, "echo 1 > /proc/sys/net/ipv4/tcp_synack_retries")
            .nft(Client, "output", NO_RST)
            .daemon(Server, "listen.py 8080 --backlog 4")
            .client("syn.py $s 8080 --count 300 --wait 5", ("s", 8080))
            .only_inbound()
            .turns_away("syn-queue-full", Counter("TcpExtTCPReqQFullDrop"), Either)
            .turns_away("handshake-incomplete", Between(4, 5), Likely),
        row("71", "syn-queue-full-client", "a client among a SYN flood")
            .on(Server, cookies(0))
            .nft(Client, "output", NO_RST)
            .daemon(Server, "listen.py 8080 --backlog 4")
            .daemon(Client, "syn.py $s 8080 --count 50 --beside")
            .fails("syn-queue-full", "ETIMEDOUT", Likely)
            .turns_away("syn-queue-full", Counter("TcpExtTCPReqQFullDrop"), Either)
            // Where the scenario lasts long enough, the kernel gives up those that wait.
            .turns_away("handshake-incomplete", Between(0, 5), Likely),
        row(
            "-",
            "syn-backlog",
            "without SYN cookies strangers get no more than three quarters of tcp_max_syn_backlog",
        )
        .on(Server, cookies(0))
        .on(Server, "echo 16 > /proc/sys/net/ipv4/tcp_max_syn_backlog")
        .nft(Client, "output", NO_RST)
        .daemon(Server, "listen.py 8080 --backlog 100")
        .daemon(Client, "syn.py $s 8080 --count 50 --beside")
        .fails("syn-queue-full", "ETIMEDOUT", Likely)
        .says("as last seen, 13 handshakes are under way; net.ipv4.tcp_max_syn_backlog is 16,*")
        .turns_away("syn-queue-full", Counter("TcpExtListenDrops"), Likely),
        row("71", "syn-flood-cookies", "a SYN flood with SYN cookies")
            .on(Server, cookies(1))
            .on(Server, "echo 1 > /proc/sys/net/ipv4/tcp_synack_retries")
            .nft(Client, "output", NO_RST)
            .daemon(Server, "listen.py 8080 --backlog 4")
            .client("syn.py $s 8080 --count 300 --wait 5", ("s", 8080))
            .only_inbound()
            .turns_away(
                "syn-queue-full",
                Counter("TcpExtTCPReqQFullDoCookies"),
                Certain,
            )
            .with_cookies()
            .turns_away("handshake-incomplete", Between(4, 5), Likely),
    ]
}

/// A firewall of the server's keeps strangers from its listener: SYNs made by hand are of no client that
/// this host knows.
fn barred() -> Vec<Row> {
    let kept = |name, about, hook, rule| {
        row("-", name, about)
            .on(Server, "echo 1 > /proc/sys/net/ipv4/tcp_synack_retries")
            .nft(Server, hook, rule)
            .client("syn.py $s 8080 --count 3", ("s", 8080))
            .only_inbound()
    };
    let strangers =
        |name, about, hook, rule| kept(name, about, hook, rule).daemon(Server, "listen.py 8080");
    vec![
        strangers(
            "strangers-dropped",
            "the server's firewall drops SYNs on INPUT",
            "input",
            "tcp dport 8080 drop",
        )
        .turns_away("firewall-drop", Exactly(3), Likely)
        .by_its_rule("tcp dport 8080 drop"),
        strangers(
            "strangers-reset",
            "the server's firewall answers SYNs with a RST: its rules tell",
            "input",
            "tcp dport 8080 reject with tcp reset",
        )
        .turns_away("firewall-reject", Exactly(3), Likely)
        .by_its_rule("*reject*"),
        strangers(
            "strangers-rejected",
            "the server's firewall rejects SYNs on INPUT",
            "input",
            "tcp dport 8080 reject with icmpx admin-prohibited",
        )
        .turns_away("firewall-reject", Exactly(3), Likely)
        .by_its_rule("*reject*"),
        strangers(
            "answers-dropped",
            "the server's firewall drops SYN-ACKs on OUTPUT, each of them twice",
            "output",
            "tcp sport 8080 tcp flags syn,ack / syn,ack drop",
        )
        .turns_away("firewall-drop", Exactly(6), Likely),
        kept(
            "strangers-of-several",
            "three processes listen there: a SYN would have gone to one of them",
            "input",
            "tcp dport 8080 drop",
        )
        .daemon(Server, "listen.py 8080 --shared")
        .daemon(Server, "listen.py 8080 --shared")
        .daemon(Server, "listen.py 8080 --shared")
        .turns_away("firewall-drop", Exactly(3), Likely)
        .at_one_of(3),
        row(
            "-",
            "last-acks-dropped",
            "the server's firewall lets SYNs in, and drops what acknowledges its SYN-ACKs",
        )
        .on(Server, "echo 1 > /proc/sys/net/ipv4/tcp_synack_retries")
        .nft(Client, "output", NO_RST)
        .nft(
            Server,
            "input",
            "tcp dport 8080 tcp flags & (syn | ack) == ack drop",
        )
        .daemon(Server, "listen.py 8080")
        .client(
            "syn.py $s 8080 --count 3 --acknowledge --wait 5",
            ("s", 8080),
        )
        .only_inbound()
        .turns_away("firewall-drop", Exactly(3), Likely)
        .by_its_rule("*ack drop"),
    ]
}

fn handshakes() -> Vec<Row> {
    vec![
        row(
            "-",
            "handshake-incomplete",
            "nobody answers the listener's SYN-ACKs",
        )
        .on(Server, "echo 1 > /proc/sys/net/ipv4/tcp_synack_retries")
        .nft(Client, "output", NO_RST)
        .daemon(Server, "listen.py 8080")
        .client("syn.py $s 8080 --count 3 --wait 5", ("s", 8080))
        .only_inbound()
        .turns_away("handshake-incomplete", Exactly(3), Likely),
        row(
            "80",
            "md5-missing",
            "the listener demands a signature that the client does not give",
        )
        .daemon(Server, "listen.py 8080 --md5 $c")
        .fails("handshake-rejected", "ETIMEDOUT", Either)
        .dropped("TCP_MD5NOTFOUND", "", Server, "tuple|listener")
        .way("rx")
        .turns_away(
            "handshake-rejected",
            Counter("TcpExtTCPMD5NotFound"),
            Certain,
        )
        .by_reason("TCP_MD5NOTFOUND"),
        row(
            "80",
            "md5-unexpected",
            "the client signs, and the listener knows of no key",
        )
        .daemon(Server, "listen.py 8080")
        .client("connect.py $s 8080 --md5", ("s", 8080))
        .fails("handshake-rejected", "ETIMEDOUT", Either)
        .dropped("TCP_MD5UNEXPECTED", "", Server, "tuple|listener")
        .turns_away(
            "handshake-rejected",
            Counter("TcpExtTCPMD5Unexpected"),
            Certain,
        )
        .by_reason("TCP_MD5UNEXPECTED"),
        row("80", "md5-wrong", "the two have different keys")
            .daemon(Server, "listen.py 8080 --md5 $c")
            .client("connect.py $s 8080 --md5", ("s", 8080))
            .fails("handshake-rejected", "ETIMEDOUT", Either)
            .dropped("TCP_MD5FAILURE", "", Server, "tuple|listener")
            .turns_away(
                "handshake-rejected",
                Counter("TcpExtTCPMD5Failure"),
                Certain,
            )
            .by_reason("TCP_MD5FAILURE"),
        row("42", "syn-and-fin", "flags that make no sense")
            .nft(Client, "output", NO_RST)
            .daemon(Server, "listen.py 8080")
            .client("syn.py $s 8080 --flags syn,fin --count 7", ("s", 8080))
            .only_inbound()
            .turns_away("handshake-rejected", Exactly(7), Certain)
            .by_reason("TCP_FLAGS"),
        row(
            "-",
            "well-behaved",
            "connections, half-open scans, strays: nothing of it is a failure",
        )
        .daemon(Server, "listen.py 8080")
        .client("behaved.py $s 8080 --count 60", ("s", 8080))
        .local(Local::Unchosen)
        .only_inbound(),
    ]
}

//! Netfilter: nftables and iptables-legacy, at every hook, at the client, a router and the server.

use tracer_user::record::PeerRole;

use super::row::{HostLimit, Nat, Row, Sure::*, row};
use crate::net::Place::*;

const NFT: &str = "NETFILTER_DROP@nft_do_chain";
const LEGACY: &str = "NETFILTER_DROP@nf_hook_slow";
const RULE: &str = "tcp dport 8080";

pub(super) fn rows() -> Vec<Row> {
    [
        server(),
        client(),
        router(),
        translated(),
        legacy(),
        rules(),
        conntrack(),
    ]
    .concat()
}

fn drop(number: &'static str, name: &'static str, about: &'static str) -> Row {
    row(number, name, about).fails("firewall-drop", "ETIMEDOUT", Likely)
}

fn reject(number: &'static str, name: &'static str, about: &'static str) -> Row {
    row(number, name, about).fails("firewall-reject", "ECONNREFUSED", Either)
}

fn server() -> Vec<Row> {
    vec![
        drop("03", "peer-input-drop", "the server drops what comes in")
            .nft(Server, "input", "tcp dport 8080 drop")
            .dropped(NFT, "input", Server, "tuple")
            .way("rx")
            .by_rule("tcp dport 8080 drop"),
        drop(
            "03",
            "peer-input-drop-listener",
            "the server drops it though somebody listens",
        )
        .daemon(Server, "listen.py 8080")
        .nft(Server, "input", "tcp dport 8080 drop")
        .dropped(NFT, "input", Server, "tuple")
        .peer(PeerRole::Listener),
        drop(
            "03",
            "peer-prerouting-drop",
            "the server drops before routing",
        )
        .nft(Server, "prerouting", "tcp dport 8080 drop")
        .dropped(NFT, "prerouting", Server, "tuple"),
        drop("03", "peer-output-drop", "the server drops its own answer")
            .daemon(Server, "listen.py 8080")
            .nft(Server, "output", "tcp sport 8080 drop")
            .dropped(NFT, "output", Server, "tuple")
            .way("tx"),
        drop(
            "03",
            "peer-input-drop-curl",
            "the same as peer-input-drop, by curl",
        )
        .nft(Server, "input", "tcp dport 8080 drop")
        .client("curl --silent --globoff http://$url:8080/", ("s", 8080))
        .exits(28)
        .dropped(NFT, "input", Server, "tuple"),
        drop("82", "peer-input-drop-mptcp", "MPTCP: one record")
            .nft(Server, "input", "tcp dport 8080 drop")
            .client("connect.py $s 8080 --mptcp", ("s", 8080))
            .dropped(NFT, "input", Server, "tuple"),
        drop("95", "peer-input-drop-io-uring", "by io_uring")
            .nft(Server, "input", "tcp dport 8080 drop")
            .client("uring.py $s 8080", ("s", 8080))
            .dropped(NFT, "input", Server, "tuple"),
        reject("04", "peer-reject-port", "ICMP port-unreachable").nft(
            Server,
            "input",
            "tcp dport 8080 reject with icmpx type port-unreachable",
        ),
        reject(
            "05",
            "peer-reject-admin",
            "ICMP administratively prohibited",
        )
        .nft(
            Server,
            "input",
            "tcp dport 8080 reject with icmpx type admin-prohibited",
        )
        .fails("firewall-reject", "EHOSTUNREACH", Either)
        .errno_v6("EACCES"),
        reject("06", "peer-reject-reset", "a RST that netfilter made")
            .nft(Server, "input", "tcp dport 8080 reject with tcp reset")
            .reset(),
    ]
}

fn client() -> Vec<Row> {
    vec![
        drop(
            "07",
            "output-drop",
            "the client's own firewall: ETIMEDOUT, not EPERM",
        )
        .nft(Client, "output", "tcp dport 8080 drop")
        .fails("firewall-drop", "ETIMEDOUT", Certain)
        .dropped(NFT, "output", Client, "socket")
        .way("tx"),
        drop("07", "postrouting-drop", "the same, after routing")
            .nft(Client, "postrouting", "tcp dport 8080 drop")
            .fails("firewall-drop", "ETIMEDOUT", Certain)
            .dropped(NFT, "postrouting", Client, "socket"),
        drop(
            "07",
            "input-drop-of-answer",
            "the client drops the server's SYN-ACK",
        )
        .daemon(Server, "listen.py 8080")
        .nft(Client, "input", "tcp sport 8080 drop")
        .fails("firewall-drop", "ETIMEDOUT", Either)
        .dropped(NFT, "input", Client, "socket|tuple"),
        drop(
            "07",
            "loopback-input-drop",
            "dropped between two ends of one host",
        )
        .nft(Client, "input", "tcp dport 8080 drop")
        .client("connect.py $lo 8080", ("lo", 8080))
        .fails("firewall-drop", "ETIMEDOUT", Either)
        .dropped(NFT, "input", Client, "socket|tuple"),
        reject(
            "08",
            "output-reject-port",
            "ICMP port-unreachable, to oneself",
        )
        .nft(
            Client,
            "output",
            "tcp dport 8080 reject with icmpx type port-unreachable",
        ),
        reject(
            "09",
            "output-reject-admin",
            "ICMP administratively prohibited, to oneself",
        )
        .nft(
            Client,
            "output",
            "tcp dport 8080 reject with icmpx type admin-prohibited",
        )
        .fails("firewall-reject", "EHOSTUNREACH", Either)
        .errno_v6("EACCES"),
        reject(
            "10",
            "output-reject-reset",
            "a RST that netfilter made, to oneself",
        )
        .nft(Client, "output", "tcp dport 8080 reject with tcp reset")
        .reset(),
    ]
}

fn router() -> Vec<Row> {
    vec![
        drop("03", "router-forward-drop", "a firewall between")
            .nft(Router, "forward", "tcp dport 8080 drop")
            .dropped(NFT, "forward", Router, "tuple")
            .way("forward"),
        drop("03", "router-prerouting-drop", "the same, before routing")
            .nft(Router, "prerouting", "tcp dport 8080 drop")
            .dropped(NFT, "prerouting", Router, "tuple")
            .way("rx"),
        drop("03", "router-postrouting-drop", "the same, after routing")
            .nft(Router, "postrouting", "tcp dport 8080 drop")
            .dropped(NFT, "postrouting", Router, "tuple")
            .way("forward"),
        reject(
            "04",
            "router-forward-reject",
            "a firewall between that says so",
        )
        .nft(
            Router,
            "forward",
            "tcp dport 8080 reject with icmpx type admin-prohibited",
        )
        .fails("firewall-reject", "EHOSTUNREACH", Either)
        .errno_v6("EACCES"),
    ]
}

fn translated() -> Vec<Row> {
    vec![
        drop(
            "64",
            "dnat-here-then-drop",
            "translated by the client, dropped by the server",
        )
        .nft(Client, "output", "tcp dport 8080 dnat $nfip to $url:9090")
        .nft(Server, "input", "tcp dport 9090 drop")
        .translated(Client, Nat::Destination)
        .dropped(NFT, "input", Server, "tuple"),
        drop(
            "65",
            "dnat-at-router-then-drop",
            "translated by the router, dropped by the server",
        )
        .nft(
            Router,
            "prerouting",
            "tcp dport 8080 dnat $nfip to $url:9090",
        )
        .nft(Server, "input", "tcp dport 9090 drop")
        .dropped(NFT, "input", Server, "tuple")
        .translated(Router, Nat::Destination)
        .by_rule("tcp dport 9090 drop"),
        drop(
            "65",
            "masquerade-then-drop",
            "the router masquerades it, dropped by the server",
        )
        .nft(Router, "postrouting", "tcp dport 8080 masquerade")
        .nft(Server, "input", "tcp dport 8080 drop")
        .dropped(NFT, "input", Server, "tuple")
        .translated(Router, Nat::Source),
        drop(
            "65",
            "both-ends-translated-then-drop",
            "the router translates both ends, as between containers of one bridge",
        )
        .nft(
            Router,
            "prerouting",
            "tcp dport 8080 dnat $nfip to $url:9090",
        )
        .nft(Router, "postrouting", "tcp dport 9090 masquerade")
        .nft(Server, "input", "tcp dport 9090 drop")
        .dropped(NFT, "input", Server, "tuple")
        .by_rule("tcp dport 9090 drop"),
    ]
}

fn legacy() -> Vec<Row> {
    let rule = |chain, target| format!("$iptables -w -A {chain} -p {RULE} -j {target}");
    let rule = |chain, target| rule(chain, target).replace("tcp dport", "tcp --dport");
    vec![
        drop("62", "legacy-input-drop", "iptables-legacy at the server")
            .on(Server, rule("INPUT", "DROP"))
            .dropped(LEGACY, "input", Server, "tuple")
            .by_rule("-A INPUT -p tcp -m tcp --dport 8080 -j DROP"),
        drop("62", "legacy-forward-drop", "iptables-legacy at the router")
            .on(Router, rule("FORWARD", "DROP"))
            .dropped(LEGACY, "forward", Router, "tuple"),
        drop("62", "legacy-output-drop", "iptables-legacy at the client")
            .on(Client, rule("OUTPUT", "DROP"))
            .fails("firewall-drop", "ETIMEDOUT", Certain)
            .dropped(LEGACY, "output", Client, "socket"),
        reject("63", "legacy-input-reject", "iptables-legacy with ICMP")
            .on(Server, rule("INPUT", "REJECT"))
            .by_rule("-A INPUT -p tcp -m tcp --dport 8080 -j REJECT*"),
        reject("63", "legacy-input-reset", "iptables-legacy with a RST")
            .on(Server, rule("INPUT", "REJECT --reject-with tcp-reset"))
            .reset(),
    ]
}

/// A whole ruleset at the server, of which one rule did it.
fn rules() -> Vec<Row> {
    let nft = |name, about, ruleset: &str| {
        drop("03", name, about)
            .on(Server, format!("nft -f - <<'END'\n{ruleset}\nEND"))
            .dropped(NFT, "input", Server, "tuple")
    };
    vec![
        nft(
            "rule-by-set",
            "a rule with a set, among others",
            "table inet lab {
                set ports { type inet_service; flags interval; elements = { 22, 8000-8100 }; }
                chain in { type filter hook input priority 0;
                    ct state established,related accept
                    tcp dport 9090 drop
                    tcp dport @ports counter drop comment \"an acme rule\"
                    tcp dport 8080 accept
                }
            }",
        )
        .by_rule("tcp dport @ports counter drop comment *"),
        nft(
            "rule-by-vmap",
            "a verdict map that leads to a chain",
            "table inet lab {
                chain web { ct state new goto dead; }
                chain dead { meta l4proto udp accept; counter drop; }
                chain in { type filter hook input priority 0;
                    tcp dport vmap { 22 : accept, 8080 : jump web }
                }
            }",
        )
        .by_rule("counter drop"),
        nft(
            "rule-is-policy",
            "nothing accepts it, and the policy drops",
            "table inet lab {
                chain in { type filter hook input priority 0; policy drop;
                    ct state vmap { established : accept, related : accept, invalid : drop }
                    meta l4proto ipv6-icmp accept
                    tcp dport { 22, 80 } accept
                }
            }",
        )
        .by_rule("policy drop"),
        nft(
            "rule-by-counter",
            "counters tell which of two rules it was",
            "table inet lab {
                chain in { type filter hook input priority 0;
                    tcp dport 8080 meta mark 7 counter drop
                    tcp dport 8080 meta mark 0 counter drop
                }
            }",
        )
        .by_rule("tcp dport 8080 meta mark 0x00000000 counter drop"),
        drop("03", "rule-of-iptables-nft", "iptables-nft, with multiport")
            .on(
                Server,
                "$iptables_nft -w -A INPUT -p tcp -m multiport --dports 80,8080 -j DROP",
            )
            .dropped(NFT, "input", Server, "tuple")
            .by_rule("-A INPUT -p tcp -m multiport --dports 80,8080 -j DROP"),
        drop(
            "62",
            "rule-is-legacy-policy",
            "the policy of iptables-legacy",
        )
        .on(
            Server,
            "$iptables -w -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT; $iptables -w -P INPUT DROP
             $ip neigh replace $rs lladdr 02:00:00:00:01:05 dev eth0",
        )
        .static_neighbours()
        .dropped(LEGACY, "input", Server, "tuple")
        .by_rule("policy drop"),
    ]
}

fn conntrack() -> Vec<Row> {
    vec![
        row(
            "60",
            "conntrack-invalid-here",
            "the answer to an untracked SYN is invalid",
        )
        .daemon(Server, "listen.py 8080")
        .nft(Client, "output", "tcp dport 8080 notrack")
        .nft(Client, "input", "ct state invalid drop")
        .fails("conntrack-invalid", "ETIMEDOUT", Either)
        .dropped(NFT, "input", Client, "socket|tuple"),
        row("60", "conntrack-invalid-at-peer", "the same at the server")
            .daemon(Server, "listen.py 8080")
            .nft(Server, "prerouting", "tcp dport 8080 notrack")
            .nft(Server, "output", "ct state invalid drop")
            .fails("conntrack-invalid", "ETIMEDOUT", Either)
            .dropped(NFT, "output", Server, "tuple"),
        row("61", "conntrack-full", "the server's table has no room")
            .lowers(HostLimit::Conntrack)
            .daemon(Server, "listen.py 7070 --hold")
            .nft(Server, "input", "ct state established accept")
            .daemon(Server, "connect.py $lo 7070 --keep --stay")
            .fails("conntrack-full", "ETIMEDOUT", Either)
            .dropped(LEGACY, "prerouting", Server, "tuple"),
    ]
}

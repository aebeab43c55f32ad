//! What the TCP/IP stack of a network namespace counts, holds and is set to.

use std::{collections::BTreeMap, fs};

use super::netns;
use crate::{clock::Clock, record::Usage};

/// One reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// RFC 3339 with nanoseconds, UTC: when it was taken.
    pub time: String,
    /// Counters of `snmp`, `snmp6` and `netstat`, by the names that nstat(8) gives them.
    pub counters: BTreeMap<String, u64>,
    /// What `sockstat` and `sockstat6` say is in use, and `TcpCurrEstab`.
    pub sockets: BTreeMap<String, u64>,
    /// Entries of connection tracking.
    pub conntrack: Option<Usage>,
}

/// In these files, as constants or as numbers that fall: no counters.
const NO_COUNTERS: [&str; 6] = [
    "IpForwarding",
    "IpDefaultTTL",
    "TcpRtoAlgorithm",
    "TcpRtoMin",
    "TcpRtoMax",
    "TcpMaxConn",
];
const ESTABLISHED: &str = "TcpCurrEstab";

/// Reads them in a network namespace; `tgid` is a process that may be in it, or 0.
///
/// # Errors
/// Where the namespace is gone, or cannot be entered.
pub fn read(netns: u32, tgid: u32) -> anyhow::Result<Reading> {
    netns::within(netns, tgid, || Ok(here()))
}

/// In the network namespace of this thread.
fn here() -> Reading {
    // Not /proc/net, which is that of the process.
    let file = |name: &str| {
        fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
    };
    let mut counters = table(&file("snmp"));
    counters.extend(table(&file("netstat")));
    counters.extend(list(&file("snmp6")));
    counters.retain(|name, _| !NO_COUNTERS.contains(&name.as_str()));
    let mut sockets = in_use(&file("sockstat"));
    sockets.extend(in_use(&file("sockstat6")));
    sockets.extend(counters.remove_entry(ESTABLISHED));
    let number = |name: &str| {
        sysctl(&format!("netfilter/nf_conntrack_{name}"))?
            .parse()
            .ok()
    };
    let conntrack = number("count").zip(number("max"));
    Reading {
        time: Clock::utc_now(),
        counters,
        sockets,
        conntrack: conntrack.map(|(count, max)| Usage { count, max }),
    }
}

/// A line of names, and a line of their values: `Tcp: ActiveOpens …` and `Tcp: 17 …`.
fn table(text: &str) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (Some((group, names)), Some((same, values))) =
            (names.split_once(':'), values.split_once(':'))
        else {
            continue;
        };
        if group != same {
            continue;
        }
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            if let Ok(value) = value.parse() {
                all.insert(format!("{group}{name}"), value);
            }
        }
    }
    all
}

/// A name and its value on each line.
fn list(text: &str) -> BTreeMap<String, u64> {
    let pairs = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(char::is_whitespace)?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    });
    pairs.collect()
}

/// A group, and its names and values in turn: `TCP: inuse 5 orphan 0`.
fn in_use(text: &str) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for line in text.lines() {
        let Some((group, pairs)) = line.split_once(':') else {
            continue;
        };
        let mut words = pairs.split_whitespace();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            if let Ok(value) = value.parse() {
                all.insert(format!("{group}.{name}"), value);
            }
        }
    }
    all
}

/// Of `net.ipv4`, besides every `tcp_*`.
const IPV4: [&str; 8] = [
    "ip_forward",
    "ip_local_port_range",
    "ip_local_reserved_ports",
    "ip_no_pmtu_disc",
    "ip_nonlocal_bind",
    "icmp_ratelimit",
    "conf/all/rp_filter",
    "conf/default/rp_filter",
];
/// Of `net`.
const OTHERS: [&str; 15] = [
    "core/somaxconn",
    "core/netdev_max_backlog",
    "ipv4/neigh/default/gc_thresh3",
    "ipv6/neigh/default/gc_thresh3",
    "ipv6/conf/all/disable_ipv6",
    "ipv6/conf/default/disable_ipv6",
    "ipv6/conf/all/forwarding",
    "netfilter/nf_conntrack_max",
    "netfilter/nf_conntrack_buckets",
    "netfilter/nf_conntrack_tcp_be_liberal",
    "netfilter/nf_conntrack_tcp_loose",
    "netfilter/nf_conntrack_tcp_timeout_established",
    "netfilter/nf_conntrack_tcp_timeout_syn_recv",
    "netfilter/nf_conntrack_tcp_timeout_syn_sent",
    "netfilter/nf_conntrack_tcp_timeout_time_wait",
];
/// A secret.
const KEY: &str = "tcp_fastopen_key";

/// Settings of a network namespace that TCP connections depend on, by sysctl(8)'s names; `tgid` as
/// in [`read`].
///
/// # Errors
/// Where the namespace is gone, or cannot be entered.
pub fn settings(netns: u32, tgid: u32) -> anyhow::Result<BTreeMap<String, String>> {
    netns::within(netns, tgid, || Ok(settings_here()))
}

fn settings_here() -> BTreeMap<String, String> {
    let entries = fs::read_dir("/proc/sys/net/ipv4").into_iter().flatten();
    let tcp = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("tcp_") && name != KEY);
    let ipv4 = tcp.chain(IPV4.map(str::to_owned));
    let all = ipv4.map(|name| format!("ipv4/{name}"));
    let all = all.chain(OTHERS.map(str::to_owned));
    all.filter_map(|path| Some((format!("net.{}", path.replace('/', ".")), sysctl(&path)?)))
        .collect()
}

/// One of `net`: `/proc/sys/net` shows the namespace of the thread that reads it.
fn sysctl(path: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/sys/net/{path}")).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_above_values() {
        let text =
            "Tcp: MaxConn ActiveOpens\nTcp: -1 17\nOdd: A\nEven: 1\nTcpExt: A B\nTcpExt: 1\n";
        let expected = [("TcpActiveOpens", 17), ("TcpExtA", 1)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(table(text), expected.into());
        assert!(table("nonsense").is_empty());
    }

    #[test]
    fn reads_what_is_in_use() {
        let text = "sockets: used 17\nTCP: inuse 5 orphan 0 tw\n";
        let found = in_use(text);
        assert_eq!(found.get("sockets.used"), Some(&17));
        assert_eq!(found.get("TCP.inuse"), Some(&5));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn the_running_kernel_counts() {
        let reading = here();
        assert!(reading.counters.len() > 200, "{}", reading.counters.len());
        for name in ["TcpAttemptFails", "TcpExtListenDrops", "Ip6InReceives"] {
            assert!(reading.counters.contains_key(name), "{name}");
        }
        assert!(reading.sockets.contains_key("TCP.inuse"));
        assert!(reading.sockets.contains_key(ESTABLISHED));
        let settings = settings_here();
        assert!(settings.contains_key("net.ipv4.tcp_syn_retries"));
        assert!(settings.contains_key("net.core.somaxconn"));
        assert!(!settings.keys().any(|name| name.contains("key")));
    }
}

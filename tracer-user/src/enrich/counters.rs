//! The kernel's counters of a network namespace, by the names that `nstat` gives them.

use std::{collections::BTreeMap, fs, io};

/// Files of `/proc/thread-self/net`: of the namespace of this thread, not of the process.
const DIRECTORY: &str = "/proc/thread-self/net";

/// Every counter of `snmp`, `netstat` and `snmp6` (`TcpExtListenDrops`, `Ip6InNoRoutes`), as they
/// stand since the namespace was made.
///
/// # Errors
/// Where `snmp` cannot be read; the other two may be absent.
pub fn read() -> io::Result<BTreeMap<String, u64>> {
    let file = |name: &str| fs::read_to_string(format!("{DIRECTORY}/{name}"));
    let mut all = BTreeMap::new();
    titled(&file("snmp")?, &mut all);
    if let Ok(text) = file("netstat") {
        titled(&text, &mut all);
    }
    if let Ok(text) = file("snmp6") {
        plain(&text, &mut all);
    }
    Ok(all)
}

/// What is in use of sockets (`TCP mem`, `TCP orphan`; `sockstat` and `sockstat6`): protocol and
/// field, and the number, in pages for `mem`.
///
/// # Errors
/// Where `sockstat` cannot be read.
pub fn read_usage() -> io::Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    for name in ["sockstat", "sockstat6"] {
        match fs::read_to_string(format!("{DIRECTORY}/{name}")) {
            Ok(text) => usage(&text, &mut all),
            // A kernel without IPv6 has no sockstat6.
            Err(_) if name == "sockstat6" => {}
            Err(why) => return Err(why),
        }
    }
    Ok(all)
}

/// A line of names and a line of values, both led by the protocol: `Tcp: A B` and `Tcp: 1 2`.
fn titled(text: &str, all: &mut BTreeMap<String, u64>) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (Some((protocol, names)), Some((_, values))) =
            (names.split_once(':'), values.split_once(':'))
        else {
            continue;
        };
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            // Two of them are settings and may be -1 (Tcp: MaxConn).
            if let Ok(value) = value.parse() {
                all.insert(format!("{protocol}{name}"), value);
            }
        }
    }
}

/// A name and a value a line.
fn plain(text: &str, all: &mut BTreeMap<String, u64>) {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) {
            all.insert(name.to_owned(), value);
        }
    }
}

/// `TCP: inuse 5 orphan 0`.
fn usage(text: &str, all: &mut BTreeMap<String, u64>) {
    for line in text.lines() {
        let Some((protocol, rest)) = line.split_once(':') else {
            continue;
        };
        let words: Vec<_> = rest.split_whitespace().collect();
        for pair in words.chunks_exact(2) {
            if let Ok(value) = pair[1].parse() {
                all.insert(format!("{protocol} {}", pair[0]), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn reads_this_hosts_counters() {
        let all = read().unwrap();
        for name in ["TcpOutRsts", "TcpExtListenDrops", "IpExtInNoRoutes"] {
            assert!(all.contains_key(name), "{name}");
        }
        assert!(all.len() > 200, "{}", all.len());
        let usage = read_usage().unwrap();
        assert!(usage.contains_key("TCP mem") && usage.contains_key("TCP orphan"));
    }

    #[test]
    fn takes_only_what_is_a_number() {
        let mut all = BTreeMap::new();
        titled("Tcp: MaxConn InErrs\nTcp: -1 7\nodd\nlines\nX: A", &mut all);
        plain("Ip6InReceives   12\nempty\nwrong x\n", &mut all);
        usage("TCP: inuse 5 orphan\nnonsense\n", &mut all);
        let expected = [("Ip6InReceives", 12), ("TCP inuse", 5), ("TcpInErrs", 7)];
        let found: Vec<_> = all
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        assert_eq!(found, expected);
    }
}

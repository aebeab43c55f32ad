//! What a network namespace counts of packets that its listeners turned away, and the settings that
//! decide on it.

use std::fs;

use super::{counters, netns};
use crate::attribute::Counters;

/// Reads them, in the namespace; `tgid` is a process that may be in it.
///
/// # Errors
/// Where the namespace is gone, or cannot be entered.
pub fn of(netns: u32, tgid: u32) -> anyhow::Result<Counters> {
    netns::within(netns, tgid, || {
        let all = counters::read()?;
        let counter = |name: &str| all.get(name).copied().unwrap_or(0);
        Ok(Counters {
            listen_drops: counter("TcpExtListenDrops"),
            listen_overflows: counter("TcpExtListenOverflows"),
            syn_queue_drops: counter("TcpExtTCPReqQFullDrop"),
            syn_queue_cookies: counter("TcpExtTCPReqQFullDoCookies"),
            somaxconn: setting("core/somaxconn"),
            max_syn_backlog: setting("ipv4/tcp_max_syn_backlog"),
            syncookies: setting("ipv4/tcp_syncookies"),
            abort_on_overflow: setting("ipv4/tcp_abort_on_overflow"),
            synack_retries: setting("ipv4/tcp_synack_retries"),
        })
    })
}

fn setting(name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_namespace_has_settings() {
        let here = netns::inode(std::path::Path::new("/proc/self/ns/net")).unwrap();
        let counters = of(here, 0).unwrap();
        assert!(counters.somaxconn.is_some() && counters.synack_retries.is_some());
    }
}

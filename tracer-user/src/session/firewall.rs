//! What the firewall of a network namespace says of itself, asked only when it has just dropped a
//! packet that connection tracking had no entry for.

use std::{
    collections::HashMap,
    fs,
    process::Command,
    time::{Duration, Instant},
};

use tracer_ebpf::event;

use crate::{
    decode::{Conntrack, Place},
    enrich::netns,
};

/// A look serves the drops of so long.
const FRESH: Duration = Duration::from_secs(2);
/// Network namespaces remembered at most.
const MAX_KNOWN: usize = 256;

/// Looks, and remembers for a moment.
#[derive(Default)]
pub(super) struct Firewalls {
    known: HashMap<u32, (Instant, Conntrack)>,
}

impl Firewalls {
    /// Adds to a drop's place what connection tracking has to do with it.
    pub(super) fn enrich(&mut self, drop: &event::Drop, place: &mut Place) {
        let netfilter = place.hook.is_some() || place.engine.is_some();
        if netfilter && drop.conntrack == u32::MAX && drop.packet.netns != 0 {
            place.conntrack = Some(self.look(drop.packet.netns));
        }
    }

    fn look(&mut self, netns: u32) -> Conntrack {
        if let Some((since, known)) = self.known.get(&netns)
            && since.elapsed() < FRESH
        {
            return known.clone();
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let known = netns::within(netns, 0, || Ok(ask())).unwrap_or_default();
        self.known.insert(netns, (Instant::now(), known.clone()));
        known
    }
}

/// In the network namespace of this thread.
fn ask() -> Conntrack {
    // /proc/thread-self, since /proc/sys/net shows the namespace of whoever reads it.
    let number = |name: &str| {
        let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Conntrack {
        count: number("count"),
        max: number("max"),
        invalid_rule: invalid_rule(),
    }
}

/// A rule that drops what connection tracking calls invalid, as the firewall's own tool prints it.
fn invalid_rule() -> Option<String> {
    let nft = |line: &str| line.contains("ct state") && line.contains("invalid") && refuses(line);
    let legacy = |line: &str| line.contains("INVALID") && refuses(line);
    rule(Command::new("nft").args(["list", "ruleset"]), nft)
        .or_else(|| rule(&mut Command::new("iptables-legacy-save"), legacy))
        .or_else(|| rule(&mut Command::new("ip6tables-legacy-save"), legacy))
}

fn refuses(line: &str) -> bool {
    ["drop", "reject", "DROP", "REJECT"]
        .iter()
        .any(|verdict| line.contains(verdict))
}

fn rule(tool: &mut Command, is_it: impl Fn(&str) -> bool) -> Option<String> {
    let output = tool.stdin(std::process::Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find(|line| is_it(line))
        .map(|line| line.trim().to_owned())
}

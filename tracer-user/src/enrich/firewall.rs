//! Asks the firewall's own tools for the rules of a network namespace.

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::firewall::{Engine, Ruleset};

/// A tool that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(5);
/// A tool that prints more is ended.
const MAX_BYTES: u64 = 32 << 20;

/// The rules of one network namespace.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Those that could be read.
    pub rulesets: Vec<Ruleset>,
    /// Why others could not.
    pub unknown: Option<String>,
}

/// All rules of the network namespace of this thread.
#[must_use]
pub fn ask() -> Rules {
    let mut rules = Rules::default();
    for answer in [nftables(), legacy()] {
        match answer {
            Ok(ruleset) => rules.rulesets.push(ruleset),
            Err(why) => {
                rules.unknown.get_or_insert(format!("{why:#}"));
            }
        }
    }
    rules
}

fn nftables() -> anyhow::Result<Ruleset> {
    let json = output("nft", &["-j", "list", "ruleset"])?;
    let text = output("nft", &["-s", "-a", "list", "ruleset"])?;
    let mut ruleset = Ruleset::nft(&json, &text).map_err(anyhow::Error::msg)?;
    for (ipv6, tool) in [(false, "iptables-nft-save"), (true, "ip6tables-nft-save")] {
        // Without the tool, its extensions stay conditions that are not known.
        if ruleset.has_iptables(ipv6)
            && let Ok(save) = output(tool, &[])
        {
            ruleset.retell(&save, ipv6);
        }
    }
    Ok(ruleset)
}

/// Only where this network namespace has such tables: the tools would make them.
fn legacy() -> anyhow::Result<Ruleset> {
    let mut ruleset = Ruleset::empty(Engine::Legacy);
    for (ipv6, names, tool) in [
        (false, "ip_tables_names", "iptables-legacy-save"),
        (true, "ip6_tables_names", "ip6tables-legacy-save"),
    ] {
        let names = format!("/proc/thread-self/net/{names}");
        if std::fs::read_to_string(names).is_ok_and(|names| !names.is_empty()) {
            ruleset = ruleset.iptables(&output(tool, &["-c"])?, ipv6);
        }
    }
    Ok(ruleset)
}

/// What a tool prints.
fn output(tool: &str, args: &[&str]) -> anyhow::Result<String> {
    let mut child = Command::new(tool)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {tool}"))?;
    let read = read(&mut child);
    if read.is_err() {
        // It may have ended by itself meanwhile.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let text = read.with_context(|| format!("{tool} was ended"))?;
    if !status.success() {
        bail!("{tool} failed ({status})");
    }
    Ok(text)
}

fn read(child: &mut Child) -> anyhow::Result<String> {
    let stdout = child.stdout.take().context("it has no output")?;
    let (done, wait) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(MAX_BYTES).read_to_end(&mut bytes);
        // Nobody waits any more where it took too long.
        let _ = done.send(read.map(|_| bytes));
    })?;
    let bytes = wait
        .recv_timeout(PATIENCE)
        .with_context(|| format!("it took more than {} s", PATIENCE.as_secs()))??;
    if u64::try_from(bytes.len()).is_ok_and(|len| len >= MAX_BYTES) {
        bail!("it printed more than {} MiB", MAX_BYTES >> 20);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

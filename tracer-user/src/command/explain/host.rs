//! What `explain` asks of the host it runs on.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    enrich::counters,
    kernel::{btf::Btf, reasons::ReasonNames},
};

/// Devices shown at most where a setting stands for each of them.
const MAX_DEVICES: usize = 64;

/// A host's present values, and the reasons that its kernel has.
pub trait Host {
    /// The present value of a sysctl, where this host has it and shows it. A `*` stands for each
    /// network device: then there may be several, or none.
    fn sysctl(&self, pattern: &str) -> Vec<(String, String)>;
    /// A counter, by the name that `nstat` gives it.
    fn counter(&self, name: &str) -> Option<u64>;
    /// What is in use: a protocol and a field of `sockstat` (`TCP mem`).
    fn usage(&self, name: &str) -> Option<u64>;
    /// Whether the kernel has a drop reason (name without prefix).
    fn knows_drop_reason(&self, name: &str) -> bool;
    /// Whether the kernel has a reset reason (name without prefix).
    fn knows_reset_reason(&self, name: &str) -> bool;
}

/// The host that this runs on, in the network namespace of this process.
pub struct ThisHost {
    counters: BTreeMap<String, u64>,
    usage: BTreeMap<String, u64>,
    reasons: ReasonNames,
}

impl ThisHost {
    /// Reads what there is; without the kernel's types its own names of reasons are not known,
    /// only ours.
    #[must_use]
    pub fn look() -> Self {
        Self {
            counters: counters::read().unwrap_or_default(),
            usage: counters::read_usage().unwrap_or_default(),
            reasons: Btf::from_sys_fs()
                .map(|btf| ReasonNames::from_btf(&btf))
                .unwrap_or_default(),
        }
    }
}

impl Host for ThisHost {
    fn sysctl(&self, pattern: &str) -> Vec<(String, String)> {
        let Some((before, after)) = pattern.split_once(".*.") else {
            let value = read(path(pattern));
            return value
                .map(|value| (pattern.to_owned(), value))
                .into_iter()
                .collect();
        };
        let directory = path(before);
        let mut devices: Vec<String> = fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        devices.sort_unstable();
        devices.truncate(MAX_DEVICES);
        let values = devices.into_iter().filter_map(|device| {
            let file = format!("{directory}/{device}/{}", after.replace('.', "/"));
            let value = read(&file)?;
            // As sysctl(8) writes a device whose name has dots (eth0.5).
            let device = device.replace('.', "/");
            Some((format!("{before}.{device}.{after}"), value))
        });
        values.collect()
    }

    fn counter(&self, name: &str) -> Option<u64> {
        self.counters.get(name).copied()
    }

    fn usage(&self, name: &str) -> Option<u64> {
        self.usage.get(name).copied()
    }

    fn knows_drop_reason(&self, name: &str) -> bool {
        self.reasons.drop_reason_value(name).is_some() || self.reasons.is_of_subsystem(name)
    }

    fn knows_reset_reason(&self, name: &str) -> bool {
        self.reasons.reset_reasons().any(|known| known == name)
    }
}

/// No host at all: nothing has a value.
pub(super) struct Nobody;

impl Host for Nobody {
    fn sysctl(&self, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    fn counter(&self, _: &str) -> Option<u64> {
        None
    }

    fn usage(&self, _: &str) -> Option<u64> {
        None
    }

    fn knows_drop_reason(&self, _: &str) -> bool {
        false
    }

    fn knows_reset_reason(&self, _: &str) -> bool {
        false
    }
}

fn path(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_hosts_values() {
        let host = ThisHost::look();
        assert_eq!(host.sysctl("kernel.osrelease").len(), 1);
        assert!(host.sysctl("net.ipv4.no_such_setting").is_empty());
        let filters = host.sysctl("net.ipv4.conf.*.rp_filter");
        for device in ["all", "lo"] {
            let name = format!("net.ipv4.conf.{device}.rp_filter");
            assert!(filters.iter().any(|(known, _)| *known == name), "{name}");
        }
        assert!(host.counter("TcpOutRsts").is_some());
        assert!(host.usage("TCP mem").is_some());
        assert!(host.knows_drop_reason("NETFILTER_DROP"));
        assert!(!host.knows_drop_reason("NO_SUCH_REASON"));
    }
}

//! Names of drop and reset reasons. Both enumerations are renumbered from release to release, so
//! only the running kernel's BTF tells what a number means.

use std::collections::BTreeMap;

use super::btf::Btf;
use crate::cause::reason;

/// What the kernel puts before the name of a subsystem.
const SUBSYSTEM: &str = "SKB_DROP_REASON_SUBSYS_";

/// What the running kernel calls its reasons.
#[derive(Clone, Debug, Default)]
pub struct ReasonNames {
    drops: BTreeMap<u32, String>,
    resets: BTreeMap<u32, String>,
    /// Subsystems with reasons of their own, which the types of a module name, not the kernel's.
    subsystems: BTreeMap<u32, String>,
}

impl ReasonNames {
    /// Takes the names from `enum skb_drop_reason` (5.17 and later,
    /// include/net/dropreason-core.h), `enum qdisc_drop_reason` (7.2) and `enum sk_rst_reason`
    /// (6.10, include/net/rstreason.h). A kernel without them has no names.
    pub fn from_btf(btf: &Btf) -> Self {
        let mut drops = names(btf, "skb_drop_reason", &["SKB_DROP_REASON_", "SKB_"]);
        // The upper half of a reason is its subsystem; core reasons keep their own numbers.
        let mut qdisc = names(btf, "qdisc_drop_reason", &[]);
        qdisc.retain(|value, _| value >> 16 != 0);
        drops.append(&mut qdisc);
        let mut subsystems = names(btf, "skb_drop_reason_subsys", &[SUBSYSTEM]);
        subsystems.retain(|&number, name| number != 0 && name != "NUM");
        Self {
            drops,
            subsystems,
            resets: names(btf, "sk_rst_reason", &["SK_RST_REASON_"]),
        }
    }

    /// Why a packet was dropped: `NETFILTER_DROP`, `NO_SOCKET`, `NOT_SPECIFIED`, ...
    pub fn drop_reason(&self, value: u32) -> Option<&str> {
        self.drops.get(&value).map(String::as_str)
    }

    /// A drop reason of a subsystem whose names are not known, by its subsystem and its number there:
    /// `OPENVSWITCH_3`.
    pub fn subsystem_reason(&self, value: u32) -> Option<String> {
        let subsystem = self.subsystems.get(&(value >> 16))?;
        Some(format!("{subsystem}_{}", value & 0xffff))
    }

    /// Whether [`Self::subsystem_reason`] gives such a name.
    pub fn is_of_subsystem(&self, name: &str) -> bool {
        name.rsplit_once('_').is_some_and(|(subsystem, number)| {
            number.parse::<u16>().is_ok() && self.subsystems.values().any(|it| it == subsystem)
        })
    }

    /// The number of a drop reason, by the name that [`Self::drop_reason`] gives.
    pub fn drop_reason_value(&self, name: &str) -> Option<u32> {
        self.drops
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(value, _)| *value)
    }

    /// Why a reset was sent: `NO_SOCKET`, `TCP_STATE`, ...
    pub fn reset_reason(&self, value: u32) -> Option<&str> {
        self.resets.get(&value).map(String::as_str)
    }

    /// The names of all drop reasons that this kernel's own BTF lists.
    pub fn drop_reasons(&self) -> impl Iterator<Item = &str> {
        self.drops.values().map(String::as_str)
    }

    /// The names of all reset reasons.
    pub fn reset_reasons(&self) -> impl Iterator<Item = &str> {
        self.resets.values().map(String::as_str)
    }

    /// One bit for each drop reason below 256 that is ordinary, not evidence of a failure.
    pub fn benign_bitmap(&self) -> [u64; 4] {
        let mut bitmap = [0; 4];
        for value in reason::ordinary().filter_map(|name| self.drop_reason_value(name)) {
            let word = usize::try_from(value / 64)
                .ok()
                .and_then(|word| bitmap.get_mut(word));
            if let Some(word) = word {
                *word |= 1 << (value % 64);
            }
        }
        bitmap
    }
}

/// An enumeration's names without the first prefix that fits and without the enumerators that
/// are no reasons: the count, the mask, and those that begin with `__`.
fn names(btf: &Btf, enumeration: &str, prefixes: &[&str]) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for (name, value) in btf.enumerators(enumeration).unwrap_or_default() {
        let stripped = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
        let name = stripped.unwrap_or(&name);
        let marker =
            name.starts_with("__") || matches!(name, "MAX" | "SUBSYS_MASK" | "QDISC_DROP_MAX");
        if let (false, Ok(value)) = (marker, u32::try_from(value)) {
            names.insert(value, name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn sample() -> ReasonNames {
        let drops = [
            (1, "CONSUMED"),
            (2, "NOT_SPECIFIED"),
            (104, "QUEUE_PURGE"),
            (300, "OTHERHOST"),
        ];
        ReasonNames {
            drops: drops
                .into_iter()
                .map(|(value, name)| (value, name.to_owned()))
                .collect(),
            resets: BTreeMap::new(),
            subsystems: BTreeMap::from([(2, "OPENVSWITCH".to_owned())]),
        }
    }

    #[test]
    fn the_bitmap_holds_ordinary_reasons_only() {
        assert_eq!(sample().benign_bitmap(), [1 << 1, 1 << (104 - 64), 0, 0]);
        assert_eq!(ReasonNames::default().benign_bitmap(), [0; 4]);
    }

    #[test]
    fn names_and_values_agree() {
        assert_eq!(sample().drop_reason(2), Some("NOT_SPECIFIED"));
        assert_eq!(sample().drop_reason_value("NOT_SPECIFIED"), Some(2));
        assert_eq!(sample().drop_reason(0), None);
        assert_eq!(sample().drop_reason_value("NO_SOCKET"), None);
        let ovs = sample().subsystem_reason(2 << 16 | 3);
        assert_eq!(ovs.as_deref(), Some("OPENVSWITCH_3"));
        assert_eq!(sample().subsystem_reason(3 << 16 | 1), None);
        assert!(sample().is_of_subsystem("OPENVSWITCH_3"));
        assert!(!sample().is_of_subsystem("OPENVSWITCH_X"));
    }

    #[test]
    fn the_running_kernel_names_its_reasons() {
        let names = ReasonNames::from_btf(&Btf::from_sys_fs().unwrap());
        for name in ["NO_SOCKET", "NETFILTER_DROP", "NOT_SPECIFIED", "TCP_CSUM"] {
            let value = names.drop_reason_value(name).unwrap();
            assert_eq!(names.drop_reason(value), Some(name));
        }
        assert_eq!(names.drop_reason_value("MAX"), None);
        assert!(
            !names
                .subsystems
                .values()
                .any(|name| name == "NUM" || name == "CORE")
        );
        assert_eq!(names.drop_reason_value("SUBSYS_MASK"), None);
        assert_ne!(names.benign_bitmap(), [0; 4]);
        let no_socket = names.drop_reason_value("NO_SOCKET").unwrap();
        assert_eq!(
            names.benign_bitmap()[no_socket as usize / 64] >> (no_socket % 64) & 1,
            0
        );
        if !names.resets.is_empty() {
            assert!(names.resets.values().any(|name| name == "NO_SOCKET"));
        }
    }
}

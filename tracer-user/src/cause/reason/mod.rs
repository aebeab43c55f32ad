//! What the kernel's drop and reset reasons mean.
//!
//! Names only: the numbers differ from kernel to kernel. One table a subject, listed in
//! [`DROPS`]; reset reasons stand in [`RESETS`]. Which causes a reason leads to is said by the
//! causes (`drop_reasons`, `reset_reasons`). Sources: `include/net/dropreason-core.h`,
//! `dropreason-qdisc.h`, `rstreason.h`, `net/mac80211/drop.h` and `net/openvswitch/drop.h` of Linux
//! 5.17 to 7.2, and the code that uses them.

mod device;
mod general;
mod ip;
mod ipv6;
mod mac80211;
mod neighbor;
mod openvswitch;
mod other;
mod policy;
mod queue;
mod reset;
mod tcp;
mod tunnel;

use serde::Serialize;

/// The tables of drop reasons, by subject.
pub static DROPS: &[&[Reason]] = &[
    general::REASONS,
    tcp::REASONS,
    ip::REASONS,
    ipv6::REASONS,
    neighbor::REASONS,
    policy::REASONS,
    queue::REASONS,
    device::REASONS,
    tunnel::REASONS,
    other::REASONS,
    openvswitch::REASONS,
    mac80211::REASONS,
];

/// Why a RST was sent (`enum sk_rst_reason`).
pub static RESETS: &[Reason] = reset::REASONS;

/// A reason for which the kernel drops a packet, or sends a RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kernel's name without `SKB_DROP_REASON_`, `SKB_` or `SK_RST_REASON_`.
    pub name: &'static str,
    /// What it says of the connection.
    pub weight: Weight,
    /// What it means: a phrase, or several.
    pub meaning: &'static str,
    /// Counters that rise with it, as `nstat` names them.
    pub counters: &'static [&'static str],
    /// What to look at: a command, or a hint; empty where the causes say it all.
    pub look: &'static str,
}

/// How much a reason, or an error, says of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Nothing: it occurs in connections that are well.
    Ordinary,
    /// It depends on what it happened to, and how often.
    Depends,
    /// Something that was wanted is gone: a packet, or a connection.
    Failure,
}

impl Weight {
    /// What it says, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary: it occurs in connections that are well",
            Self::Depends => "depends on what it happened to, and how often",
            Self::Failure => "not ordinary: something that was wanted failed, or was thrown away",
        }
    }

    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Depends => "depends",
            Self::Failure => "failure",
        }
    }
}

impl Reason {
    const fn ordinary(name: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Weight::Ordinary, meaning)
    }

    const fn depends(name: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Weight::Depends, meaning)
    }

    const fn failure(name: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Weight::Failure, meaning)
    }

    const fn new(name: &'static str, weight: Weight, meaning: &'static str) -> Self {
        Self {
            name,
            weight,
            meaning,
            counters: &[],
            look: "",
        }
    }

    const fn counts(self, counters: &'static [&'static str]) -> Self {
        Self { counters, ..self }
    }

    const fn look(self, look: &'static str) -> Self {
        Self { look, ..self }
    }
}

/// All drop reasons that are described.
pub fn drops() -> impl Iterator<Item = &'static Reason> {
    DROPS.iter().copied().flatten()
}

/// The drop reason of this name (without `SKB_DROP_REASON_`), where it is described.
#[must_use]
pub fn find(name: &str) -> Option<&'static Reason> {
    drops().find(|reason| reason.name == name)
}

/// The reset reason of this name (without `SK_RST_REASON_`), where it is described.
#[must_use]
pub fn find_reset(name: &str) -> Option<&'static Reason> {
    RESETS.iter().find(|reason| reason.name == name)
}

/// What a drop reason means; `None` where it is not described yet.
#[must_use]
pub fn meaning(name: &str) -> Option<&'static str> {
    find(name).map(|reason| reason.meaning)
}

/// Drop reasons that say nothing of a failure.
pub fn ordinary() -> impl Iterator<Item = &'static str> {
    drops()
        .filter(|reason| reason.weight == Weight::Ordinary)
        .map(|reason| reason.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cause::CAUSES,
        kernel::{btf::Btf, reasons::ReasonNames},
    };

    #[test]
    fn knows_reasons_by_name() {
        assert!(meaning("NETFILTER_DROP").is_some());
        assert!(meaning("NO_SUCH_REASON").is_none());
        assert!(find_reset("TCP_ABORT_ON_CLOSE").is_some());
    }

    #[test]
    fn every_reason_is_there_once_and_complete() {
        let resets: Vec<_> = RESETS.iter().collect();
        for table in [drops().collect::<Vec<_>>(), resets] {
            let mut names: Vec<_> = table.iter().map(|reason| reason.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count);
            for reason in table {
                let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                assert!(reason.name.chars().all(upper), "{}", reason.name);
                let text = [reason.meaning, reason.look];
                assert!(text[0].len() > 10, "{}", reason.name);
                for text in text {
                    assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
                    assert!(!text.chars().any(char::is_control), "{text}");
                }
            }
        }
    }

    /// The kernel that this runs on is the judge: a reason that is new to us fails here.
    #[test]
    fn every_reason_of_the_running_kernel_is_described() {
        let names = ReasonNames::from_btf(&Btf::from_sys_fs().unwrap());
        for name in names.drop_reasons() {
            assert!(find(name).is_some(), "drop reason {name}");
        }
        for name in names.reset_reasons() {
            assert!(find_reset(name).is_some(), "reset reason {name}");
        }
    }

    #[test]
    fn what_is_ordinary_leads_to_no_cause() {
        for cause in CAUSES {
            for name in cause.drop_reasons {
                let weight = find(name).map(|reason| reason.weight);
                let expected = weight.is_some_and(|weight| weight != Weight::Ordinary);
                // Told apart from TCP_RFC7323_PAWS since it is harmless by itself; a flood of them
                // is not.
                let apart = *name == "TCP_RFC7323_PAWS_ACK";
                assert!(expected || apart, "{}: {name}", cause.code);
            }
        }
    }
}

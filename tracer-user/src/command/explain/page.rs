//! What there is to say about a name, before it is written in one format or another.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Host;
use crate::{
    cause::{
        self, CAUSES, Cause, Place,
        errno::{self as errno_page, ErrnoPage},
        reason::{self, Reason, Weight},
    },
    errno,
};

/// What the kernel puts before the name of a drop reason.
const DROP_PREFIXES: [&str; 2] = ["SKB_DROP_REASON_", "SKB_"];
/// What the kernel puts before the name of a reset reason.
const RESET_PREFIX: &str = "SK_RST_REASON_";

/// Everything that a name stands for.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    /// The name, as it was asked for.
    pub asked: String,
    /// Causes with this code.
    pub causes: Vec<CausePage>,
    /// Drop reasons of this name.
    pub drop_reasons: Vec<ReasonPage>,
    /// Reset reasons of this name.
    pub reset_reasons: Vec<ReasonPage>,
    /// Errors of this name or number.
    pub errnos: Vec<ErrorPage>,
}

/// One cause.
#[derive(Debug, Serialize)]
pub(super) struct CausePage {
    pub code: &'static str,
    pub title: &'static str,
    pub place: &'static str,
    #[serde(skip)]
    pub place_about: &'static str,
    pub sees: &'static str,
    pub kernel_path: &'static str,
    pub kernel_files: &'static [&'static str],
    pub confirm: &'static [&'static str],
    pub mend: &'static [&'static str],
    pub drop_reasons: &'static [&'static str],
    pub reset_reasons: &'static [&'static str],
    pub errnos: &'static [&'static str],
    /// Settings here; `null` where this host does not have one, or does not show it.
    pub settings: Vec<Setting>,
    pub counters: Vec<Count>,
    pub usage: Vec<Count>,
}

/// A sysctl and its present value.
#[derive(Debug, Serialize)]
pub(super) struct Setting {
    pub name: String,
    pub value: Option<String>,
    /// True for what all network namespaces share.
    pub host_wide: bool,
}

/// A counter, or what is in use, and its present value.
#[derive(Debug, Serialize)]
pub(super) struct Count {
    pub name: &'static str,
    pub value: Option<u64>,
}

/// One drop or reset reason.
#[derive(Debug, Serialize)]
pub(super) struct ReasonPage {
    pub name: String,
    /// What is not described yet is the kernel's own word, and no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    pub counters: Vec<Count>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub look: &'static str,
    #[serde(serialize_with = "codes")]
    pub causes: Vec<&'static Cause>,
}

/// One error.
#[derive(Debug, Serialize)]
pub(super) struct ErrorPage {
    pub name: String,
    pub number: i32,
    /// As the C library says it.
    pub message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// What it means, by call; empty for an error that no call gives.
    pub calls: Vec<CallPage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_path: Option<&'static str>,
    #[serde(serialize_with = "codes")]
    pub causes: Vec<&'static Cause>,
}

/// What an error of one call means.
#[derive(Debug, Serialize)]
pub(super) struct CallPage {
    pub call: &'static str,
    pub meaning: &'static str,
}

/// One branch of the fault tree.
#[derive(Debug, Serialize)]
pub(super) struct Branch {
    pub place: &'static str,
    pub about: &'static str,
    #[serde(serialize_with = "titles")]
    pub causes: Vec<&'static Cause>,
}

/// Causes, by their code.
fn codes<S: serde::Serializer>(causes: &[&Cause], out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(causes.iter().map(|cause| cause.code))
}

/// Causes, with code and title.
fn titles<S: serde::Serializer>(causes: &[&Cause], out: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Title {
        code: &'static str,
        title: &'static str,
    }
    out.collect_seq(causes.iter().map(|cause| Title {
        code: cause.code,
        title: cause.title,
    }))
}

impl Explanation {
    /// Looks a name up everywhere: one name can stand for more than one thing.
    pub(super) fn find(asked: &str, host: &dyn Host) -> Self {
        let upper = asked.to_uppercase();
        let (dropped, reset) = match upper.strip_prefix(RESET_PREFIX) {
            Some(name) => (None, Some(name)),
            None => match upper.strip_prefix(DROP_PREFIXES[0]) {
                Some(name) => (Some(name), None),
                None => (Some(upper.as_str()), Some(upper.as_str())),
            },
        };
        let code = asked.to_lowercase().replace('_', "-");
        Self {
            asked: asked.to_owned(),
            causes: cause::find(&code)
                .map(|cause| CausePage::new(cause, host))
                .into_iter()
                .collect(),
            drop_reasons: dropped
                .and_then(|name| drop_reason(name, host))
                .into_iter()
                .collect(),
            reset_reasons: reset
                .and_then(|name| reset_reason(name, host))
                .into_iter()
                .collect(),
            errnos: number(asked).map(ErrorPage::new).into_iter().collect(),
        }
    }

    /// True where the name stands for nothing that is known.
    pub(super) fn is_empty(&self) -> bool {
        self.causes.is_empty()
            && self.drop_reasons.is_empty()
            && self.reset_reasons.is_empty()
            && self.errnos.is_empty()
    }

    /// The cause that all reasons found lead to, where it is but one.
    pub(super) fn only_cause(&self) -> Option<&'static Cause> {
        let reasons = self.drop_reasons.iter().chain(&self.reset_reasons);
        let codes: BTreeSet<_> = reasons
            .flat_map(|reason| &reason.causes)
            .map(|cause| cause.code)
            .collect();
        match (codes.first(), codes.len()) {
            (Some(code), 1) => cause::find(code),
            _ => None,
        }
    }
}

/// Names like the one that was asked for, best first.
pub(super) fn nearest(asked: &str) -> Vec<String> {
    let errnos: Vec<String> = errno::names().collect();
    let mut known: BTreeSet<&str> = errnos.iter().map(String::as_str).collect();
    known.extend(CAUSES.iter().map(|cause| cause.code));
    known.extend(reason::drops().map(|reason| reason.name));
    known.extend(reason::RESETS.iter().map(|reason| reason.name));
    let upper = asked.to_uppercase();
    let wanted = [RESET_PREFIX, DROP_PREFIXES[0]]
        .iter()
        .find_map(|prefix| upper.strip_prefix(prefix))
        .unwrap_or(asked);
    cause::nearest(wanted, known)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// All causes by their place.
pub(super) fn tree() -> Vec<Branch> {
    Place::ALL
        .into_iter()
        .map(|place| Branch {
            place: place.name(),
            about: place.about(),
            causes: CAUSES
                .iter()
                .copied()
                .filter(|cause| cause.place == place)
                .collect(),
        })
        .filter(|branch| !branch.causes.is_empty())
        .collect()
}

/// An error, by its name in any case, or by its number of either sign.
fn number(asked: &str) -> Option<i32> {
    asked
        .parse()
        .ok()
        .filter(|&number| errno::name(number).is_some())
        .or_else(|| errno::number(asked))
}

fn drop_reason(name: &str, host: &dyn Host) -> Option<ReasonPage> {
    let short = DROP_PREFIXES[1];
    let found = reason::find(name).or_else(|| reason::find(name.strip_prefix(short)?));
    match found {
        Some(reason) => Some(ReasonPage::new(
            reason,
            cause::by_drop_reason(reason.name).collect(),
            host,
        )),
        None => host
            .knows_drop_reason(name)
            .then(|| ReasonPage::not_described(name)),
    }
}

fn reset_reason(name: &str, host: &dyn Host) -> Option<ReasonPage> {
    match reason::find_reset(name) {
        Some(reason) => Some(ReasonPage::new(
            reason,
            cause::by_reset_reason(reason.name).collect(),
            host,
        )),
        None => host
            .knows_reset_reason(name)
            .then(|| ReasonPage::not_described(name)),
    }
}

impl CausePage {
    pub(super) fn new(cause: &'static Cause, host: &dyn Host) -> Self {
        Self {
            code: cause.code,
            title: cause.title,
            place: cause.place.name(),
            place_about: cause.place.about(),
            sees: cause.sees,
            kernel_path: cause.path,
            kernel_files: cause.files,
            confirm: cause.confirm,
            mend: cause.mend,
            drop_reasons: cause.drop_reasons,
            reset_reasons: cause.reset_reasons,
            errnos: cause.errnos,
            settings: cause
                .sysctls
                .iter()
                .flat_map(|name| settings(name, host))
                .collect(),
            counters: counts(cause.counters, |name| host.counter(name)),
            usage: counts(cause.usage, |name| host.usage(name)),
        }
    }
}

fn counts(names: &[&'static str], read: impl Fn(&str) -> Option<u64>) -> Vec<Count> {
    names
        .iter()
        .map(|&name| Count {
            name,
            value: read(name),
        })
        .collect()
}

fn settings(name: &str, host: &dyn Host) -> Vec<Setting> {
    let host_wide = is_host_wide(name);
    let found = host.sysctl(name);
    if found.is_empty() {
        let name = name.to_owned();
        return vec![Setting {
            name,
            value: None,
            host_wide,
        }];
    }
    found
        .into_iter()
        .map(|(name, value)| Setting {
            name,
            value: Some(value),
            host_wide,
        })
        .collect()
}

/// True for what all network namespaces share, although its name does not tell.
fn is_host_wide(name: &str) -> bool {
    // `neigh.default` is the pattern that devices to come are made after; its gc_thresh* bound one
    // table for all.
    name.starts_with("net.ipv4.neigh.default.")
        || name.starts_with("fs.")
        || matches!(
            name,
            "net.ipv4.tcp_mem"
                | "net.ipv4.tcp_max_orphans"
                | "net.netfilter.nf_conntrack_max"
                | "net.netfilter.nf_conntrack_buckets"
        )
}

impl ReasonPage {
    fn new(reason: &'static Reason, causes: Vec<&'static Cause>, host: &dyn Host) -> Self {
        Self {
            name: reason.name.to_owned(),
            meaning: Some(reason.meaning),
            weight: Some(reason.weight),
            counters: counts(reason.counters, |name| host.counter(name)),
            look: reason.look,
            causes,
        }
    }

    fn not_described(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            meaning: None,
            weight: None,
            counters: Vec::new(),
            look: "",
            causes: Vec::new(),
        }
    }
}

impl ErrorPage {
    pub(super) fn new(number: i32) -> Self {
        let name = errno::name_or_number(number);
        let page: Option<&ErrnoPage> = errno_page::find(&name);
        let calls = page.map_or(&[][..], |page| page.calls);
        Self {
            number: number.saturating_abs(),
            message: errno::message(number.saturating_abs()),
            weight: page.map(|page| page.weight),
            calls: calls
                .iter()
                .map(|&(call, meaning)| CallPage {
                    call: call.name(),
                    meaning,
                })
                .collect(),
            kernel_path: page.map(|page| page.path),
            causes: cause::by_errno(&name).collect(),
            name,
        }
    }
}

//! The catalogue of causes: what each means, how the kernel gets there, how to confirm and mend it.
//!
//! One file per cause, one line in [`CAUSES`]. Text, `explain`, the command line and metrics read
//! it; nothing else in the program describes a cause.

mod abandoned;
mod accept_queue_full;
mod address_in_use;
mod bad_segments;
mod broken_pipe;
mod connection_refused;
mod conntrack_full;
mod conntrack_invalid;
mod denied_by_policy;
pub mod errno;
mod firewall_drop;
mod firewall_reject;
mod handshake_incomplete;
mod handshake_rejected;
mod icmp_prohibited;
mod icmp_unreachable;
mod keepalive_timeout;
mod killed_by_admin;
mod link_down;
mod mtu_blackhole;
mod neighbor_unresolved;
mod no_answer;
mod no_route;
mod out_of_memory;
mod ports_exhausted;
mod process_exited;
pub mod reason;
mod reset_by_local;
mod reset_by_peer;
mod retransmission_timeout;
mod reverse_path_filter;
mod route_blackhole;
mod route_prohibited;
mod route_unreachable;
mod syn_queue_full;
mod traffic_control_drop;
mod unknown;
mod user_timeout;
mod zero_window_timeout;

/// Every cause, in the order of the fault tree: from this host outward, then back to the process.
pub static CAUSES: &[&Cause] = &[
    &no_route::CAUSE,
    &route_blackhole::CAUSE,
    &route_unreachable::CAUSE,
    &ports_exhausted::CAUSE,
    &link_down::CAUSE,
    &out_of_memory::CAUSE,
    &killed_by_admin::CAUSE,
    &route_prohibited::CAUSE,
    &denied_by_policy::CAUSE,
    &firewall_drop::CAUSE,
    &firewall_reject::CAUSE,
    &traffic_control_drop::CAUSE,
    &reverse_path_filter::CAUSE,
    &conntrack_full::CAUSE,
    &conntrack_invalid::CAUSE,
    &neighbor_unresolved::CAUSE,
    &icmp_unreachable::CAUSE,
    &icmp_prohibited::CAUSE,
    &no_answer::CAUSE,
    &handshake_incomplete::CAUSE,
    &mtu_blackhole::CAUSE,
    &bad_segments::CAUSE,
    &handshake_rejected::CAUSE,
    &connection_refused::CAUSE,
    &accept_queue_full::CAUSE,
    &syn_queue_full::CAUSE,
    &reset_by_peer::CAUSE,
    &reset_by_local::CAUSE,
    &broken_pipe::CAUSE,
    &retransmission_timeout::CAUSE,
    &user_timeout::CAUSE,
    &keepalive_timeout::CAUSE,
    &zero_window_timeout::CAUSE,
    &address_in_use::CAUSE,
    &abandoned::CAUSE,
    &process_exited::CAUSE,
    &unknown::CAUSE,
];

/// The words of commands that stand for what a record may know: remote address, remote port, local
/// address, network device, process id, next router.
pub static FILL_IN: [&str; 6] = ["REMOTE", "PORT", "LOCAL", "DEV", "PID", "NEXT_HOP"];

/// One root cause of a failed connection.
#[derive(Debug)]
pub struct Cause {
    /// Stable code, as in the `cause` field of a record.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Where in the fault tree it belongs.
    pub place: Place,
    /// What the application, and so its user, sees.
    pub sees: &'static str,
    /// How the kernel gets there, with its functions.
    pub path: &'static str,
    /// Where in the kernel's source those functions stand (Linux 7.2).
    pub files: &'static [&'static str],
    /// Commands that confirm it; what stands behind four blanks is a remark. [`FILL_IN`] are to be
    /// filled in, and a tool that a plain host may lack has its Debian package in brackets.
    pub confirm: &'static [&'static str],
    /// What mends it: commands first, then what no command can do.
    pub mend: &'static [&'static str],
    /// Kernel drop reasons that lead to it (`enum skb_drop_reason`, without the prefix).
    pub drop_reasons: &'static [&'static str],
    /// Reset reasons that tell of it (`enum sk_rst_reason`, without the prefix): of the RST that
    /// this host sent.
    pub reset_reasons: &'static [&'static str],
    /// Errors that the application can get, symbolic; empty where it gets none.
    pub errnos: &'static [&'static str],
    /// Kernel settings that are at play; a `*` stands for each network device.
    pub sysctls: &'static [&'static str],
    /// Counters that rise with it, as `nstat` names them.
    pub counters: &'static [&'static str],
    /// What is in use of a bounded thing: a protocol and a field of `/proc/net/sockstat`.
    pub usage: &'static [&'static str],
}

/// Where a cause lies: the branches of the fault tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// This host's routes, interfaces, ports and memory.
    Host,
    /// A rule that somebody wrote: firewall, tc, BPF, LSM, connection tracking.
    Policy,
    /// The network between the two hosts.
    Path,
    /// The other host's TCP.
    Peer,
    /// The listening service and its queues.
    Service,
    /// An established connection.
    Stream,
    /// The application that opened the connection.
    Application,
    /// Not known.
    Unknown,
}

impl Place {
    /// All places, in the order of the fault tree.
    pub const ALL: [Self; 8] = [
        Self::Host,
        Self::Policy,
        Self::Path,
        Self::Peer,
        Self::Service,
        Self::Stream,
        Self::Application,
        Self::Unknown,
    ];

    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Policy => "policy",
            Self::Path => "path",
            Self::Peer => "peer",
            Self::Service => "service",
            Self::Stream => "stream",
            Self::Application => "application",
            Self::Unknown => "unknown",
        }
    }

    /// What belongs there, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Host => "this host's routes, interfaces, ports and memory",
            Self::Policy => "a rule that somebody wrote",
            Self::Path => "the network between the two hosts",
            Self::Peer => "the other host's TCP",
            Self::Service => "the listening service and its queues",
            Self::Stream => "an established connection",
            Self::Application => "the application that opened the connection",
            Self::Unknown => "the evidence names no place",
        }
    }
}

/// The cause with this code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Cause> {
    CAUSES.iter().copied().find(|cause| cause.code == code)
}

/// The causes that a drop reason (without the prefix) can lead to.
pub fn by_drop_reason(reason: &str) -> impl Iterator<Item = &'static Cause> {
    CAUSES
        .iter()
        .copied()
        .filter(move |cause| cause.drop_reasons.contains(&reason))
}

/// The causes that a reset reason (without the prefix) tells of.
pub fn by_reset_reason(reason: &str) -> impl Iterator<Item = &'static Cause> {
    CAUSES
        .iter()
        .copied()
        .filter(move |cause| cause.reset_reasons.contains(&reason))
}

/// The causes that can end in this error (symbolic name).
pub fn by_errno(errno: &str) -> impl Iterator<Item = &'static Cause> {
    CAUSES
        .iter()
        .copied()
        .filter(move |cause| cause.errnos.contains(&errno))
}

/// Of `known`, the names most like `wrong`, best first: at most three, none that is far off.
#[must_use]
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    /// Below this likeness (Jaro-Winkler, 0 to 1) a suggestion only confuses.
    const ALIKE: f64 = 0.75;
    let wrong = wrong.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong, &name.to_lowercase()), name))
        .filter(|&(likeness, _)| likeness >= ALIKE)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().map(|(_, name)| name).take(3).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::errno;

    #[test]
    fn codes_are_unique_and_kebab_case() {
        let codes: BTreeSet<_> = CAUSES.iter().map(|cause| cause.code).collect();
        assert_eq!(codes.len(), CAUSES.len());
        for code in codes {
            assert!(
                code.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{code}"
            );
        }
    }

    #[test]
    fn causes_stand_in_the_order_of_the_fault_tree() {
        assert!(CAUSES.iter().map(|cause| cause.place).is_sorted());
    }

    #[test]
    fn every_cause_is_complete() {
        for cause in CAUSES {
            assert!(!cause.title.is_empty(), "{}", cause.code);
            assert!(
                cause.sees.ends_with('.') && cause.path.ends_with('.'),
                "{}",
                cause.code
            );
            assert!(
                !cause.confirm.is_empty() && !cause.mend.is_empty(),
                "{}",
                cause.code
            );
            for name in cause.errnos {
                assert!(errno::number(name).is_some(), "{}: {name}", cause.code);
            }
            for reason in cause.drop_reasons {
                assert!(
                    reason::meaning(reason).is_some(),
                    "{}: {reason}",
                    cause.code
                );
            }
            for text in [cause.title, cause.sees, cause.path]
                .iter()
                .chain(cause.confirm)
                .chain(cause.mend)
            {
                assert!(
                    !text.chars().any(char::is_control),
                    "{}: {text:?}",
                    cause.code
                );
            }
        }
    }

    /// All lines of all causes with a command.
    fn steps() -> impl Iterator<Item = (&'static str, &'static str)> {
        CAUSES.iter().flat_map(|cause| {
            let steps = cause.confirm.iter().chain(cause.mend);
            steps.map(|&step| (cause.code, step))
        })
    }

    #[test]
    fn words_to_fill_in_stand_alone() {
        // What code fills in word by word must not be a part of another word.
        for (code, step) in steps() {
            let words = step.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for word in words.filter(|word| *word != "IP_BIND_ADDRESS_NO_PORT") {
                let part = word.split('_').any(|part| FILL_IN.contains(&part));
                assert!(FILL_IN.contains(&word) || !part, "{code}: {word} in {step}");
            }
        }
        for name in FILL_IN {
            assert!(steps().any(|(_, step)| step.contains(name)), "{name}");
        }
    }

    #[test]
    fn tools_that_a_plain_host_may_lack_name_their_package() {
        for (tool, package) in [
            ("arping", "iputils-arping"),
            ("ausearch", "auditd"),
            ("conntrack", "conntrack"),
            ("coredumpctl", "systemd-coredump"),
            ("ethtool", "ethtool"),
            ("mtr", "mtr-tiny"),
            ("ndisc6", "ndisc6"),
            ("strace", "strace"),
            ("tcpdump", "tcpdump"),
            ("tracepath", "iputils-tracepath"),
        ] {
            let with = format!("{tool} ");
            for (code, step) in steps().filter(|(_, step)| step.starts_with(&with)) {
                let (_, remark) = step.split_once("    ").unwrap_or((step, ""));
                let wanted = format!("[{package}]");
                assert!(remark.starts_with(&wanted), "{code}: {step}");
            }
            // None hides behind another command of the same line.
            for (code, step) in steps() {
                let command = step.split("    ").next().unwrap_or(step);
                for part in command.split([';', '|']).skip(1) {
                    assert!(!part.trim().starts_with(&with), "{code}: {step}");
                }
            }
        }
    }

    #[test]
    fn finds_by_code_reason_and_errno() {
        assert_eq!(find("no-answer").map(|cause| cause.code), Some("no-answer"));
        assert!(find("no-such-cause").is_none());
        assert!(by_drop_reason("IP_RPFILTER").any(|cause| cause.code == "reverse-path-filter"));
        assert!(by_errno("ECONNREFUSED").any(|cause| cause.code == "connection-refused"));
    }

    #[test]
    fn names_the_nearest() {
        let codes = || CAUSES.iter().map(|cause| cause.code);
        assert_eq!(nearest("firewal-drop", codes())[0], "firewall-drop");
        assert_eq!(nearest("no-rout", codes())[0], "no-route");
        assert!(nearest("zzz", codes()).is_empty());
    }
}

//! `tcpwhy explain`: the knowledge base.

use std::{
    error::Error,
    fmt, fs,
    io::{self, Write},
};

use crate::{
    cause::{self, CAUSES, Cause, Place, reason},
    errno,
    escape::escape,
};

/// Prose is wrapped at this many columns; commands are not.
const COLUMNS: usize = 100;
/// What the kernel puts before the name of a drop reason.
const REASON_PREFIX: &str = "SKB_DROP_REASON_";
/// What [`cause::FILL_IN`] stand for.
const FILL_IN_LINE: &str = "REMOTE, PORT: the far end; LOCAL: own address; DEV: network device; \
                            PID: process; NEXT_HOP: router.";

/// What `explain` asks of the host it runs on.
pub struct Host<'a> {
    /// The present value of a sysctl (`net.ipv4.tcp_syn_retries`), where this host has it.
    pub sysctl: &'a dyn Fn(&str) -> Option<String>,
    /// Whether the running kernel knows a drop reason (name without prefix).
    pub known_reason: &'a dyn Fn(&str) -> bool,
}

/// Why nothing was explained.
#[derive(Debug)]
pub enum ExplainError {
    /// No cause, drop reason or errno has this name.
    NotKnown {
        /// What was asked for.
        asked: String,
        /// Names that are like it, best first.
        nearest: Vec<String>,
    },
    /// The explanation could not be written.
    Write(io::Error),
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotKnown { asked, nearest } => {
                let asked = escape(asked);
                write!(
                    f,
                    "'{asked}' is no cause, drop reason or errno that is known here; "
                )?;
                if nearest.is_empty() {
                    write!(f, "'tcpwhy explain' lists the causes")
                } else {
                    write!(f, "did you mean {}?", nearest.join(", "))
                }
            }
            Self::Write(error) => write!(f, "could not write the explanation: {error}"),
        }
    }
}

impl Error for ExplainError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotKnown { .. } => None,
            Self::Write(error) => Some(error),
        }
    }
}

impl From<io::Error> for ExplainError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Explains a cause, a drop reason or an errno; without a name, lists all causes.
///
/// # Errors
/// Where the name is not known, or `out` cannot be written.
pub fn run(name: Option<&str>, host: &Host<'_>, out: &mut dyn Write) -> Result<(), ExplainError> {
    let text = match name {
        None => tree(),
        Some(name) => explain(name, host)?,
    };
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// The present value of a sysctl, in the network namespace of this process.
#[must_use]
pub fn read_sysctl(name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn explain(name: &str, host: &Host<'_>) -> Result<String, ExplainError> {
    if let Some(cause) = cause::find(&name.to_lowercase()) {
        return Ok(page(cause, host));
    }
    if let Some(number) = name
        .parse()
        .ok()
        .filter(|&number| errno::name(number).is_some())
        .or(errno::number(name))
    {
        return Ok(error_number(number));
    }
    let upper = name.to_uppercase();
    let reason = upper.strip_prefix(REASON_PREFIX).unwrap_or(&upper);
    if let Some(text) = drop_reason(reason, host) {
        return Ok(text);
    }
    let errnos: Vec<String> = errno::names().collect();
    let mut known: Vec<&str> = errnos.iter().map(String::as_str).collect();
    for name in CAUSES
        .iter()
        .map(|cause| cause.code)
        .chain(reason::drops().map(|reason| reason.name))
    {
        known.push(name);
    }
    let wanted = if upper.starts_with(REASON_PREFIX) {
        reason
    } else {
        name
    };
    let nearest = cause::nearest(wanted, known)
        .into_iter()
        .map(str::to_owned)
        .collect();
    Err(ExplainError::NotKnown {
        asked: name.to_owned(),
        nearest,
    })
}

/// All there is about one cause.
fn page(cause: &Cause, host: &Host<'_>) -> String {
    let mut text = format!("{}: {}\n", cause.code, cause.title);
    text += &format!(
        "  place         {} ({})\n",
        cause.place.name(),
        cause.place.about()
    );
    if !cause.errnos.is_empty() {
        text += &format!("  errno         {}\n", cause.errnos.join(", "));
    }
    if !cause.drop_reasons.is_empty() {
        wrap(
            &mut text,
            &cause.drop_reasons.join(", "),
            "  drop reasons  ",
            16,
        );
    }
    for (heading, prose) in [
        ("What you see", cause.sees),
        ("How the kernel gets there", cause.path),
    ] {
        text += &format!("\n{heading}\n");
        wrap(&mut text, prose, "  ", 2);
    }
    for (heading, lines) in [("Confirm", cause.confirm), ("Mend", cause.mend)] {
        text += &format!("\n{heading}\n");
        for line in lines {
            text += &format!("  - {line}\n");
        }
    }
    let (all, own): (Vec<&str>, Vec<&str>) =
        cause.sysctls.iter().partition(|name| is_host_wide(name));
    values(&mut text, "this network namespace", &own, |name| {
        (host.sysctl)(name).ok_or("not on this host")
    });
    values(&mut text, "the whole host", &all, |name| {
        // The kernel shows some of them in the first network namespace only.
        (host.sysctl)(name).ok_or("not to be read here")
    });
    text += &format!("\n{FILL_IN_LINE}\n");
    let note = "Other words in capitals are yours to choose. [In brackets]: the Debian package of \
                the command. In another network namespace, put 'nsenter -n -t PID' before a \
                command.";
    wrap(&mut text, note, "", 0);
    text
}

/// True for what all network namespaces share, although its name does not tell.
fn is_host_wide(name: &str) -> bool {
    // `neigh.default` is the pattern that devices to come are made after; its gc_thresh* bound one
    // table for all.
    name.starts_with("net.ipv4.neigh.default.")
        || matches!(
            name,
            "net.ipv4.tcp_mem"
                | "net.netfilter.nf_conntrack_max"
                | "net.netfilter.nf_conntrack_buckets"
        )
}

/// Present values of sysctls, under one heading; nothing where there is none.
fn values(
    text: &mut String,
    whose: &str,
    names: &[&str],
    read: impl Fn(&str) -> Result<String, &'static str>,
) {
    if names.is_empty() {
        return;
    }
    *text += &format!("\nPresent values here ({whose})\n");
    for name in names {
        *text += &match read(name) {
            Ok(value) if value.is_empty() => format!("  {name} is empty\n"),
            Ok(value) => format!("  {name} = {}\n", escape(&value)),
            Err(why) => format!("  {name}: {why}\n"),
        };
    }
}

fn drop_reason(reason: &str, host: &Host<'_>) -> Option<String> {
    let Some(meaning) = reason::meaning(reason) else {
        return (host.known_reason)(reason).then(|| {
            format!(
                "{reason}: a drop reason of this kernel, not yet described here; \
                 include/net/dropreason-core.h in the kernel's source says more\n"
            )
        });
    };
    let mut text = format!("{reason}: {meaning}\n");
    leads_to(&mut text, cause::by_drop_reason(reason), host);
    Some(text)
}

fn error_number(number: i32) -> String {
    let name = errno::name_or_number(number);
    let mut text = format!(
        "{name} ({}): {}\n",
        number.unsigned_abs(),
        errno::message(number.abs())
    );
    list(
        &mut text,
        "\nCauses that can end in it\n",
        cause::by_errno(&name),
    );
    text
}

/// The causes of a drop reason: a list, and the whole page where there is but one.
fn leads_to(text: &mut String, causes: impl Iterator<Item = &'static Cause>, host: &Host<'_>) {
    let causes: Vec<_> = causes.collect();
    if let [only] = causes[..] {
        *text += "\n";
        *text += &page(only, host);
    } else {
        list(text, "\nCauses it can lead to\n", causes.into_iter());
    }
}

fn list(text: &mut String, heading: &str, causes: impl Iterator<Item = &'static Cause>) {
    let lines: Vec<_> = causes.map(line).collect();
    if lines.is_empty() {
        *text += "\nNo cause of a failed connection is known to come with it.\n";
    } else {
        *text += heading;
        text.extend(lines);
        *text += "\n'tcpwhy explain CODE' tells more.\n";
    }
}

/// All causes by their place: the fault tree.
fn tree() -> String {
    let mut text = "Why a TCP connection fails\n".to_owned();
    for place in Place::ALL {
        let mut causes = CAUSES
            .iter()
            .copied()
            .filter(|cause| cause.place == place)
            .peekable();
        if causes.peek().is_some() {
            text += &format!("\n{}: {}\n", place.name(), place.about());
            text.extend(causes.map(line));
        }
    }
    text += "\n'tcpwhy explain CODE' tells more; drop reasons and errnos are explained too.\n";
    text
}

fn line(cause: &Cause) -> String {
    format!("  {:20} {}\n", cause.code, cause.title)
}

fn wrap(text: &mut String, prose: &str, first: &str, indent: usize) {
    let rest = " ".repeat(indent);
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent(first)
        .subsequent_indent(&rest)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    *text += &textwrap::fill(prose, options);
    *text += "\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Host<'static> = Host {
        sysctl: &|name| match name {
            "net.ipv4.tcp_syn_retries" => Some("6".to_owned()),
            "net.ipv4.ip_local_reserved_ports" => Some(String::new()),
            "net.ipv4.tcp_mem" => Some("1 2 3".to_owned()),
            _ => None,
        },
        known_reason: &|reason| reason == "NEW_REASON",
    };

    fn explained(name: &str) -> String {
        let mut out = Vec::new();
        run(Some(name), &HOST, &mut out).unwrap_or_else(|error| panic!("{error}"));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn explains_a_cause_with_present_values() {
        let text = explained("no-answer");
        for part in [
            "no-answer: SYNs left this host and nothing came back\n",
            "  place         path (the network between the two hosts)\n",
            "  errno         ETIMEDOUT\n",
            "\nConfirm\n  - tcpdump",
            "  net.ipv4.tcp_syn_retries = 6\n",
            "  net.ipv4.tcp_syn_linear_timeouts: not on this host\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn values_of_the_whole_host_stand_apart() {
        let text = explained("out-of-memory");
        assert!(
            text.contains(
                "\nPresent values here (this network namespace)\n  net.ipv4.tcp_rmem: not on this \
                 host\n  net.ipv4.tcp_wmem: not on this host\n\nPresent values here (the whole \
                 host)\n  net.ipv4.tcp_mem = 1 2 3\n\n"
            ),
            "{text}"
        );
        let text = explained("neighbor-unresolved");
        assert!(
            text.contains("(the whole host)\n  net.ipv4.neigh.default.mcast_solicit: not to be"),
            "{text}"
        );
        assert!(!explained("no-answer").contains("the whole host"));
    }

    #[test]
    fn an_empty_value_is_called_empty() {
        let text = explained("ports-exhausted");
        assert!(
            text.contains("  net.ipv4.ip_local_reserved_ports is empty\n"),
            "{text}"
        );
    }

    #[test]
    fn the_words_to_fill_in_are_explained_once_in_one_line() {
        assert!(FILL_IN_LINE.len() <= COLUMNS);
        for name in cause::FILL_IN {
            assert_eq!(FILL_IN_LINE.matches(name).count(), 1, "{name}");
        }
        let line = format!("\n{FILL_IN_LINE}\n");
        for cause in CAUSES {
            assert_eq!(explained(cause.code).matches(&line).count(), 1);
        }
    }

    #[test]
    fn explains_every_cause() {
        for cause in CAUSES {
            let text = explained(cause.code);
            assert!(text.contains("\nMend\n  - "), "{text}");
            let prose = text.lines().filter(|line| !line.starts_with("  - "));
            for line in prose {
                assert!(line.len() <= COLUMNS, "{line}");
            }
        }
    }

    #[test]
    fn explains_drop_reasons_in_any_spelling() {
        for name in [
            "NETFILTER_DROP",
            "netfilter_drop",
            "SKB_DROP_REASON_NETFILTER_DROP",
        ] {
            let text = explained(name);
            assert!(
                text.starts_with("NETFILTER_DROP: a netfilter hook"),
                "{text}"
            );
            assert!(text.contains("  firewall-drop        a firewall dropped the packets\n"));
        }
        assert!(explained("IP_RPFILTER").contains("\nreverse-path-filter: "));
        assert!(explained("TCP_OLD_ACK").contains("No cause of a failed connection"));
    }

    #[test]
    fn names_the_kernels_reasons_that_are_not_described() {
        let text = explained("skb_drop_reason_new_reason");
        assert!(
            text.starts_with("NEW_REASON: ") && text.contains("not yet described"),
            "{text}"
        );
    }

    #[test]
    fn explains_errnos_by_name_and_number() {
        for name in ["ETIMEDOUT", "etimedout", "110", "-110"] {
            let text = explained(name);
            assert!(text.starts_with("ETIMEDOUT (110): "), "{text}");
            assert!(text.contains("  no-answer "), "{text}");
        }
        assert!(explained("ENOTTY").contains("No cause of a failed connection"));
    }

    #[test]
    fn without_a_name_shows_the_fault_tree() {
        let mut out = Vec::new();
        run(None, &HOST, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for cause in CAUSES {
            assert!(text.contains(&line(cause)), "{}", cause.code);
        }
        assert!(text.find("\nhost: ") < text.find("\npolicy: "));
    }

    #[test]
    fn what_is_not_known_is_one_line_with_the_nearest() {
        let failed = |name| match run(Some(name), &HOST, &mut Vec::new()) {
            Ok(()) => panic!("{name} is explained"),
            Err(error) => error.to_string(),
        };
        assert!(failed("firewal-drop").contains("did you mean firewall-drop"));
        assert!(failed("ETIMEDOU").contains("ETIMEDOUT"));
        assert!(failed("NETFILTER_DRP").contains("NETFILTER_DROP"));
        assert!(failed("0").contains("'tcpwhy explain' lists"));
        assert!(!failed("\x1b[31m\n").contains(['\n', '\x1b']));
    }

    #[test]
    fn reads_this_hosts_sysctls() {
        assert!(read_sysctl("kernel.osrelease").is_some());
        assert_eq!(read_sysctl("net.ipv4.no_such_setting"), None);
    }
}

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
    for name in CAUSES.iter().map(|cause| cause.code).chain(reason::names()) {
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
    if !cause.sysctls.is_empty() {
        text += "\nPresent values here (this network namespace)\n";
        for name in cause.sysctls {
            let value = (host.sysctl)(name).map_or_else(
                || "not on this host".to_owned(),
                |value| escape(&value).into_owned(),
            );
            text += &format!("  {name} = {value}\n");
        }
    }
    text += "\n";
    let note = "Words in capitals are yours to fill in. In another network namespace, put \
                'nsenter -n -t PID' before a command.";
    wrap(&mut text, note, "", 0);
    text
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
        sysctl: &|name| (name == "net.ipv4.tcp_syn_retries").then(|| "6".to_owned()),
        known_reason: &|reason| reason == "PSP_INPUT",
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
            "  net.ipv4.tcp_syn_linear_timeouts = not on this host\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
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
        let text = explained("skb_drop_reason_psp_input");
        assert!(
            text.starts_with("PSP_INPUT: ") && text.contains("not yet described"),
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
        assert!(!text.contains("\nstream: "), "no cause there yet");
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

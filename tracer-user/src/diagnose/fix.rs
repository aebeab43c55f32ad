//! Makes the catalogue's commands ready to run: the placeholders filled in where their value is
//! known, and led into the network namespace where they must run.

use tracer_ebpf::event::Path;

use super::{case::Case, finding::Finding};
use crate::{cause, net};

/// Programs that look at, or change, the network namespace that they run in.
const TOOLS: &[&str] = &[
    "arping",
    "bridge",
    "cat",
    "conntrack",
    "ethtool",
    "ip",
    "ip6tables",
    "iptables",
    "iptables-save",
    "ndisc6",
    "nft",
    "nstat",
    "ping",
    "ss",
    "sysctl",
    "tc",
    "tcpdump",
    "tracepath",
];

/// As [`from_catalogue`], in the network namespace of the connection itself.
pub(super) fn at_home(case: &Case<'_>, finding: Finding) -> Finding {
    from_catalogue(case, finding, case.attempt.tuple().netns, None)
}

/// Adds the catalogue's commands for a cause, to be run in a network namespace.
pub(super) fn from_catalogue(
    case: &Case<'_>,
    mut finding: Finding,
    netns: u32,
    device: Option<&str>,
) -> Finding {
    let values = values(case, device);
    let steps = steps(finding.cause, &values, &case.way(netns));
    finding.fix.extend(steps);
    finding
}

/// The catalogue's commands for a cause, with placeholders filled in and the way into the network
/// namespace where they must run.
pub(super) fn steps(cause: &str, values: &[(&str, String)], way: &str) -> Vec<String> {
    let Some(known) = cause::find(cause) else {
        return Vec::new();
    };
    let step = |step: &&str| {
        let step = fill(step, values);
        let tool = step.split(' ').next().unwrap_or_default();
        let way = if TOOLS.contains(&tool) { way } else { "" };
        format!("{way}{step}")
    };
    known.confirm.iter().chain(known.mend).map(step).collect()
}

/// Placeholders of the catalogue, and what stands for them here.
fn values(case: &Case<'_>, device: Option<&str>) -> Vec<(&'static str, String)> {
    let tuple = case.attempt.tuple();
    let own_device = case.state.and_then(|state| net::name(&state.path.device));
    let local = net::address(tuple.local);
    let mut values = vec![
        ("REMOTE", case.remote().ip().to_string()),
        ("PORT", case.remote().port().to_string()),
    ];
    values.extend(
        device
            .map(str::to_owned)
            .or(own_device)
            .map(|name| ("DEV", name)),
    );
    let size = case.state.and_then(|state| largest_echo(case, &state.path));
    values.extend(size.map(|size| ("SIZE", size.to_string())));
    values.extend((!local.is_unspecified()).then(|| ("LOCAL", local.to_string())));
    values.extend(
        case.attempt
            .process_owner()
            .map(|owner| ("PID", owner.tgid.to_string())),
    );
    values
}

/// Bytes of data of the largest ICMP echo that the device takes whole.
fn largest_echo(case: &Case<'_>, path: &Path) -> Option<u32> {
    const ICMP: u32 = 8;
    let ip = if case.remote().is_ipv4() { 20 } else { 40 };
    path.mtu.checked_sub(ip + ICMP).filter(|&size| size > 0)
}

/// Replaces whole words.
fn fill(step: &str, values: &[(&str, String)]) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut filled = String::new();
    let mut rest = step;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let value = values.iter().find(|(name, _)| *name == word);
        filled.push_str(value.map_or(word, |(_, value)| value.as_str()));
        let next = behind.find(is_word).unwrap_or(behind.len());
        filled.push_str(&behind[..next]);
        rest = &behind[next..];
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn only_whole_words_are_filled() {
        let values = [("DEV", "eth0".to_owned()), ("PORT", "443".to_owned())];
        assert_eq!(
            fill("tc -s qdisc show dev DEV", &values),
            "tc -s qdisc show dev eth0"
        );
        assert_eq!(
            fill("ss 'sport = :PORT' # (DEV)", &values),
            "ss 'sport = :443' # (eth0)"
        );
        assert_eq!(
            fill("DEVICE PORT_RANGE NEXT_HOP é", &values),
            "DEVICE PORT_RANGE NEXT_HOP é"
        );
    }
}

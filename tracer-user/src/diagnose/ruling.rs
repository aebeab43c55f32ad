//! What the rules of a firewall say of packets that it dropped, in words and commands.

use super::finding::Finding;
use crate::{
    attribute::{Ruling, SeenDrop},
    record::{Candidate, Match},
};

/// Rules told in one sentence at most.
const MAX_TOLD: usize = 3;
/// Characters of a rule that a summary holds.
const MAX_CHARS: usize = 160;

/// Where one rule did it for certain: the end of a summary that names it.
pub(super) fn named(drop: &SeenDrop) -> String {
    match drop.ruling.as_ref().and_then(Ruling::one) {
        Some(one) if one.matches == Match::Certain || one.counted => {
            format!(": {}", where_it_is(one))
        }
        _ => String::new(),
    }
}

/// Adds the rules that can have dropped it to the chain, and how to take the one away that did: `way`
/// leads commands into its network namespace.
pub(super) fn explain(way: &str, drop: &SeenDrop, finding: Finding) -> Finding {
    let Some(ruling) = &drop.ruling else {
        return finding;
    };
    let finding = match (ruling.one(), ruling.candidates.as_slice()) {
        (Some(one), _) => {
            let finding = finding.why(format!("{}{}", describe(one), reason(one)));
            match mend(one) {
                Some(command) => finding.fix(format!("{way}{command}")),
                None => finding,
            }
        }
        (None, []) if ruling.complete => finding
            .missing("which rule it was: none of nftables or iptables there drops such a packet"),
        (None, []) => finding,
        (None, [one]) => finding.why(format!("this rule can have dropped it: {}", describe(one))),
        (None, many) => {
            let told: Vec<String> = many.iter().take(MAX_TOLD).map(describe).collect();
            let more = match many.len().saturating_sub(MAX_TOLD) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            finding
                .why(format!(
                    "one of these rules dropped it: {}{more}",
                    told.join("; ")
                ))
                .missing(
                    "which of these rules it was: neither their conditions nor their counters tell",
                )
        }
    };
    match &ruling.unknown {
        Some(why) => finding.missing(format!("which rule it was: {why}")),
        None => finding,
    }
}

/// How that rule is known to be the one.
fn reason(one: &Candidate) -> &'static str {
    match (one.matches, one.counted) {
        (_, true) => "; its counter moved when the packet was dropped",
        (Match::Certain, false) => "",
        (Match::Possible, false) => "; no other rule there can have dropped it",
    }
}

/// Whether all that can have dropped it are rules about what connection tracking calls invalid.
pub(super) fn is_about_invalid(drop: &SeenDrop) -> bool {
    let candidates = drop.ruling.as_ref().map(|ruling| &ruling.candidates);
    let about = |it: &Candidate| {
        it.rule.contains("INVALID") || (it.rule.contains("ct state") && it.rule.contains("invalid"))
    };
    candidates.is_some_and(|all| !all.is_empty() && all.iter().all(about))
}

/// ``nftables rule `tcp dport 443 drop` in inet filter output (handle 7)``.
fn describe(it: &Candidate) -> String {
    format!("{} {}", it.engine, where_it_is(it))
}

fn where_it_is(it: &Candidate) -> String {
    let place = format!("{} {} {}", it.family, it.table, it.chain);
    if is_policy(it) {
        return format!("policy drop of chain {place}");
    }
    let mut rule: String = it.rule.chars().take(MAX_CHARS).collect();
    if rule.len() < it.rule.len() {
        rule.push('…');
    }
    match it.handle {
        Some(handle) => format!("rule `{rule}` in {place} (handle {handle})"),
        None => format!("rule `{rule}` in {place}"),
    }
}

fn is_policy(it: &Candidate) -> bool {
    it.handle.is_none() && it.rule == "policy drop"
}

/// The command that takes the rule away, safe to be copied into a shell: names of tables and chains,
/// and comments, are whatever somebody chose.
fn mend(it: &Candidate) -> Option<String> {
    let ipv6 = it.family == "ip6";
    let iptables = match (it.engine.as_str(), ipv6) {
        ("nftables", false) => "iptables-nft",
        ("nftables", true) => "ip6tables-nft",
        (_, false) => "iptables-legacy",
        (_, true) => "ip6tables-legacy",
    };
    let (table, chain) = (word(&it.table), word(&it.chain));
    if let Some(rule) = it.rule.strip_prefix("-A ")
        && !rule.ends_with('…')
    {
        let args: Vec<String> = crate::firewall::words(rule)
            .iter()
            .map(|it| word(it))
            .collect();
        return Some(format!("{iptables} -t {table} -D {}", args.join(" ")));
    }
    match (it.engine.as_str(), it.handle) {
        ("nftables", Some(handle)) => Some(format!(
            "nft delete rule {} {table} {chain} handle {handle}",
            it.family
        )),
        ("nftables", None) => Some(format!(
            "nft chain {} {table} {chain} '{{ policy accept; }}'",
            it.family
        )),
        (_, _) if is_policy(it) => Some(format!("{iptables} -t {table} -P {chain} ACCEPT")),
        _ => None,
    }
}

/// One word of a shell command, whatever is in it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@!".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(engine: &str, family: &str, rule: &str, handle: Option<u64>) -> Candidate {
        Candidate {
            engine: engine.to_owned(),
            family: family.to_owned(),
            table: "filter".to_owned(),
            chain: "input".to_owned(),
            hook: "input".to_owned(),
            priority: 0,
            handle,
            rule: rule.to_owned(),
            verdict: "drop".to_owned(),
            packets: None,
            bytes: None,
            matches: Match::Certain,
            counted: false,
        }
    }

    #[test]
    fn commands_take_away_what_they_name() {
        for (engine, family, rule, handle, command) in [
            (
                "nftables",
                "inet",
                "tcp dport 443 drop",
                Some(7),
                "nft delete rule inet filter input handle 7",
            ),
            (
                "nftables",
                "inet",
                "policy drop",
                None,
                "nft chain inet filter input '{ policy accept; }'",
            ),
            (
                "nftables",
                "ip6",
                "-A INPUT -p tcp -m tcp --dport 80 -j DROP",
                Some(3),
                "ip6tables-nft -t filter -D INPUT -p tcp -m tcp --dport 80 -j DROP",
            ),
            (
                "iptables-legacy",
                "ip",
                "-A INPUT -m comment --comment \"$(reboot) 'x\\\"\" -j DROP",
                None,
                r#"iptables-legacy -t filter -D INPUT -m comment --comment '$(reboot) '\''x"' -j DROP"#,
            ),
            (
                "iptables-legacy",
                "ip",
                "policy drop",
                None,
                "iptables-legacy -t filter -P input ACCEPT",
            ),
        ] {
            let it = candidate(engine, family, rule, handle);
            assert_eq!(mend(&it).as_deref(), Some(command));
        }
        let mut hostile = candidate("nftables", "inet", "drop", Some(1));
        hostile.chain = "a;reboot".to_owned();
        assert_eq!(
            mend(&hostile).as_deref(),
            Some("nft delete rule inet filter 'a;reboot' handle 1")
        );
    }
}

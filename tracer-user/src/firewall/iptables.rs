//! Rules as `iptables-save -c` prints them (iptables(8), iptables-extensions(8)).

use std::{collections::HashMap, net::IpAddr};

use super::{
    Action, Base, Body, Chain, ChainId, Counter, Packet, Rule,
    packet::{FLAGS, is_within},
    target::{Target, target},
    tri::Tri,
};

/// As nftables calls the family that a table is of.
pub(super) fn family(ipv6: bool) -> &'static str {
    if ipv6 { "ip6" } else { "ip" }
}

/// The chains that packets come in from, and their hooks.
const BUILTIN: [(&str, &str); 5] = [
    ("PREROUTING", "prerouting"),
    ("INPUT", "input"),
    ("FORWARD", "forward"),
    ("OUTPUT", "output"),
    ("POSTROUTING", "postrouting"),
];

pub(super) fn is_builtin(chain: &str) -> bool {
    BUILTIN.iter().any(|(name, _)| *name == chain)
}

/// `enum nf_ip_hook_priorities` (`include/uapi/linux/netfilter_ipv4.h`).
fn priority(table: &str, hook: &str) -> i64 {
    match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", "prerouting" | "output") => -100,
        ("nat", _) => 100,
        ("security", _) => 50,
        _ => 0,
    }
}

/// Adds the chains of one family.
pub(super) fn parse(save: &str, ipv6: bool, chains: &mut HashMap<ChainId, Chain>) {
    let mut table = String::new();
    for line in save.lines() {
        let id = |name: &str| ChainId {
            family: family(ipv6).to_owned(),
            table: table.clone(),
            name: name.to_owned(),
        };
        if let Some(name) = line.strip_prefix('*') {
            name.trim().clone_into(&mut table);
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split(' ');
            let (name, policy) = (words.next().unwrap_or_default(), words.next());
            let counter = words.next().and_then(counter);
            let base = base(&table, name, policy, counter);
            chains.entry(id(name)).or_default().base = base;
        } else if line.starts_with(['-', '[']) {
            let (counter, text) = match line.split_once(' ') {
                Some((count, text)) if count.starts_with('[') => (counter(count), text),
                _ => (None, line),
            };
            let args = words(text);
            if let [add, chain, args @ ..] = args.as_slice()
                && add == "-A"
            {
                chains.entry(id(chain)).or_default().rules.push(Rule {
                    handle: None,
                    text: text.to_owned(),
                    body: Body::Iptables(args.to_vec()),
                    counter,
                });
            }
        }
    }
}

fn base(table: &str, chain: &str, policy: Option<&str>, counter: Option<Counter>) -> Option<Base> {
    let (_, hook) = BUILTIN.iter().find(|(name, _)| *name == chain)?;
    Some(Base {
        hook: (*hook).to_owned(),
        priority: priority(table, hook),
        nat: table == "nat",
        drops: policy == Some("DROP"),
        counter,
    })
}

/// `[12:720]`.
fn counter(text: &str) -> Option<Counter> {
    let text = text.strip_prefix('[')?.strip_suffix(']')?;
    let (packets, bytes) = text.split_once(':')?;
    Some(Counter {
        packets: packets.parse().ok()?,
        bytes: bytes.parse().ok()?,
    })
}

/// The arguments of a line: parted by blanks, some in double quotes (`xtables_save_string`).
#[must_use]
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(chars.next()),
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What a rule does, and how surely it comes to it.
pub(super) fn actions(
    args: &[String],
    packet: &Packet,
    is_chain: impl Fn(&str) -> bool,
) -> Vec<(Tri, Action)> {
    let mut matches = Tri::Yes;
    for option in (Options { rest: args }) {
        let to = || option.values.first().cloned().unwrap_or_default();
        let actions = match option.name {
            "-g" | "--goto" => vec![Action::Goto(to())],
            "-j" | "--jump" if is_chain(&to()) => vec![Action::Jump(to())],
            "-j" | "--jump" => {
                let target = target(&to());
                if target == Target::Unknown {
                    matches = matches.and(Tri::Maybe);
                }
                target.into()
            }
            _ => {
                matches = matches.and(is_match(&option, packet));
                continue;
            }
        };
        // What follows are the target's own options.
        return match matches {
            Tri::No => Vec::new(),
            sure => actions.into_iter().map(|action| (sure, action)).collect(),
        };
    }
    Vec::new()
}

/// An option, what stands behind it, and whether `!` stands before it.
struct Argument<'a> {
    name: &'a str,
    values: &'a [String],
    wanted: bool,
}

/// Parts arguments into options.
struct Options<'a> {
    rest: &'a [String],
}

impl<'a> Iterator for Options<'a> {
    type Item = Argument<'a>;

    fn next(&mut self) -> Option<Argument<'a>> {
        let wanted = self.rest.first()? != "!";
        let rest = if wanted { self.rest } else { &self.rest[1..] };
        let (name, rest) = rest.split_first()?;
        // Negative numbers are none that rules take.
        let is_option = |word: &String| word == "!" || word.starts_with('-');
        // The text of a comment may begin with anything.
        let most = if name == "--comment" { 1 } else { rest.len() };
        let end = match most {
            1 => 1.min(rest.len()),
            _ => rest.iter().position(is_option).unwrap_or(rest.len()),
        };
        let (values, rest) = rest.split_at(end);
        self.rest = rest;
        Some(Argument {
            name,
            values,
            wanted,
        })
    }
}

fn is_match(option: &Argument<'_>, packet: &Packet) -> Tri {
    let value = option
        .values
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let (from, to) = (packet.from, packet.to);
    let seen = match option.name {
        // What a module adds to the rule follows in options of its own.
        "-m" | "--match" => match value {
            "tcp" | "multiport" | "comment" | "conntrack" | "state" | "iprange" => Tri::Yes,
            "udp" | "udplite" | "sctp" | "dccp" | "icmp" | "icmp6" | "icmpv6" | "esp" | "ah" => {
                Tri::No
            }
            _ => Tri::Maybe,
        },
        "--comment" => Tri::Yes,
        "-p" | "--protocol" => matches!(value, "tcp" | "6" | "all" | "0").into(),
        "-s" | "--source" => is_address(from.ip(), value),
        "-d" | "--destination" => is_address(to.ip(), value),
        "--src-range" => is_in_range(from.ip(), value),
        "--dst-range" => is_in_range(to.ip(), value),
        "-i" | "--in-interface" => packet.iif.is(value, '+'),
        "-o" | "--out-interface" => packet.oif.is(value, '+'),
        "--sport" | "--source-port" | "--sports" | "--source-ports" => is_port(from.port(), value),
        "--dport" | "--destination-port" | "--dports" | "--destination-ports" => {
            is_port(to.port(), value)
        }
        "--ports" => is_port(from.port(), value).max(is_port(to.port(), value)),
        "--state" | "--ctstate" => is_state(packet, value),
        "--ctdir" => packet.original.is(value == "ORIGINAL"),
        "--tcp-flags" => has_flags(packet, option.values),
        "--syn" => packet.flags.masked(SYN_MASK).equal(SYN),
        _ => Tri::Maybe,
    };
    seen.is(option.wanted)
}

/// What `--syn` stands for: of FIN, SYN, RST and ACK only SYN.
const SYN_MASK: u64 = 1 | 2 | 4 | 16;
const SYN: u64 = 2;

/// An address, and after a slash how many bits of it count, or which (`255.255.0.0`).
fn is_address(addr: IpAddr, value: &str) -> Tri {
    let (network, mask) = match value.split_once('/') {
        Some((network, mask)) => (network, Some(mask)),
        None => (value, None),
    };
    let Ok(network) = network.parse::<IpAddr>() else {
        return Tri::Maybe;
    };
    let whole = if network.is_ipv4() { 32 } else { 128 };
    match mask.map_or(Some(whole), bits_of) {
        Some(bits) => is_within(addr, network, bits).into(),
        None => Tri::Maybe,
    }
}

fn bits_of(mask: &str) -> Option<u8> {
    let by_mask = || ipnet::ip_mask_to_prefix(mask.parse().ok()?).ok();
    mask.parse().ok().or_else(by_mask)
}

fn is_in_range(addr: IpAddr, value: &str) -> Tri {
    let ends = value.split_once('-').and_then(|(first, last)| {
        Some((first.parse::<IpAddr>().ok()?, last.parse::<IpAddr>().ok()?))
    });
    ends.map_or(Tri::Maybe, |(first, last)| {
        (first <= addr && addr <= last).into()
    })
}

/// Ports and ranges of them, parted by commas.
fn is_port(port: u16, value: &str) -> Tri {
    Tri::any(value.split(',').map(|one| {
        let (first, last) = one.split_once(':').unwrap_or((one, one));
        let number = |text: &str, open: u16| match text {
            "" => Some(open),
            text => text.parse().ok(),
        };
        match (number(first, 0), number(last, u16::MAX)) {
            (Some(first), Some(last)) => (first <= port && port <= last).into(),
            _ => Tri::Maybe,
        }
    }))
}

fn is_state(packet: &Packet, value: &str) -> Tri {
    Tri::any(value.split(',').map(|state| match state {
        // What was translated is not told.
        "SNAT" | "DNAT" => Tri::Maybe,
        state => state.eq_ignore_ascii_case(packet.state).into(),
    }))
}

/// `--tcp-flags MASK SET`.
fn has_flags(packet: &Packet, values: &[String]) -> Tri {
    let bits = |names: &String| {
        names.split(',').try_fold(0, |all, name| match name {
            "NONE" => Some(all),
            "ALL" => Some(all | 0x3f),
            name => {
                let known = FLAGS.iter().find(|(it, _)| it.eq_ignore_ascii_case(name))?;
                Some(all | known.1)
            }
        })
    };
    match values {
        [mask, set] => match (bits(mask), bits(set)) {
            (Some(mask), Some(set)) => packet.flags.masked(mask).equal(set),
            _ => Tri::Maybe,
        },
        _ => Tri::Maybe,
    }
}

//! Rulesets as nft 1.0.6 and iptables 1.8.9 print them.

use std::net::SocketAddr;

use super::{packet::Bits, *};
use crate::record::{Candidate, Match};

const JSON: &str = include_str!("../../tests/firewall/nft.json");
const TEXT: &str = include_str!("../../tests/firewall/nft.txt");

fn packet(from: &str, to: &str) -> Packet {
    let end = |text: &str| text.parse::<SocketAddr>().unwrap();
    Packet {
        from: end(from),
        to: end(to),
        iif: Device::Named("eth0".to_owned()),
        oif: Device::None,
        // A SYN.
        flags: Bits {
            value: 2,
            known: 0x17 | !0xff,
        },
        state: "new",
        original: Tri::Yes,
    }
}

fn to(port: u16) -> Packet {
    packet("192.0.2.1:40000", &format!("192.0.2.2:{port}"))
}

fn told(candidates: &[Candidate]) -> Vec<(&str, Match)> {
    candidates
        .iter()
        .map(|it| (it.rule.as_str(), it.matches))
        .collect()
}

fn ask(ruleset: &Ruleset, packet: &Packet, hook: &str) -> Answer {
    ruleset.candidates(packet, hook, &mut 100_000).unwrap()
}

fn ruleset() -> Ruleset {
    Ruleset::nft(JSON, TEXT).unwrap()
}

#[track_caller]
fn check(packet: &Packet, hook: &str, wanted: &[(&str, Match)]) {
    let answer = ask(&ruleset(), packet, hook);
    assert_eq!(told(&answer.candidates), wanted);
}

use Match::{Certain, Possible};

#[test]
fn a_rule_that_matches_is_certain_and_ends_the_way() {
    check(&to(81), "input", &[("tcp dport 81 counter drop", Certain)]);
}

#[test]
fn sets_hold_addresses_prefixes_and_ranges() {
    let rule = "ip saddr @bad counter name \"cc\" drop";
    for from in ["10.1.2.3:1", "192.168.1.7:1"] {
        check(&packet(from, "192.0.2.2:5000"), "input", &[(rule, Certain)]);
    }
    let outside = packet("192.168.1.8:1", "192.0.2.2:5000");
    check(&outside, "input", &[("policy drop", Certain)]);
    let both = packet("198.51.100.1:1", "192.0.2.2:82");
    let rule = "ip saddr . tcp dport @pairs drop";
    check(&both, "input", &[(rule, Certain)]);
}

#[test]
fn verdict_maps_lead_to_chains_and_back() {
    check(&to(2000), "input", &[("tcp dport vmap @m", Certain)]);
    // `other` drops 443, and lets the rest come back.
    check(
        &to(443),
        "input",
        &[("tcp dport 443 drop comment \"x y\"", Certain)],
    );
    check(&to(1050), "input", &[("policy drop", Certain)]);
}

#[test]
fn what_connection_tracking_says_is_known() {
    let mut invalid = to(5000);
    invalid.state = "invalid";
    let rule = "ct state vmap { invalid : drop, established : accept, related : accept }";
    check(&invalid, "input", &[(rule, Certain)]);
    let mut established = to(81);
    established.state = "established";
    check(&established, "input", &[]);
}

#[test]
fn an_accept_ends_its_chain_but_not_the_hook() {
    check(&to(22), "input", &[]);
    check(
        &to(23),
        "input",
        &[("tcp dport 23 reject with tcp reset", Certain)],
    );
}

#[test]
fn what_was_not_seen_of_a_packet_makes_a_rule_possible() {
    let answer = ask(&ruleset(), &to(90), "input");
    let wanted = [
        ("tcp dport 90 meta mark 0x00000001 drop", Possible),
        ("policy drop", Possible),
    ];
    // A rate limit in between may have accepted it.
    assert_eq!(told(&answer.candidates), wanted);
    assert!(!answer.others);
}

#[test]
fn rules_about_other_protocols_and_families_never_match() {
    let ipv6 = packet("[2001:db8::1]:1", "[2001:db8::2]:53");
    check(&ipv6, "input", &[("policy drop", Certain)]);
    let ula = packet("[2001:db8::1]:1", "[fd00::2]:53");
    check(&ula, "input", &[("ip6 daddr fd00::/8 drop", Certain)]);
}

#[test]
fn flags_are_compared_as_far_as_they_are_known() {
    let mut other = to(91);
    check(&other, "input", &[("policy drop", Certain)]);
    // With an ACK, or not: it was no SYN.
    other.flags = Bits {
        value: 0,
        known: 6 | !0xff,
    };
    // The first may have dropped it, so that it did not get to the second.
    let wanted = [
        ("tcp dport 91 tcp flags ack drop", Possible),
        ("tcp dport 91 tcp flags ! syn drop", Possible),
    ];
    check(&other, "input", &wanted);
}

#[test]
fn devices_are_those_of_the_hook() {
    let mut packet = to(92);
    check(&packet, "input", &[("policy drop", Certain)]);
    packet.iif = Device::Named("wan7".to_owned());
    let rule = "tcp dport 92 iifname \"wan*\" drop";
    check(&packet, "input", &[(rule, Certain)]);
    packet.iif = Device::Unknown;
    check(
        &packet,
        "input",
        &[(rule, Possible), ("policy drop", Possible)],
    );
}

#[test]
fn a_translation_may_fail_and_then_drops() {
    let answer = ask(&ruleset(), &to(8080), "prerouting");
    assert!(answer.candidates.is_empty() && answer.others);
    assert!(!ask(&ruleset(), &to(8081), "prerouting").others);
}

#[test]
fn too_much_to_compare_is_said_to_be() {
    assert_eq!(
        ruleset().candidates(&to(81), "input", &mut 3),
        Err(Exhausted)
    );
}

#[test]
fn output_that_is_none_of_nfts_is_refused() {
    for json in ["", "{}", "[1]", "{\"nftables\": 3}", "not JSON"] {
        assert!(Ruleset::nft(json, "").is_err(), "{json}");
    }
    for json in [
        r#"{"nftables": [3, {}, {"rule": 4}, {"rule": {"expr": [3, {"match": 1}, {"vmap": 2}]}}]}"#,
        r#"{"nftables": [{"chain": {"family": "ip", "hook": "input"}}, {"rule": {"family": "ip", "expr": [{"jump": {"target": ""}}]}}]}"#,
    ] {
        // A chain that leads to itself, as the kernel would not take.
        ask(
            &Ruleset::nft(json, "# handle }\n{ # handle 1").unwrap(),
            &to(1),
            "input",
        );
    }
}

const SAVE: &str = "\
# Generated by iptables-save v1.8.9
*raw
:PREROUTING ACCEPT [9:540]
-A PREROUTING -p udp -j DROP
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [5:300]
:ACME - [0:0]
[0:0] -A INPUT -i lo -j ACCEPT
[4:240] -A INPUT -s 10.0.0.0/8 -p tcp -m tcp ! --dport 1:100 -m comment --comment \"-j ACCEPT \\\"b\" -j DROP
[0:0] -A INPUT -p tcp -m multiport --dports 80,90:95 -j ACME
[0:0] -A INPUT -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
[0:0] -A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m limit --limit 3/sec -j ACCEPT
[1:60] -A INPUT -p tcp -m tcp --dport 99 -m acme --weird -j REJECT --reject-with tcp-reset
[0:0] -A ACME -d 192.0.2.0/255.255.255.0 -g ACME2
[2:120] -A ACME -j DROP
-A ACME2 -j LOG --log-prefix \"x \"
COMMIT
";

fn legacy(save: &str) -> Ruleset {
    Ruleset::empty(Engine::Legacy).iptables(save, false)
}

#[test]
fn rules_of_iptables_are_understood() {
    let rules = legacy(SAVE);
    let answer = ask(&rules, &packet("10.1.1.1:1", "192.0.2.2:443"), "input");
    let [one] = answer.candidates.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!((one.matches, one.packets), (Certain, Some(4)));
    assert_eq!(
        (&*one.engine, &*one.table, one.handle),
        ("iptables-legacy", "filter", None)
    );
    // Jumped to, gone from there for good, and back.
    assert!(ask(&rules, &to(91), "input").candidates.is_empty());
    let outside = packet("198.51.100.1:1", "198.51.100.2:91");
    let told_of = ask(&rules, &outside, "input").candidates;
    assert_eq!(told(&told_of), [("-A ACME -j DROP", Certain)]);
    // An extension that is not known, behind a rate limit.
    let rejected = ask(&rules, &to(99), "input").candidates;
    assert_eq!((rejected.len(), rejected[0].matches), (1, Possible));
    assert_eq!(rejected[0].verdict, "reject");
    let forwarded = ask(&rules, &to(1), "forward").candidates;
    assert_eq!(told(&forwarded), [("policy drop", Certain)]);
    assert_eq!(forwarded[0].packets, Some(5));
}

#[test]
fn hostile_rules_are_no_danger() {
    for save in [
        "",
        "*",
        "*filter\n:\n[\n[1:2\n-A\n-A X\n-A INPUT -j\n-A INPUT !\n-A INPUT ! -j DROP",
        "*filter\n:INPUT DROP [x:y]\n[99999999999999999999:1] -A INPUT --comment\n",
        "*filter\n:INPUT - [0:0]\n-A INPUT -s 1.2.3.4/999 -j DROP\n-A INPUT -p tcp --dport : -j INPUT",
        "\"*filter\n-A INPUT \"\\",
    ] {
        ask(&legacy(save), &to(1), "input");
    }
}

#[test]
fn counters_that_stood_still_leave_rules_out() {
    let one = |handle, packets| Candidate {
        handle: Some(handle),
        packets,
        ..ask(&ruleset(), &to(81), "input").candidates.remove(0)
    };
    let before = [one(1, Some(5)), one(2, Some(5)), one(3, None)];
    let mut now = vec![one(1, Some(5)), one(2, Some(6)), one(3, None)];
    counted(&before, &mut now);
    let left: Vec<_> = now.iter().map(|it| (it.handle, it.counted)).collect();
    assert_eq!(left, [(Some(2), true), (Some(3), false)]);
    // Reset in between: nothing is known.
    let mut now = vec![one(1, Some(0)), one(2, Some(5))];
    counted(&before, &mut now);
    assert_eq!((now.len(), now[0].counted), (1, false));
    // None of them can have done it: then the readings are not what they seem.
    let mut now = vec![one(1, Some(5)), one(2, Some(5))];
    counted(&before, &mut now);
    assert_eq!(now.len(), 2);
}

#[test]
fn iptables_nft_tells_more_of_its_own_rules() {
    let json = include_str!("../../tests/firewall/iptables_nft.json");
    let text = include_str!("../../tests/firewall/iptables_nft.txt");
    let save = include_str!("../../tests/firewall/iptables_nft.save");
    let mut rules = Ruleset::nft(json, text).unwrap();
    assert!(rules.has_iptables(false) && !rules.has_iptables(true));
    // nftables does not say which ports.
    assert_eq!(
        ask(&rules, &to(443), "input").candidates[0].matches,
        Possible
    );
    rules.retell(save, false);
    let found = ask(&rules, &to(443), "input").candidates;
    assert_eq!((found.len(), found[0].matches), (1, Certain));
    assert!(found[0].handle.is_some() && found[0].rule.starts_with("-A INPUT -p tcp -m multiport"));
    assert!(ask(&rules, &to(444), "input").candidates.is_empty());
}

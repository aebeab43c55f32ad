use super::{
    text::{COLUMNS, FILL_IN_LINE},
    *,
};
use crate::cause::{self, CAUSES, errno, reason};

/// A host with a few values, and a kernel that is newer than the catalogue.
struct Sample;

impl Host for Sample {
    fn sysctl(&self, pattern: &str) -> Vec<(String, String)> {
        let values: &[(&str, &str)] = match pattern {
            "net.ipv4.tcp_syn_retries" => &[("net.ipv4.tcp_syn_retries", "6")],
            "net.ipv4.ip_local_reserved_ports" => &[("net.ipv4.ip_local_reserved_ports", "")],
            "net.ipv4.tcp_mem" => &[("net.ipv4.tcp_mem", "1 2 3")],
            "net.ipv4.conf.*.rp_filter" => &[
                ("net.ipv4.conf.all.rp_filter", "0"),
                ("net.ipv4.conf.eth0.rp_filter", "1"),
            ],
            _ => &[],
        };
        values
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn counter(&self, name: &str) -> Option<u64> {
        (name == "TcpExtIPReversePathFilter").then_some(17)
    }

    fn usage(&self, name: &str) -> Option<u64> {
        (name == "TCP mem").then_some(42)
    }

    fn knows_drop_reason(&self, name: &str) -> bool {
        name == "NEW_REASON"
    }

    fn knows_reset_reason(&self, name: &str) -> bool {
        name == "NEW_RESET"
    }
}

fn written(name: Option<&str>, format: ExplainFormat) -> String {
    let mut out = Vec::new();
    run(name, format, &Sample, &mut out).unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(out).unwrap_or_else(|error| panic!("{error}"))
}

fn explained(name: &str) -> String {
    written(Some(name), ExplainFormat::Text)
}

fn as_json(name: Option<&str>) -> serde_json::Value {
    let line = written(name, ExplainFormat::Json);
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}"))
}

/// Prose, without the lines that are commands.
fn too_wide(text: &str) -> Option<&str> {
    text.lines()
        .filter(|line| !line.starts_with("  - ") && !line.starts_with("  look at"))
        .find(|line| line.chars().count() > COLUMNS)
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
        "  TcpExtTCPSynRetrans: not on this host\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert_eq!(explained("NO_ANSWER"), text);
}

#[test]
fn shows_settings_of_each_device_counters_and_usage() {
    let text = explained("reverse-path-filter");
    for part in [
        "  net.ipv4.conf.all.rp_filter = 0\n  net.ipv4.conf.eth0.rp_filter = 1\n",
        "  TcpExtIPReversePathFilter = 17\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(explained("out-of-memory").contains("  TCP mem = 42\n"));
}

#[test]
fn values_of_the_whole_host_stand_apart() {
    let text = explained("out-of-memory");
    assert!(
        text.contains(
            "\nPresent values here (this network namespace)\n  net.ipv4.tcp_rmem: not on this \
             host\n  net.ipv4.tcp_wmem: not on this host\n\nPresent values here (the whole \
             host)\n  net.ipv4.tcp_mem = 1 2 3\n  net.ipv4.tcp_max_orphans: not to be read here\n\n"
        ),
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
fn explains_everything_in_the_catalogue() {
    for cause in CAUSES {
        let text = explained(cause.code);
        assert!(text.contains("\nMend\n  - "), "{text}");
        assert_eq!(too_wide(&text), None);
    }
    for reason in reason::drops().chain(reason::RESETS) {
        let text = explained(reason.name);
        assert!(text.starts_with(&format!("{}: ", reason.name)), "{text}");
        assert_eq!(too_wide(&text), None);
    }
    for page in errno::all() {
        let text = explained(page.name);
        assert!(text.starts_with(&format!("{} (", page.name)), "{text}");
        assert!(text.contains(page.calls[0].0.name()), "{text}");
        assert_eq!(too_wide(&text), None);
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
        assert!(
            text.contains("  firewall-drop           a firewall dropped the packets\n"),
            "{text}"
        );
    }
    assert!(explained("IP_RPFILTER").contains("\nreverse-path-filter: "));
    assert!(explained("TCP_OFOMERGE").contains("No cause of a failed connection"));
    assert!(explained("SKB_CONSUMED").starts_with("CONSUMED: no drop"));
}

#[test]
fn a_name_that_stands_for_several_things_shows_them_all() {
    let text = explained("tcp_flags");
    assert!(
        text.contains("drop reason (enum skb_drop_reason)"),
        "{text}"
    );
    assert!(text.contains("reset reason (enum sk_rst_reason)"), "{text}");
    assert!(!explained("SKB_DROP_REASON_TCP_FLAGS").contains("reset reason (enum"));
    assert!(!explained("SK_RST_REASON_TCP_FLAGS").contains("drop reason (enum"));
}

#[test]
fn a_reason_with_one_cause_shows_its_page_once() {
    let text = explained("TCP_LISTEN_OVERFLOW");
    assert_eq!(text.matches("accept-queue-full: ").count(), 1, "{text}");
    assert!(!text.contains("Causes it can lead to"), "{text}");
}

#[test]
fn names_the_kernels_reasons_that_are_not_described() {
    let text = explained("skb_drop_reason_new_reason");
    assert!(
        text.starts_with("NEW_REASON: ") && text.contains("not yet described"),
        "{text}"
    );
    assert!(explained("NEW_RESET").contains("a reset reason of this kernel"));
    let json = as_json(Some("NEW_REASON"));
    assert_eq!(json["drop_reasons"][0]["name"], "NEW_REASON");
    assert!(json["drop_reasons"][0]["meaning"].is_null());
}

#[test]
fn explains_errnos_by_name_and_number() {
    for name in ["ETIMEDOUT", "etimedout", "110", "-110"] {
        let text = explained(name);
        assert!(text.starts_with("ETIMEDOUT (110): "), "{text}");
        assert!(
            text.contains("  connect()     no answer to any SYN"),
            "{text}"
        );
        assert!(text.contains("  no-answer "), "{text}");
    }
    assert!(explained("ENOTTY").contains("No cause of a failed connection"));
}

#[test]
fn without_a_name_shows_the_fault_tree() {
    let text = written(None, ExplainFormat::Text);
    for cause in CAUSES {
        let line = format!(" {:23} {}\n", cause.code, cause.title);
        assert!(text.contains(&line), "{}", cause.code);
    }
    assert!(text.find(" host: ") < text.find(" policy: "));
    assert!(text.contains(" stream: "));
    let json = as_json(None);
    let branches = json["tree"].as_array().map(Vec::len);
    assert_eq!(branches, Some(cause::Place::ALL.len()));
    assert_eq!(json["tree"][0]["causes"][0]["code"], "no-route");
}

#[test]
fn json_carries_present_values() {
    let json = as_json(Some("no-answer"));
    let cause = &json["causes"][0];
    assert_eq!(cause["code"], "no-answer");
    assert_eq!(cause["settings"][0]["name"], "net.ipv4.tcp_syn_retries");
    assert_eq!(cause["settings"][0]["value"], "6");
    assert!(cause["settings"][1]["value"].is_null());
    let json = as_json(Some("ECONNREFUSED"));
    assert_eq!(json["errnos"][0]["number"], 111);
    assert_eq!(json["errnos"][0]["causes"][0], "firewall-reject");
}

#[test]
fn markdown_of_a_cause_carries_present_values() {
    let text = written(Some("reverse-path-filter"), ExplainFormat::Markdown);
    assert!(text.starts_with("### reverse-path-filter\n"), "{text}");
    assert!(
        text.contains("| `TcpExtIPReversePathFilter` | 17 |\n"),
        "{text}"
    );
}

#[test]
fn what_is_not_known_is_one_line_with_the_nearest() {
    let failed = |name| match run(Some(name), ExplainFormat::Text, &Sample, &mut Vec::new()) {
        Ok(()) => panic!("{name} is explained"),
        Err(error) => error.to_string(),
    };
    assert!(failed("firewal-drop").contains("did you mean firewall-drop"));
    assert!(failed("ETIMEDOU").contains("ETIMEDOUT"));
    assert!(failed("NETFILTER_DRP").contains("NETFILTER_DROP"));
    assert!(failed("TCP_ABORT_ON_CLOS").contains("TCP_ABORT_ON_CLOSE"));
    assert!(failed("0").contains("'tcpwhy explain' lists"));
    assert!(!failed("\x1b[31m\n").contains(['\n', '\x1b']));
}

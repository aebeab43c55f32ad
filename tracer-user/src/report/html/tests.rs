use super::*;
use crate::{
    record::{Failure, Process, Record},
    report::{
        collect::Options,
        tests::{at, header, lines, report_of},
    },
    show::sample,
};

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    let look = Look {
        color: false,
        columns: 80,
    };
    write(report, look, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn report(failures: impl IntoIterator<Item = Failure>) -> Report {
    let failures = failures.into_iter().map(Box::new).map(Record::Failure);
    let mut records = vec![Record::Header(Box::new(header("web1", false)))];
    records.extend(failures);
    records.extend(sample::records().pop());
    report_of(&[lines(&records)], Options::default())
}

/// Every tag is closed, but for those that close by themselves.
fn balanced(html: &str) {
    const ALONE: [&str; 12] = [
        "!doctype", "html", "meta", "link", "th", "td", "tr", "rect", "path", "circle", "thead",
        "li",
    ];
    let mut open: Vec<&str> = Vec::new();
    for part in html.split('<').skip(1) {
        let tag = part.split(['>', ' ']).next().unwrap();
        match tag.strip_prefix('/') {
            _ if ALONE.contains(&tag.trim_start_matches('/')) => {}
            Some(name) => assert_eq!(open.pop(), Some(name), "{part}"),
            None => open.push(tag),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn tells_the_story() {
    let html = page(&report([at(0, 443), at(1, 443), at(2, 443), at(60, 80)]));
    balanced(&html);
    for part in [
        "F-20261123-001",
        "<b>4 failures</b>",
        "2026-11-23 18:31:02",
        "class=\"badge critical\"",
        "curl[4242] could not reach 10.9.1.1",
        "<ol class=\"chain\">",
        "the kernel dropped all 3",
        "nft list ruleset",
        "<svg class=ladder",
        "NETFILTER_DROP",
        "By destination",
        "10.9.1.1:443",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn needs_nothing_and_runs_nothing() {
    let html = page(&report([at(0, 443)]));
    assert!(html.contains("default-src 'none'"));
    for part in ["<script", "src=", "@import", "url(", "<iframe", "onload"] {
        assert!(!html.contains(part), "{part}");
    }
    // The only links lead to places of the page itself.
    let links = html.split("href=\"").skip(1);
    assert!(links.clone().count() > 0);
    assert!(
        links
            .clone()
            .all(|link| link.starts_with(['#']) || link.starts_with("data:,"))
    );
}

#[test]
fn nothing_from_outside_is_markup() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}\u{1b}[2J";
    let mut failure = at(0, 443);
    failure.id = evil.to_owned();
    failure.cause = evil.to_owned();
    failure.summary = evil.to_owned();
    failure.why = vec![evil.to_owned()];
    failure.fix = vec![evil.to_owned()];
    failure.missing = vec![evil.to_owned()];
    failure.stuck_on = Some(evil.to_owned());
    failure.drops[0].reason = Some(evil.to_owned());
    failure.drops[0].location = Some(evil.to_owned());
    failure.drops[0].hook = Some(evil.to_owned());
    failure.drops[0].device = Some(evil.to_owned());
    failure.process = Some(Process {
        comm: evil.to_owned(),
        exe: Some(evil.to_owned()),
        cmdline: Some(evil.to_owned()),
        unit: Some(evil.to_owned()),
        ..Process::default()
    });
    let mut report = report([failure]);
    report.overview.hosts = vec![evil.to_owned()];
    report.overview.restricted_to = Some(evil.to_owned());
    report.sources[0].file = evil.to_owned();
    let html = page(&report);
    balanced(&html);
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains("<script") && !html.contains("<img"));
    assert!(!html.contains(['\u{202e}', '\u{1b}']));
}

#[test]
fn stays_small_whatever_the_traces_hold() {
    let long = "<".repeat(3_000);
    let mut report = report([at(0, 443)]);
    let mut story = report.incidents[0].clone();
    story.incident.summary.clone_from(&long);
    story.incident.why = vec![long.clone(); 50];
    story.incident.fix = vec![long.clone(); 50];
    story.evidence = vec![long; 50];
    report.incidents = vec![story; 2_000];
    let html = page(&report);
    assert!(html.len() < 5_000_000, "{}", html.len());
    assert!(html.contains("incidents of less importance are not told here"));
    balanced(&html);
}

#[test]
fn without_a_failure_it_says_so() {
    let html = page(&report([]));
    balanced(&html);
    assert!(html.contains("<b>0 failures</b>") && !html.contains("<svg"));
}

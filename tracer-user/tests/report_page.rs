//! `tcpwhy report` for people elsewhere: the page, and reports without names.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TRACE, originals, records, run};

fn report(arguments: &[&str]) -> String {
    let done = run(&[&["report", TRACE], arguments].concat());
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.is_empty(), "{said}");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn the_page_shows_every_incident_and_its_picture() {
    let page = report(&["--format", "html"]);
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for failure in records("failure") {
        let cause = failure["cause"].as_str().unwrap();
        assert!(page.contains(&format!("<code>{cause}</code>")), "{cause}");
    }
    assert_eq!(
        page.matches("<article").count(),
        page.matches("class=ladder").count()
    );
    // A process of that name is in the trace.
    assert!(!page.contains("<b>x") && page.contains("&lt;b&gt;x["));
}

#[test]
fn one_connection_is_drawn_by_its_events() {
    let failures = records("failure");
    let dropped = failures
        .iter()
        .find(|failure| failure["cause"] == "firewall-drop");
    let id = dropped.unwrap()["id"].as_str().unwrap();
    let page = report(&["--format", "html", "--connection", id]);
    let (_, one) = page.split_once("<h2 id=connection>").unwrap();
    assert!(one.contains("Each line is an event of the trace, at its time."));
    // Both of its SYNs were dropped.
    assert_eq!(one.matches("class=lost").count(), 2);
}

#[test]
fn nothing_is_left_of_what_is_redacted() {
    for format in ["text", "markdown", "json", "html"] {
        let text = report(&["--format", format, "--redact", "--comm", "checkout,<b>x"]);
        for original in originals() {
            // The path of the trace is no part of it, and neither is a word of the page's style.
            assert!(!text.contains(&original), "{format}: {original}");
        }
        for kept in [
            "connection-refused",
            "timed out after",
            "nothing listens on",
        ] {
            assert!(text.contains(kept), "{format}: {kept}");
        }
    }
}

//! Both ends of connections, from two hosts.

use super::*;

#[test]
fn both_ends_of_a_connection_are_one_finding() {
    let report = joined(&two_hosts("accept-queue-full"));
    assert_eq!(report.incidents.len(), 1, "{:#?}", report.incidents);
    let story = &report.incidents[0];
    assert_eq!(story.host.as_deref(), Some("web1"));
    assert_eq!(story.incident.cause, "no-answer");
    let verdict = story.verdict.as_ref().unwrap();
    assert_eq!(verdict.cause, "accept-queue-full");
    assert_eq!(verdict.confidence, Confidence::Likely);
    let end = &story.other_ends[0];
    assert_eq!((end.host.as_str(), end.joined), ("db1", 4));
    assert!(!end.evidence.is_empty() && !end.fix.is_empty());
    let clock = &report.clocks[0];
    assert_eq!(clock.host, "db1");
    assert_eq!(clock.ahead_ns, Some(7 * SECOND_NS));
    assert_eq!(clock.joined, 4);
    // By the client's clock all happened within its 3 s.
    assert_eq!(report.overview.last, Some(at(3, 80).time));
    assert_eq!(report.overview.first, Some(at(0, 80).time));
    assert_eq!(
        end.sample.as_ref().map(|it| it.time.clone()),
        Some(at(0, 80).time)
    );
    let text = show(&text::FORMAT, &report, Look::default());
    for part in [
        "no-answer: accept-queue-full (likely)",
        "both ends  on db1: nginx[7] dropped a SYN: its accept queue is full",
        "db1 recorded the other end of 4 failures",
        "fix there  ss -ltn 'sport = 80'",
        "the clock of db1 is 7.0 s ahead of that of web1",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let markdown = show(&markdown::FORMAT, &report, Look::default());
    assert!(
        markdown.contains("The other end: db1 recorded that of 4 failures"),
        "{markdown}"
    );
}

#[test]
fn a_lost_answer_is_told_from_a_lost_question() {
    let report = joined(&two_hosts("handshake-incomplete"));
    let verdict = report.incidents[0].verdict.as_ref().unwrap();
    assert_eq!(verdict.cause, "no-answer");
    assert!(
        verdict.summary.contains("lost on the way back"),
        "{verdict:?}"
    );
}

#[test]
fn other_clients_of_the_server_stay_an_incident_of_their_own() {
    let [client, server] = two_hosts("accept-queue-full");
    let first: Vec<u8> = client
        .split_inclusive(|&byte| byte == b'\n')
        .enumerate()
        .filter(|(nth, _)| ![2, 3].contains(nth))
        .flat_map(|(_, line)| line.to_vec())
        .collect();
    let report = joined(&[first, server]);
    assert_eq!(report.incidents.len(), 2);
    let of_server = report
        .incidents
        .iter()
        .find(|it| it.host.as_deref() == Some("db1"));
    let end = &of_server.unwrap().other_ends[0];
    assert_eq!((end.host.as_str(), end.joined), ("web1", 2));
}

#[test]
fn hosts_that_share_nothing_keep_their_clocks() {
    let [client, server] = two_hosts("accept-queue-full");
    let server = String::from_utf8(server)
        .unwrap()
        .replace("10.9.0.1", "10.9.0.9");
    let server = server.replace("\"isn\":7", "\"isn\":9");
    let report = joined(&[client, server.into_bytes()]);
    assert_eq!(report.incidents.len(), 2);
    assert_eq!(report.clocks[0].ahead_ns, None);
    let text = show(&text::FORMAT, &report, Look::default());
    assert!(
        text.contains("clocks of db1 and web1 could not be compared"),
        "{text}"
    );
}

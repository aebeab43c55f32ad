//! Text for a person who has just been woken up: what failed, why, what to do.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use anstyle::Style;
use jiff::tz::TimeZone;

use super::{
    Format, Show,
    page::{BOLD, COLUMNS, CYAN, DIM, GLUE, GREEN, Page, RED, YELLOW},
};
use crate::{
    clock::time_of_day,
    diagnose::words,
    escape::escape,
    record::{
        Confidence, Connection, Direction, Drop, Event, Failure, Icmp, Incident, IncidentState,
        Ledger, MatchedBy, Process, Record, Reset, Severity, Socket,
    },
};

/// `--format text`.
pub static FORMAT: Format = Format {
    name: "text",
    new: |color| {
        Box::new(Text {
            page: Page {
                color,
                columns: COLUMNS,
            },
            zone: TimeZone::system(),
        })
    },
};

/// Of a command line, as many characters are shown.
const CMDLINE_CHARS: usize = 200;

struct Text {
    page: Page,
    zone: TimeZone,
}

impl Show for Text {
    fn show(&mut self, record: &Record, out: &mut dyn Write) -> io::Result<()> {
        let text = match record {
            Record::Failure(failure) => self.failure(failure),
            Record::Connection(connection) => self.connection(connection),
            Record::Event(event) => self.event(event),
            Record::Incident(incident) => self.incident(incident),
            Record::Header(_)
            | Record::Context(_)
            | Record::Counters(_)
            | Record::Ledger(_)
            | Record::Trailer(_) => {
                return Ok(());
            }
        };
        out.write_all(text.as_bytes())
    }
}

impl Text {
    fn failure(&self, failure: &Failure) -> String {
        let (mark, style) = match (failure.severity, failure.confidence) {
            (Severity::Info, _) => ("info", CYAN),
            (_, Confidence::Unknown) => ("FAIL", YELLOW),
            (_, _) => ("FAIL", RED),
        };
        let mut text = self.headline(
            &failure.time,
            (mark, style),
            failure.process.as_ref(),
            failure.direction,
            &failure.socket,
        );
        let _ = write!(
            text,
            "  {}",
            self.page.paint(style, &escape(&failure.cause))
        );
        let doubt = (failure.confidence != Confidence::Certain)
            .then(|| sureness(failure.confidence).to_owned());
        let stuck_on = failure.stuck_on.as_deref();
        let notes: Vec<String> = doubt
            .into_iter()
            .chain(stuck_on.map(|cause| format!("stuck on {}", escape(cause))))
            .collect();
        if !notes.is_empty() {
            let _ = write!(text, " ({})", notes.join(", "));
        }
        if let Some(errno) = &failure.errno {
            let _ = write!(text, "  {}", escape(errno));
        }
        if let Some(elapsed_us) = failure.timing.elapsed_us {
            let _ = write!(text, "  {}", elapsed(elapsed_us));
        }
        text.push('\n');

        self.page.prose(&mut text, "", [news(failure)]);
        self.page.prose(&mut text, "why", &failure.why);
        for (nth, line) in failure.fix.iter().enumerate() {
            // Never wrapped: to be copied.
            self.page.line(
                &mut text,
                if nth == 0 { "fix" } else { "" },
                &escape(line),
                Style::new(),
            );
        }
        self.page.prose(&mut text, "seen", seen(failure));
        self.page.prose(&mut text, "missing", &failure.missing);
        self.page
            .prose(&mut text, "process", failure.process.as_ref().map(identity));
        self.page.prose(&mut text, "where", [place(failure)]);
        text
    }

    fn connection(&self, connection: &Connection) -> String {
        let mut text = self.headline(
            &connection.time,
            ("ok", GREEN),
            connection.process.as_ref(),
            connection.direction,
            &connection.socket,
        );
        let _ = write!(text, "  {}", escape(&connection.outcome));
        if let Some(elapsed_us) = connection.timing.elapsed_us {
            let _ = write!(text, "  {}", elapsed(elapsed_us));
        }
        text.push('\n');
        text
    }

    fn incident(&self, incident: &Incident) -> String {
        let (mark, style) = match (incident.state, incident.severity) {
            (IncidentState::Closed, _) => ("over", GREEN),
            (IncidentState::Open, Severity::Info) => ("info", CYAN),
            (IncidentState::Open, Severity::Warning) => ("WARN", YELLOW),
            (IncidentState::Open, Severity::Critical) => ("CRIT", RED),
        };
        let mut text = format!(
            "{} {} {}  {}",
            time_of_day(&escape(&incident.time), &self.zone),
            self.page.paint(style, mark),
            self.page.paint(BOLD, &escape(&incident.id)),
            self.page.paint(style, &escape(&incident.cause)),
        );
        let failures = plural(incident.count, "failure");
        let since = time_of_day(&escape(&incident.first), &self.zone);
        let until = time_of_day(&escape(&incident.last), &self.zone);
        let _ = match incident.state {
            IncidentState::Open => writeln!(text, "  {failures} since {since}"),
            IncidentState::Closed => writeln!(text, "  {failures} from {since} to {until}"),
        };
        self.page.prose(
            &mut text,
            "",
            [&incident.summary, &incident.severity_reason],
        );
        text
    }

    fn event(&self, event: &Event) -> String {
        let mut text = format!(
            "{} {} {}",
            self.page
                .paint(DIM, &time_of_day(&escape(&event.time), &self.zone)),
            self.page.paint(DIM, "seen"),
            self.page.paint(DIM, &escape(&event.hook)),
        );
        // What is not yet joined has no process to be known.
        let joined = event.matched_by.is_some();
        if event.process.is_some() || (joined && event.socket.is_some()) {
            let _ = write!(text, "  {}", process_name(event.process.as_ref()));
        }
        if let Some(socket) = &event.socket {
            let local = socket
                .local
                .map_or_else(|| "?".to_owned(), |end| end.to_string());
            let gap = if event.process.is_some() || joined {
                " "
            } else {
                "  "
            };
            let _ = write!(text, "{gap}{local} -> {}", socket.remote);
        }
        let _ = write!(text, "  {}", escape(&happened(event)));
        let how = event.matched_by.map_or("not yet joined", by);
        let _ = writeln!(text, "  {}", self.page.paint(DIM, how));
        text
    }

    /// Time, mark, process, arrow, the other end, and this end dimmed.
    fn headline(
        &self,
        time: &str,
        (mark, style): (&str, Style),
        process: Option<&Process>,
        direction: Direction,
        socket: &Socket,
    ) -> String {
        let arrow = match direction {
            Direction::Outbound => "->",
            Direction::Inbound => "<-",
        };
        let mut text = format!(
            "{} {} {} {arrow} {}",
            time_of_day(&escape(time), &self.zone),
            self.page.paint(style, &format!("{mark:4}")),
            self.page.paint(BOLD, &process_name(process)),
            self.page.paint(BOLD, &far_end(socket)),
        );
        if let Some(local) = socket.local {
            let word = match direction {
                Direction::Outbound => "from",
                Direction::Inbound => "to",
            };
            let local = format!("({word} {local})");
            let _ = write!(text, " {}", self.page.paint(DIM, &local));
        }
        text
    }
}

/// The line that closes a run, for stderr: what was seen, and `done` (shown, written), and what was
/// lost.
///
/// The caller adds the newline.
#[must_use]
pub fn closing(ledger: &Ledger, done: &str) -> String {
    let mut text = format!(
        "tcpwhy: {}, {} {done}",
        plural(ledger.failures_seen, "failure"),
        ledger.failures_emitted
    );
    for (count, what) in [
        (ledger.failures_filtered, "filtered out"),
        (ledger.failures_pending, "still under way"),
        (ledger.races, "of races that another attempt won"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    let lost = losses(ledger);
    if !lost.is_empty() {
        let _ = write!(text, "; LOST: {}", lost.join("; "));
    }
    text
}

/// What was lost, one phrase for each way to lose it.
#[must_use]
pub fn losses(ledger: &Ledger) -> Vec<String> {
    let sum = |count: fn(&crate::record::HookLedger) -> u64| -> u64 {
        ledger
            .hooks
            .values()
            .map(count)
            .fold(0, u64::saturating_add)
    };
    [
        (ledger.failures_lost, "failure", " without a record"),
        (
            sum(|hook| hook.lost_ring_full),
            "event",
            ", ring buffer full (--ring-size)",
        ),
        (
            sum(|hook| hook.lost_map_full),
            "event",
            ", table full (--max-attempts)",
        ),
        (sum(|hook| hook.rate_limited), "event", ", rate-limited"),
        (
            sum(|hook| hook.missed),
            "run",
            " of a hook skipped by the kernel",
        ),
        (ledger.unwritten, "record", " not written, disk full"),
        (
            ledger.evicted,
            "piece",
            " of evidence forgotten, too much at once",
        ),
        (
            ledger.unowned,
            "attempt",
            " whose beginning is not known (older than tcpwhy, or more than --max-attempts at once)",
        ),
    ]
    .into_iter()
    .filter(|&(count, ..)| count > 0)
    .map(|(count, what, how)| format!("{}{how}", plural(count, what)))
    .collect()
}

/// The evidence of a failure, one sentence each.
#[must_use]
pub fn evidence(failure: &Failure) -> Vec<String> {
    seen(failure).map(|line| line.replace(GLUE, " ")).collect()
}

fn seen(failure: &Failure) -> impl Iterator<Item = String> {
    failure
        .drops
        .iter()
        .map(dropped)
        .chain(failure.resets.iter().map(reset))
        .chain(failure.icmp.iter().map(icmp))
}

/// `curl[4242]`; the thread too, where it has a name of its own.
fn process_name(process: Option<&Process>) -> String {
    let Some(process) = process else {
        return "(process not known)".to_owned();
    };
    let mut name = format!("{}[{}", escape(&process.comm), process.pid);
    if let Some(thread) = &process.thread_comm {
        let _ = write!(name, ", thread {}", escape(thread));
    }
    name.push(']');
    name
}

/// The summary without its beginning, where that repeats the headline.
fn news(failure: &Failure) -> &str {
    let repeated = failure.process.as_ref().map(|process| {
        format!(
            "{}[{}] could not reach {}: ",
            process.comm, process.pid, failure.socket.remote
        )
    });
    repeated
        .and_then(|repeated| failure.summary.strip_prefix(&repeated))
        .filter(|news| !news.is_empty())
        .unwrap_or(&failure.summary)
}

/// `3 x SYN tx dropped: NETFILTER_DROP at nft_do_chain, hook output, netns 4026531840, by socket`.
fn dropped(drop: &Drop) -> String {
    let fate = fate(
        &drop.packet,
        Some(&drop.direction),
        drop.reason.as_deref(),
        drop.location.as_deref(),
    );
    let mut text = format!("{} x {fate}", drop.count);
    if let Some(hook) = &drop.hook {
        let _ = write!(text, ", hook {hook}");
    }
    if let Some(engine) = &drop.engine {
        let _ = write!(text, " ({engine})");
    }
    if let Some(device) = &drop.device {
        let _ = write!(text, ", device {device}");
    }
    seen_where(&mut text, drop.netns, drop.matched_by);
    text
}

/// What became of a packet: `SYN tx dropped: NETFILTER_DROP at nft_do_chain`.
///
/// `NO_SOCKET` is no refusal to let it through: it arrived, and nobody was there.
fn fate(
    packet: &str,
    direction: Option<&str>,
    reason: Option<&str>,
    location: Option<&str>,
) -> String {
    // Full accept queues carry the same reason there.
    let by_cookies = location.is_some_and(|name| name.starts_with("cookie_v"));
    let mut text = match (reason, packet) {
        (Some("NO_SOCKET"), "SYN") if !by_cookies => format!("{packet} found no listener"),
        (Some("NO_SOCKET"), _) if !by_cookies => format!("{packet} found no socket"),
        _ => {
            let direction = direction.map_or_else(String::new, |way| format!("{way} "));
            format!("{packet} {direction}dropped")
        }
    };
    let _ = write!(text, ": {}", reason.unwrap_or("no reason given"));
    if let Some(location) = location {
        let _ = write!(text, " at {location}");
    }
    text
}

/// What an event says, with those of its own facts that its summary leaves out.
fn happened(event: &Event) -> String {
    let fact = |key: &str| event.detail.get(key).and_then(serde_json::Value::as_str);
    let (reason, location) = (fact("reason"), fact("location"));
    let flags = event
        .detail
        .get("tcp_flags")
        .and_then(serde_json::Value::as_u64);
    let mut text = event.summary.clone();
    if let (Some(flags), true) = (flags, text.starts_with("dropped")) {
        text = fate(packet_kind(flags), None, reason, location);
    } else {
        if let Some(reason) = reason.filter(|reason| !text.contains(reason)) {
            let _ = write!(text, ": {reason}");
        }
        if let Some(location) = location.filter(|location| !text.contains(location)) {
            let _ = write!(text, " at {location}");
        }
    }
    for key in ["hook", "device"] {
        if let Some(value) = fact(key) {
            let _ = write!(text, ", {key} {value}");
        }
    }
    text
}

/// What a packet of a handshake is, from its TCP flags (RFC 9293, 3.1); as records name it.
fn packet_kind(flags: u64) -> &'static str {
    const SYN: u64 = 2;
    const RST: u64 = 4;
    const ACK: u64 = 16;
    if flags & RST != 0 {
        "RST"
    } else if flags & SYN == 0 {
        "segment"
    } else if flags & ACK == 0 {
        "SYN"
    } else {
        "SYN-ACK"
    }
}

fn reset(reset: &Reset) -> String {
    let mut text = format!("RST {}", reset.direction);
    if let Some(reason) = &reset.reason {
        let _ = write!(text, ": {reason}");
    }
    seen_where(&mut text, reset.netns, reset.matched_by);
    text
}

fn icmp(icmp: &Icmp) -> String {
    let mut text = format!("ICMP error {}", icmp.direction);
    if let Some(kind) = icmp.kind {
        let _ = write!(text, ": type {kind}");
    }
    if let Some(code) = icmp.code {
        let _ = write!(text, " code {code}");
    }
    if let Some(errno) = &icmp.errno {
        let _ = write!(text, " ({errno})");
    }
    seen_where(&mut text, icmp.netns, icmp.matched_by);
    text
}

fn seen_where(text: &mut String, netns: Option<u32>, matched_by: MatchedBy) {
    if let Some(netns) = netns {
        let _ = write!(text, ", netns{GLUE}{netns}");
    }
    let _ = write!(text, ", {}", by(matched_by));
}

fn by(matched_by: MatchedBy) -> &'static str {
    match matched_by {
        MatchedBy::Socket => "by socket",
        MatchedBy::Listener => "by listener",
        MatchedBy::Tuple => "by addresses",
    }
}

/// User, parent, executable and command line; what is not known is left out.
fn identity(process: &Process) -> String {
    let mut text = format!("uid{GLUE}{}", process.uid);
    if let Some(ppid) = process.ppid {
        let _ = write!(text, ", ppid{GLUE}{ppid}");
    }
    if let Some(ns_pid) = process.ns_pid {
        let _ = write!(text, ", pid{GLUE}{ns_pid} in its own namespace");
    }
    if let Some(exe) = &process.exe {
        let _ = write!(text, ", exe{GLUE}{exe}");
    }
    if let Some(cmdline) = &process.cmdline {
        let cut = cmdline.char_indices().nth(CMDLINE_CHARS);
        let (short, more) = match cut {
            Some((end, _)) => (&cmdline[..end], "…"),
            None => (cmdline.as_str(), ""),
        };
        let _ = write!(text, ", cmdline: {short}{more}");
    }
    text
}

/// The other end; of a listener that turned away more than one client, or clients that nobody saw,
/// there is none to name.
fn far_end(socket: &Socket) -> String {
    if socket.remote.port.is_none() && socket.remote.addr.is_unspecified() {
        "clients".to_owned()
    } else {
        socket.remote.to_string()
    }
}

/// Confidence, namespace, cookie, unit, container, cgroup; what is not known is left out.
fn place(failure: &Failure) -> String {
    let mut parts = vec![sureness(failure.confidence).to_owned()];
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            parts.push(format!("{name}{GLUE}{value}"));
        }
    };
    let socket = &failure.socket;
    add("netns", socket.netns.map(|netns| netns.to_string()));
    add("cookie", socket.cookie.map(|cookie| cookie.to_string()));
    if let Some(process) = &failure.process {
        add("unit", process.unit.clone());
        // As container tools print it: the first 12 digits.
        add(
            "container",
            process
                .container
                .as_ref()
                .map(|id| id.chars().take(12).collect()),
        );
        add("cgroup", process.cgroup.clone());
    }
    if failure.lost > 0 {
        parts.push(format!("{} lost meanwhile", plural(failure.lost, "event")));
    }
    parts.join(", ")
}

fn sureness(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Unknown => "not sure",
    }
}

/// A length of time, in the words of the why-lines.
fn elapsed(elapsed_us: u64) -> String {
    words::duration(elapsed_us.saturating_mul(1_000))
}

fn plural(count: u64, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        record::{Endpoint, HookLedger},
        show::sample,
    };

    fn text(record: &Record, color: bool) -> String {
        let mut out = Vec::new();
        Text {
            page: Page {
                color,
                columns: COLUMNS,
            },
            zone: TimeZone::UTC,
        }
        .show(record, &mut out)
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    fn plain(failure: Failure) -> String {
        text(&Record::Failure(Box::new(failure)), false)
    }

    #[test]
    fn a_failure_tells_the_story_from_the_top() {
        let expected = "\
18:31:02.123 FAIL curl[4242] -> 10.9.1.1:443 (from 10.9.0.1:43210)  firewall-drop  ETIMEDOUT  3.1 s
            nftables on this host dropped its 3 SYNs on OUTPUT
       why  connect() timed out after 3.1 s (ETIMEDOUT)
            3 SYNs were sent and none was answered
            the kernel dropped all 3: NETFILTER_DROP at nft_do_chain
       fix  nft list ruleset | grep -n 443
      seen  3 x SYN tx dropped: NETFILTER_DROP at nft_do_chain, hook output (nftables),
              netns 4026531840, by socket
   process  uid 0, ppid 1, exe /usr/bin/curl, cmdline: curl https://10.9.1.1
     where  certain, netns 4026531840, cookie 77, cgroup /user.slice/session-1.scope
";
        assert_eq!(plain(sample::failure()), expected);
    }

    #[test]
    fn shows_resets_icmp_doubt_and_losses() {
        let mut failure = sample::failure();
        failure.cause = "abandoned".to_owned();
        failure.stuck_on = Some("no-answer".to_owned());
        failure.severity = Severity::Info;
        failure.confidence = Confidence::Likely;
        failure.errno = None;
        failure.missing = vec!["no drop reasons on this kernel".to_owned()];
        failure.resets = vec![sample::reset()];
        failure.icmp = vec![sample::icmp()];
        failure.lost = 1;
        let Some(process) = failure.process.as_mut() else {
            panic!("no process")
        };
        process.cmdline = Some("ä".repeat(1000));
        let text = plain(failure);
        let cut = format!("{}…\n", "ä".repeat(200));
        assert!(text.contains(&cut), "{text}");
        for part in [
            "18:31:02.123 info curl[4242]",
            "abandoned (likely, stuck on no-answer)  3.1 s\n",
            "RST received, netns 4026531840, by socket\n",
            "ICMP error sent: type 3 code 1 (EHOSTUNREACH), netns 4026531841, by addresses\n",
            "   missing  no drop reasons on this kernel\n",
            "     where  likely, netns",
            "1 event lost",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn says_what_is_not_known() {
        let mut failure = sample::failure();
        failure.process = None;
        failure.socket.local = None;
        failure.socket.remote = Endpoint {
            addr: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
            port: Some(443),
        };
        failure.timing.elapsed_us = None;
        let text = plain(failure);
        assert!(
            text.starts_with(
                "18:31:02.123 FAIL (process not known) -> [2001:db8::1]:443  firewall-drop  ETIMEDOUT\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_raw() {
        let evil = "\x1b]0;owned\x07\nx\u{9b}2J\u{202e}";
        let mut failure = sample::failure();
        failure.summary = evil.to_owned();
        failure.why = vec![evil.to_owned()];
        failure.fix = vec![evil.to_owned()];
        failure.missing = vec![evil.to_owned()];
        failure.drops[0].location = Some(evil.to_owned());
        failure.drops[0].device = Some(evil.to_owned());
        let Some(process) = failure.process.as_mut() else {
            panic!("no process")
        };
        process.comm = evil.to_owned();
        process.thread_comm = Some(evil.to_owned());
        process.exe = Some(evil.to_owned());
        process.cmdline = Some(evil.to_owned());
        process.cgroup = Some(evil.to_owned());
        process.unit = Some(evil.to_owned());
        process.container = Some(evil.to_owned());
        let mut event = sample::event();
        event.process.clone_from(&failure.process);
        event.summary = evil.to_owned();
        for fact in ["reason", "location", "hook", "device"] {
            event.detail.insert(fact.to_owned(), evil.into());
        }
        let mut connection = sample::connection();
        connection.process.clone_from(&failure.process);
        for record in [
            Record::Failure(Box::new(failure)),
            Record::Event(Box::new(event)),
            Record::Connection(Box::new(connection)),
        ] {
            let text = text(&record, false);
            assert!(
                !text.contains(|c: char| c != '\n' && c.is_control()),
                "{text:?}"
            );
            assert!(!text.contains('\u{202e}'), "{text:?}");
            assert!(
                text.contains(r"\x1b]0;owned\x07\nx\x9b2J\u{202e}"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn colours_only_when_asked() {
        let record = sample::record();
        assert!(!text(&record, false).contains('\x1b'));
        let colored = text(&record, true);
        assert!(
            colored.contains("\x1b[1m\x1b[31mfirewall-drop\x1b[0m"),
            "{colored:?}"
        );
        assert!(
            colored.contains("\x1b[2m(from 10.9.0.1:43210)\x1b[0m"),
            "{colored:?}"
        );
    }

    #[test]
    fn a_connection_and_an_event_take_one_line_each() {
        assert_eq!(
            text(&Record::Connection(Box::new(sample::connection())), false),
            "18:31:02.123 ok   curl[4242] -> 10.9.1.1:443 (from 10.9.0.1:43210)  closed  12 ms\n"
        );
        assert_eq!(
            text(&Record::Event(Box::new(sample::event())), false),
            "18:31:02.123 seen kfree_skb  curl[4242] 10.9.0.1:43210 -> 10.9.1.1:443  SYN dropped: \
             NETFILTER_DROP at nft_do_chain, hook output, device eth0  by socket\n"
        );
    }

    #[test]
    fn an_incident_says_when_it_begins_and_ends() {
        let mut incident = sample::incident();
        assert_eq!(
            text(&Record::Incident(Box::new(incident.clone())), false),
            "18:31:02.123 CRIT F-20261123-001  firewall-drop  3 failures since 18:31:02.123\n            \
             curl (3 processes) could not reach 10.9.1.1:443: dropped\n            3 attempts in a \
             row to 10.9.1.1:443 failed\n"
        );
        incident.state = IncidentState::Closed;
        let text = text(&Record::Incident(Box::new(incident)), false);
        assert!(
            text.contains(" over F-20261123-001  firewall-drop  3 failures from 18:31:02.123 to")
        );
    }

    #[test]
    fn an_event_that_is_not_yet_joined_says_so() {
        let mut event = sample::event();
        event.process = None;
        event.matched_by = None;
        assert_eq!(
            text(&Record::Event(Box::new(event.clone())), false),
            "18:31:02.123 seen kfree_skb  10.9.0.1:43210 -> 10.9.1.1:443  SYN dropped: \
             NETFILTER_DROP at nft_do_chain, hook output, device eth0  not yet joined\n"
        );
        event.socket = None;
        event.detail.clear();
        assert_eq!(
            text(&Record::Event(Box::new(event)), false),
            "18:31:02.123 seen kfree_skb  dropped: NETFILTER_DROP  not yet joined\n"
        );
    }

    #[test]
    fn an_event_shows_the_facts_that_its_summary_leaves_out() {
        let mut event = sample::event();
        for (hook, summary, facts, expected) in [
            (
                "kfree_skb",
                "dropped: NO_SOCKET",
                json!({"reason": "NO_SOCKET", "location": "tcp_v4_rcv", "tcp_flags": 0xc2,
                       "hook": null, "device": "lo"}),
                "SYN found no listener: NO_SOCKET at tcp_v4_rcv, device lo",
            ),
            (
                "kfree_skb",
                "dropped: no reason",
                json!({"reason": null, "location": "ip_error", "tcp_flags": 18}),
                "SYN-ACK dropped: no reason given at ip_error",
            ),
            (
                "kfree_skb",
                "RST dropped: TCP_RESET at tcp_v4_rcv",
                json!({"reason": "TCP_RESET", "location": "tcp_v4_rcv", "tcp_flags": 20}),
                "RST dropped: TCP_RESET at tcp_v4_rcv",
            ),
            (
                "tcp_send_reset",
                "RST sent",
                json!({"reason": "NO_SOCKET"}),
                "RST sent: NO_SOCKET",
            ),
            (
                "tcp_receive_reset",
                "RST received",
                json!({}),
                "RST received",
            ),
        ] {
            event.hook = hook.to_owned();
            event.summary = summary.to_owned();
            event.detail = serde_json::from_value(facts).unwrap();
            assert_eq!(happened(&event), expected);
        }
    }

    #[test]
    fn packets_are_named_by_their_flags() {
        for (flags, kind) in [
            (2, "SYN"),
            (18, "SYN-ACK"),
            (4, "RST"),
            (20, "RST"),
            (16, "segment"),
        ] {
            assert_eq!(packet_kind(flags), kind);
        }
    }

    #[test]
    fn a_missing_listener_is_no_firewall() {
        let mut failure = sample::failure();
        failure.drops[0] = Drop {
            reason: Some("NO_SOCKET".to_owned()),
            location: Some("tcp_v4_rcv".to_owned()),
            hook: None,
            engine: None,
            count: 1,
            direction: "rx".to_owned(),
            device: Some("lo".to_owned()),
            matched_by: MatchedBy::Tuple,
            ..failure.drops[0].clone()
        };
        let seen = |failure: &Failure| dropped(&failure.drops[0]).replace(GLUE, " ");
        assert_eq!(
            seen(&failure),
            "1 x SYN found no listener: NO_SOCKET at tcp_v4_rcv, device lo, netns 4026531840, by \
             addresses"
        );
        failure.drops[0].packet = "segment".to_owned();
        assert!(seen(&failure).starts_with("1 x segment found no socket: NO_SOCKET at"));
        // There the accept queue was full.
        failure.drops[0].location = Some("cookie_v4_check".to_owned());
        assert!(seen(&failure).starts_with("1 x segment rx dropped: NO_SOCKET at cookie_v4"));
    }

    #[test]
    fn doubt_stands_behind_the_cause() {
        let mut failure = sample::failure();
        for (confidence, headline, place) in [
            (
                Confidence::Likely,
                "  firewall-drop (likely)  ETIMEDOUT  3.1 s\n",
                "     where  likely, ",
            ),
            (
                Confidence::Unknown,
                "  firewall-drop (not sure)  ETIMEDOUT  3.1 s\n",
                "     where  not sure, ",
            ),
        ] {
            failure.confidence = confidence;
            let text = plain(failure.clone());
            assert!(text.contains(headline) && text.contains(place), "{text}");
        }
    }

    #[test]
    fn the_news_stands_first_only_where_the_rest_repeats_the_headline() {
        let mut failure = sample::failure();
        assert_eq!(
            news(&failure),
            "nftables on this host dropped its 3 SYNs on OUTPUT"
        );
        for summary in [
            "curl[4243] could not reach 10.9.1.1:443: another process",
            "curl[4242] could not reach 10.9.1.1:4430: another port",
            "curl[4242] could not reach 10.9.1.1:443: ",
            "nothing is repeated",
        ] {
            failure.summary = summary.to_owned();
            assert_eq!(news(&failure), summary);
        }
        // Names may hold anything.
        if let Some(process) = failure.process.as_mut() {
            process.comm = "a: b".to_owned();
        }
        failure.summary = "a: b[4242] could not reach 10.9.1.1:443: c: d".to_owned();
        assert_eq!(news(&failure), "c: d");
        failure.process = None;
        assert_eq!(news(&failure), failure.summary);
    }

    #[test]
    fn headers_and_ledgers_say_nothing() {
        for record in sample::records() {
            if matches!(
                record,
                Record::Header(_)
                    | Record::Context(_)
                    | Record::Counters(_)
                    | Record::Ledger(_)
                    | Record::Trailer(_)
            ) {
                assert_eq!(text(&record, true), "");
            }
        }
    }

    #[test]
    fn closes_with_the_counts_and_the_losses() {
        let mut ledger = sample::ledger();
        assert_eq!(
            closing(&ledger, "shown"),
            "tcpwhy: 12 failures, 10 shown, 2 filtered out"
        );
        ledger.failures_seen = 1;
        ledger.failures_lost = 1;
        ledger.hooks.insert(
            "tcp:tcp_retransmit_skb".to_owned(),
            HookLedger {
                lost_ring_full: 7,
                ..HookLedger::default()
            },
        );
        assert_eq!(
            closing(&ledger, "shown"),
            "tcpwhy: 1 failure, 10 shown, 2 filtered out; LOST: 1 failure without a record; 7 \
             events, ring buffer full (--ring-size)"
        );
    }

    #[test]
    fn counts_of_losses_agree_with_their_nouns() {
        let mut ledger = Ledger {
            unowned: 1,
            ..Ledger::default()
        };
        assert_eq!(
            closing(&ledger, "shown"),
            "tcpwhy: 0 failures, 0 shown; LOST: 1 attempt whose beginning is not known (older \
             than tcpwhy, or more than --max-attempts at once)"
        );
        ledger.unowned = 2;
        assert!(closing(&ledger, "shown").contains("LOST: 2 attempts whose "));
    }

    #[test]
    fn the_headline_and_the_why_lines_agree_on_the_time() {
        for (elapsed_us, text) in [
            (0, "0 µs"),
            (340, "340 µs"),
            (1_000, "1 ms"),
            (820_000, "820 ms"),
            (3_059_999, "3.1 s"),
            (59_999_999, "60.0 s"),
            (127_000_000, "127.0 s"),
        ] {
            assert_eq!(elapsed(elapsed_us), text);
            assert_eq!(elapsed(elapsed_us), words::duration(elapsed_us * 1_000));
        }
    }
}

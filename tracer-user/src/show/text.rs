//! Text for a person who has just been woken up: what failed, why, what to do.

use std::{
    fmt::{self, Display, Write as _},
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::{Format, Show};
use crate::{
    clock::time_of_day,
    escape::escape,
    record::{
        Confidence, Connection, Direction, Drop, Endpoint, Event, Failure, Icmp, Ledger, MatchedBy,
        Process, Record, Reset, Severity, Socket,
    },
};

/// `--format text`.
pub static FORMAT: Format = Format {
    name: "text",
    new: |color| {
        Box::new(Text {
            color,
            zone: TimeZone::system(),
        })
    },
};

/// Prose is wrapped at this many columns; headlines and commands are not.
const COLUMNS: usize = 100;
/// What stands before the lines below a headline: their label is right-aligned in it.
const MARGIN: usize = 10;
/// Holds a name and its value together when lines are wrapped; becomes a blank.
const GLUE: char = '\u{a0}';
/// Of a command line, as many characters are shown.
const CMDLINE_CHARS: usize = 160;

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

struct Text {
    color: bool,
    zone: TimeZone,
}

impl Show for Text {
    fn show(&mut self, record: &Record, out: &mut dyn Write) -> io::Result<()> {
        let text = match record {
            Record::Failure(failure) => self.failure(failure),
            Record::Connection(connection) => self.connection(connection),
            Record::Event(event) => self.event(event),
            Record::Header(_) | Record::Ledger(_) | Record::Trailer(_) => return Ok(()),
        };
        out.write_all(text.as_bytes())
    }
}

impl Text {
    fn failure(&self, failure: &Failure) -> String {
        let (mark, style) = match (failure.severity, failure.confidence) {
            (Severity::Info, _) => ("info", CYAN),
            (Severity::Warning, Confidence::Unknown) => ("FAIL", YELLOW),
            (Severity::Warning, _) => ("FAIL", RED),
        };
        let mut text = self.headline(
            &failure.time,
            (mark, style),
            failure.process.as_ref(),
            failure.direction,
            &failure.socket,
        );
        let _ = write!(text, "  {}", self.paint(style, &escape(&failure.cause)));
        if let Some(stuck_on) = &failure.stuck_on {
            let _ = write!(text, " (stuck on {})", escape(stuck_on));
        }
        if let Some(errno) = &failure.errno {
            let _ = write!(text, "  {}", escape(errno));
        }
        if let Some(elapsed_us) = failure.timing.elapsed_us {
            let _ = write!(text, "  {}", elapsed(elapsed_us));
        }
        text.push('\n');

        self.prose(&mut text, "", [&failure.summary]);
        self.prose(&mut text, "why", &failure.why);
        for (nth, line) in failure.fix.iter().enumerate() {
            // Never wrapped: to be copied.
            self.line(
                &mut text,
                if nth == 0 { "fix" } else { "" },
                &escape(line),
                Style::new(),
            );
        }
        let seen = failure
            .drops
            .iter()
            .map(dropped)
            .chain(failure.resets.iter().map(reset))
            .chain(failure.icmp.iter().map(icmp));
        self.prose(&mut text, "seen", seen);
        self.prose(&mut text, "missing", &failure.missing);
        self.prose(&mut text, "process", failure.process.as_ref().map(identity));
        self.prose(&mut text, "where", [place(failure)]);
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

    fn event(&self, event: &Event) -> String {
        let mut text = format!(
            "{} {} {}",
            self.paint(DIM, &time_of_day(&escape(&event.time), &self.zone)),
            self.paint(DIM, "seen"),
            self.paint(DIM, &escape(&event.hook)),
        );
        if event.process.is_some() || event.socket.is_some() {
            let _ = write!(text, "  {}", process_name(event.process.as_ref()));
        }
        if let Some(socket) = &event.socket {
            let local = socket
                .local
                .map_or_else(|| "?".to_owned(), Endpoint::to_text);
            let _ = write!(text, " {local} -> {}", socket.remote.to_text());
        }
        let _ = write!(text, "  {}", escape(&event.summary));
        match event.matched_by {
            Some(matched_by) => {
                let _ = write!(text, "  {}", self.paint(DIM, by(matched_by)));
            }
            None => {
                let _ = write!(text, "  {}", self.paint(DIM, "(no connection)"));
            }
        }
        text.push('\n');
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
            self.paint(style, &format!("{mark:4}")),
            self.paint(BOLD, &process_name(process)),
            self.paint(BOLD, &socket.remote.to_text()),
        );
        if let Some(local) = socket.local {
            let word = match direction {
                Direction::Outbound => "from",
                Direction::Inbound => "to",
            };
            let local = format!("({word} {})", local.to_text());
            let _ = write!(text, " {}", self.paint(DIM, &local));
        }
        text
    }

    /// Wrapped lines, the first one of all with its label.
    fn prose<S: AsRef<str>>(
        &self,
        text: &mut String,
        label: &str,
        lines: impl IntoIterator<Item = S>,
    ) {
        let options = textwrap::Options::new(COLUMNS - MARGIN - 2)
            .subsequent_indent("  ")
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let style = match label {
            "seen" | "process" | "where" | "missing" => DIM,
            _ => Style::new(),
        };
        let mut label = label;
        for line in lines {
            for part in textwrap::wrap(&escape(line.as_ref()), &options) {
                self.line(text, label, &part.replace(GLUE, " "), style);
                label = "";
            }
        }
    }

    fn line(&self, text: &mut String, label: &str, line: &str, style: Style) {
        let label_style = if label == "fix" { GREEN } else { DIM };
        let pad = " ".repeat(MARGIN.saturating_sub(label.len()));
        let _ = writeln!(
            text,
            "{pad}{}  {}",
            self.paint(label_style, label),
            self.paint(style, line)
        );
    }

    fn paint<'a>(&self, style: Style, text: &'a str) -> Painted<'a> {
        let style = if self.color && !text.is_empty() {
            style
        } else {
            Style::new()
        };
        Painted { style, text }
    }
}

/// The line that closes a run in text mode, for stderr: what was seen and shown, and what was lost.
///
/// The caller adds the newline.
#[must_use]
pub fn closing(ledger: &Ledger) -> String {
    let mut text = format!(
        "tcpwhy: {}, {} shown",
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
    let sum = |count: fn(&crate::record::HookLedger) -> u64| -> u64 {
        ledger
            .hooks
            .values()
            .map(count)
            .fold(0, u64::saturating_add)
    };
    let lost: Vec<String> = [
        (ledger.failures_lost, "failures without a record"),
        (
            sum(|hook| hook.lost_ring_full),
            "events, ring buffer full (--ring-size)",
        ),
        (
            sum(|hook| hook.lost_map_full),
            "events, table full (--max-attempts)",
        ),
        (sum(|hook| hook.rate_limited), "events, rate-limited"),
        (ledger.evicted, "attempts forgotten (--max-attempts)"),
    ]
    .into_iter()
    .filter(|&(count, _)| count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if !lost.is_empty() {
        let _ = write!(text, "; LOST: {}", lost.join("; "));
    }
    text
}

/// Text with the escape sequences of its style around it.
struct Painted<'a> {
    style: Style,
    text: &'a str,
}

impl Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}",
            self.style.render(),
            self.text,
            self.style.render_reset()
        )
    }
}

impl Endpoint {
    /// `10.9.1.1:443`, `[2001:db8::1]:443`; a port that is not known is left out.
    fn to_text(self) -> String {
        self.port.map_or_else(
            || self.addr.to_string(),
            |port| std::net::SocketAddr::new(self.addr, port).to_string(),
        )
    }
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

/// `3 x SYN tx dropped: NETFILTER_DROP at nft_do_chain, hook output, netns 4026531840, by socket`.
fn dropped(drop: &Drop) -> String {
    let reason = drop.reason.as_deref().unwrap_or("no reason given");
    let mut text = format!(
        "{} x {} {} dropped: {reason}",
        drop.count, drop.packet, drop.direction
    );
    if let Some(location) = &drop.location {
        let _ = write!(text, " at {location}");
    }
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
        let short: String = cmdline.chars().take(CMDLINE_CHARS).collect();
        let more = if short.len() < cmdline.len() {
            "..."
        } else {
            ""
        };
        let _ = write!(text, ", cmdline: {short}{more}");
    }
    text
}

/// Confidence, namespace, cookie, unit, container, cgroup; what is not known is left out.
fn place(failure: &Failure) -> String {
    let mut parts = vec![
        match failure.confidence {
            Confidence::Certain => "certain",
            Confidence::Likely => "likely",
            Confidence::Unknown => "not sure",
        }
        .to_owned(),
    ];
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

/// A length of time with three digits at most: `340 us`, `12.3 ms`, `3.1 s`, `2 min 7 s`.
fn elapsed(elapsed_us: u64) -> String {
    let tenths = |value: u64, unit: u64| {
        // Rounded down: a timeout never looks longer than it was.
        let (whole, tenth) = (value / unit, value % unit / (unit / 10));
        if whole >= 100 || tenth == 0 {
            whole.to_string()
        } else {
            format!("{whole}.{tenth}")
        }
    };
    match elapsed_us {
        0..1_000 => format!("{elapsed_us} us"),
        1_000..1_000_000 => format!("{} ms", tenths(elapsed_us, 1_000)),
        1_000_000..60_000_000 => format!("{} s", tenths(elapsed_us, 1_000_000)),
        _ => format!(
            "{} min {} s",
            elapsed_us / 60_000_000,
            elapsed_us / 1_000_000 % 60
        ),
    }
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
    use super::*;
    use crate::{record::HookLedger, show::sample};

    fn text(record: &Record, color: bool) -> String {
        let mut out = Vec::new();
        Text {
            color,
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
            curl[4242] could not reach 10.9.1.1:443: nftables on this host dropped its 3 SYNs on
              OUTPUT
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
        process.cmdline = Some("x".repeat(1000));
        let text = plain(failure);
        assert!(text.contains("xxx...\n"), "{text}");
        for part in [
            "18:31:02.123 info curl[4242]",
            "abandoned (stuck on no-answer)  3.1 s\n",
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
            "18:31:02.123 seen skb:kfree_skb  curl[4242] 10.9.0.1:43210 -> 10.9.1.1:443  SYN \
             dropped: NETFILTER_DROP at nft_do_chain  by socket\n"
        );
        let mut event = sample::event();
        event.process = None;
        event.socket = None;
        event.matched_by = None;
        assert_eq!(
            text(&Record::Event(Box::new(event)), false),
            "18:31:02.123 seen skb:kfree_skb  SYN dropped: NETFILTER_DROP at nft_do_chain  \
             (no connection)\n"
        );
    }

    #[test]
    fn headers_and_ledgers_say_nothing() {
        for record in sample::records() {
            if matches!(
                record,
                Record::Header(_) | Record::Ledger(_) | Record::Trailer(_)
            ) {
                assert_eq!(text(&record, true), "");
            }
        }
    }

    #[test]
    fn closes_with_the_counts_and_the_losses() {
        let mut ledger = sample::ledger();
        assert_eq!(
            closing(&ledger),
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
            closing(&ledger),
            "tcpwhy: 1 failure, 10 shown, 2 filtered out; LOST: 1 failures without a record; 7 \
             events, ring buffer full (--ring-size)"
        );
    }

    #[test]
    fn lengths_of_time_are_short() {
        for (elapsed_us, text) in [
            (0, "0 us"),
            (340, "340 us"),
            (1_000, "1 ms"),
            (12_345, "12.3 ms"),
            (3_100_000, "3.1 s"),
            (59_999_999, "59.9 s"),
            (127_000_000, "2 min 7 s"),
        ] {
            assert_eq!(elapsed(elapsed_us), text);
        }
    }
}

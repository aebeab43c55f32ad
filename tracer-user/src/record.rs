//! What tcpwhy says: the records of schema `tcpwhy/1`.
//!
//! Every field that is absent is not known. Nothing here is ever filled with a guess.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the record schema, carried by every header.
pub const SCHEMA: &str = "tcpwhy/1";

/// One line of output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// First line: where and how the records were made.
    Header(Box<Header>),
    /// A connection that failed, and why.
    Failure(Box<Failure>),
    /// A connection that came up, or that ended in the ordinary way (with `--all`).
    Connection(Box<Connection>),
    /// One piece of evidence as it happened (with `--events`).
    Event(Box<Event>),
    /// Like failures grouped: written when they become an incident, when it gets worse, and when it
    /// is over.
    Incident(Box<Incident>),
    /// What attribution and diagnosis were told beside events (`record --events`).
    Context(Box<Context>),
    /// What a network namespace was doing beside failures in it (`record`).
    Counters(Box<Counters>),
    /// What was seen, emitted, filtered and lost so far.
    Ledger(Ledger),
    /// Last line: totals. A trace without one was cut short.
    Trailer(Trailer),
}

/// Where, when and with which hooks the records that follow were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// Schema of every record in this stream.
    pub schema: String,
    /// Version of tcpwhy.
    pub version: String,
    /// RFC 3339, UTC: when the hooks were attached.
    pub time: String,
    /// Host name (`/proc/sys/kernel/hostname`).
    pub host: String,
    /// Kernel release (`uname -r`).
    pub kernel: String,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Nanoseconds to add to `CLOCK_MONOTONIC` for UTC, when the hooks were attached.
    pub clock_offset_ns: i64,
    /// The command line of this run.
    pub command_line: Vec<String>,
    /// Hooks that are attached, by the kernel's name.
    pub hooks: Vec<String>,
    /// What this run cannot see, and why.
    pub degraded: Vec<Degradation>,
    /// Which part of a rotated trace this is, counted from 1; absent where it is the only one. Parts
    /// of one run have the same host, boot id and `time`, and their ledgers count from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
}

/// Something this host does not let the tool see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Degradation {
    /// The hook or source that is missing.
    pub what: String,
    /// The reason, as the kernel gave it.
    pub why: String,
    /// What is not known, or known less well, without it.
    pub effect: String,
}

/// One failed connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// ULID: sorts by time, unique on this host.
    pub id: String,
    /// RFC 3339 with nanoseconds, UTC: when it failed.
    pub time: String,
    /// Who opened it.
    pub direction: Direction,
    /// How far it had come.
    pub phase: Phase,
    /// Stable cause code; `tcpwhy explain CODE` tells more.
    pub cause: String,
    /// How sure the cause is.
    pub confidence: Confidence,
    /// How much it matters.
    pub severity: Severity,
    /// What an application that gave up was stuck on: the cause that it would have had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_on: Option<String>,
    /// Symbolic errno that the application got; absent where it got none, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// One sentence.
    pub summary: String,
    /// The chain from what the application saw to the root cause.
    pub why: Vec<String>,
    /// What to do: commands first.
    pub fix: Vec<String>,
    /// Evidence that would have made this surer, and why it is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The process that owns the connection; absent where no evidence names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The socket.
    pub socket: Socket,
    /// When and how long.
    pub timing: Timing,
    /// TCP's own view at the moment of failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
    /// Packets of this connection that this kernel dropped.
    pub drops: Vec<Drop>,
    /// RSTs of this connection.
    pub resets: Vec<Reset>,
    /// ICMP errors about this connection.
    pub icmp: Vec<Icmp>,
    /// The listener that did not take it: a failed handshake, seen from this host. Such a record stands
    /// for all that this listener turned away for this cause in a span of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<Listener>,
    /// Events known to be lost while this connection lived.
    pub lost: u64,
}

/// One connection that did not fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Connection {
    /// ULID: sorts by time, unique on this host.
    pub id: String,
    /// RFC 3339 with nanoseconds, UTC: when it ended.
    pub time: String,
    /// Who opened it.
    pub direction: Direction,
    /// How it ended: `closed`, or `abandoned` for the loser of a race that another attempt won.
    pub outcome: String,
    /// How much it matters: always `info`.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// The process that owns the connection; absent where no evidence names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The socket.
    pub socket: Socket,
    /// When and how long.
    pub timing: Timing,
    /// TCP's own view at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
}

/// One piece of evidence, as it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// The hook that saw it, by the kernel's name.
    pub hook: String,
    /// One sentence.
    pub summary: String,
    /// How it was joined to the connection; absent where it matched none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_by: Option<MatchedBy>,
    /// The owner of the connection it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The socket, or the packet's two ends where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<Socket>,
    /// The hook's own facts.
    pub detail: BTreeMap<String, serde_json::Value>,
    /// The event as the kernel half wrote it, to be replayed (`record --events`): `kind`, `fields`
    /// (those that are not zero), and names that were looked up. Of use to `tcpwhy replay` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<serde_json::Value>,
}

/// What attribution and diagnosis were told beside events: with both, in the order of the trace, a
/// replay comes to the same records. Of use to `tcpwhy replay` only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "context", rename_all = "snake_case")]
pub enum Context {
    /// First: how the run was set up.
    Run {
        /// `--max-attempts`.
        max_attempts: u64,
        /// Whether connections that did not fail are told (`--all`).
        connections: bool,
        /// Inode number of tcpwhy's own network namespace.
        own_netns: u32,
    },
    /// An event that is no evidence: a process, or an attempt that evidence follows of.
    Announced {
        /// As in events.
        wire: serde_json::Value,
    },
    /// Ways into network namespaces, as far as they have changed.
    Ways {
        /// Each.
        ways: Vec<Way>,
    },
    /// Attempts were judged that had ended some time before.
    Judged {
        /// `CLOCK_MONOTONIC`: the evidence was complete up to here.
        now_ns: u64,
        /// What was found out about each beside its events.
        attempts: Vec<serde_json::Value>,
    },
}

/// How a command is run in a network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Way {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// What the command begins with (`ip netns exec web `); absent where there is none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
}

/// Failures of the same process, remote end (of inbound ones: listener) and cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// `F-YYYYMMDD-NNN`: the day of its first failure (UTC), and its number on that day.
    pub id: String,
    /// RFC 3339 with nanoseconds, UTC: when this became so.
    pub time: String,
    /// Whether it goes on.
    pub state: IncidentState,
    /// How much it matters.
    pub severity: Severity,
    /// Why it matters that much.
    pub severity_reason: String,
    /// RFC 3339 with nanoseconds, UTC: its first failure.
    pub first: String,
    /// RFC 3339 with nanoseconds, UTC: its last failure so far.
    pub last: String,
    /// Failures so far.
    pub count: u64,
    /// Who opened the connections.
    pub direction: Direction,
    /// Their cause.
    pub cause: String,
    /// What the application was stuck on, where the cause is that it gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_on: Option<String>,
    /// How sure the cause is: the surest of its failures.
    pub confidence: Confidence,
    /// One sentence.
    pub summary: String,
    /// The chain of its surest failure.
    pub why: Vec<String>,
    /// What to do: commands first.
    pub fix: Vec<String>,
    /// The process of its first failure; absent where no evidence names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The first processes of it, by pid.
    pub pids: Vec<u32>,
    /// How many processes it has; at most 1024 are told apart.
    pub processes: u64,
    /// The other end, of outbound connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Endpoint>,
    /// The listener, of inbound connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Endpoint>,
    /// Inode number of the network namespace of its first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// Failures over time.
    pub rate: Rate,
    /// The destination's failing share of its attempts, at its worst while this went on; absent
    /// where connections that succeed are not recorded (`--all`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The failing share of the destination's attempts before this began; absent where too few are
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// `id` of its first failures.
    pub failures: Vec<String>,
}

/// Whether an incident goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// It has begun, or become worse.
    Open,
    /// No further failure for the time of `--incident-quiet`.
    Closed,
}

/// Counts over time, in buckets of equal width. The first begins with the first count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rate {
    /// RFC 3339 with nanoseconds, UTC: where the first bucket begins.
    pub start: String,
    /// Width of a bucket, seconds.
    pub bucket_s: u64,
    /// Counts, one a bucket.
    pub counts: Vec<u64>,
}

/// Who opened the connection.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// A process of this host.
    Outbound,
    /// Somebody else.
    Inbound,
}

/// How far a connection had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Outbound, before `ESTABLISHED`.
    Connect,
    /// Inbound, before `ESTABLISHED`.
    Handshake,
    /// After `ESTABLISHED`.
    Established,
    /// After one side had closed.
    Close,
}

/// How sure a verdict is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Something decisive is not known.
    Unknown,
    /// A link is joined by addresses, or inferred.
    Likely,
    /// Every link is kernel evidence joined by the socket itself.
    Certain,
}

/// How much a failure, or an incident, matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody needs to act.
    Info,
    /// Somebody may need to act.
    Warning,
    /// Somebody needs to act now; only incidents are critical.
    Critical,
}

/// How evidence was joined to a connection.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum MatchedBy {
    /// By the two ends and the initial sequence number of the packet.
    Tuple,
    /// By the listening socket.
    Listener,
    /// By the socket itself.
    Socket,
}

/// A process, as it was when the connection began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// The process's own view of its pid, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns_pid: Option<u32>,
    /// Name of the process (its main thread).
    pub comm: String,
    /// Name of the thread, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_comm: Option<String>,
    /// Path of the executable, in the process's own mount namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// Command line, arguments joined by blanks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// User id in the initial user namespace.
    pub uid: u32,
    /// Parent's pid in the initial pid namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppid: Option<u32>,
    /// Control group (the v2 path; where v2 holds nothing but the root, the longest v1 path).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Container id, from the control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// systemd unit, from the control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it has to do with an inbound connection; absent on outbound ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// What a process has to do with an inbound connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It holds the connection's own socket.
    Acceptor,
    /// It holds the socket that listens.
    Listener,
}

/// A listening socket, and what it turned away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// Address that it listens on; unspecified where it listens on all.
    pub addr: IpAddr,
    /// Port that it listens on.
    pub port: u16,
    /// Connections that wait for `accept()`, as last seen.
    pub backlog: u32,
    /// Its limit: the smaller of what `listen()` was given and `net.core.somaxconn`. The queue is full
    /// where `backlog` is more.
    pub backlog_limit: u32,
    /// Handshakes under way (the SYN queue), as last seen.
    pub syn_queue: u32,
    /// `net.core.somaxconn` of its network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub somaxconn: Option<u64>,
    /// Packets that it has dropped since it was made, for any reason, as last seen (`sk_drops`, `d` in
    /// `ss -m`).
    pub drops: u32,
    /// How many were turned away since `since`: of `handshake-incomplete` handshakes, else packets, each
    /// repetition by itself. Exact, and told once: the sum over the records is the number of all.
    pub turned_away: u64,
    /// RFC 3339 with nanoseconds, UTC: when the first of those may have been; the record's `time` is
    /// that of the last.
    pub since: String,
    /// How many were turned away since `began`.
    pub turned_away_total: u64,
    /// RFC 3339 with nanoseconds, UTC: when it began to turn away for this cause.
    pub began: String,
    /// SYNs that were answered with a SYN cookie since `since`, because the SYN queue was full: nobody
    /// was turned away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookies: Option<u64>,
    /// Processes that hold it, where they are not one alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// Name of the process.
    pub comm: String,
}

/// The two ends of a connection, and where it lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Socket {
    /// Family of the packets: an IPv6 socket that talks to an IPv4-mapped address sends IPv4.
    pub family: Family,
    /// True where an IPv6 socket talks IPv4 (`::ffff:a.b.c.d`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ipv4_mapped: bool,
    /// This end. Absent where the connection failed before the kernel had chosen an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Endpoint>,
    /// The other end. Of a listener that turned away more than one client, or clients that were not
    /// seen: unspecified and without a port, as `ss -l` shows it.
    pub remote: Endpoint,
    /// Inode number of the network namespace (`readlink /proc/PID/ns/net`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// Socket cookie, as `ss -e` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<u64>,
}

/// Address family of the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `AF_INET`.
    Ipv4,
    /// `AF_INET6`.
    Ipv6,
}

/// One end of a connection.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Endpoint {
    /// IP address.
    pub addr: IpAddr,
    /// TCP port; absent where the kernel had not chosen one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// `10.9.1.1:443`, `[2001:db8::1]:443`; a port that is not known is left out.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.addr, port).fmt(f),
            None => self.addr.fmt(f),
        }
    }
}

/// When a connection began and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// RFC 3339 with nanoseconds, UTC: when the attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Microseconds from the beginning to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_us: Option<u64>,
    /// SYNs that TCP made, retransmissions included, whether or not they left the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syn_sent: Option<u32>,
}

/// TCP's own view of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tcp {
    /// State before it ended, as in RFC 9293 (`SYN_SENT`).
    pub state: String,
    /// Retransmissions in a row without an answer (`icsk_retransmits`).
    pub retransmits: u32,
    /// Smoothed round-trip time, microseconds; 0 where none was measured.
    pub srtt_us: u32,
    /// Bytes sent, retransmissions not counted (`tcp_sock.bytes_sent - bytes_retrans`).
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Initial sequence number of the side that opened the connection: what the records of both ends
    /// have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isn: Option<u32>,
    /// What else is known of a connection that had come up.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Stream>,
}

/// TCP's own view of a connection that had come up (`struct tcp_sock`, `include/linux/tcp.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stream {
    /// Retransmission timeout, microseconds (`icsk_rto`).
    pub rto_us: u32,
    /// Congestion window, segments (`snd_cwnd`).
    pub cwnd_segments: u32,
    /// Size of a full segment, bytes (`mss_cache`).
    pub mss_bytes: u32,
    /// Bytes sent and not acknowledged.
    pub unacked_bytes: u32,
    /// Bytes that were written and not sent yet.
    pub unsent_bytes: u32,
    /// What the peer was ready to take, bytes (`snd_wnd`).
    pub send_window_bytes: u32,
    /// Segments sent again since it began (`total_retrans`).
    pub retransmits_total: u32,
    /// Probes without an answer: of a closed window, or of keepalive (`icsk_probes_out`).
    pub probes: u32,
    /// Time since data was sent, milliseconds; since it came up, where none was.
    pub last_sent_ms: u32,
    /// Time since data was received, milliseconds; since it came up, where none was.
    pub last_received_ms: u32,
}

/// Packets that the kernel dropped, of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drop {
    /// The kernel's drop reason (`enum skb_drop_reason`, without its prefix).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Function that dropped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Netfilter hook: prerouting, input, forward, output, postrouting, ingress, egress or bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// Netfilter engine: nftables, or netfilter (iptables-legacy, conntrack and others).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// How many packets.
    pub count: u64,
    /// `tx` on the way out of the connection's own host side, `rx` where it was received, `forward`
    /// on a router between.
    pub direction: String,
    /// What the packet was: SYN, SYN-ACK, RST or segment (anything else).
    pub packet: String,
    /// Inode number of the network namespace where it was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// Network device at which it was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// How it was joined to the connection.
    pub matched_by: MatchedBy,
}

/// A RST of this connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reset {
    /// `received` by the connection's socket, or `sent` by this host's kernel to it.
    pub direction: String,
    /// The kernel's reset reason (`enum sk_rst_reason`, without its prefix); only for `sent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Inode number of the network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// How it was joined to the connection.
    pub matched_by: MatchedBy,
}

/// An ICMP error about this connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Icmp {
    /// `sent` by this host (as a router, peer or firewall) or `received` by the socket.
    pub direction: String,
    /// ICMP type; absent where only its effect on the socket is known.
    #[serde(rename = "icmp_type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<u8>,
    /// ICMP code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// The error that it left on the socket (`sk_err_soft`), symbolic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// Inode number of the network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<u32>,
    /// How it was joined to the connection.
    pub matched_by: MatchedBy,
}

/// What the TCP/IP stack of a network namespace was doing while connections failed there. What could
/// not be read is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counters {
    /// RFC 3339 with nanoseconds, UTC: when they were read.
    pub time: String,
    /// RFC 3339 with nanoseconds, UTC: when they were read before; absent the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// By how much the counters of `/proc/net/snmp`, `snmp6` and `netstat` rose since then (without
    /// `since`: since the namespace was made), by the names of nstat(8). Those that did not move are
    /// left out.
    pub counters: BTreeMap<String, u64>,
    /// Sockets in use at `time`: `/proc/net/sockstat`, `sockstat6` (`TCP.inuse`), and `TcpCurrEstab`.
    pub sockets: BTreeMap<String, u64>,
    /// Connection tracking at `time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conntrack: Option<Usage>,
    /// Settings that TCP connections depend on, by the names of sysctl(8): the first time only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
}

/// How much of something bounded is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// In use.
    pub count: u64,
    /// Most that can be.
    pub max: u64,
}

/// What was seen, emitted, filtered and lost since the hooks were attached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    /// RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// Outbound connections that failed, as the kernel half counted them (exact even where details
    /// were lost), and records of listeners that turned connections away.
    pub failures_seen: u64,
    /// `failure` records written.
    pub failures_emitted: u64,
    /// Failures that a filter left out.
    pub failures_filtered: u64,
    /// Failures whose record is still to come (verdicts held back, or attempts under way).
    pub failures_pending: u64,
    /// Failures that were seen, but have no record: their event was lost on the way, or the record
    /// could not be written.
    pub failures_lost: u64,
    /// Losers of races that another attempt won: no failure.
    pub races: u64,
    /// What listeners of this host turned away, by cause: exact, and the sum of `turned_away` of the
    /// records, those that a filter left out included.
    #[serde(default)]
    pub turned_away: BTreeMap<String, u64>,
    /// Event counts by hook.
    pub hooks: BTreeMap<String, HookLedger>,
    /// Failures written, by cause.
    pub by_cause: BTreeMap<String, u64>,
    /// Failures seen by the kernel half, by the errno it left on the socket (`0`: none).
    pub by_errno: BTreeMap<String, u64>,
    /// Packets dropped on this host (all, not only of failures), by the kernel's reason.
    pub by_drop_reason: BTreeMap<String, u64>,
    /// Failures whose beginning was not seen, so that they have no process: they are older than
    /// tcpwhy, or were forgotten by the kernel half since too many attempts were under way.
    #[serde(default)]
    pub unowned: u64,
    /// Attempts, and packets without a socket, whose evidence was forgotten since a table of user
    /// space was full.
    pub evicted: u64,
    /// Records of every type that could not be written, since the disk was full.
    #[serde(default)]
    pub unwritten: u64,
    /// What a bounded history (`record --last`) no longer held; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten: Option<Forgotten>,
}

/// Records that were in a bounded history, and are not in what was written of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {
    /// Records that were older than `--last`.
    pub expired: u64,
    /// Records that went before that, since `--memory` was full.
    pub evicted: u64,
    /// Failures among both.
    pub failures: u64,
}

/// Counts of one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HookLedger {
    /// Times the hook ran and what it saw was of interest.
    pub seen: u64,
    /// Events handed to user space.
    pub emitted: u64,
    /// Events lost because the ring buffer was full.
    pub lost_ring_full: u64,
    /// Events lost because a table was full.
    pub lost_map_full: u64,
    /// Events counted but not handed over: too many in too short a time.
    pub rate_limited: u64,
    /// Events that a filter left out.
    pub filtered: u64,
    /// Events at listeners that were counted, exactly and by kind, but whose details were not handed
    /// over: too many in too short a time. Nothing is lost by it.
    #[serde(default)]
    pub summarized: u64,
    /// Times the kernel skipped the hook's program since it was running on the same CPU already
    /// (`recursion_misses`).
    #[serde(default)]
    pub missed: u64,
    /// Of those, the runs that another program made good: nothing of them is lost.
    #[serde(default)]
    pub recovered: u64,
}

/// Totals, and the final ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trailer {
    /// RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// Why the run ended: `interrupted`, `duration`, `count`, `command-exited`, `output-closed`;
    /// or why this file does: `rotated`; or why a history was written: `signal`, `burst`, `dump`;
    /// `replayed` for what `tcpwhy replay` writes.
    pub reason: String,
    /// The final ledger.
    pub ledger: Ledger,
}

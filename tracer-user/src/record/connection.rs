//! A connection that did not fail, and TCP's own view of any.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Direction, MatchedBy, Process, Resent, Severity, Socket};

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
    /// Which end sent its FIN first, as this end saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<ClosedBy>,
    /// How much it matters: always `info`.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// Evidence that would have told more of its process, and why it is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The process that owns the connection; absent where no evidence names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// How that process was joined to it: by its own socket, or by the one that listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_by: Option<MatchedBy>,
    /// Processes that had its socket at its end, or shut it down or closed it before, where they are not
    /// `process` alone: it was passed on, or inherited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Process>,
    /// The socket.
    pub socket: Socket,
    /// When and how long.
    pub timing: Timing,
    /// TCP's own view at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
}

/// Which end of a connection closed it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClosedBy {
    /// This one.
    Local,
    /// The other one.
    Remote,
    /// Both: their FINs crossed.
    Both,
}

/// When a connection began and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// RFC 3339 with nanoseconds, UTC: when the attempt began; of an inbound connection, when it came up
    /// (known only with `--all`).
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
    /// Retransmission timeouts in a row without an answer (`icsk_retransmits`).
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
    /// Of a connection that had come up: segments that were sent again, by why, as far as that was seen
    /// and is told: SYNs and SYN-ACKs, and with `--events` or `--all` others. What is missing in
    /// `retransmits_total` has no class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Resent>,
    /// What else is known of a connection that had come up.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Stream>,
}

impl Tcp {
    /// `3 segments sent again (1 TLP, 2 RTO)`; nothing where none was.
    #[must_use]
    pub fn sent_again(&self) -> Option<String> {
        let total = self.stream?.retransmits_total;
        let s = if total == 1 { "" } else { "s" };
        let all = (total > 0).then(|| format!("{total} segment{s} sent again"))?;
        let classes = self.resent.map(|resent| format!(" ({resent})"));
        Some(all + &classes.unwrap_or_default())
    }
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
    /// Segments sent again since it began (`total_retrans`), SYNs and SYN-ACKs among them.
    pub retransmits_total: u32,
    /// Probes without an answer: of a closed window, or of keepalive (`icsk_probes_out`).
    pub probes: u32,
    /// Time since data was sent, milliseconds; since it came up, where none was.
    pub last_sent_ms: u32,
    /// Time since data was received, milliseconds; since it came up, where none was.
    pub last_received_ms: u32,
}

//! `tcpwhy record`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{Common, Limits, value};
use crate::{
    incident::Thresholds,
    redact::Redaction,
    trace::{
        history::{Burst, Settings},
        rotate::Rotation,
    },
};

/// Where only the age of a part is bounded, its size is too.
const DEFAULT_PART_BYTES: u64 = 256 << 20;

const EXAMPLES: &str = "\
Examples:
  tcpwhy record -o trace.jsonl                        until Ctrl-C
  tcpwhy record -o trace.jsonl.zst --duration 1h      compressed, for an hour
  tcpwhy record -o trace.jsonl --all --events         connections that came up, and all evidence
  tcpwhy record -o /var/lib/tcpwhy/web.jsonl.gz --port 443 --rotate-size 64MiB --keep 20
                                                      at most 21 files of 64 MiB each
  tcpwhy record -o trace.jsonl --redact               pseudonyms for whatever names somebody
  tcpwhy record -o last.jsonl.gz --last 10m --on-burst 100/10
                                                      the last ten minutes, once it has happened

The trace is one JSON object a line (`tcpwhy schema`): a header, failures, a ledger every 10 s where
something changed, and a trailer. A trace without a trailer was cut short.

The file can be read at any moment up to its last whole record. SIGKILL or a crash costs the trailer,
and of a compressed file the records of the last second; a power failure what the kernel had not yet
written. A full disk is said once; what could not be written is counted in the ledger (`unwritten`),
and recording goes on when there is space again.

With --last nothing is written before somebody asks for it: `tcpwhy dump`, SIGUSR1, --on-burst, or
the end of the run. FILE is then the newest one; those before it get the time in their names (--keep).
What was older than --last, or had to go since --memory was full, is counted in the trailer's ledger
(`forgotten`). SIGKILL costs all that is held. Without --last SIGUSR1 writes what waits for
compression.

SIGINT, SIGTERM and SIGHUP end it cleanly. Once every hook is attached it says `tcpwhy: ready` on stderr.";

/// `tcpwhy record`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Record {
    /// Write to this file (mode 0600; what it held goes, but for rotation and --last), - is standard
    /// output. A name that ends with .gz or .zst is compressed
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Connections that succeed too, opened and accepted ones, with what they sent again
    #[arg(long)]
    pub all: bool,
    /// Each piece of evidence too (retransmission, drop, reset, socket error, ICMP), whatever the
    /// filters, with all that `tcpwhy replay` needs
    #[arg(long)]
    pub events: bool,
    /// Go on in a new file once this one has so many bytes; the older ones get the time in their
    /// names (trace-20261124T151344Z.jsonl)
    #[arg(long, value_name = "SIZE", value_parser = value::size, help_heading = "Rotation")]
    pub rotate_size: Option<usize>,
    /// Go on in a new file after so long; alone, it implies --rotate-size 256MiB
    #[arg(long, value_name = "TIME", value_parser = value::duration, help_heading = "Rotation")]
    pub rotate_age: Option<Duration>,
    /// Older files that are kept (of rotation, or of --last); beyond that the oldest is removed
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        help_heading = "Rotation"
    )]
    pub keep: usize,
    /// Hold the records of so long in memory, and write them when asked to
    #[arg(
        long,
        value_name = "TIME",
        value_parser = value::duration,
        conflicts_with_all = ["rotate_size", "rotate_age"],
        help_heading = "Flight recorder"
    )]
    pub last: Option<Duration>,
    /// Memory for them; beyond that the oldest go
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64MiB",
        value_parser = value::size,
        requires = "last",
        help_heading = "Flight recorder"
    )]
    pub memory: usize,
    /// Write them when N failures come within so many seconds (or 500ms, 2m): once a burst
    #[arg(
        long,
        value_name = "N/SECONDS",
        value_parser = value::burst,
        requires = "last",
        help_heading = "Flight recorder"
    )]
    pub on_burst: Option<Burst>,
    /// Whether names are taken out.
    #[command(flatten)]
    pub redaction: Redaction,
    /// What commands on connections have in common.
    #[command(flatten)]
    pub common: Common,
    /// When failures are an incident.
    #[command(flatten)]
    pub incidents: Thresholds,
    /// Bounds of memory.
    #[command(flatten)]
    pub limits: Limits,
}

impl Record {
    /// What to hold in memory; `None` where all is written at once.
    #[must_use]
    pub fn history(&self) -> Option<Settings> {
        self.last.map(|last| Settings {
            path: self.output.clone(),
            keep: self.keep,
            last,
            memory_bytes: self.memory,
            burst: self.on_burst,
        })
    }

    /// When to go on in a new file; `None` for never.
    #[must_use]
    pub fn rotation(&self) -> Option<Rotation> {
        if self.rotate_size.is_none() && self.rotate_age.is_none() {
            return None;
        }
        let size = self.rotate_size.and_then(|size| u64::try_from(size).ok());
        Some(Rotation {
            size: size.unwrap_or(DEFAULT_PART_BYTES),
            age: self.rotate_age,
            keep: self.keep,
        })
    }
}

const DUMP_EXAMPLES: &str = "\
Examples:
  tcpwhy dump               every recorder on this host
  tcpwhy dump --pid 4242    that one

Each answers with the file that it wrote. Exit status: 0 if every one that was asked has written,
else 1.";

/// `tcpwhy dump`.
#[derive(Args, Clone, Debug)]
#[command(after_help = DUMP_EXAMPLES)]
pub struct Dump {
    /// Only the recorder with this process id
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,
}

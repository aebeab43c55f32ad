//! `tcpwhy record`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{Common, Limits, value};
use crate::trace::rotate::Rotation;

/// Where only the age of a part is bounded, its size is too.
const DEFAULT_PART_BYTES: u64 = 256 << 20;

const EXAMPLES: &str = "\
Examples:
  tcpwhy record -o trace.jsonl                        until Ctrl-C
  tcpwhy record -o trace.jsonl.zst --duration 1h      compressed, for an hour
  tcpwhy record -o trace.jsonl --all --events         connections that came up, and all evidence
  tcpwhy record -o /var/lib/tcpwhy/web.jsonl.gz --port 443 --rotate-size 64MiB --keep 20
                                                      at most 21 files of 64 MiB each

The trace is one JSON object a line (`tcpwhy schema`): a header, failures, a ledger every 10 s where
something changed, and a trailer. A trace without a trailer was cut short.

The file is written so that it can be read at any moment up to its last whole record. SIGKILL or a
crash costs the trailer, and of a compressed file the records of the last second; a power failure
what the kernel had not yet written. A full disk is said once; what could not be written is counted
in the ledger (`unwritten`), and recording goes on when there is space again.

SIGINT and SIGTERM end it cleanly. Once every hook is attached it says `tcpwhy: ready` on stderr.";

/// `tcpwhy record`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Record {
    /// Write to this file (mode 0600; what it held goes, unless it is rotated), - is standard output.
    /// A name that ends with .gz or .zst is compressed
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Connections that succeed too
    #[arg(long)]
    pub all: bool,
    /// Each piece of evidence too (retransmission, drop, reset, socket error, ICMP)
    #[arg(long)]
    pub events: bool,
    /// Go on in a new file once this one has so many bytes; the older ones get the time in their
    /// names (trace-20261124T151344Z.jsonl)
    #[arg(long, value_name = "SIZE", value_parser = value::size, help_heading = "Rotation")]
    pub rotate_size: Option<usize>,
    /// Go on in a new file after so long; alone, it implies --rotate-size 256MiB
    #[arg(long, value_name = "TIME", value_parser = value::duration, help_heading = "Rotation")]
    pub rotate_age: Option<Duration>,
    /// Older files that are kept; beyond that the oldest is removed
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        help_heading = "Rotation"
    )]
    pub keep: usize,
    /// What commands on connections have in common.
    #[command(flatten)]
    pub common: Common,
    /// Bounds of memory.
    #[command(flatten)]
    pub limits: Limits,
}

impl Record {
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

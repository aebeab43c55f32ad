//! Flags that commands have in common.

use std::{io::IsTerminal, time::Duration};

use clap::{ArgAction, Args, ValueEnum};

use super::value;
use crate::filter::Filter;

/// Flags that all commands on connections have in common, whether they look at the running host or
/// at a file.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Which connections to show.
    #[command(flatten)]
    pub filter: Filter,
    /// Stop after this time (500ms, 30s, 10m, 2h)
    #[arg(long, value_name = "TIME", value_parser = value::duration, help_heading = "When to stop")]
    pub duration: Option<Duration>,
    /// Stop after so many records of failures
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "When to stop"
    )]
    pub count: Option<u64>,
    /// How it looks.
    #[command(flatten)]
    pub display: Display,
}

/// How much is said, and how it looks.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Display")]
pub struct Display {
    /// More about what tcpwhy itself does, on stderr
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Colours: auto means on a terminal, and where NO_COLOR is not set
    #[arg(
        long,
        value_enum,
        value_name = "auto|always|never",
        default_value_t,
        hide_possible_values = true
    )]
    pub color: Color,
}

/// Bounds of the memory that tcpwhy takes. Beyond one, the oldest goes and the ledger counts it.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Limits (beyond one, the oldest goes and the ledger counts it)")]
pub struct Limits {
    /// Ring buffer between kernel and tcpwhy, in bytes (rounded up to a power of two)
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = value::size)]
    pub ring_size: usize,
    /// Outbound connections that are followed at one time, from connect() to their end
    #[arg(
        long,
        value_name = "N",
        default_value_t = 65_536,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub max_attempts: u32,
}

/// When to write colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that can show them, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to write colours to `output`.
    #[must_use]
    pub fn is_on(self, output: &impl IsTerminal) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                output.is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

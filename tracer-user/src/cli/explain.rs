//! The flags of `tcpwhy explain`.

use clap::{Args, ValueEnum};

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  tcpwhy explain                           the fault tree: all causes, by their place
  tcpwhy explain accept-queue-full         a cause, with this host's present values
  tcpwhy explain SKB_DROP_REASON_TCP_CSUM  a drop reason; with or without prefix, in any case
  tcpwhy explain TCP_ABORT_ON_CLOSE        a reset reason
  tcpwhy explain -111                      an errno: ECONNREFUSED, 111 or -111
  tcpwhy explain --format markdown         everything, as in docs/causes.md";

/// `tcpwhy explain`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct Explain {
    /// A cause (no-route), a drop reason (NETFILTER_DROP), a reset reason (TCP_STATE) or an errno
    /// (ETIMEDOUT, 110); all that it stands for is shown
    #[arg(value_name = "CODE", allow_negative_numbers = true)]
    pub code: Option<String>,
    /// How to write it
    #[arg(
        long,
        value_enum,
        value_name = "text|json|markdown",
        default_value_t,
        hide_possible_values = true
    )]
    pub format: ExplainFormat,
}

/// How `tcpwhy explain` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// For tickets and wikis.
    Markdown,
}

//! The flags of `tcpwhy schema`.

use clap::{Args, ValueEnum};

/// `tcpwhy schema`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Schema {
    /// Of what: records (of watch, run and record), or report (report --format json)
    #[arg(
        value_enum,
        value_name = "records|report",
        default_value_t,
        hide_possible_values = true
    )]
    pub of: SchemaOf,
}

/// What `tcpwhy schema` describes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Each line of a trace.
    #[default]
    Records,
    /// A report in JSON.
    Report,
}

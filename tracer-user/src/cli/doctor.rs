//! The flags of `tcpwhy doctor`.

use clap::{Args, ValueEnum};

/// `tcpwhy doctor`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Exit status: 0 complete, 3 degraded, 1 unusable.")]
pub struct Doctor {
    /// How to write the findings
    #[arg(
        long,
        value_enum,
        value_name = "text|json",
        default_value_t,
        hide_possible_values = true
    )]
    pub format: DoctorFormat,
}

/// How `tcpwhy doctor` writes its findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

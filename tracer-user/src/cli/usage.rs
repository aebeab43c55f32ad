//! Usage errors: one line that says what to try.

use clap::CommandFactory;

use super::Cli;

/// Exit status of a usage error.
pub const USAGE_ERROR: i32 = 2;

/// Clap's error as one line that says what is wrong and what to try.
pub(super) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut said = Vec::new();
    let mut command = Cli::command().get_name().to_owned();
    for (nth, paragraph) in text.split("\n\n").enumerate() {
        let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if nth == 0 {
            said.push(line.strip_prefix("error: ").unwrap_or(&line).to_owned());
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            said.push(tip.to_owned());
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            command = usage
                .split(' ')
                .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()))
                .collect::<Vec<_>>()
                .join(" ");
        }
    }
    format!("tcpwhy: {}; try '{command} --help'", said.join("; "))
}

//! The flags of `tcpwhy completions`.

use clap::Args;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  tcpwhy completions bash > /etc/bash_completion.d/tcpwhy
  tcpwhy completions zsh > /usr/local/share/zsh/site-functions/_tcpwhy
  tcpwhy completions fish > ~/.config/fish/completions/tcpwhy.fish";

/// `tcpwhy completions`.
#[derive(Args, Clone, Copy, Debug)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

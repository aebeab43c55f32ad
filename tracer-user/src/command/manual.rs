//! `tcpwhy completions` and `tcpwhy man`: made of the same definition as the command line itself.

use std::io::{self, Write};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;

/// Prints the completions of a shell.
///
/// # Errors
/// What `out` returned.
pub fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let mut command = Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "tcpwhy", &mut script);
    out.write_all(&script)?;
    out.flush()
}

/// Prints the manual page: the command, and each of its subcommands with its flags.
///
/// # Errors
/// What `out` returned.
pub fn man(out: &mut dyn Write) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    let page = Man::new(command.clone()).manual("tcpwhy");
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    for subcommand in command
        .get_subcommands()
        .filter(|it| it.get_name() != "help")
    {
        section(subcommand, out)?;
    }
    page.render_extra_section(out)?;
    page.render_version_section(out)?;
    out.flush()
}

/// A subcommand: what it does, how it is called, its flags, its examples.
fn section(subcommand: &Command, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    let page = Man::new(subcommand.clone());
    page.render_description_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_options_section(&mut text)?;
    page.render_extra_section(&mut text)?;
    writeln!(
        out,
        ".SH \"TCPWHY {}\"",
        subcommand.get_name().to_uppercase()
    )?;
    for line in String::from_utf8_lossy(&text).lines() {
        match line.strip_prefix(".SH ") {
            Some("DESCRIPTION") => {}
            Some(title) => writeln!(out, ".SS {title}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    fn printed(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_shell_completes_every_subcommand() {
        for shell in Shell::value_variants() {
            let script = printed(|out| completions(*shell, out));
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {command}");
            }
        }
    }

    #[test]
    fn the_manual_tells_of_every_subcommand_and_flag() {
        let page = printed(man);
        assert!(page.contains(".TH tcpwhy 1"), "{page}");
        for command in Cli::command().get_subcommands() {
            let title = format!(".SH \"TCPWHY {}\"", command.get_name().to_uppercase());
            assert_eq!(page.matches(&title).count(), 1, "{title}");
            for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
                let flag = format!("\\-\\-{}", flag.replace('-', "\\-"));
                assert!(page.contains(&flag), "{command} {flag}");
            }
        }
    }
}

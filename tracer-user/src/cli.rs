//! The command line.

mod export;
mod record;
mod replay;
mod report;
pub(crate) mod value;

use std::{ffi::OsString, io::IsTerminal, path::PathBuf, process, time::Duration};

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum, error::ErrorKind};

pub use self::{
    export::Export,
    record::{Dump, Record},
    replay::Replay,
    report::Report,
};
use crate::{filter::Filter, incident::Thresholds, show};

/// Exit status of a usage error.
pub const USAGE_ERROR: i32 = 2;

/// Why did this TCP connection fail?
///
/// Names the process, the socket, the kernel's own drop reason, the root cause and what to do about
/// it, for every TCP connection on this host that fails. Without a command: watch.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "tcpwhy",
    bin_name = "tcpwhy",
    version,
    args_conflicts_with_subcommands = true,
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do; without one, [`Command::Watch`] with [`Cli::watch`].
    #[command(subcommand)]
    command: Option<Command>,
    /// The flags of `watch`, where the word is left out.
    #[command(flatten)]
    watch: Watch,
}

impl Cli {
    /// The command to run.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Watch(self.watch))
    }
}

/// What tcpwhy can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show failed connections as they happen, each with its cause
    Watch(Watch),
    /// Run a command and show why its connections fail (and those of its descendants)
    Run(Run),
    /// Write failures, and all that belongs to them, to a file: for a postmortem
    Record(Record),
    /// Judge a recorded trace (record --events) anew, on any machine
    Replay(Replay),
    /// Let running recorders (record --last) write what they hold
    Dump(Dump),
    /// Turn a trace into the format of another tool: Perfetto, CSV, OpenTelemetry
    Export(Export),
    /// Tell the story of recorded traces: incidents, causes, a timeline, what to do
    Report(Report),
    /// Explain a cause, a drop or reset reason, or an errno; without one, show the fault tree
    Explain(Explain),
    /// Say what this kernel lets tcpwhy see, what it does not, and why
    Doctor(Doctor),
    /// Print the JSON Schema of the records, or of the report
    Schema(Schema),
    /// Print the completions of a shell
    Completions(Completions),
    /// Print the manual page (tcpwhy man | man -l -)
    Man,
}

const EXAMPLES: &str = "\
Examples:
  tcpwhy                                   every failure on this host, as it happens
  tcpwhy --port 443 --comm curl            only curl's, on port 443
  tcpwhy watch --format json --count 10    ten failures, one JSON object a line
  tcpwhy run -- curl https://example.com   why does this command not connect?
  tcpwhy record -o trace.jsonl.gz          a trace for the postmortem
  tcpwhy report trace.jsonl.gz             what happened, from such a trace
  tcpwhy export trace.jsonl --to csv       a trace for other tools
  tcpwhy explain firewall-drop             what it means, how to confirm and mend it
  tcpwhy doctor                            what can be seen here

Exit status: 0 done, 1 could not do it, 2 bad usage; run: the command's own.";

const WATCH_EXAMPLES: &str = "\
Examples:
  tcpwhy watch --pid 4242 --events         all evidence about one process
  tcpwhy watch --addr 10.0.0.0/8 --cause '!connection-refused'
  tcpwhy watch --container 3f2a --duration 10m --format json > failures.json";

/// `tcpwhy watch`.
#[derive(Args, Clone, Debug)]
#[command(after_help = WATCH_EXAMPLES)]
pub struct Watch {
    /// How to write the records: text, or json (one object a line)
    #[arg(long, value_name = "text|json", default_value = "text", value_parser = value::format)]
    pub format: &'static show::Format,
    /// Connections that succeed too
    #[arg(long)]
    pub all: bool,
    /// Each piece of evidence too, as it happens (retransmission, drop, reset, socket error, ICMP)
    #[arg(long)]
    pub events: bool,
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

const RUN_EXAMPLES: &str = "\
Examples:
  tcpwhy run -- curl https://example.com
  tcpwhy run -o why.json --format json -- ./integration-tests --fast

Failures go to stderr or to the file. The exit status is the command's.";

/// `tcpwhy run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = RUN_EXAMPLES)]
pub struct Run {
    /// Write to this file (mode 0600) instead of stderr
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How to write the records: text, or json (one object a line)
    #[arg(long, value_name = "text|json", default_value = "text", value_parser = value::format)]
    pub format: &'static show::Format,
    /// What commands on connections have in common.
    #[command(flatten)]
    pub common: Common,
    /// Bounds of memory.
    #[command(flatten)]
    pub limits: Limits,
    /// The command to run, and its arguments; -- before it keeps its flags apart from these
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

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

/// Reads the command line. Ends the process where there is nothing to run: help and version with
/// status 0, a usage error with one line on stderr and status 2.
#[must_use]
pub fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        _ => {
            eprintln!("{}", usage_error(&error));
            process::exit(USAGE_ERROR);
        }
    })
}

/// Clap's error as one line that says what is wrong and what to try.
fn usage_error(error: &clap::Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Command {
        Cli::try_parse_from(line.split(' '))
            .unwrap_or_else(|error| panic!("{error}"))
            .into_command()
    }

    fn error(line: &str) -> String {
        match Cli::try_parse_from(line.split(' ')) {
            Ok(_) => panic!("{line} is taken"),
            Err(error) => usage_error(&error),
        }
    }

    #[test]
    fn clap_finds_no_fault_with_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn watch_is_what_happens_without_a_command() {
        for line in ["tcpwhy --all --port 443", "tcpwhy watch --all --port 443"] {
            let Command::Watch(watch) = command(line) else {
                panic!("{line}")
            };
            assert!(watch.all && !watch.events);
            assert_eq!(watch.common.filter.port, [443]);
            assert_eq!(watch.format.name, "text");
        }
    }

    #[test]
    fn limits_have_the_defaults_of_the_help() {
        let Command::Watch(watch) = command("tcpwhy") else {
            panic!("no watch")
        };
        assert_eq!(
            watch.limits,
            Limits {
                ring_size: 8 << 20,
                max_attempts: 65_536
            }
        );
        let help = Cli::command().render_long_help().to_string();
        assert!(
            help.contains("[default: 8MiB]") && help.contains("[default: 65536]"),
            "{help}"
        );
    }

    #[test]
    fn run_takes_the_command_with_its_own_flags() {
        let Command::Run(run) = command("tcpwhy run -o x.json --format json -- curl -v --all")
        else {
            panic!("no run")
        };
        assert_eq!(run.command, ["curl", "-v", "--all"]);
        assert_eq!(run.format.name, "json");
        assert_eq!(run.output, Some(PathBuf::from("x.json")));
    }

    #[test]
    fn run_needs_no_dashes_before_a_plain_command() {
        for (line, expected) in [
            (
                "tcpwhy run -v curl -v --pid 1",
                &["curl", "-v", "--pid", "1"][..],
            ),
            ("tcpwhy run -- sh -- x", &["sh", "--", "x"]),
        ] {
            let Command::Run(run) = command(line) else {
                panic!("no run")
            };
            assert_eq!(run.command, expected);
            assert!(run.common.filter.is_empty());
        }
    }

    #[test]
    fn explain_takes_errnos_as_the_kernel_returns_them() {
        let Command::Explain(explain) = command("tcpwhy explain -110") else {
            panic!("no explain")
        };
        assert_eq!(explain.code.as_deref(), Some("-110"));
    }

    #[test]
    fn takes_every_common_flag() {
        let line = "tcpwhy watch --pid 1 --comm a --uid 0 --cgroup /x --container 1f --netns 4 \
                    --port 1 --local-port 2 --remote-port 3 --addr 10.0.0.0/8 --direction in \
                    --cause no-route --duration 30s --count 3 -vv --color never";
        let Command::Watch(watch) = command(&line.split_whitespace().collect::<Vec<_>>().join(" "))
        else {
            panic!("no watch")
        };
        assert_eq!(watch.common.duration, Some(Duration::from_secs(30)));
        assert_eq!(watch.common.count, Some(3));
        assert_eq!(watch.common.display.verbose, 2);
        assert_eq!(watch.common.display.color, Color::Never);
    }

    #[test]
    fn usage_errors_are_one_line_with_advice() {
        for (line, parts) in [
            (
                "tcpwhy --cause no-rout",
                &["the nearest is 'no-route'; try", "try 'tcpwhy --help'"][..],
            ),
            (
                "tcpwhy watch --prot 1",
                &["--prot", "--port", "try 'tcpwhy watch --help'"],
            ),
            ("tcpwhy run", &["CMD", "try 'tcpwhy run --help'"]),
            ("/opt/tcpwhy-2.old --nope", &["try 'tcpwhy --help'"]),
            ("tcpwhy watch --format xml", &["text or json"]),
            ("tcpwhy watch --color red", &["auto, always, never"]),
            ("tcpwhy --duration 30", &["500ms, 30s"]),
            ("tcpwhy --pid x", &["--pid"]),
            ("tcpwhy record", &["--output", "tcpwhy record --help"]),
            ("tcpwhy record -o x --memory 1MiB", &["--last"]),
            ("tcpwhy record -o x --on-burst 3/1", &["--last"]),
            (
                "tcpwhy record -o x --last 1m --rotate-size 1MiB",
                &["--last", "--rotate-size"],
            ),
            (
                "tcpwhy record -o x --last 1m --on-burst 3",
                &["N/SECONDS such as 20/10"],
            ),
            ("tcpwhy replay", &["FILE"]),
            ("tcpwhy wach", &["watch"]),
        ] {
            let said = error(line);
            assert!(
                said.starts_with("tcpwhy: ") && !said.contains('\n'),
                "{said}"
            );
            for part in parts {
                assert!(said.contains(part), "{line}: {said}");
            }
        }
    }
}

//! Command lines that are taken, and what is said of those that are not.

use std::{path::PathBuf, time::Duration};

use clap::{CommandFactory, Parser};

use super::{Cli, Color, Command, Limits, usage};

fn command(line: &str) -> Command {
    Cli::try_parse_from(line.split(' '))
        .unwrap_or_else(|error| panic!("{error}"))
        .into_command()
}

fn error(line: &str) -> String {
    match Cli::try_parse_from(line.split(' ')) {
        Ok(_) => panic!("{line} is taken"),
        Err(error) => usage::one_line(&error),
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
    let Command::Run(run) = command("tcpwhy run -o x.json --format json -- curl -v --all") else {
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

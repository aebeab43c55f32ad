//! `tcpwhy`: the command.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use tracer_user::{
    cli::{self, Command},
    command::{
        doctor, dump,
        explain::{self, ExplainError, ThisHost},
        export, manual, record, replay, report, run, schema, watch,
    },
    escape::escape,
};

fn main() -> ExitCode {
    match dispatch(cli::parse().into_command()) {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            eprintln!("tcpwhy: {}", one_line(&why));
            ExitCode::FAILURE
        }
    }
}

/// A chain of reasons, outermost first. It may quote a file that is from elsewhere.
fn one_line(why: &anyhow::Error) -> String {
    let text = format!("{why:#}");
    escape(text.lines().next().unwrap_or_default()).into_owned()
}

fn dispatch(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Watch(watch) => block_on(watch::run(&watch)).map(|()| 0),
        Command::Record(record) => block_on(record::run(&record)).map(|()| 0),
        Command::Dump(dump) => dump::run(&dump, &mut io::stdout()).map(|()| 0),
        Command::Replay(args) => replay::run(&args).map(|()| 0),
        Command::Run(run) => block_on(run::run(&run)),
        Command::Explain(explain) => explain_name(&explain),
        Command::Export(flags) => export::run(&flags).map(|()| 0),
        Command::Doctor(doctor) => {
            let health = doctor::run(doctor.format, &mut io::stdout())?;
            Ok(health.exit_status())
        }
        Command::Report(args) => report::run(&args).map(|()| 0),
        Command::Completions(args) => whole(manual::completions(args.shell, &mut io::stdout())),
        Command::Man => whole(manual::man(&mut io::stdout())),
        Command::Schema(args) => whole(schema::run(args.of, &mut io::stdout())),
    }
}

/// Whoever reads it may have seen enough.
fn whole(written: io::Result<()>) -> anyhow::Result<u8> {
    match written {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => Err(why.into()),
        _ => Ok(0),
    }
}

/// One thread: everything waits for the ring.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

fn explain_name(wanted: &cli::Explain) -> anyhow::Result<u8> {
    let host = ThisHost::look();
    let mut out = io::stdout().lock();
    match explain::run(wanted.code.as_deref(), wanted.format, &host, &mut out)
        .and_then(|()| out.flush().map_err(ExplainError::Write))
    {
        Err(ExplainError::Write(why)) if why.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(why) => Err(why.into()),
        Ok(()) => Ok(0),
    }
}

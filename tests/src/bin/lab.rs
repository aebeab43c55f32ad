//! Makes TCP connections fail for real, and checks what tcpwhy says about them.

use std::{
    process::{Child, Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result};
use clap::Parser;
use tests::{
    hog::Hog,
    lock::Host,
    net, runner, scenario,
    tracer::{self, Trace, Tracer},
};
use tracer_user::record::Failure;

/// Makes TCP connections fail for real, in network namespaces, and checks what tcpwhy says.
#[derive(Parser)]
#[command(name = "lab")]
struct Arguments {
    /// Scenarios, or `all`; where none is named, they are listed
    names: Vec<String>,
    /// List the scenarios and what must be said about each
    #[arg(long)]
    list: bool,
    /// Keep every CPU busy with bystanders meanwhile
    #[arg(long)]
    hog: bool,
    /// Leave the namespaces behind
    #[arg(long)]
    keep: bool,
    /// Show tcpwhy's own text output
    #[arg(long)]
    text: bool,
    /// Run no tracer: check only what the clients get
    #[arg(long)]
    without_tracer: bool,
}

fn main() -> ExitCode {
    // SAFETY: the default action takes no handler. `lab | head` ends the lab without a complaint.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let all = arguments.names == ["all"];
    let chosen = runner::choose(if all { &[] } else { &arguments.names })?;
    if arguments.list || arguments.names.is_empty() {
        list(&chosen);
        return Ok(true);
    }
    runner::prepare()?;
    clean_up_on_signal()?;
    let alone = chosen.iter().any(scenario::Scenario::exclusive);
    let _host = if alone {
        Host::alone()?
    } else {
        Host::shared()?
    };
    let _hog = arguments.hog.then(Hog::start).transpose()?;
    let shown = arguments.text.then(show_text).transpose()?;
    let tracer = (!arguments.without_tracer)
        .then(|| Tracer::watch(&[]))
        .transpose()?;
    let begun = Instant::now();
    let mut happened = runner::run(&chosen, tracer.as_ref());
    let trace = tracer.map(Tracer::stop).transpose()?;
    if let Some(child) = shown {
        end(child)?;
    }
    if arguments.keep {
        keep(&mut happened);
    }
    let passed = report(&happened, trace.as_ref());
    let total = happened.len();
    println!(
        "{passed} of {total} as expected, {:.0} s",
        begun.elapsed().as_secs_f32()
    );
    if all {
        for (what, why) in scenario::not_possible() {
            println!("not possible here: {what}: {why}");
        }
    }
    Ok(passed == total)
}

fn list(chosen: &[scenario::Scenario]) {
    for it in chosen {
        let (cause, errno) = (it.cause(), it.errno());
        println!(
            "{:<32} {:<4} {cause} {errno}\n    {}",
            it.name,
            it.number(),
            it.about()
        );
    }
    for (what, why) in scenario::not_possible() {
        println!("not possible here: {what}: {why}");
    }
}

type Happened = Vec<(scenario::Scenario, Result<runner::Happened>)>;

fn report(happened: &Happened, trace: Option<&Trace>) -> usize {
    let failures: Option<Vec<&Failure>> = trace.map(|trace| trace.failures().collect());
    let mut passed = 0;
    for (scenario, done) in happened {
        let name = &scenario.name;
        match done {
            Err(error) => println!("FAILED  {name}: {error:#}"),
            Ok(it) => {
                let wrong = it.mismatches(failures.as_deref());
                passed += usize::from(wrong.is_empty());
                println!(
                    "{}  {name}",
                    if wrong.is_empty() { "ok    " } else { "FAILED" }
                );
                for one in wrong {
                    println!("    {}\n      expected {}", one.what, one.expected);
                    println!("      got      {}", one.got);
                }
            }
        }
    }
    passed
}

fn keep(happened: &mut Happened) {
    for (_, done) in happened {
        if let Ok(it) = done {
            it.lab.keep();
            println!(
                "{} stays: ip netns exec {}-client sh",
                it.scenario.name, it.lab
            );
        }
    }
}

fn show_text() -> Result<Child> {
    let child = Command::new(tracer::binary()?)
        .args(["watch", "--format", "text"])
        .spawn();
    child.context("cannot start tcpwhy")
}

fn end(mut child: Child) -> Result<()> {
    let pid = libc::pid_t::try_from(child.id())?;
    // SAFETY: the child has not been waited for, so the pid is still its own.
    unsafe { libc::kill(pid, libc::SIGINT) };
    child.wait()?;
    Ok(())
}

/// Removes the namespaces where a signal ends the lab. The signals are blocked in every thread, and
/// in none of the children, and one thread waits for them.
fn clean_up_on_signal() -> Result<()> {
    let mut signals = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is initialised by sigemptyset before anything reads it.
    let signals = unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGINT);
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGTERM);
        libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), std::ptr::null_mut());
        signals.assume_init()
    };
    std::thread::Builder::new().spawn(move || {
        let mut signal = 0;
        // SAFETY: both point to live values.
        unsafe { libc::sigwait(&raw const signals, &raw mut signal) };
        runner::restore();
        net::sweep_own();
        std::process::exit(128 + signal);
    })?;
    Ok(())
}

//! Makes TCP connections fail for real, and checks what tcpwhy says about them.

use std::{
    process::{Child, Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result};
use clap::Parser;
use tests::{
    hog::Hog,
    judge::Mismatch,
    lock::Host,
    matrix, net, ordinary, runner,
    scenario::{self, Scenario},
    tracer::{self, Trace, Tracer},
};
use tracer_user::record::Failure;

/// Makes TCP connections fail for real, in network namespaces, and checks what tcpwhy says.
#[derive(Parser)]
#[command(name = "lab", after_help = EXAMPLES)]
struct Arguments {
    /// Scenarios, or `all`; where none is named, they are listed (with --matrix: all are made)
    names: Vec<String>,
    /// List the scenarios and what must be said about each
    #[arg(long)]
    list: bool,
    /// Print a table: of each scenario what must be said, what tcpwhy said, and whether it differs
    #[arg(long, conflicts_with_all = ["list", "without_tracer"])]
    matrix: bool,
    /// Make about so many ordinary connections instead, by nginx, redis, ab, wrk, curl and Python, and a
    /// few among them that truly fail: nothing else may be told
    #[arg(long, value_name = "N", conflicts_with_all = ["matrix", "list", "without_tracer", "names"])]
    healthy: Option<u32>,
    /// Make what differs again, so many times: a kernel may skip a hook now and then
    #[arg(long, value_name = "N", default_value_t = 0)]
    again: u32,
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

const EXAMPLES: &str = "\
Examples:
  lab refused-remote                   make this failure, and check what tcpwhy says
  lab --matrix                         every scenario: expected, got
  lab --matrix --again 2 --hog         the same with every CPU busy
  lab --matrix accept-queue-full no-route
  lab --healthy 100000                 ordinary traffic: is there a false alarm?

Exit status: 0 all as expected, 1 something differs, 2 bad usage.";

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
    if let Some(connections) = arguments.healthy {
        return healthy(arguments, connections);
    }
    let all = arguments.names == ["all"] || (arguments.matrix && arguments.names.is_empty());
    let chosen = runner::choose(if all { &[] } else { &arguments.names })?;
    if arguments.list || (arguments.names.is_empty() && !all) {
        list(&chosen);
        return Ok(true);
    }
    runner::prepare()?;
    clean_up_on_signal()?;
    let alone = chosen.iter().any(Scenario::exclusive);
    let _host = if alone {
        Host::alone()?
    } else {
        Host::shared()?
    };
    let _hog = arguments.hog.then(Hog::start).transpose()?;
    let begun = Instant::now();
    let total = chosen.len();
    let passed = make(arguments, chosen)?;
    let took = begun.elapsed().as_secs_f32();
    println!("{passed} of {total} as expected, {took:.0} s");
    if all {
        for (what, why) in scenario::not_possible() {
            println!("not possible here: {what}: {why}");
        }
    }
    Ok(passed == total)
}

/// Makes ordinary connections, and prints what was told that did not happen.
fn healthy(arguments: &Arguments, connections: u32) -> Result<bool> {
    runner::prepare()?;
    clean_up_on_signal()?;
    let _host = Host::shared()?;
    let _hog = arguments.hog.then(Hog::start).transpose()?;
    let lab = net::Lab::new()?;
    let tracer = Tracer::watch(&[])?;
    let begun = Instant::now();
    let truth = ordinary::run(&lab, connections)?;
    let took = begun.elapsed().as_secs_f32();
    ordinary::wait_for(&tracer, &lab, &truth);
    let trace = tracer.stop()?;
    let wrong = ordinary::wrong(&lab, &truth, &trace);
    for line in &wrong {
        println!("FAILED  {line}");
    }
    println!(
        "{} connections in {took:.0} s, {} ends of which broke: {} false or missing",
        truth.connections,
        truth.broken.iter().sum::<u64>(),
        wrong.len()
    );
    Ok(wrong.is_empty())
}

/// Makes scenarios, and again those that differ; gives how many are as expected in the end.
fn make(arguments: &Arguments, mut chosen: Vec<Scenario>) -> Result<usize> {
    let mut passed = 0;
    if arguments.matrix {
        println!("{}", matrix::head());
    }
    for left in (0..=arguments.again).rev() {
        let shown = arguments.text.then(show_text).transpose()?;
        let tracer = (!arguments.without_tracer)
            .then(|| Tracer::watch(&[]))
            .transpose()?;
        let mut happened = runner::run(&chosen, tracer.as_ref());
        let trace = tracer.map(Tracer::stop).transpose()?;
        if let Some(child) = shown {
            end(child)?;
        }
        if arguments.keep {
            keep(&mut happened);
        }
        chosen = report(&happened, trace.as_ref(), arguments.matrix);
        passed += happened.len() - chosen.len();
        if chosen.is_empty() {
            break;
        }
        if left > 0 {
            println!("\n{} again:", chosen.len());
        }
    }
    Ok(passed)
}

fn list(chosen: &[Scenario]) {
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

type Happened = Vec<(Scenario, Result<runner::Happened>)>;

/// Prints what came of each scenario, and gives those that differ.
fn report(happened: &Happened, trace: Option<&Trace>, table: bool) -> Vec<Scenario> {
    let failures: Option<Vec<&Failure>> = trace.map(|trace| trace.failures().collect());
    let mut different = Vec::new();
    for (scenario, done) in happened {
        let wrong = match done {
            Err(error) => Err(error),
            Ok(it) => Ok(it.mismatches(failures.as_deref())),
        };
        if !matches!(&wrong, Ok(wrong) if wrong.is_empty()) {
            different.push(scenario.clone());
        }
        if table {
            let failures = failures.as_deref().unwrap_or_default();
            for line in matrix::lines(scenario, done, failures) {
                println!("{line}");
            }
        } else {
            print(&scenario.name, wrong);
        }
    }
    different
}

fn print(name: &str, wrong: Result<Vec<Mismatch>, &anyhow::Error>) {
    match wrong {
        Err(error) => println!("FAILED  {name}: {error:#}"),
        Ok(wrong) if wrong.is_empty() => println!("ok      {name}"),
        Ok(wrong) => {
            println!("FAILED  {name}");
            for one in wrong {
                println!("    {}\n      expected {}", one.what, one.expected);
                println!("      got      {}", one.got);
            }
        }
    }
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

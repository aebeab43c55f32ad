//! `cargo xtask bench-report`: what a report on a large trace costs, and an export. Figures, never
//! pass or fail.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::project::Project;

/// Measures the time and the memory of `tcpwhy report` and `tcpwhy export` on a trace that it makes up,
/// in every format, and without names.
///
/// The trace is written below the target folder, and left there. No root.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-report                            a million failures
  cargo xtask bench-report --failures 10000 --spread  each to a destination of its own")]
pub(crate) struct Args {
    /// Failures in the trace
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    failures: u32,
    /// Every failure to another destination: as many incidents
    #[arg(long)]
    spread: bool,
    /// Measure this tcpwhy instead of building one
    #[arg(long, value_name = "PATH")]
    tcpwhy: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let tcpwhy = match &args.tcpwhy {
        Some(path) => path.clone(),
        None => project.build_tcpwhy()?,
    };
    let trace = project.target.join("bench-report.jsonl");
    make(&trace, args).with_context(|| format!("cannot write {}", trace.display()))?;
    let bytes = trace.metadata()?.len();
    println!("{} failures, {} MB", args.failures, bytes / 1_000_000);
    for command in COMMANDS {
        let cost = measure(&tcpwhy, &trace, command)?;
        println!(
            "{command:33} {:6.2} s  {:6.2} s of CPU time  {:4} MB at most  {:5} MB written",
            cost.took.as_secs_f64(),
            cost.cpu.as_secs_f64(),
            cost.peak_kib * 1024 / 1_000_000,
            cost.written / 1_000_000
        );
    }
    Ok(())
}

/// What is measured.
const COMMANDS: [&str; 9] = [
    "report --format text",
    "report --format markdown",
    "report --format json",
    "report --format html",
    "report --format html --redact",
    "export --to csv",
    "export --to csv --redact",
    "export --to otlp-json",
    "export --to chrome-trace",
];

struct Cost {
    took: Duration,
    /// Of all its threads, in user space and in the kernel.
    cpu: Duration,
    peak_kib: i64,
    written: u64,
}

/// The output is read and thrown away: no disk is measured.
fn measure(tcpwhy: &Path, trace: &Path, command: &str) -> Result<Cost> {
    let begun = Instant::now();
    let mut child = Command::new(tcpwhy)
        .args(command.split(' '))
        .arg(trace)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", tcpwhy.display()))?;
    let mut out = child.stdout.take().context("no output of tcpwhy")?;
    let written = io::copy(&mut out, &mut io::sink())?;
    let usage = wait(&child)?;
    Ok(Cost {
        took: begun.elapsed(),
        cpu: duration(usage.ru_utime)? + duration(usage.ru_stime)?,
        peak_kib: usage.ru_maxrss,
        written,
    })
}

fn duration(time: libc::timeval) -> Result<Duration> {
    let seconds = Duration::from_secs(time.tv_sec.try_into()?);
    Ok(seconds + Duration::from_micros(time.tv_usec.try_into()?))
}

/// Waits for a child; gives what it has used.
fn wait(child: &Child) -> Result<libc::rusage> {
    let pid = libc::pid_t::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: `rusage` is plain integers, for which all zeroes are valid.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the child has not been waited for, and both pointers are to live variables.
    let ended = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    ensure!(ended == pid, "cannot wait for tcpwhy");
    ensure!(status == 0, "tcpwhy failed");
    Ok(usage)
}

/// A trace of an hour that looks like a real one: as long lines, as many fields.
fn make(path: &Path, args: &Args) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(
        out,
        r#"{{"type":"header","schema":"tcpwhy/1","version":"0.1.0","time":"2026-11-23T12:00:00.000000000Z","host":"bench","kernel":"6.18.0","boot_id":"00000000-0000-0000-0000-000000000000","clock_offset_ns":0,"command_line":["tcpwhy","record"],"hooks":[],"degraded":[]}}"#
    )?;
    for nth in 0..args.failures {
        failure(&mut out, nth, args)?;
    }
    writeln!(
        out,
        r#"{{"type":"trailer","time":"2026-11-23T13:00:01.000000000Z","reason":"interrupted","ledger":{{"time":"2026-11-23T13:00:01.000000000Z","failures_seen":{n},"failures_emitted":{n},"failures_filtered":0,"failures_pending":0,"failures_lost":0,"races":0,"hooks":{{}},"by_cause":{{}},"by_errno":{{}},"by_drop_reason":{{}},"evicted":0}}}}"#,
        n = args.failures
    )?;
    out.flush()?;
    Ok(())
}

fn failure(out: &mut impl Write, nth: u32, args: &Args) -> Result<()> {
    const CAUSES: [&str; 4] = [
        "firewall-drop",
        "connection-refused",
        "no-answer",
        "accept-queue-full",
    ];
    let at_us = u64::from(nth) * 3_600_000_000 / u64::from(args.failures);
    let time = |us: u64| {
        let seconds = us / 1_000_000;
        format!(
            "2026-11-23T12:{:02}:{:02}.{:06}789Z",
            seconds / 60 % 60,
            seconds % 60,
            us % 1_000_000
        )
    };
    let place = if args.spread { nth } else { nth % 200 };
    let [_, a, b, c] = place.to_be_bytes();
    let (app, pid) = (nth % 50, 1000 + nth % 5000);
    let remote = format!("10.{a}.{b}.{c}");
    let local_port = 32_768 + nth % 28_000;
    let cause = CAUSES[usize::try_from(place % 4)?];
    writeln!(
        out,
        r#"{{"type":"failure","id":"01M8{nth:022X}","time":"{ended}","direction":"outbound","phase":"connect","cause":"{cause}","confidence":"certain","severity":"warning","errno":"ETIMEDOUT","summary":"app{app}[{pid}] could not reach {remote}:443: nftables on this host dropped its 3 SYNs on OUTPUT","why":["connect() timed out after 3.1 s (ETIMEDOUT)","3 SYNs were sent and none was answered","the kernel dropped its 3 SYNs: NETFILTER_DROP at nft_do_chain","hook OUTPUT, netns 4026532177"],"fix":["ip netns exec demo1 nft list ruleset | grep -nE 'drop|reject|\\b443\\b'","ip netns exec demo1 iptables-save -c | grep -nE 'DROP|REJECT'"],"process":{{"pid":{pid},"tid":{pid},"comm":"app{app}","exe":"/usr/lib/app{app}/bin/server","cmdline":"/usr/lib/app{app}/bin/server --config /etc/app{app}/config.toml --backend {remote}:443","uid":1000,"ppid":1,"cgroup":"/system.slice/app{app}.service","unit":"app{app}.service"}},"socket":{{"family":"ipv4","local":{{"addr":"10.9.0.1","port":{local_port}}},"remote":{{"addr":"{remote}","port":443}},"netns":4026532177,"cookie":{nth}}},"timing":{{"start":"{begun}","elapsed_us":3075490,"syn_sent":3}},"tcp":{{"state":"SYN_SENT","retransmits":2,"srtt_us":0,"bytes_sent":0,"bytes_received":0,"isn":{isn}}},"drops":[{{"reason":"NETFILTER_DROP","location":"nft_do_chain","hook":"output","engine":"nftables","count":3,"direction":"tx","packet":"SYN","netns":4026532177,"device":"eth0","matched_by":"socket"}}],"resets":[],"icmp":[],"lost":0}}"#,
        ended = time(at_us),
        begun = time(at_us.saturating_sub(3_075_490)),
        isn = nth.wrapping_mul(2_654_435_761),
    )?;
    Ok(())
}

//! `tcpwhy doctor`: what this kernel lets the tool see, what it does not, and why.

use std::io::{self, Write};

use serde::Serialize;

use super::live;
use crate::{
    cli::DoctorFormat,
    hook::{self, Options, cgroup, plan},
    kernel::{Kernel, symbols::Symbols},
};

/// How much can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Everything.
    Complete,
    /// Something is known less well, or not at all.
    Degraded,
    /// Nothing.
    Unusable,
}

impl Health {
    /// The exit status that says so.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Degraded => 3,
            Self::Unusable => 1,
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Check {
    what: String,
    ok: bool,
    /// What it gives, or why it is missing.
    detail: String,
    /// What is not known without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<String>,
}

#[derive(Serialize)]
struct Report {
    health: Health,
    kernel: Option<String>,
    checks: Vec<Check>,
    blind_spots: Vec<&'static str>,
}

/// What no hook of this version sees, on any kernel.
const BLIND_SPOTS: &[&str] = &[
    "connect() denied by an LSM or seccomp before it reaches TCP: no tracepoint tells of it",
    "ICMPv6 errors that this host sends: the kernel has no tracepoint for them (their effect on \
     local sockets is seen)",
    "packets that a network card's own XDP program drops: they never become packets of the kernel",
];

/// Looks, prints, and says how much can be seen.
///
/// # Errors
/// Where the output cannot be written.
pub fn run(format: DoctorFormat, out: &mut dyn Write) -> io::Result<Health> {
    let report = examine();
    match format {
        DoctorFormat::Json => {
            serde_json::to_writer(&mut *out, &report)?;
            writeln!(out)?;
        }
        DoctorFormat::Text => print(&report, out)?,
    }
    out.flush()?;
    Ok(report.health)
}

fn examine() -> Report {
    let mut checks = Vec::new();
    let kernel = match live::require_root().and_then(|()| Kernel::running()) {
        Ok(kernel) => kernel,
        Err(why) => {
            checks.push(missing(
                "kernel",
                &format!("{why:#}"),
                "nothing can be traced",
            ));
            return Report {
                health: Health::Unusable,
                kernel: None,
                checks,
                blind_spots: vec![],
            };
        }
    };
    checks.push(present("kernel types (BTF)", "read"));
    check_kernel(&kernel, &mut checks);
    let usable = check_hooks(&kernel, &mut checks);
    let health = match (usable, checks.iter().all(|check| check.ok)) {
        (false, _) => Health::Unusable,
        (true, false) => Health::Degraded,
        (true, true) => Health::Complete,
    };
    Report {
        health,
        kernel: Some(kernel.release),
        checks,
        blind_spots: BLIND_SPOTS.to_vec(),
    }
}

fn check_kernel(kernel: &Kernel, checks: &mut Vec<Check>) {
    checks.push(if kernel.reasons.drop_reason_value("NO_SOCKET").is_some() {
        present("drop reasons", "named by the kernel")
    } else {
        missing(
            "drop reasons",
            "this kernel gives none (5.17 and newer do)",
            "why a packet was dropped is known only by the function that dropped it",
        )
    });
    checks.push(match Symbols::read() {
        Ok(_) => present("kernel symbols", "/proc/kallsyms is readable"),
        Err(why) => missing(
            "kernel symbols",
            &why.to_string(),
            "the function and the netfilter hook that dropped a packet are not known",
        ),
    });
    checks.push(match cgroup::mount_point() {
        Some(path) => present("cgroup2", &format!("mounted at {}", path.display())),
        None => missing(
            "cgroup2",
            "not mounted",
            "a connect() that fails before a SYN is not seen, unless fexit works",
        ),
    });
}

/// Attaches everything once, and lets go again. False where a hook is refused without which there
/// is nothing to tell.
fn check_hooks(kernel: &Kernel, checks: &mut Vec<Check>) -> bool {
    match hook::start(kernel, &Options::default()) {
        Ok(hooks) => {
            for hook in plan::PLAN {
                let refused = hooks
                    .degraded
                    .iter()
                    .find(|missing| missing.what == hook.hook);
                if let Some(refused) = refused {
                    checks.push(missing(hook.hook, &refused.why, hook.without));
                } else if hooks.attached.iter().any(|name| name == hook.hook) {
                    checks.push(present(hook.hook, hook.tells));
                }
            }
            true
        }
        Err(why) => {
            checks.push(missing(
                "hooks",
                &format!("{why:#}"),
                "nothing can be traced",
            ));
            false
        }
    }
}

fn present(what: &str, detail: &str) -> Check {
    Check {
        what: what.to_owned(),
        ok: true,
        detail: detail.to_owned(),
        effect: None,
    }
}

fn missing(what: &str, why: &str, effect: &str) -> Check {
    Check {
        what: what.to_owned(),
        ok: false,
        detail: why.to_owned(),
        effect: Some(effect.to_owned()),
    }
}

fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let verdict = match report.health {
        Health::Complete => "complete",
        Health::Degraded => "degraded",
        Health::Unusable => "unusable",
    };
    let kernel = report
        .kernel
        .as_ref()
        .map_or(String::new(), |kernel| format!(" on Linux {kernel}"));
    writeln!(out, "tcpwhy is {verdict}{kernel}")?;
    for check in &report.checks {
        let mark = if check.ok { "ok  " } else { "MISS" };
        writeln!(out, "  {mark} {:<24} {}", check.what, check.detail)?;
        if let Some(effect) = &check.effect {
            writeln!(out, "       {:<24} so: {effect}", "")?;
        }
    }
    if !report.blind_spots.is_empty() {
        writeln!(out, "never seen, on any kernel:")?;
    }
    for spot in &report.blind_spots {
        writeln!(out, "  - {spot}")?;
    }
    Ok(())
}

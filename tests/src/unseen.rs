//! What the kernel does at TCP's tracepoints while a task of process 1 is current. Some kernels run no
//! BPF program then (on a hardened one, seen side by side with ftrace, none ran in the softirqs that
//! interrupt the threads of process 1), and no tracer can see it: ftrace counts it.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    net::{PREFIX, is_gone},
    shell,
};

/// So many things at most of a short test may be hidden from hooks that are there.
pub const MAX_HIDDEN: usize = 2;

const TRACEFS: &str = "/sys/kernel/tracing";
const INSTANCES: &str = "/sys/kernel/tracing/instances";
const EVENTS: &[(&str, &str)] = &[
    ("sock/inet_sock_set_state", "protocol == 6"),
    // IPv4 and IPv6, as `enum ether_type` has them.
    ("skb/kfree_skb", "protocol == 0x800 || protocol == 0x86dd"),
    ("tcp/tcp_retransmit_synack", ""),
    ("tcp/tcp_send_reset", ""),
    ("tcp/tcp_receive_reset", ""),
];

/// Counts until dropped.
#[derive(Debug)]
pub struct Unseen {
    instance: PathBuf,
}

impl Unseen {
    /// Begins to count.
    pub fn count() -> Result<Self> {
        mount_tracefs()?;
        sweep();
        let name = format!("{PREFIX}-{}", std::process::id());
        let unseen = Self {
            instance: PathBuf::from(INSTANCES).join(name),
        };
        fs::create_dir(&unseen.instance).context("no instance of ftrace")?;
        let mut tasks = String::new();
        for task in fs::read_dir("/proc/1/task")?.flatten() {
            write!(tasks, "{} ", task.file_name().display())?;
        }
        unseen.write("set_event_pid", &tasks)?;
        for (event, filter) in EVENTS {
            if !filter.is_empty() {
                unseen.write(&format!("events/{event}/filter"), filter)?;
            }
            unseen.write(&format!("events/{event}/enable"), "1")?;
        }
        Ok(unseen)
    }

    /// How often by now.
    pub fn so_far(&self) -> Result<usize> {
        let trace = fs::read_to_string(self.instance.join("trace"))?;
        let lines = trace.lines();
        Ok(lines.filter(|line| !line.starts_with('#')).count())
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        fs::write(self.instance.join(file), text).with_context(|| format!("cannot write {file}"))
    }
}

/// systemd mounts it; a container or a minimal system may not have it.
fn mount_tracefs() -> Result<()> {
    if !Path::new(INSTANCES).exists() {
        shell::output(Command::new("mount").args(["-t", "tracefs", "tracefs", TRACEFS]))?;
    }
    Ok(())
}

/// Removes what a process left behind that was killed.
fn sweep() {
    for left in fs::read_dir(INSTANCES).into_iter().flatten().flatten() {
        let name = left.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_prefix('-'));
        if owner.is_some_and(is_gone) {
            drop(Unseen {
                instance: left.path(),
            });
        }
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        for (event, _) in EVENTS {
            // An instance that counts cannot be removed.
            let _ = self.write(&format!("events/{event}/enable"), "0");
        }
        let _ = fs::remove_dir(&self.instance);
    }
}

//! Bystanders: processes that keep every CPU busy, so that the kernel does its work for the
//! connections under test while one of them is current.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

use crate::shell;

/// The name that no record may carry.
pub const BYSTANDER: &str = "bystander";

/// One spinning process pinned to each CPU, until dropped.
#[derive(Debug)]
pub struct Hog {
    children: Vec<Child>,
    directory: PathBuf,
}

impl Hog {
    /// Starts them.
    pub fn start() -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("tcpwhy-lab-hog-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let program = directory.join(BYSTANDER);
        let _ = fs::remove_file(&program);
        symlink(fs::canonicalize("/bin/sh")?, &program)?;
        let mut hog = Self {
            children: Vec::new(),
            directory,
        };
        for cpu in 0..std::thread::available_parallelism()?.get() {
            hog.children.push(spin(&program, cpu)?);
        }
        Ok(hog)
    }

    /// Whether one of them has this pid.
    #[must_use]
    pub fn has(&self, pid: u32) -> bool {
        self.children.iter().any(|child| child.id() == pid)
    }
}

fn spin(program: &PathBuf, cpu: usize) -> Result<Child> {
    let mut command = Command::new(program);
    command
        .args(["-c", "while :; do :; done"])
        .stdin(Stdio::null());
    // SAFETY: between fork and exec only async-signal-safe system calls are made.
    unsafe {
        command.pre_exec(move || {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
            Ok(())
        });
    }
    shell::dies_with_us(&mut command)
        .spawn()
        .context("cannot start a bystander")
}

impl Drop for Hog {
    fn drop(&mut self) {
        for child in &mut self.children {
            // An error means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

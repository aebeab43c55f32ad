//! Network namespaces: found by inode number, and entered for one question.

use std::{fs::File, os::fd::AsFd as _, path::PathBuf, thread};

use anyhow::{Context as _, anyhow};
use nix::sched::{CloneFlags, setns};

/// Inode number of a namespace file (`/proc/PID/ns/net`, `/run/netns/NAME`).
#[must_use]
pub fn inode(path: &std::path::Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    u32::try_from(std::fs::metadata(path).ok()?.ino()).ok()
}

/// Every network namespace that can be entered, and the beginning of a command that runs in it:
/// named ones first, then those of processes.
pub fn ways() -> impl Iterator<Item = (u32, String)> {
    let named = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    let named = named.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some((inode(&entry.path())?, format!("ip netns exec {name} ")))
    });
    let processes = procfs::process::all_processes()
        .into_iter()
        .flatten()
        .flatten();
    named.chain(processes.filter_map(|process| {
        let path = format!("/proc/{}/ns/net", process.pid);
        Some((
            inode(std::path::Path::new(&path))?,
            format!("nsenter -t {} -n ", process.pid),
        ))
    }))
}

/// Opens the network namespace with this inode number: that of the process, else a named one, else
/// that of any process. Holding it open keeps it alive, so it is not kept.
fn open(netns: u32, tgid: u32) -> Option<File> {
    let own = PathBuf::from(format!("/proc/{tgid}/ns/net"));
    let named = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    let processes = procfs::process::all_processes()
        .into_iter()
        .flatten()
        .flatten();
    std::iter::once(own)
        .chain(named.map(|entry| entry.path()))
        .chain(processes.map(|process| PathBuf::from(format!("/proc/{}/ns/net", process.pid))))
        .find(|path| inode(path) == Some(netns))
        .and_then(|path| File::open(path).ok())
        // The pid may have become another's between the two looks.
        .filter(|file| {
            use std::os::unix::fs::MetadataExt as _;
            file.metadata()
                .is_ok_and(|meta| meta.ino() == u64::from(netns))
        })
}

/// Asks `question` within a network namespace, on a thread of its own.
///
/// # Errors
/// Where the namespace is gone, or cannot be entered.
pub fn within<T: Send + 'static>(
    netns: u32,
    tgid: u32,
    question: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    if inode(std::path::Path::new("/proc/self/ns/net")) == Some(netns) {
        return question();
    }
    let namespace =
        open(netns, tgid).ok_or_else(|| anyhow!("network namespace {netns} is gone"))?;
    let asked = thread::spawn(move || {
        setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)
            .with_context(|| format!("cannot enter network namespace {netns}"))?;
        question()
    });
    asked.join().map_err(|_| anyhow!("the question failed"))?
}

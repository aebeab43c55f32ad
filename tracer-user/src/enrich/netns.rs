//! Network namespaces: found by inode number, and entered for one question.

use std::{
    collections::HashSet,
    fs::File,
    os::fd::AsFd as _,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

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
    let named = named().filter_map(|path| {
        let name = path.file_name()?.to_str()?;
        Some((inode(&path)?, format!("ip netns exec {name} ")))
    });
    named.chain(
        of_processes()
            .filter_map(|(tgid, path)| Some((inode(&path)?, format!("nsenter -t {tgid} -n ")))),
    )
}

/// Asks `question`, which is given the inode number, within every network namespace that can be
/// entered, one after the other on a thread of its own, until `patience` has run out. Gives the
/// answers, and how many namespaces were not asked.
///
/// # Errors
/// Where the thread cannot be started: a defect.
pub fn within_each<T: Send + 'static>(
    patience: Duration,
    question: impl Fn(u32) -> T + Send + 'static,
) -> anyhow::Result<(Vec<T>, usize)> {
    let began = Instant::now();
    let mut seen = HashSet::new();
    let all: Vec<_> = named()
        .chain(of_processes().map(|(_, path)| path))
        .filter_map(|path| Some((inode(&path)?, path)))
        .filter(|(netns, _)| seen.insert(*netns))
        .collect();
    let asked = thread::Builder::new().spawn(move || {
        let mut answers = Vec::new();
        for (nth, (netns, path)) in all.iter().enumerate() {
            if began.elapsed() > patience {
                return (answers, all.len() - nth);
            }
            // One that is gone meanwhile, or whose number is another's by now, has no answer.
            let entered = open_as(path, *netns)
                .is_some_and(|file| setns(file.as_fd(), CloneFlags::CLONE_NEWNET).is_ok());
            if entered {
                answers.push(question(*netns));
            }
        }
        (answers, 0)
    })?;
    asked.join().map_err(|_| anyhow!("the question failed"))
}

/// Processes that are in a network namespace: `most` of them at most.
#[must_use]
pub fn members(netns: u32, most: usize) -> Vec<u32> {
    of_processes()
        .filter(|(_, path)| inode(path) == Some(netns))
        .map(|(tgid, _)| tgid)
        .take(most)
        .collect()
}

/// The files of network namespaces that have a name.
fn named() -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}

/// Every process, and the file of its network namespace.
fn of_processes() -> impl Iterator<Item = (u32, PathBuf)> {
    procfs::process::all_processes()
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|process| {
            let path = PathBuf::from(format!("/proc/{}/ns/net", process.pid));
            Some((u32::try_from(process.pid).ok()?, path))
        })
}

/// Opens the network namespace with this inode number: that of the process, else a named one, else
/// that of any process. Holding it open keeps it alive, so it is not kept.
fn open(netns: u32, tgid: u32) -> Option<File> {
    let own = PathBuf::from(format!("/proc/{tgid}/ns/net"));
    std::iter::once(own)
        .chain(named())
        .chain(of_processes().map(|(_, path)| path))
        .find(|path| inode(path) == Some(netns))
        .and_then(|path| open_as(&path, netns))
}

/// Opens a namespace file that was seen to have this inode number: the pid in its name may have
/// become another's since.
fn open_as(path: &std::path::Path, netns: u32) -> Option<File> {
    use std::os::unix::fs::MetadataExt as _;
    let file = File::open(path).ok()?;
    let same = file.metadata().ok()?.ino() == u64::from(netns);
    same.then_some(file)
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

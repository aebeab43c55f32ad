//! What `/proc` says of a process.

use procfs::process::Process;

use crate::attribute::Identity;

/// Identity of a process, if the one that `/proc` shows now started when the kernel said
/// (`started_ns`: nanoseconds since boot); a process that has exited, or whose pid is another's by
/// now, gives nothing.
#[must_use]
pub fn identity(tgid: u32, started_ns: u64) -> Option<Identity> {
    let process = Process::new(tgid.try_into().ok()?).ok()?;
    let stat = process.stat().ok()?;
    if stat.starttime != ticks(started_ns) {
        return None;
    }
    let own = process.status().ok().and_then(|status| status.nspid);
    let innermost = own.and_then(|pids| pids.last().copied());
    let identity = Identity {
        comm: Some(stat.comm),
        ns_pid: innermost.and_then(|pid| u32::try_from(pid).ok()),
        exe: process
            .exe()
            .ok()
            .map(|path| path.to_string_lossy().into_owned()),
        cmdline: process
            .cmdline()
            .ok()
            .filter(|line| !line.is_empty())
            .map(|line| line.join(" ")),
        ppid: u32::try_from(stat.ppid).ok(),
        cgroup: cgroup(&process),
    };
    // A process that is ending has left its control group for the root already.
    let still = process.stat().ok()?;
    (!matches!(still.state, 'Z' | 'X') && still.starttime == stat.starttime).then_some(identity)
}

/// False where a pid is another process's by now than the one that started then (nanoseconds since boot;
/// 0: any). A process that has ended keeps its pid in this sense.
#[must_use]
pub fn is_still(tgid: u32, started_ns: u64) -> bool {
    let process = tgid.try_into().ok().and_then(|pid| Process::new(pid).ok());
    let now = process.and_then(|process| process.stat().ok());
    started_ns == 0 || now.is_none_or(|stat| stat.starttime == ticks(started_ns))
}

/// Clock ticks, as `/proc/PID/stat` counts them, of a time since boot in nanoseconds.
#[must_use]
pub fn ticks(ns: u64) -> u64 {
    ns / (1_000_000_000 / procfs::ticks_per_second().max(1))
}

/// The other way round: the beginning of that tick.
#[must_use]
pub fn nanoseconds(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000_000_000 / procfs::ticks_per_second().max(1))
}

/// The v2 path; where v2 holds nothing but the root (hybrid hosts), the longest v1 path.
fn cgroup(process: &Process) -> Option<String> {
    let groups = process.cgroups().ok()?.0;
    let unified = groups
        .iter()
        .find(|group| group.hierarchy == 0)
        .map(|group| &group.pathname);
    let longest = groups
        .iter()
        .map(|group| &group.pathname)
        .max_by_key(|path| path.len());
    // The root says nothing: everything is below it.
    let says_something = |path: &&String| path.as_str() != "/";
    unified
        .filter(says_something)
        .or(longest.filter(says_something))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let me = Process::myself().unwrap();
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second();
        let started_ns = me.stat().unwrap().starttime * tick_ns;
        let pid = std::process::id();
        let identity = identity(pid, started_ns).unwrap();
        assert_eq!(
            identity.exe.unwrap(),
            std::env::current_exe().unwrap().to_string_lossy()
        );
        assert_eq!(
            super::identity(pid, started_ns + 10 * tick_ns),
            None,
            "another process"
        );
    }
}

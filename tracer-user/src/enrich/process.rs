//! What `/proc` says of a process.

use procfs::process::Process;

use crate::{attribute::Identity, cgroup_path};

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
        exe: executable(&process),
        cmdline: command_line(&process),
        ppid: u32::try_from(stat.ppid).ok(),
        cgroup: cgroup(&process),
    };
    // A process that is ending has left its control group for the root already.
    let still = process.stat().ok()?;
    (!matches!(still.state, 'Z' | 'X') && still.starttime == stat.starttime).then_some(identity)
}

/// What a process runs that has the very memory layout that `image` says, as the kernel's randomness
/// gives it to a process and its forks only: executable and command line.
#[must_use]
pub fn of_image(tgid: u32, image: [u64; 3]) -> Option<Identity> {
    let process = Process::new(tgid.try_into().ok()?).ok()?;
    let is_it = || {
        let stat = process.stat().ok()?;
        let here = [stat.arg_start?, stat.startcode, stat.startstack];
        (here == image && !image.contains(&0)).then_some(())
    };
    is_it()?;
    let identity = Identity {
        exe: executable(&process),
        cmdline: command_line(&process),
        ..Identity::default()
    };
    // It has not called exec meanwhile.
    is_it()?;
    Some(identity)
}

fn executable(process: &Process) -> Option<String> {
    let path = process.exe().ok()?;
    Some(path.to_string_lossy().into_owned())
}

fn command_line(process: &Process) -> Option<String> {
    let line = process.cmdline().ok()?;
    (!line.is_empty()).then(|| line.join(" "))
}

/// False where a pid is another process's by now than the one that started then (nanoseconds since boot;
/// 0: any). A process that has ended keeps its pid in this sense.
#[must_use]
pub fn is_still(tgid: u32, started_ns: u64) -> bool {
    let process = tgid.try_into().ok().and_then(|pid| Process::new(pid).ok());
    let now = process.and_then(|process| process.stat().ok());
    started_ns == 0 || now.is_none_or(|stat| stat.starttime == ticks(started_ns))
}

/// Whether the process that started then (nanoseconds since boot) is there, and not ending.
#[must_use]
pub fn is_alive(tgid: u32, started_ns: u64) -> bool {
    let process = tgid.try_into().ok().and_then(|pid| Process::new(pid).ok());
    let stat = process.and_then(|process| process.stat().ok());
    stat.is_some_and(|stat| stat.starttime == ticks(started_ns) && !matches!(stat.state, 'Z' | 'X'))
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

/// The path that names a container, v2 first; else the v2 path; where v2 holds nothing but the root
/// (hybrid hosts), the longest v1 path.
fn cgroup(process: &Process) -> Option<String> {
    let groups = process.cgroups().ok()?.0;
    let paths = groups
        .into_iter()
        .map(|group| (group.hierarchy, group.pathname));
    best(paths.collect())
}

fn best(mut paths: Vec<(u32, String)>) -> Option<String> {
    for (_, path) in &mut paths {
        // The group was removed while the process was in it.
        if let Some(before) = path.strip_suffix(" (deleted)") {
            *path = before.to_owned();
        }
    }
    // The root says nothing: everything is below it.
    paths.retain(|(_, path)| path != "/");
    let best = paths.into_iter().max_by_key(|(hierarchy, path)| {
        let is_v2 = *hierarchy == 0;
        (cgroup_path::container(path).is_some(), is_v2, path.len())
    });
    best.map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_its_control_groups_the_one_that_says_most_is_taken() {
        let container = format!("/docker/{}", "0123456789abcdef".repeat(4));
        let inner = format!("{container}/init.scope");
        type Row<'a> = (&'a [(u32, &'a str)], Option<&'a str>);
        let rows: [Row<'_>; 6] = [
            (&[(0, "/")], None),
            (
                &[(0, "/system.slice/a.service (deleted)")],
                Some("/system.slice/a.service"),
            ),
            // Hybrid: v2 is there, and holds nothing.
            (
                &[(4, "/"), (1, "/user.slice"), (0, "/")],
                Some("/user.slice"),
            ),
            (&[(1, "/a/longer/one"), (0, "/a.scope")], Some("/a.scope")),
            // Hybrid: v2 does not know of the container.
            (
                &[(3, &container), (0, "/system.slice/containerd.service")],
                Some(&container),
            ),
            (&[(3, &container), (0, &inner)], Some(&inner)),
        ];
        for (paths, expected) in rows {
            let paths = paths
                .iter()
                .map(|&(number, path)| (number, path.to_owned()));
            assert_eq!(best(paths.collect()).as_deref(), expected);
        }
    }

    #[test]
    fn a_program_is_known_by_its_layout_in_memory() {
        let stat = Process::myself().unwrap().stat().unwrap();
        let image = [stat.arg_start.unwrap(), stat.startcode, stat.startstack];
        let pid = std::process::id();
        let identity = of_image(pid, image).unwrap();
        assert_eq!(
            identity.exe.unwrap(),
            std::env::current_exe().unwrap().to_string_lossy()
        );
        assert!(identity.cmdline.is_some());
        assert_eq!(of_image(pid, [image[0] + 16, image[1], image[2]]), None);
        assert_eq!(of_image(pid, [0; 3]), None);
    }

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

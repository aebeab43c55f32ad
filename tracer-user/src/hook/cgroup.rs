//! Where the hierarchies of control groups are mounted.

use std::path::PathBuf;

/// Mount point of the v2 hierarchy whose root is the host's (or this container's), from
/// `/proc/self/mountinfo`; `None` where none is mounted.
#[must_use]
pub fn mount_point() -> Option<PathBuf> {
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    mounts
        .into_iter()
        .find(|mount| mount.fs_type == "cgroup2")
        .map(|mount| mount.mount_point)
}

/// Controllers that name what a process belongs to where they are mounted as version 1: container
/// engines and systemd make the same groups in all of them.
const V1_CONTROLLERS: [&str; 5] = ["memory", "pids", "cpu", "devices", "freezer"];

/// A controller of version 1, and the mount point of its hierarchy; `None` where version 2 has them all.
#[must_use]
pub fn v1() -> Option<(&'static str, PathBuf)> {
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    let v1: Vec<_> = mounts
        .into_iter()
        .filter(|mount| mount.fs_type == "cgroup")
        .collect();
    V1_CONTROLLERS.iter().find_map(|&controller| {
        let mut mounted = v1.iter();
        let mount = mounted.find(|mount| mount.super_options.contains_key(controller))?;
        Some((controller, mount.mount_point.clone()))
    })
}

//! Where the v2 control-group hierarchy is mounted.

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

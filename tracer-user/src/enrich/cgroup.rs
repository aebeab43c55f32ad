//! Paths of control groups by their id: known even after the process has gone.

use std::{
    fs::File,
    io,
    num::NonZeroUsize,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use lru::LruCache;
use tracer_ebpf::event::{Owner, owner_flag};

use crate::hook::cgroup;

/// Groups remembered at most.
const MAX_GROUPS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// Paths of the v2 hierarchy, and of the one of v1 that [`cgroup::v1`] names.
pub struct Cgroups {
    v2: Option<Root>,
    v1: Option<Root>,
    paths: LruCache<(bool, u64), Option<String>>,
}

/// Where a hierarchy is mounted.
struct Root {
    path: PathBuf,
    directory: File,
}

impl Default for Cgroups {
    fn default() -> Self {
        Self {
            v2: cgroup::mount_point().and_then(|path| Root::open(path).ok()),
            v1: cgroup::v1().and_then(|(_, path)| Root::open(path).ok()),
            paths: LruCache::new(MAX_GROUPS),
        }
    }
}

impl Cgroups {
    /// Path of a process's group, below the mount point. `None` where it is gone or was not taken, and
    /// for the root, which says nothing.
    pub fn path(&mut self, owner: &Owner) -> Option<&str> {
        if owner.cgroup_id == 0 {
            return None;
        }
        let is_v1 = owner.flags & owner_flag::CGROUP_V1 != 0;
        let root = if is_v1 { &self.v1 } else { &self.v2 };
        let root = root.as_ref()?;
        let key = (is_v1, owner.cgroup_id);
        let path = self
            .paths
            .get_or_insert(key, || root.group(owner.cgroup_id).ok());
        path.as_deref().filter(|path| !path.is_empty())
    }
}

/// `struct file_handle` of a file of kernfs: its id (`kernfs_fh_to_dentry`, `fs/kernfs/mount.c`).
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: u64,
}

/// `FILEID_KERNFS` (`include/linux/exportfs.h`).
const FILEID_KERNFS: libc::c_int = 0xfe;

impl Root {
    fn open(path: PathBuf) -> io::Result<Self> {
        let directory = File::open(&path)?;
        Ok(Self { path, directory })
    }

    /// Opened by its id, a group tells its path: no walk through all of them.
    fn group(&self, id: u64) -> io::Result<String> {
        let mut handle = Handle {
            bytes: 8,
            kind: FILEID_KERNFS,
            id,
        };
        // SAFETY: the handle is as long as it says, and lives through the call; the kernel checks what
        // is in it.
        let opened = unsafe {
            libc::open_by_handle_at(
                self.directory.as_raw_fd(),
                (&raw mut handle).cast(),
                libc::O_PATH | libc::O_CLOEXEC,
            )
        };
        if opened < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it, and nobody else knows it.
        let opened = unsafe { OwnedFd::from_raw_fd(opened) };
        let path = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd()))?;
        below(&self.path, &path)
    }
}

fn below(root: &Path, path: &Path) -> io::Result<String> {
    let below = path.strip_prefix(root).map_err(io::Error::other)?;
    let below = below.to_string_lossy();
    Ok(if below.is_empty() {
        String::new()
    } else {
        format!("/{below}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_mount_point() {
        let root = Path::new("/sys/fs/cgroup");
        for (path, expected) in [
            ("/sys/fs/cgroup", Some("")),
            ("/sys/fs/cgroup/a.slice/b.scope", Some("/a.slice/b.scope")),
            // Outside of what is mounted.
            ("/a.slice", None),
        ] {
            let found = below(root, Path::new(path)).ok();
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }
}

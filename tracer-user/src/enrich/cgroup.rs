//! Paths of control groups by their id: known even after the process has gone.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::hook::cgroup;

/// The hierarchy is walked again for an unknown id, but not more often than this.
const AGAIN: Duration = Duration::from_secs(1);
/// Groups remembered at most.
const MAX_GROUPS: usize = 65_536;

/// Paths of the v2 hierarchy.
pub struct Cgroups {
    root: Option<PathBuf>,
    paths: HashMap<u64, String>,
    walked: Option<Instant>,
}

impl Default for Cgroups {
    fn default() -> Self {
        Self {
            root: cgroup::mount_point(),
            paths: HashMap::new(),
            walked: None,
        }
    }
}

impl Cgroups {
    /// Path of the group with this id (`bpf_get_current_cgroup_id`: its inode number), below the
    /// mount point. `None` where it is gone, and for the root, which says nothing.
    pub fn path(&mut self, id: u64) -> Option<&str> {
        if !self.paths.contains_key(&id) && self.walked.is_none_or(|at| at.elapsed() > AGAIN) {
            self.walked = Some(Instant::now());
            self.paths.clear();
            if let Some(root) = self.root.clone() {
                self.walk(&root, &root);
            }
        }
        self.paths
            .get(&id)
            .map(String::as_str)
            .filter(|path| !path.is_empty())
    }

    fn walk(&mut self, root: &Path, directory: &Path) {
        let Ok(metadata) = fs::metadata(directory) else {
            return;
        };
        if self.paths.len() >= MAX_GROUPS {
            return;
        }
        let below = directory
            .strip_prefix(root)
            .unwrap_or(directory)
            .to_string_lossy();
        let path = if below.is_empty() {
            String::new()
        } else {
            format!("/{below}")
        };
        self.paths.insert(metadata.ino(), path);
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            self.walk(root, &entry.path());
        }
    }
}

//! An initramfs: a cpio archive in the `newc` format (Linux,
//! Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What is at a path of the guest.
enum Entry {
    Directory,
    Copy(PathBuf),
    Text(String),
    Link(String),
}

/// The guest's files, by their paths without the leading slash. `/bin`, `/sbin`, `/lib` and `/lib64`
/// are links into `/usr`, as on every Debian.
#[derive(Default)]
pub(super) struct Initramfs {
    entries: BTreeMap<String, Entry>,
}

const REGULAR: u32 = 0o100_755;
const DIRECTORY: u32 = 0o040_755;
const LINK: u32 = 0o120_777;
const CHARACTER_DEVICE: u32 = 0o020_600;

impl Initramfs {
    /// Nothing but the links into `/usr`.
    pub(super) fn new() -> Self {
        let mut all = Self::default();
        for name in ["bin", "sbin", "lib", "lib64"] {
            all.directory(&format!("/usr/{name}"));
            all.entries
                .insert(name.to_owned(), Entry::Link(format!("usr/{name}")));
        }
        all
    }

    /// A directory, with those above it.
    pub(super) fn directory(&mut self, path: &str) {
        self.put(path, Entry::Directory);
    }

    /// A file of this host, executable.
    pub(super) fn copy(&mut self, from: &Path, to: &str) {
        self.put(to, Entry::Copy(from.to_path_buf()));
    }

    /// A file of this text, executable.
    pub(super) fn text(&mut self, path: &str, text: &str) {
        self.put(path, Entry::Text(text.to_owned()));
    }

    /// A symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.put(path, Entry::Link(target.to_owned()));
    }

    /// Is there anything at this path?
    pub(super) fn has(&self, path: &str) -> bool {
        self.entries.contains_key(&key(path))
    }

    fn put(&mut self, path: &str, entry: Entry) {
        let key = key(path);
        for (at, _) in key.match_indices('/') {
            self.entries
                .entry(key[..at].to_owned())
                .or_insert(Entry::Directory);
        }
        self.entries.insert(key, entry);
    }

    /// Writes the archive.
    pub(super) fn write(&self, to: &Path) -> Result<()> {
        let file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
        let mut out = BufWriter::new(file);
        let mut number = 0;
        let mut record = |path: &str, mode: u32, device: (u32, u32), body: &[u8]| {
            number += 1;
            let size = u32::try_from(body.len()).context("a file of the guest is too large")?;
            let name = u32::try_from(path.len() + 1)?;
            write!(
                out,
                "070701{number:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}{size:08x}",
                0, 0, 1, 0
            )?;
            write!(
                out,
                "{:08x}{:08x}{:08x}{:08x}{name:08x}{:08x}",
                0, 0, device.0, device.1, 0
            )?;
            write!(out, "{path}\0")?;
            // The header has 110 bytes; name and body are filled up to a multiple of 4.
            out.write_all(&[0; 3][..(4 - (110 + path.len() + 1) % 4) % 4])?;
            out.write_all(body)?;
            out.write_all(&[0; 3][..(4 - body.len() % 4) % 4])?;
            anyhow::Ok(())
        };
        for (path, entry) in &self.entries {
            match entry {
                Entry::Directory => record(path, DIRECTORY, (0, 0), b"")?,
                Entry::Text(text) => record(path, REGULAR, (0, 0), text.as_bytes())?,
                Entry::Link(target) => record(path, LINK, (0, 0), target.as_bytes())?,
                Entry::Copy(from) => {
                    let body = fs::read(from)
                        .with_context(|| format!("cannot read {}", from.display()))?;
                    record(path, REGULAR, (0, 0), &body)?;
                }
            }
        }
        // The console must be there before the guest's init can mount /dev.
        record("dev/console", CHARACTER_DEVICE, (5, 1), b"")?;
        record("TRAILER!!!", 0, (0, 0), b"")?;
        out.flush()
            .with_context(|| format!("cannot write {}", to.display()))
    }
}

/// The path without its leading slash, and within `/usr` where it would lead there.
fn key(path: &str) -> String {
    let path = path.trim_start_matches('/');
    match path.split_once('/') {
        Some(("bin" | "sbin" | "lib" | "lib64", _)) => format!("usr/{path}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_lies_in_usr_below_directories() {
        let mut files = Initramfs::new();
        files.text("/lib/a/b", "x");
        assert!(files.has("/usr/lib/a/b") && files.has("/usr/lib/a") && files.has("/lib/a/b"));
        assert!(matches!(files.entries["lib"], Entry::Link(_)));
    }
}

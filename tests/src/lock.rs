//! Who has the host: many labs at once, or one that counts or changes something host-wide.

use std::{
    fs::{File, OpenOptions},
    os::fd::AsRawFd,
};

use anyhow::{Context, Result};

/// The host, shared or alone, until it is dropped.
#[derive(Debug)]
pub struct Host {
    _file: File,
}

impl Host {
    /// Together with other labs.
    pub fn shared() -> Result<Self> {
        Self::take(libc::LOCK_SH)
    }

    /// With no other lab beside.
    pub fn alone() -> Result<Self> {
        Self::take(libc::LOCK_EX)
    }

    fn take(how: libc::c_int) -> Result<Self> {
        let path = std::env::temp_dir().join("tcpwhy-lab.lock");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        // SAFETY: the descriptor is open for as long as `file` lives.
        let done = unsafe { libc::flock(file.as_raw_fd(), how) };
        if done != 0 {
            return Err(std::io::Error::last_os_error())
                .with_context(|| format!("cannot lock {}", path.display()));
        }
        Ok(Self { _file: file })
    }
}

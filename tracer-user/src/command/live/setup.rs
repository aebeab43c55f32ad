//! What a run is set up with: its options, and the header of its records.

use anyhow::bail;

use super::Run;
use crate::{
    clock::Clock,
    hook::Options,
    kernel::Kernel,
    record::{Degradation, Header, SCHEMA},
};

/// Only root may attach; said before the kernel says it less clearly.
///
/// # Errors
/// Where this is not root.
pub fn require_root() -> anyhow::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!("only root can trace: try `sudo tcpwhy`");
    }
    Ok(())
}

/// What a filter can decide in the kernel is decided there.
pub(super) fn options(run: &Run<'_>) -> anyhow::Result<Options> {
    const SMALLEST: usize = 4096;
    let ring = run
        .limits
        .ring_size
        .max(SMALLEST)
        .checked_next_power_of_two();
    let Some(Ok(ring_bytes)) = ring.map(u32::try_from) else {
        bail!(
            "--ring-size {} is too large: 2GiB at most",
            run.limits.ring_size
        );
    };
    Ok(Options {
        ring_bytes,
        max_attempts: run.limits.max_attempts,
        follow_open: run.wanted.connections,
        all_evidence: run.wanted.events,
        follow_command: run.follow_command,
        pids: run.common.filter.pid.clone(),
        uids: run.common.filter.uid.clone(),
    })
}

pub(super) fn header(
    kernel: &Kernel,
    clock: Clock,
    hooks: Vec<String>,
    degraded: Vec<Degradation>,
) -> Header {
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    Header {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: Clock::utc_now(),
        host: read("/proc/sys/kernel/hostname"),
        kernel: kernel.release.clone(),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        clock_offset_ns: clock.offset_ns,
        command_line: std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        hooks,
        degraded,
        part: None,
    }
}

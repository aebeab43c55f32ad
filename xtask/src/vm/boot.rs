//! One run of a virtual machine. KVM is not asked for: it is not everywhere, and where it is nested
//! it may hang.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The program that emulates.
pub(super) const QEMU: &str = "qemu-system-x86_64";

/// Boots, shows what the guest says, and fails where its command did.
pub(super) fn boot(kernel: &Path, initramfs: &Path, timeout: u32) -> Result<()> {
    // The lab's clients and tracer want some hundred megabytes beside the files themselves.
    let mut qemu = Command::new("timeout");
    qemu.arg(timeout.to_string()).arg(QEMU);
    qemu.args(["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "2560"]);
    qemu.args(["-nographic", "-no-reboot", "-nic", "none", "-kernel"])
        .arg(kernel);
    qemu.arg("-initrd").arg(initramfs);
    qemu.args(["-append", "console=ttyS0 quiet loglevel=3 panic=-1"]);
    let mut child = qemu
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {QEMU}"))?;
    let console = child.stdout.take().context("no pipe")?;
    let (mut running, mut ended) = (false, None);
    for line in BufReader::new(console).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if let Some((_, status)) = line.split_once("== ended with ") {
            ended = Some(status.to_owned());
            break;
        }
        // Before that it is the firmware's and the kernel's own.
        running |= line.contains("== running on ");
        if running {
            println!(
                "{}",
                line.trim_start_matches(|c: char| c != '=' && !c.is_alphanumeric() && c != ' ')
            );
        }
    }
    child.wait()?;
    match ended.as_deref() {
        Some("0") => Ok(()),
        Some(status) => bail!("the guest's command ended with {status}"),
        None => bail!("the guest did not come to its end within {timeout} s, or did not boot"),
    }
}

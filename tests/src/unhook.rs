//! Takes hooks away from a running tracer, so that it is as if the kernel skipped them: the links of its
//! programs are replaced by its standard input, by a system call that it is made to make (`ptrace`).
//! The kernel lets nobody detach such a link from outside.

use std::{fs, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::{
        ptrace,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

/// How often it is stopped until it is found in a system call.
const TRIES: u32 = 200;
/// The `syscall` instruction.
const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// Takes the programs off these tracepoints.
///
/// # Errors
/// Where one of them has no program of that process, or the process cannot be traced.
pub fn unhook(pid: u32, tracepoints: &[&str]) -> Result<()> {
    let links = tracepoints.iter().map(|name| link(pid, name));
    let links = links.collect::<Result<Vec<_>>>()?;
    let process = Pid::from_raw(pid.try_into()?);
    ptrace::seize(process, ptrace::Options::empty()).context("cannot trace tcpwhy")?;
    for _ in 0..TRIES {
        ptrace::interrupt(process)?;
        waitpid(process, Some(WaitPidFlag::__WALL))?;
        let before = ptrace::getregs(process)?;
        if is_in_call(process, &before)? {
            replace(process, before, &links)?;
            ptrace::detach(process, None)?;
            return links.iter().try_for_each(|&fd| ensure_gone(pid, fd));
        }
        ptrace::cont(process, None)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    ptrace::interrupt(process)?;
    waitpid(process, Some(WaitPidFlag::__WALL))?;
    ptrace::detach(process, None)?;
    bail!("tcpwhy is never in a system call");
}

/// The descriptor of a process's link to a tracepoint.
fn link(pid: u32, tracepoint: &str) -> Result<u64> {
    let wanted = format!("tp_name:\t{tracepoint}\n");
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        let path = entry?.path();
        let info = fs::read_to_string(&path).unwrap_or_default();
        if info.contains("link_type:") && info.contains(&wanted) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            return Ok(name.parse()?);
        }
    }
    bail!("tcpwhy has no link to {tracepoint}")
}

fn ensure_gone(pid: u32, fd: u64) -> Result<()> {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}"))?;
    ensure!(
        !info.contains("link_type:"),
        "descriptor {fd} is a link still"
    );
    Ok(())
}

/// A call that was interrupted can be made again; one that has returned may have taken what it returned.
fn is_in_call(process: Pid, registers: &libc::user_regs_struct) -> Result<bool> {
    /// `ERESTARTSYS` to `ERESTART_RESTARTBLOCK` (`include/linux/errno.h`).
    const RESTART: std::ops::RangeInclusive<i32> = 512..=516;
    let errno = -i32::try_from(registers.rax.cast_signed()).unwrap_or(0);
    if errno != libc::EINTR && !RESTART.contains(&errno) {
        return Ok(false);
    }
    let word = ptrace::read(process, (registers.rip - 2) as ptrace::AddressType)?;
    Ok(registers.orig_rax != u64::MAX && word.to_ne_bytes().starts_with(&SYSCALL))
}

/// `dup2(0, fd)` for each; then the call that was interrupted is made again.
fn replace(process: Pid, before: libc::user_regs_struct, links: &[u64]) -> Result<()> {
    const DUP2: u64 = libc::SYS_dup2.unsigned_abs();
    let again = libc::user_regs_struct {
        rip: before.rip - 2,
        ..before
    };
    for &fd in links {
        let call = libc::user_regs_struct {
            rax: DUP2,
            orig_rax: u64::MAX,
            rdi: 0,
            rsi: fd,
            ..again
        };
        ptrace::setregs(process, call)?;
        ptrace::step(process, None)?;
        waitpid(process, Some(WaitPidFlag::__WALL))?;
    }
    let resumed = libc::user_regs_struct {
        rax: before.orig_rax,
        ..again
    };
    ptrace::setregs(process, resumed)?;
    Ok(())
}

//! In-kernel time of a tracer's BPF programs, from the kernel's own run-time statistics.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::pairs::Workload;
use super::tracer::Tracer;
use crate::churn;

// From linux/bpf.h.
const BPF_PROG_GET_FD_BY_ID: libc::c_long = 13;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const BPF_ENABLE_STATS: libc::c_long = 32;

/// What one BPF program cost while the workload ran.
pub(crate) struct Cost {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) runs: u64,
    pub(crate) ns_per_run: f64,
    pub(crate) ns_per_connection: f64,
}

/// A program's name and counters, as the kernel tells them.
struct Reading {
    name: String,
    time_ns: u64,
    runs: u64,
}

/// Runs the workload once under tcpwhy, statistics on, and reads what each program took.
pub(crate) fn costs(workload: &Workload, tcpwhy: &Path) -> Result<Vec<Cost>> {
    let statistics = enable_statistics()?;
    let tracer = Tracer::start(tcpwhy)?;
    let before = readings(tracer.pid())?;
    workload.run()?;
    let after = readings(tracer.pid())?;
    tracer.stop()?;
    drop(statistics);
    let connections = f64::from(workload.connections + churn::WARM_UP);
    let mut costs: Vec<Cost> = after
        .into_iter()
        .map(|(id, now)| {
            let then = before
                .get(&id)
                .map_or((0, 0), |then| (then.time_ns, then.runs));
            let (time_ns, runs) = (now.time_ns.saturating_sub(then.0), now.runs - then.1);
            let time_ns = time_ns as f64;
            Cost {
                id,
                name: now.name,
                runs,
                ns_per_run: if runs == 0 {
                    0.0
                } else {
                    time_ns / runs as f64
                },
                ns_per_connection: time_ns / connections,
            }
        })
        .collect();
    costs.sort_by(|a, b| b.ns_per_connection.total_cmp(&a.ns_per_connection));
    Ok(costs)
}

/// Turns the statistics on until the descriptor is closed, however this process ends: what
/// `kernel.bpf_stats_enabled=1` does, but nothing needs to be restored.
fn enable_statistics() -> Result<OwnedFd> {
    let mut run_time = [0_u32; 4];
    bpf_fd(BPF_ENABLE_STATS, &mut run_time)
        .context("cannot turn on the kernel's BPF statistics: they need Linux 5.8 and root")
}

/// The programs that a process holds, by identifier.
fn readings(pid: u32) -> Result<BTreeMap<u32, Reading>> {
    let mut readings = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        // A descriptor may be closed between the listing and the reading.
        let text = fs::read_to_string(entry?.path()).unwrap_or_default();
        if let Some(id) = program_id(&text) {
            readings.insert(id, reading(id)?);
        }
    }
    if readings.is_empty() {
        bail!("tcpwhy (pid {pid}) holds no BPF program: are its hooks attached?");
    }
    Ok(readings)
}

/// The program that a descriptor is, or that it links.
fn program_id(fdinfo: &str) -> Option<u32> {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok())
}

/// `struct bpf_prog_info` of linux/bpf.h, up to what is read here.
#[repr(C)]
#[derive(Default)]
struct ProgramInfo {
    before_name: [u64; 8],
    name: [u8; 16],
    between: [u64; 14],
    run_time_ns: u64,
    run_cnt: u64,
}

fn reading(id: u32) -> Result<Reading> {
    let program = bpf_fd(BPF_PROG_GET_FD_BY_ID, &mut [id, 0, 0, 0])
        .with_context(|| format!("cannot open BPF program {id}"))?;
    let mut info = ProgramInfo::default();
    let mut request = InfoRequest {
        fd: u32::try_from(program.as_raw_fd())?,
        length: u32::try_from(size_of_val(&info))?,
        info: &raw mut info,
    };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut request)
        .with_context(|| format!("cannot ask about BPF program {id}"))?;
    let name = CStr::from_bytes_until_nul(&info.name).unwrap_or_default();
    Ok(Reading {
        name: name.to_string_lossy().into_owned(),
        time_ns: info.run_time_ns,
        runs: info.run_cnt,
    })
}

/// What BPF_OBJ_GET_INFO_BY_FD takes.
#[repr(C)]
struct InfoRequest {
    fd: u32,
    length: u32,
    info: *mut ProgramInfo,
}

/// A bpf(2) command that gives a descriptor.
fn bpf_fd(command: libc::c_long, attributes: &mut [u32; 4]) -> io::Result<OwnedFd> {
    let fd = bpf(command, attributes)?;
    // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<i32> {
    // SAFETY: `attributes` is initialised, of the size that is told, and lives until the call
    // returns; where it points to memory, so does that.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fdinfo_of_programs_and_links_names_the_program() {
        let program = "pos:\t0\nflags:\t02000002\nprog_type:\t26\nprog_id:\t41\nrun_cnt:\t9\n";
        assert_eq!(program_id(program), Some(41));
        assert_eq!(
            program_id("link_type:\ttracing\nlink_id:\t3\nprog_id:\t41\n"),
            Some(41)
        );
        assert_eq!(program_id("pos:\t0\nflags:\t02\nmap_id:\t7\n"), None);
    }

    #[test]
    fn the_kernel_structure_has_its_offsets() {
        assert_eq!(std::mem::offset_of!(ProgramInfo, name), 64);
        assert_eq!(std::mem::offset_of!(ProgramInfo, run_time_ns), 192);
        assert_eq!(std::mem::offset_of!(ProgramInfo, run_cnt), 200);
    }
}

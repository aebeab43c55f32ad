//! Small BPF programs that refuse or drop all they see, for the scenarios where BPF is the culprit.
//!
//! Each is two instructions: `r0 = VERDICT; exit`.

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_LINK_CREATE: libc::c_long = 28;

/// What a program is attached to, and what it does there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// cgroup/connect4: `connect()` gives EPERM.
    Connect4,
    /// cgroup/connect6: the same.
    Connect6,
    /// `cgroup_skb`/ingress drops.
    Ingress,
    /// `cgroup_skb`/egress drops.
    Egress,
}

impl Hook {
    /// (program type, attach type)
    fn types(self) -> (u32, u32) {
        match self {
            Self::Connect4 => (18, 10),
            Self::Connect6 => (18, 11),
            Self::Ingress => (8, 0),
            Self::Egress => (8, 1),
        }
    }
}

/// How an XDP program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Xdp {
    /// By the stack, after the packet has got its buffer.
    Generic,
    /// By the driver.
    Native,
}

/// A control group of one's own with a program attached; gone when dropped.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    link: Option<OwnedFd>,
}

impl Cgroup {
    /// Makes a child of the v2 root and attaches a program that drops or refuses.
    pub fn with(hook: Hook, name: &str) -> Result<Self> {
        let path = mount()?.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut cgroup = Self { path, link: None };
        let directory = File::open(&cgroup.path)?;
        let (kind, attach) = hook.types();
        let program = load(kind, attach, 0)?;
        cgroup.link = Some(link(&program, directory.as_raw_fd(), attach, 0)?);
        Ok(cgroup)
    }

    /// The file that takes the pid of a process that is to enter.
    #[must_use]
    pub fn procs(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.link.take();
        // A process that is still in there keeps the directory; it holds nothing else.
        let _ = fs::remove_dir(&self.path);
    }
}

/// The mount point of the v2 hierarchy.
pub fn mount() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts")?;
    mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&"cgroup2"))
        .map(|fields| PathBuf::from(fields[1]))
        .ok_or_else(|| anyhow!("no cgroup2 file system is mounted"))
}

/// The control groups directly below the v2 root.
pub fn cgroups() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(mount()?)?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect())
}

/// Drops everything that a device receives, until the result is dropped.
pub fn xdp_drop(netns: &Path, device: &str, mode: Xdp) -> Result<OwnedFd> {
    let (kind, attach, drop) = (6, 37, 1);
    let program = load(kind, attach, drop)?;
    let flags = match mode {
        Xdp::Generic => 2,
        Xdp::Native => 4,
    };
    within(netns, || {
        let name = CString::new(device)?;
        // SAFETY: the name is a C string that lives across the call.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        link(&program, RawFd::try_from(index)?, attach, flags)
    })
}

/// Runs something in a network namespace, on a thread that ends there.
fn within<T: Send>(netns: &Path, run: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let file = File::open(netns).with_context(|| format!("no {}", netns.display()))?;
    std::thread::scope(|scope| {
        let entered = scope.spawn(move || {
            // SAFETY: the descriptor is open; only this thread changes its namespace.
            if unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
                return Err(io::Error::last_os_error()).context("setns");
            }
            run()
        });
        entered
            .join()
            .map_err(|_| anyhow!("the thread in the namespace panicked"))?
    })
}

/// Head of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    kind: u32,
    insn_count: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    ifindex: u32,
    attach: u32,
}

/// Head of `union bpf_attr` for `BPF_LINK_CREATE`.
#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach: u32,
    flags: u32,
}

/// Before 5.11 programs count as locked memory, of which a process may have little. A host that
/// does not let us raise that may still let us load.
fn lift_memory_limit() {
    let all = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the struct outlives the call.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const all) };
}

fn load(kind: u32, attach: u32, verdict: u32) -> Result<OwnedFd> {
    lift_memory_limit();
    let insns = [0xb7 | u64::from(verdict) << 32, 0x95];
    let license = c"GPL";
    let attributes = ProgLoad {
        kind,
        attach,
        insn_count: 2,
        insns: insns.as_ptr() as u64,
        license: license.as_ptr() as u64,
        name: *b"tcpwhy_lab\0\0\0\0\0\0",
        ..ProgLoad::default()
    };
    // SAFETY: instructions and licence outlive the call, and the struct has the kernel's layout.
    unsafe { bpf(BPF_PROG_LOAD, &attributes) }.context("cannot load the lab's BPF program")
}

fn link(program: &OwnedFd, target: RawFd, attach: u32, flags: u32) -> Result<OwnedFd> {
    let attributes = LinkCreate {
        program: u32::try_from(program.as_raw_fd())?,
        target: u32::try_from(target)?,
        attach,
        flags,
    };
    // SAFETY: the struct has the kernel's layout and holds no pointer.
    unsafe { bpf(BPF_LINK_CREATE, &attributes) }.context("cannot attach the lab's BPF program")
}

/// # Safety
/// `attributes` has the layout that `command` reads, and its pointers are valid for the call.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    let (pointer, size) = (std::ptr::from_ref(attributes), size_of::<T>());
    // SAFETY: promised by the caller.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, pointer, size) };
    match RawFd::try_from(fd) {
        // SAFETY: the kernel has just given us this descriptor.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

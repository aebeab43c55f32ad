//! Who calls `connect()`: taken only in the caller's own context, never in softirq.

use aya_ebpf::{
    helpers::{
        bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
        generated::{
            bpf_get_current_cgroup_id, bpf_get_current_task, bpf_probe_read_kernel_str,
            bpf_probe_read_user,
        },
    },
    macros::map,
    maps::LruHashMap,
};
use tracer_ebpf::{
    config::{ABSENT, FILTER_LEN},
    event::{
        CMDLINE_LEN, COMM_LEN, Head, Owner, PATH_COMPONENT_LEN, PATH_DEPTH, Process, owner_flag,
    },
};

use crate::kernel::{self, layout, read, read_to, setting};

/// What is remembered of a process. The first field is the event that announces it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) process: Process,
    /// 1 once the event has been handed over.
    pub(crate) announced: u64,
    /// Attempts that came up last, by port.
    pub(crate) siblings: [Sibling; 4],
}

/// An attempt of a process that came up.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Sibling {
    pub(crate) time_ns: u64,
    pub(crate) start_ns: u64,
    pub(crate) remote: [u8; 16],
    pub(crate) remote_port: u64,
}

/// Processes that have called `connect()`, by thread-group id.
#[map]
static PROCESSES: LruHashMap<u32, Known> = LruHashMap::with_max_entries(8192, 0);

/// Thread groups to follow (`tcpwhy run`), with the start of the process; 0: any.
#[map]
pub(crate) static FOLLOWED: LruHashMap<u32, u64> = LruHashMap::with_max_entries(16_384, 0);

/// Nothing known: lies in `.rodata` since it is larger than a BPF stack.
static NOTHING: Known = Known {
    process: Process {
        head: Head {
            kind: 0,
            cpu: 0,
            time_ns: 0,
            sk: 0,
            attempt_ns: 0,
        },
        started_ns: 0,
        exec_id: 0,
        image: [0; 3],
        tgid: 0,
        ppid: 0,
        ns_tgid: 0,
        cmdline_len: 0,
        cmdline: [0; CMDLINE_LEN],
        exe_depth: 0,
        exe_whole: 0,
        exe: [[0; PATH_COMPONENT_LEN]; PATH_DEPTH],
    },
    announced: 0,
    siblings: [Sibling {
        time_ns: 0,
        start_ns: 0,
        remote: [0; 16],
        remote_port: 0,
    }; 4],
};

/// `PF_KTHREAD` (`include/linux/sched.h`).
const PF_KTHREAD: u32 = 0x0020_0000;

#[inline(always)]
pub(crate) fn current_tgid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

#[inline(always)]
pub(crate) fn current_task() -> u64 {
    // SAFETY: no preconditions.
    unsafe { bpf_get_current_task() }
}

#[inline(always)]
pub(crate) fn task_flags(task: u64) -> u32 {
    read(task, layout!(task_flags))
}

#[inline(always)]
pub(crate) fn started_ns(leader: u64) -> u64 {
    read(leader, layout!(task_start_boottime))
}

/// An owner that [`take_current`] has not filled in.
pub(crate) const NOBODY: Owner = Owner {
    started_ns: 0,
    exec_id: 0,
    cgroup_id: 0,
    tgid: 0,
    tid: 0,
    uid: 0,
    flags: 0,
    comm: [0; COMM_LEN],
    thread_comm: [0; COMM_LEN],
};

/// Takes the caller of `connect()`; 0 where a filter leaves it out. A frame of its own: the frames of
/// a chain of calls may have 512 bytes together.
#[inline(never)]
pub(crate) fn take_current(owner: &mut Owner) -> u32 {
    let pid_tgid = bpf_get_current_pid_tgid();
    let tgid = (pid_tgid >> 32) as u32;
    let uid = bpf_get_current_uid_gid() as u32;
    if !is_watched(tgid, uid) {
        return 0;
    }
    let task = current_task();
    let leader: u64 = read(task, layout!(task_group_leader));
    let kernel_thread = task_flags(task) & PF_KTHREAD != 0;
    owner.started_ns = started_ns(leader);
    owner.exec_id = exec_id(leader);
    owner.tgid = tgid;
    owner.tid = pid_tgid as u32;
    owner.uid = uid;
    owner.flags = if kernel_thread {
        owner_flag::KERNEL_THREAD
    } else {
        0
    };
    take_cgroup(owner, task);
    // SAFETY: fields of the caller's.
    unsafe {
        read_to(&raw mut owner.comm, leader, layout!(task_comm));
        read_to(&raw mut owner.thread_comm, task, layout!(task_comm));
    }
    if setting!(follow_command) != 0 && !is_followed(tgid, owner.started_ns) {
        return 0;
    }
    if !kernel_thread {
        remember(owner, leader);
    }
    1
}

/// The group of version 2; on hosts that have the other one, too, that of version 1 where version 2
/// holds nothing but its root.
#[inline(always)]
fn take_cgroup(owner: &mut Owner, task: u64) {
    /// Of every hierarchy (`kernfs_create_root`, `fs/kernfs/dir.c`).
    const ROOT_ID: u64 = 1;
    // SAFETY: no preconditions.
    owner.cgroup_id = unsafe { bpf_get_current_cgroup_id() };
    if setting!(v1_controller) == ABSENT || owner.cgroup_id > ROOT_ID {
        return;
    }
    let all: u64 = read(task, layout!(task_cgroups));
    let state: u64 = read(all, layout!(css_set_subsys) + 8 * setting!(v1_controller));
    let node: u64 = read(read(state, layout!(css_cgroup)), layout!(cgroup_kn));
    let id: u64 = read(node, layout!(kernfs_id));
    if id > ROOT_ID {
        owner.cgroup_id = id;
        owner.flags |= owner_flag::CGROUP_V1;
    }
}

/// Writes what is known of a process that is not the current one, as a holder of sockets.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn holder(to: *mut Owner, leader: u64) {
    // SAFETY: as the caller promises.
    unsafe {
        *to = NOBODY;
        (*to).started_ns = started_ns(leader);
        (*to).exec_id = exec_id(leader);
        read_to(&raw mut (*to).tgid, leader, layout!(task_tgid));
        (*to).tid = (*to).tgid;
        let cred: u64 = read(leader, layout!(task_cred));
        read_to(&raw mut (*to).uid, cred, layout!(cred_uid));
        read_to(&raw mut (*to).comm, leader, layout!(task_comm));
        (*to).thread_comm = (*to).comm;
        (*to).flags = owner_flag::HELD_IT;
    }
}

#[inline(always)]
fn exec_id(leader: u64) -> u64 {
    exec_id_at(leader, layout!(task_self_exec_id))
}

#[inline(always)]
fn exec_id_at(leader: u64, offset: u32) -> u64 {
    if layout!(task_self_exec_id_size) == 8 {
        read(leader, offset)
    } else {
        read::<u32>(leader, offset) as u64
    }
}

/// Whether a filter works in the kernel: what is not in the tables was left out by it.
#[inline(always)]
pub(crate) fn is_filtering() -> bool {
    setting!(follow_command) != 0 || setting!(pids_len) != 0 || setting!(uids_len) != 0
}

#[inline(always)]
pub(crate) fn is_watched(tgid: u32, uid: u32) -> bool {
    if tgid == setting!(own_tgid) && tgid != 0 {
        return false;
    }
    (setting!(pids_len) == 0 || contains(setting!(pids), tgid))
        && (setting!(uids_len) == 0 || contains(setting!(uids), uid))
}

/// Unused places of a filter repeat its first value.
#[inline(always)]
fn contains(values: [u32; FILTER_LEN], value: u32) -> bool {
    values[0] == value || values[1] == value || values[2] == value || values[3] == value
}

#[inline(always)]
fn is_followed(tgid: u32, started_ns: u64) -> bool {
    // SAFETY: an aliased element would hold another process's start, which is compared.
    unsafe { FOLLOWED.get(tgid) }.is_some_and(|&since| since == 0 || since == started_ns)
}

/// The process as it is known.
#[inline(always)]
pub(crate) fn known(tgid: u32) -> Option<*mut Known> {
    PROCESSES.get_ptr_mut(tgid)
}

/// Takes the identity of the current process, once after each `exec`.
#[inline(always)]
fn remember(owner: &Owner, leader: u64) {
    if let Some(known) = known(owner.tgid) {
        // SAFETY: a map value.
        let process = unsafe { &(*known).process };
        if process.started_ns == owner.started_ns && process.exec_id == owner.exec_id {
            return;
        }
    }
    take_identity(owner, leader);
}

#[inline(never)]
fn take_identity(owner: &Owner, leader: u64) -> u32 {
    // By reference: by value it would pass over the stack.
    let nothing: &Known = &NOTHING;
    if PROCESSES.insert(owner.tgid, nothing, 0).is_err() {
        return 0;
    }
    let Some(known) = known(owner.tgid) else {
        return 0;
    };
    // SAFETY: a map value that only threads of this process write, all of them the same.
    let process = unsafe { &mut (*known).process };
    process.tgid = owner.tgid;
    process.ppid = read(read(leader, layout!(task_real_parent)), layout!(task_tgid));
    process.ns_tgid = ns_tgid(leader);
    let mm: u64 = read(leader, layout!(task_mm));
    if mm == 0 {
        take_image(process, leader);
    } else {
        take_command_line(process, mm);
        take_executable(process, mm);
    }
    process.started_ns = owner.started_ns;
    process.exec_id = owner.exec_id;
    1
}

/// A process that ends gives up its memory before its descriptors (`do_exit`, `kernel/exit.c`); what
/// described it is still there, as the memory that the CPU uses meanwhile.
#[inline(always)]
fn take_image(process: &mut Process, leader: u64) {
    let parent: u64 = read(leader, layout!(task_real_parent));
    let since = exec_id(leader);
    if since != exec_id_at(leader, layout!(task_parent_exec_id)) || since != exec_id(parent) {
        return;
    }
    let mm: u64 = read(leader, layout!(task_active_mm));
    process.image = [
        read(mm, layout!(mm_arg_start)),
        read(mm, layout!(mm_start_code)),
        read(mm, layout!(mm_start_stack)),
    ];
}

/// The process id in its own (innermost) pid namespace.
#[inline(always)]
fn ns_tgid(leader: u64) -> u32 {
    let pid: u64 = read(leader, layout!(task_thread_pid));
    let level: u32 = read(pid, layout!(pid_level));
    let number = layout!(pid_numbers) + (level & 31) * layout!(upid_size) + layout!(upid_nr);
    read(pid, number)
}

#[inline(always)]
fn take_command_line(process: &mut Process, mm: u64) {
    let start: u64 = read(mm, layout!(mm_arg_start));
    let end: u64 = read(mm, layout!(mm_arg_end));
    let len = end.wrapping_sub(start).min(CMDLINE_LEN as u64) as u32;
    if start == 0 || len == 0 {
        return;
    }
    // SAFETY: the helper checks the address; `len` is at most the length of the destination.
    let failed =
        unsafe { bpf_probe_read_user(process.cmdline.as_mut_ptr().cast(), len, start as *const _) };
    process.cmdline_len = if failed == 0 { len } else { 0 };
}

/// Walks the executable's path from its name up to the root of the mount tree, as `d_path` does
/// (`fs/d_path.c`, `prepend_path`).
#[inline(always)]
fn take_executable(process: &mut Process, mm: u64) {
    if layout!(mount_mnt) == ABSENT {
        return;
    }
    let file: u64 = read(mm, layout!(mm_exe_file));
    let mut dentry: u64 = read(file, layout!(file_dentry));
    let mut mnt: u64 = read(file, layout!(file_mnt));
    // A path of PATH_DEPTH components may cross a few mounts on its way up.
    for _ in 0..PATH_DEPTH + 6 {
        let parent: u64 = read(dentry, layout!(dentry_parent));
        if dentry == 0 {
            return;
        }
        if dentry == read(mnt, layout!(vfsmount_root)) || dentry == parent {
            let mount = mnt.wrapping_sub(layout!(mount_mnt) as u64);
            let above: u64 = read(mount, layout!(mount_parent));
            if above == mount || above == 0 {
                process.exe_whole = 1;
                return;
            }
            dentry = read(mount, layout!(mount_mountpoint));
            mnt = above + layout!(mount_mnt) as u64;
            continue;
        }
        // Kept in the map and not in a register: to the verifier any number, so that the ways
        // through this loop come together again instead of doubling each time.
        let depth = kernel::constant(&process.exe_depth) as usize;
        if depth >= PATH_DEPTH {
            return;
        }
        let name: u64 = read(dentry, layout!(dentry_name));
        // SAFETY: the helper checks the address; `depth` is below PATH_DEPTH.
        unsafe {
            bpf_probe_read_kernel_str(
                process.exe.get_unchecked_mut(depth).as_mut_ptr().cast(),
                PATH_COMPONENT_LEN as u32,
                name as *const _,
            );
        }
        process.exe_depth = depth as u32 + 1;
        dentry = parent;
    }
}

//! What was there before the tracer: listeners and connections, with a process that holds each. Run
//! once, after every hook is attached, so that nothing falls in between.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;

use super::{holder, listener};
use crate::{
    kernel::{layout, read},
    socket::{self, IPPROTO_TCP, state},
};

/// What a `task_file` iterator is given (`struct bpf_iter__task_file`,
/// `kernel/bpf/task_iter.c`).
#[repr(C)]
#[derive(Clone, Copy)]
struct TaskFile {
    meta: u64,
    task: u64,
    fd: u64,
    file: u64,
}

/// Called for each descriptor of each process.
#[unsafe(link_section = "iter/task_file")]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn find_sockets(ctx: *mut core::ffi::c_void) -> i32 {
    const S_IFMT: u16 = 0o170_000;
    const S_IFSOCK: u16 = 0o140_000;
    let mut given = core::mem::MaybeUninit::<TaskFile>::zeroed();
    // SAFETY: the context is that long. Read from memory its pointers are numbers, as in every hook.
    let given = unsafe {
        bpf_probe_read_kernel(
            given.as_mut_ptr().cast(),
            size_of::<TaskFile>() as u32,
            ctx.cast_const(),
        );
        given.assume_init()
    };
    let inode: u64 = read(given.file, layout!(file_inode));
    if given.file == 0 || read::<u16>(inode, layout!(inode_mode)) & S_IFMT != S_IFSOCK {
        return 0;
    }
    let socket: u64 = read(given.file, layout!(file_private_data));
    let sk: u64 = read(socket, layout!(socket_sk));
    let family = socket::family(sk);
    if (family != socket::AF_INET && family != socket::AF_INET6)
        || read::<u16>(sk, layout!(sock_protocol)) != IPPROTO_TCP
    {
        return 0;
    }
    match socket::tcp_state(sk) {
        state::LISTEN => listener::found(sk, given.task),
        open if open == state::SYN_SENT || socket::is_open(open) => holder::found(sk, given.task),
        _ => 0,
    };
    0
}

//! `sched:sched_process_fork`: descendants of the command that `tcpwhy run` started.

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid, macros::raw_tracepoint, programs::RawTracePointContext,
};

use crate::{
    kernel::{layout, read},
    owner::{self, FOLLOWED},
};

/// Runs in the parent's context, before the child does.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub(crate) fn sched_process_fork(ctx: RawTracePointContext) -> i32 {
    let parent = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: an aliased element follows one process too many, in the run of one command.
    if unsafe { FOLLOWED.get(parent) }.is_none() {
        return 0;
    }
    let child: u64 = ctx.arg(1);
    let tgid: u32 = read(child, layout!(task_tgid));
    if tgid != parent {
        let leader: u64 = read(child, layout!(task_group_leader));
        // A full table drops the one that was used least.
        let _ = FOLLOWED.insert(tgid, owner::started_ns(leader), 0);
    }
    0
}

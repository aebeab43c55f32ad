//! Somebody ended it from outside.

use tracer_ebpf::event::{State, stream_flag};

use crate::{
    diagnose::{case::Case, finding::Finding},
    record::Confidence,
};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let state = case.state?;
    match state.err {
        libc::ECONNABORTED => Some(killed(state)),
        libc::ENOMEM | libc::ENOBUFS => Some(
            Finding::new(
                "out-of-memory",
                Confidence::Certain,
                "the kernel had no memory for it",
            )
            .fix("cat /proc/net/sockstat; sysctl net.ipv4.tcp_mem"),
        ),
        _ => None,
    }
}

/// `tcp_abort` (`net/ipv4/tcp.c`) holds the socket's lock in the context of who asks for it.
fn killed(state: &State) -> Finding {
    let finding = Finding::new(
        "killed-by-admin",
        Confidence::Certain,
        "somebody destroyed the socket (ss -K, or the like)",
    )
    .why("the kernel ended it with ECONNABORTED (tcp_abort), no packet did");
    let pid = state.closer_tgid;
    if state.stream.flags & stream_flag::IN_CALL == 0 {
        return finding
            .missing("who asked for it: no system call held the socket")
            .fix("look for who runs `ss -K`: a person, a script, an agent of this host");
    }
    finding
        .why(format!("process {pid} asked for it"))
        .fix(format!(
            "find out what process {pid} is, or was, and why it did so: ps -fp {pid}"
        ))
}

//! This side ended it with a RST: no error was left on the socket.

use super::Stalled;
use crate::{
    diagnose::{case::Exit, finding::Finding, fix, words},
    record::Confidence,
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    if stalled.state.err != 0 || (stalled.has_lost_its_error() && !stalled.was_reset_from_here()) {
        return None;
    }
    if stalled.reset_reason() == Some("TCP_ABORT_ON_MEMORY") {
        return Some(out_of_memory());
    }
    let finding = Finding::new("reset-by-local", Confidence::Certain, what(stalled));
    let finding = match (stalled.reset_reason(), stalled.was_reset_from_here()) {
        (Some(reason), _) => finding.why(format!("this host sent a RST: {reason}")),
        (None, true) if stalled.is_orphan() => {
            let mut doubtful = finding.why("this host sent a RST").missing(
                "why it was sent: this kernel gives no reasons (6.10 and newer do). Data may have come \
                 after it was closed, or TCP had no memory for connections that nobody has open any more",
            );
            doubtful.confidence = Confidence::Likely;
            doubtful
        }
        (None, true) => finding
            .why("this host sent a RST")
            .missing("why it was sent: this kernel gives no reasons (6.10 and newer do)"),
        (None, false) => {
            let mut doubtful = finding.missing("the RST itself was not seen");
            doubtful.confidence = Confidence::Likely;
            doubtful
        }
    };
    let finding = finding.why(stalled.flow());
    Some(fix::at_home(stalled.case, finding))
}

/// Nobody of this connection asked for it: its listener was closed, or its process ended.
pub(super) fn is_forced(stalled: &Stalled<'_>) -> bool {
    was_not_accepted(stalled) || matches!(stalled.case.exit(), Some(Exit::Signal(_)))
}

/// A listener that is closed takes the connections with it that wait for `accept()`
/// (`inet_csk_listen_stop`, `net/ipv4/inet_connection_sock.c`).
fn was_not_accepted(stalled: &Stalled<'_>) -> bool {
    stalled.stream().inode == 0
        && !stalled.is(tracer_ebpf::event::stream_flag::IN_CALL)
        && !stalled.is_orphan()
}

fn what(stalled: &Stalled<'_>) -> String {
    match stalled.case.exit() {
        Some(Exit::Signal(signal)) => {
            return format!(
                "its process was killed by {} while it was open",
                words::signal_name(signal)
            );
        }
        Some(Exit::Status(status)) => {
            return format!("its process exited with status {status} while it was open");
        }
        None => {}
    }
    if was_not_accepted(stalled) {
        return "its listener was closed before it was accepted".to_owned();
    }
    match stalled.reset_reason() {
        Some("TCP_ABORT_ON_CLOSE") if was_closed_by_multipath(stalled) => {
            "Multipath TCP closed it at once (SO_LINGER with 0 s, or data that the application had \
             not read)"
                .to_owned()
        }
        Some("TCP_ABORT_ON_CLOSE") => {
            "the application closed it with data that it had not read".to_owned()
        }
        Some("TCP_ABORT_ON_LINGER" | "TCP_DISCONNECT_WITH_DATA" | "TCP_STATE") => {
            "the application aborted it (SO_LINGER with 0 s, or the like)".to_owned()
        }
        Some("TCP_ABORT_ON_DATA") => "data came after the application had closed it".to_owned(),
        _ => "this side aborted it".to_owned(),
    }
}

/// TCP closes a socket before it says by a RST that data was left; Multipath TCP gives the same reason
/// for each subflow that it closes at once, while that is open (`mptcp_do_fastclose`,
/// `net/mptcp/protocol.c`).
fn was_closed_by_multipath(stalled: &Stalled<'_>) -> bool {
    let mut sent = stalled.case.attempt.evidence.resets_sent.iter();
    sent.any(|sent| sent.was_open)
}

fn out_of_memory() -> Finding {
    Finding::new(
        "out-of-memory",
        Confidence::Certain,
        "the kernel gave it up for want of TCP memory",
    )
    .why("this host sent a RST: TCP_ABORT_ON_MEMORY")
    .fix("cat /proc/net/sockstat; sysctl net.ipv4.tcp_mem net.ipv4.tcp_max_orphans")
}

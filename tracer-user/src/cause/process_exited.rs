//! `process-exited`: the process ended while connecting.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "process-exited",
    title: "the process ended while connecting",
    place: Place::Application,
    sees: "The process is gone: killed, crashed, or finished while a connection was still \
            being made.",
    path: "do_exit() closes the process's files; tcp_close() finds the socket in SYN_SENT and \
            moves it to CLOSE without an error. stuck_on names what the connection was waiting \
            for.",
    files: &["kernel/exit.c", "net/ipv4/tcp.c"],
    confirm: &[
        "journalctl -k --since -5min | grep -iE 'killed|segfault|oom'",
        "coredumpctl list --since -5min    [systemd-coredump]",
        "systemctl status UNIT",
    ],
    mend: &[
        "Find what ended the process: a signal, the OOM killer, a supervisor's timeout",
        "Mend what the connection was stuck on, if that made a supervisor kill it",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &[],
    sysctls: &["net.ipv4.tcp_syn_retries"],
    counters: &[],
    usage: &[],
};

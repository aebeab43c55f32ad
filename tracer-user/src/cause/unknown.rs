//! `unknown`: the evidence does not name a cause.

use super::{Cause, Place};

pub(super) static CAUSE: Cause = Cause {
    code: "unknown",
    title: "the evidence does not name a cause",
    place: Place::Unknown,
    sees: "A connection that failed in a way the evidence at hand does not explain.",
    path: "Either the kernel does not tell (a drop without a reason, a hook that is missing on \
            this kernel), or events were lost. The record's \"missing\" says what would have \
            helped.",
    files: &[],
    confirm: &[
        "tcpwhy doctor    (what this kernel lets the tool see)",
        "tcpwhy watch --events --pid PID",
        "tcpdump -ni any 'host REMOTE and tcp port PORT'    [tcpdump]",
    ],
    mend: &[
        "Watch again with --events and a narrow filter",
        "Where events were lost: tcpwhy watch --ring-size 64MiB",
    ],
    drop_reasons: &[],
    reset_reasons: &[],
    errnos: &[],
    sysctls: &[],
    counters: &[],
    usage: &[],
};

//! The application closed the socket before the kernel had an answer, or died.

use crate::diagnose::{
    case::{Case, Exit},
    finding::Finding,
    words,
};

/// Turns what it was stuck on into what ended it.
pub(super) fn judge(case: &Case<'_>, stuck_on: Finding) -> Finding {
    let after = case
        .attempt
        .elapsed_ns()
        .map_or_else(String::new, |ns| format!(" after {}", words::duration(ns)));
    let (cause, ended) = match case.exit() {
        Some(Exit::Signal(signal)) => (
            "process-exited",
            format!("was killed (signal {signal}){after}"),
        ),
        Some(Exit::Status(_)) => ("process-exited", format!("exited{after}")),
        None => ("abandoned", format!("gave up{after}")),
    };
    let what = format!("it {ended}, while {}", stuck_on.what);
    Finding {
        cause,
        what,
        ..stuck_on
    }
}

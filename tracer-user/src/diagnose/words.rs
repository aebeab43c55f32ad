//! Sentences that several rules share.

use tracer_ebpf::event::{Owner, State, owner_flag, seen_by, stream_flag};

use super::case::{Case, Exit};
use crate::{
    attribute::{Attempt, Closer, End, SeenDrop, is_late, was_left},
    errno, net,
};

/// `3.1 s`, `820 ms`, `45 µs`.
pub(crate) fn duration(ns: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "for people, with two digits")]
    let seconds = ns as f64 / 1e9;
    match ns {
        0..999_500 => format!("{} µs", (ns + 500) / 1000),
        999_500..999_500_000 => format!("{} ms", (ns + 500_000) / 1_000_000),
        _ => format!("{seconds:.1} s"),
    }
}

/// `tcp_conn_request` (`net/ipv4/tcp_input.c`).
pub(super) const LAST_QUARTER: &str = "net.ipv4.tcp_syncookies is 0: the last quarter of net.ipv4.tcp_max_syn_backlog is for clients \
     that this host has known before (ip tcp_metrics)";

/// `1 packet`, `20 packets`.
pub(super) fn some(count: impl Into<u64>, what: &str) -> String {
    let count = count.into();
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

/// `1 SYN was`, `3 SYNs were`.
pub(super) fn were(count: impl Into<u64>, what: &str) -> String {
    let count = count.into();
    let verb = if count == 1 { "was" } else { "were" };
    format!("{} {verb}", some(count, what))
}

/// `1 connection waits`, `20 connections wait`.
pub(super) fn wait(connections: u32) -> String {
    let verb = if connections == 1 { "waits" } else { "wait" };
    format!("{} {verb}", some(connections, "connection"))
}

/// What became of the SYNs, where packets of the handshake were dropped.
pub(super) fn fate_of_syns(case: &Case<'_>, drop: &SeenDrop) -> String {
    let sent = were(case.syns(), "SYN");
    if drop.packet.is_answer() {
        format!("{sent} sent, and what answered never reached the socket")
    } else {
        format!("{sent} sent and none was answered")
    }
}

/// The first link of every chain.
pub(super) fn what_the_application_saw(case: &Case<'_>) -> String {
    let after = case
        .attempt
        .elapsed_ns()
        .map_or(String::new(), |ns| format!(" after {}", duration(ns)));
    if let Some(state) = case.attempt.stream() {
        return what_its_user_saw(state, &after);
    }
    match (&case.attempt.end, case.exit(), case.errno()) {
        (_, Some(Exit::Signal(signal)), _) => {
            format!(
                "the process was killed by {} while it was connecting{after}",
                signal_name(signal)
            )
        }
        (_, Some(Exit::Status(status)), _) => {
            format!("the process exited with status {status} while it was connecting{after}")
        }
        (End::State(_), None, None) if case.was_given_up() => {
            format!("the application closed the socket while it was connecting{after}")
        }
        (End::Unsent(_), _, Some(err)) => {
            format!(
                "connect() failed at once, before any SYN: {}",
                errno::name_or_number(err)
            )
        }
        (End::Unsent(_), _, None) => "connect() failed at once, before any SYN".to_owned(),
        (_, _, Some(err)) if err == libc::ETIMEDOUT => {
            format!("connect() timed out{after} (ETIMEDOUT)")
        }
        (_, _, Some(err)) => format!("connect() failed{after} ({})", errno::name_or_number(err)),
        _ => format!("connect() did not come up{after}"),
    }
}

/// The same of a connection that had come up.
fn what_its_user_saw(state: &State, after: &str) -> String {
    let orphan = was_left(state);
    if state.stream.flags & stream_flag::ONE_OF_SEVERAL != 0 {
        return format!(
            "the subflow ended{after}: the application learns nothing of it while another carries its \
             Multipath TCP connection"
        );
    }
    match state.err {
        0 if state.seen_by == seen_by::LATER && orphan => {
            "the connection ended: the application had closed it, and gets no error".to_owned()
        }
        0 if state.seen_by == seen_by::LATER => {
            "the connection had ended by the time the application closed it".to_owned()
        }
        0 => format!("the connection ended{after} by a RST of this side"),
        err if orphan => format!(
            "the connection ended{after} ({}): the application had closed it, and gets no error",
            errno::name_or_number(err)
        ),
        err => format!(
            "the connection ended{after}: the next send() or recv() fails with {}",
            errno::name_or_number(err)
        ),
    }
}

/// What is not known of whose a connection is that had come up.
pub(super) fn whose(attempt: &Attempt) -> Vec<String> {
    let owner = attempt.process_owner();
    let found = attempt.found.as_ref();
    // Who ended it or closed it was told after that.
    let is_late = owner.is_some_and(is_late) || attempt.closer.is_some();
    let mut missing = match found {
        Some(found) if !is_late => found.missing.clone(),
        _ => Vec::new(),
    };
    if owner.is_some_and(|owner| owner.flags & owner_flag::SHARED != 0) {
        missing.push("which process used it: others held it too when tcpwhy began".to_owned());
    }
    if found.is_some_and(|found| !found.is_told) {
        missing.push("who opened it: neither TCP's counts nor a listener tell".to_owned());
    }
    missing
}

/// Another process than the one that opened it had it in a system call when it ended, or closed it: a
/// socket may be passed on, by fork or by `SCM_RIGHTS`.
pub(super) fn who_ended(case: &Case<'_>) -> Option<String> {
    let attempt = case.attempt;
    let owner = attempt.process_owner()?;
    attempt.began_ns()?;
    let named = |owner: &Owner| match net::name(&owner.comm) {
        Some(comm) => format!("{comm}[{}]", owner.tgid),
        None => format!("process {}", owner.tgid),
    };
    let ender = ender(attempt).filter(|&tgid| tgid != owner.tgid);
    let (other, did) = match (ender, &attempt.closer) {
        (Some(tgid), Some(closer)) if tgid == closer.owner.tgid => {
            (named(&closer.owner), "ended it")
        }
        (Some(tgid), _) => (format!("process {tgid}"), "ended it"),
        (None, Some(closer)) => (named(&closer.owner), did(attempt, closer)),
        (None, None) => return heirs(attempt, &named(owner)),
    };
    let opened = named(owner);
    Some(format!(
        "{other} {did}, and so held it by then; {opened} had opened it"
    ))
}

/// What has a descriptor at the end was not closed before it, but shut down. Of what has none any more both
/// may be true, by two processes.
fn did(attempt: &Attempt, closer: &Closer) -> &'static str {
    match (&attempt.end, closer.began) {
        (End::State(state), true) if attempt.end_was_seen() && !was_left(state) => "shut it down",
        (_, true) => "began to close it",
        (_, false) => "closed it",
    }
}

/// Those that held it when the process that had opened it was gone.
fn heirs(attempt: &Attempt, opener: &str) -> Option<String> {
    let holders = attempt.found.iter().flat_map(|found| &found.holders);
    let holders: Vec<String> = holders
        .map(|it| format!("{}[{}]", it.comm, it.pid))
        .collect();
    (!holders.is_empty()).then(|| {
        let holders = holders.join(", ");
        format!("held by {holders}; {opener} had opened it, and was gone")
    })
}

/// The process whose own system call ended a connection.
fn ender(attempt: &Attempt) -> Option<u32> {
    let End::State(state) = &attempt.end else {
        return None;
    };
    let in_call = state.stream.flags & stream_flag::IN_CALL != 0 && state.err == 0;
    let told = in_call && attempt.end_was_seen() && state.closer_tgid != 0;
    told.then_some(state.closer_tgid)
}

pub(super) fn signal_name(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number).map_or_else(
        |_| format!("signal {number}"),
        |signal| signal.as_str().to_owned(),
    )
}

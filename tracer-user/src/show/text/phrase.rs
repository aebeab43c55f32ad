//! Parts of a record in a few words: its process, its ends, its place, how sure, how long.

use std::fmt::Write as _;

use crate::{
    diagnose::words,
    escape::escape,
    record::{Confidence, Failure, Process, Socket},
    show::{number::plural, page::GLUE},
};

/// Of a command line, as many characters are shown.
const CMDLINE_CHARS: usize = 200;

/// `curl[4242]`; the thread too, where it has a name of its own.
pub(super) fn process_name(process: Option<&Process>) -> String {
    let Some(process) = process else {
        return "(process not known)".to_owned();
    };
    let mut name = format!("{}[{}", escape(&process.comm), process.pid);
    if let Some(thread) = &process.thread_comm {
        let _ = write!(name, ", thread {}", escape(thread));
    }
    name.push(']');
    name
}

/// The summary without its beginning, where that repeats the headline.
pub(super) fn news(failure: &Failure) -> &str {
    let repeated = failure.process.as_ref().map(|process| {
        format!(
            "{}[{}] could not reach {}: ",
            process.comm, process.pid, failure.socket.remote
        )
    });
    repeated
        .and_then(|repeated| failure.summary.strip_prefix(&repeated))
        .filter(|news| !news.is_empty())
        .unwrap_or(&failure.summary)
}

/// User, parent, executable and command line; what is not known is left out.
pub(super) fn identity(process: &Process) -> String {
    let mut text = format!("uid{GLUE}{}", process.uid);
    if let Some(ppid) = process.ppid {
        let _ = write!(text, ", ppid{GLUE}{ppid}");
    }
    if let Some(ns_pid) = process.ns_pid {
        let _ = write!(text, ", pid{GLUE}{ns_pid} in its own namespace");
    }
    if let Some(exe) = &process.exe {
        let _ = write!(text, ", exe{GLUE}{exe}");
    }
    if let Some(cmdline) = &process.cmdline {
        let cut = cmdline.char_indices().nth(CMDLINE_CHARS);
        let (short, more) = match cut {
            Some((end, _)) => (&cmdline[..end], "…"),
            None => (cmdline.as_str(), ""),
        };
        let _ = write!(text, ", cmdline: {short}{more}");
    }
    text
}

/// A process that had the socket, too.
pub(super) fn holder(process: &Process) -> String {
    format!("{}[{}], {}", process.comm, process.pid, identity(process))
}

/// The other end; of a listener that turned away more than one client, or clients that nobody saw,
/// there is none to name.
pub(super) fn far_end(socket: &Socket) -> String {
    if socket.remote.port.is_none() && socket.remote.addr.is_unspecified() {
        "clients".to_owned()
    } else {
        socket.remote.to_string()
    }
}

/// Confidence, namespace, cookie, unit, container, pod, cgroup; what is not known is left out.
pub(super) fn place(failure: &Failure) -> String {
    let mut parts = vec![sureness(failure.confidence).to_owned()];
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            parts.push(format!("{name}{GLUE}{value}"));
        }
    };
    let socket = &failure.socket;
    add("netns", socket.netns.map(|netns| netns.to_string()));
    add("cookie", socket.cookie.map(|cookie| cookie.to_string()));
    if let Some(process) = &failure.process {
        add("unit", process.unit.clone());
        // As container tools print it: the first 12 digits.
        add(
            "container",
            process
                .container
                .as_ref()
                .map(|id| id.chars().take(12).collect()),
        );
        add("pod", process.pod_uid.clone());
        add("cgroup", process.cgroup.clone());
    }
    if failure.lost > 0 {
        parts.push(format!("{} lost meanwhile", plural(failure.lost, "event")));
    }
    parts.join(", ")
}

pub(super) fn sureness(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Unknown => "not sure",
    }
}

/// A length of time, in the words of the why-lines.
pub(super) fn elapsed(elapsed_us: u64) -> String {
    words::duration(elapsed_us.saturating_mul(1_000))
}

//! Whose a connection is: its process, and who else had its socket.

use std::sync::Arc;

use tracer_ebpf::event::{self, Owner};

use crate::{
    attribute::{Attempt, Closer, Identity},
    cgroup_path, net,
    record::{Direction, MatchedBy, Process, Role},
};

/// The owner, in its own words where it was asked in time.
#[must_use]
pub fn process(attempt: &Attempt) -> Option<Process> {
    let Some(owner) = attempt.process_owner() else {
        return attempt.found.as_ref()?.process.clone();
    };
    let group = attempt.cgroup.as_ref();
    let (process, identity) = (attempt.process.as_ref(), attempt.identity.as_ref());
    let mut process = described(owner, process, identity, group);
    if attempt.direction() == Direction::Inbound {
        process.role = Some(Role::Acceptor);
    }
    Some(process)
}

/// Those that had its socket at its end, where they are not its process alone.
pub(super) fn holders(attempt: &Attempt) -> Vec<Process> {
    let found = attempt.found.as_ref();
    let mut all = found.map_or_else(Vec::new, |found| found.holders.clone());
    if let Some(Closer {
        owner,
        process,
        identity,
        cgroup,
        began: _,
    }) = &attempt.closer
        && all.iter().all(|other| other.pid != owner.tgid)
    {
        let (process, identity) = (process.as_ref(), identity.as_ref());
        all.push(described(owner, process, identity, cgroup.as_ref()));
    }
    all
}

/// How the process of a connection was joined to it.
pub(super) fn matched_by(process: &Process) -> MatchedBy {
    match process.role {
        Some(Role::Listener) => MatchedBy::Listener,
        _ => MatchedBy::Socket,
    }
}

fn described(
    owner: &Owner,
    known: Option<&Arc<event::Process>>,
    identity: Option<&Arc<Identity>>,
    cgroup: Option<&String>,
) -> Process {
    let mut process = owner_only(owner);
    if let Some(known) = known {
        process.ppid = Some(known.ppid).filter(|&ppid| ppid != 0);
        process.ns_pid = Some(known.ns_tgid).filter(|&pid| pid != owner.tgid && pid != 0);
        process.cmdline = command_line(known);
        process.exe = executable(known);
    }
    process.cgroup = cgroup.cloned();
    if let Some(identity) = identity {
        add_identity(&mut process, identity);
    }
    add_groups(&mut process);
    process
}

/// What the control group says.
pub(crate) fn add_groups(process: &mut Process) {
    let Some(path) = process.cgroup.as_deref() else {
        return;
    };
    let container = cgroup_path::container(path);
    process.container = container.map(|it| it.id.to_owned());
    process.container_runtime = container.and_then(|it| it.runtime).map(str::to_owned);
    process.pod_uid = cgroup_path::pod_uid(path);
    process.unit = cgroup_path::unit(path).map(str::to_owned);
}

pub(super) fn owner_only(owner: &Owner) -> Process {
    let comm = net::name(&owner.comm).unwrap_or_default();
    let thread_comm = net::name(&owner.thread_comm).filter(|name| *name != comm);
    Process {
        pid: owner.tgid,
        tid: owner.tid,
        comm,
        thread_comm,
        uid: owner.uid,
        ..Process::default()
    }
}

/// The kernel half took it when the attempt began: what `/proc` says later only fills gaps, and by
/// then the process may have called `exec`, which changes its name.
pub(crate) fn add_identity(process: &mut Process, identity: &Identity) {
    process.ppid = process.ppid.or(identity.ppid);
    // On hybrid hosts containers may be in v1 groups alone.
    let names_container = |path: &String| cgroup_path::container(path).is_some();
    let by_kernel = process.cgroup.take();
    let better = identity.cgroup.as_ref().filter(|path| {
        by_kernel.is_none()
            || (names_container(path) && !by_kernel.as_ref().is_some_and(names_container))
    });
    process.cgroup = better.cloned().or(by_kernel);
    let other_pid = identity.ns_pid.filter(|&pid| pid != process.pid);
    process.ns_pid = process.ns_pid.or(other_pid);
    if identity
        .comm
        .as_ref()
        .is_some_and(|comm| *comm != process.comm)
    {
        return;
    }
    process.exe = process.exe.take().or_else(|| identity.exe.clone());
    // The kernel half keeps the beginning only.
    let longer = identity.cmdline.as_ref().filter(|line| {
        process
            .cmdline
            .as_ref()
            .is_none_or(|taken| line.starts_with(taken.as_str()))
    });
    process.cmdline = longer.cloned().or_else(|| process.cmdline.take());
}

fn command_line(process: &event::Process) -> Option<String> {
    let len = usize::try_from(process.cmdline_len)
        .ok()?
        .min(process.cmdline.len());
    let bytes = process.cmdline[..len]
        .strip_suffix(&[0])
        .unwrap_or(&process.cmdline[..len]);
    let text = String::from_utf8_lossy(bytes).replace('\0', " ");
    (!text.is_empty()).then_some(text)
}

/// Components stand innermost first. A component that fills its place may have been longer.
fn executable(process: &event::Process) -> Option<String> {
    let depth = usize::try_from(process.exe_depth)
        .ok()?
        .min(process.exe.len());
    if process.exe_whole == 0 || depth == 0 {
        return None;
    }
    let mut path = String::new();
    for component in process.exe[..depth].iter().rev() {
        if component[component.len() - 2] != 0 {
            return None;
        }
        path.push('/');
        path.push_str(&net::name(component)?);
    }
    Some(path)
}

//! Hands programs to the kernel's verifier, on all processors: that is most of what passes until tcpwhy
//! is ready.

use std::{
    collections::HashMap,
    panic,
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::anyhow;
use aya::{
    Btf, Ebpf,
    programs::{BtfTracePoint, CgroupSockAddr, FExit, Program, RawTracePoint},
};

use super::plan::{Hook, Kind};

/// What became of each, by name.
pub(super) type Loaded = HashMap<&'static str, anyhow::Result<()>>;

type Job<'a> = (&'static Hook, Option<&'a mut Program>);

/// Loads the programs of these hooks.
pub(super) fn load_all(
    ebpf: &mut Ebpf,
    btf: &Btf,
    hooks: impl Iterator<Item = &'static Hook>,
) -> Loaded {
    let mut programs: HashMap<&str, &mut Program> = ebpf.programs_mut().collect();
    let jobs: Vec<Job<'_>> = hooks
        .map(|hook| (hook, programs.remove(hook.program)))
        .collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(jobs.len());
    // Taken from the end: the plan's largest come last.
    let jobs = Mutex::new(jobs);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| load_some(&jobs, btf)))
            .collect();
        let all = workers.into_iter().map(|worker| match worker.join() {
            Ok(loaded) => loaded,
            Err(panicked) => panic::resume_unwind(panicked),
        });
        all.flatten().collect()
    })
}

fn load_some(jobs: &Mutex<Vec<Job<'_>>>, btf: &Btf) -> Loaded {
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut loaded = Loaded::new();
    while let Some((hook, program)) = next() {
        loaded.insert(hook.program, load(program, hook, btf));
    }
    loaded
}

fn load(program: Option<&mut Program>, hook: &Hook, btf: &Btf) -> anyhow::Result<()> {
    let program = program.ok_or_else(|| anyhow!("not in the BPF object"))?;
    match hook.kind {
        Kind::BtfTracepoint => {
            let program: &mut BtfTracePoint = program.try_into()?;
            program.load(hook.hook, btf)?;
        }
        Kind::RawTracepoint => {
            let program: &mut RawTracePoint = program.try_into()?;
            program.load()?;
        }
        Kind::FunctionExit => {
            let program: &mut FExit = program.try_into()?;
            program.load(hook.hook, btf)?;
        }
        Kind::CgroupConnect => {
            let program: &mut CgroupSockAddr = program.try_into()?;
            program.load()?;
        }
    }
    Ok(())
}

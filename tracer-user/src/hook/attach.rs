//! Attaches what the plan lists, and says what the kernel refused.

use std::{collections::BTreeSet, fs::File, iter};

use anyhow::{Context as _, anyhow, bail};
use aya::{
    Btf, Ebpf,
    programs::{BtfTracePoint, CgroupAttachMode, CgroupSockAddr, FExit, RawTracePoint},
};

use super::{
    Hooks, cgroup,
    plan::{Hook, Kind, Need, PLAN},
    program,
};
use crate::record::Degradation;

/// Loads and attaches all that is wanted, and notes which it is, and what is missing.
pub(super) fn attach(hooks: &mut Hooks, btf: &Btf) -> anyhow::Result<()> {
    let mut attached: BTreeSet<&str> = BTreeSet::new();
    let mut loaded = load(&mut hooks.ebpf, btf, hooks.follows_command);
    for hook in PLAN {
        match hook.need {
            Need::Instead(other) if attached.contains(other) => continue,
            Need::FollowCommand if !hooks.follows_command => continue,
            _ => {}
        }
        let load = loaded.remove(hook.program).unwrap_or_else(|| {
            let alone = program::load_all(&mut hooks.ebpf, btf, iter::once(hook));
            alone.into_values().collect()
        });
        match load.and_then(|()| attach_one(&mut hooks.ebpf, hook)) {
            Ok(()) => {
                attached.insert(hook.program);
                hooks.attached.push(hook.hook.to_owned());
            }
            Err(why) if matches!(hook.need, Need::Always | Need::FollowCommand) => {
                return Err(why.context(format!("cannot attach to {}", hook.hook)));
            }
            Err(why) => hooks.degraded.push(Degradation {
                what: hook.hook.to_owned(),
                why: one_line(&why),
                effect: hook.without.to_owned(),
            }),
        }
    }
    #[cfg(feature = "debug")]
    super::debug::print_log_lines(&mut hooks.ebpf)?;
    Ok(())
}

/// Loads what is wanted in any case; then, where the kernel refuses one, what stands in for it.
fn load(ebpf: &mut Ebpf, btf: &Btf, follow_command: bool) -> program::Loaded {
    let stands_in = |hook: &&Hook| matches!(hook.need, Need::Instead(_));
    let replaced = |one: &&Hook| {
        let mut stand_ins = PLAN.iter().filter(stands_in);
        stand_ins.any(|hook| hook.need == Need::Instead(one.program))
    };
    let mut loaded = program::load_all(ebpf, btf, PLAN.iter().filter(replaced));
    let is_wanted = |hook: &&Hook| match hook.need {
        Need::Instead(other) => loaded.get(other).is_some_and(Result::is_err),
        Need::FollowCommand => follow_command,
        _ => !replaced(hook),
    };
    let rest = program::load_all(ebpf, btf, PLAN.iter().filter(is_wanted));
    loaded.extend(rest);
    loaded
}

fn attach_one(ebpf: &mut Ebpf, hook: &Hook) -> anyhow::Result<()> {
    let program = ebpf
        .program_mut(hook.program)
        .ok_or_else(|| anyhow!("not in the BPF object"))?;
    match hook.kind {
        Kind::BtfTracepoint => {
            let program: &mut BtfTracePoint = program.try_into()?;
            program.attach()?;
        }
        Kind::RawTracepoint => {
            let program: &mut RawTracePoint = program.try_into()?;
            program.attach(hook.hook)?;
        }
        Kind::FunctionExit => {
            let program: &mut FExit = program.try_into()?;
            program.attach()?;
        }
        Kind::CgroupConnect => {
            let Some(root) = cgroup::mount_point() else {
                bail!("no cgroup2 hierarchy is mounted");
            };
            let directory =
                File::open(&root).with_context(|| format!("cannot open {}", root.display()))?;
            let program: &mut CgroupSockAddr = program.try_into()?;
            program.attach(directory, CgroupAttachMode::Single)?;
        }
    }
    Ok(())
}

/// The kernel's own reason, and the first line of what its verifier said, if it said anything: the
/// rest is too long for a line.
pub(super) fn one_line(why: &anyhow::Error) -> String {
    let text = format!("{why:#}");
    let (reason, verifier) = text
        .split_once(". Verifier output: ")
        .unwrap_or((&text, ""));
    let reason = reason.lines().next().unwrap_or_default();
    match verifier.lines().next().unwrap_or_default() {
        "" => reason.to_owned(),
        // Nothing but the errno again.
        said if said.starts_with(':') => reason.to_owned(),
        said => format!("{reason}: {said}"),
    }
}

//! Listeners, asked of the kernel half itself: which there are, and what each is like now, in every
//! network namespace at once and without entering any.

use std::io::{ErrorKind, Read as _};

use anyhow::{Context as _, anyhow};
use aya::{
    Btf, Ebpf,
    maps::{Array, HashMap},
    programs::{Iter, RawTracePoint, RawTracePointRunOptions, TestRun as _},
};
use tracer_ebpf::listener::{CountKey, LOOKS, Listener};

use super::{Hooks, Plain};
use crate::record::Degradation;

/// The program that looks at listeners; it is run by user space only.
const LOOK: &str = "look_at_listeners";
/// The program that finds listeners and connections that were there before.
const FIND: &str = "find_sockets";
/// An iterator hands over a million objects in one read, and then wants to be asked again
/// (`MAX_ITER_OBJECTS`, `kernel/bpf/bpf_iter.c`).
const READS: usize = 64;

/// Loads what is never attached, and finds what was there before: listeners come as events, and
/// connections go into the table.
pub(super) fn start(ebpf: &mut Ebpf, btf: &Btf, find: bool) -> Vec<Degradation> {
    let mut degraded = Vec::new();
    let mut note = |what: &str, why: anyhow::Error, effect: &str| {
        degraded.push(Degradation {
            what: what.to_owned(),
            why: super::attach::one_line(&why),
            effect: effect.to_owned(),
        });
    };
    if let Err(why) = load_look(ebpf) {
        note(
            "BPF_PROG_TEST_RUN",
            why,
            "SYNs that a listener ignores since a queue is full are not seen",
        );
    }
    if find && let Err(why) = find_all(ebpf, btf) {
        note(
            "iter/task_file",
            why,
            "SYNs that listeners older than tcpwhy ignore are not seen, and whose connections are \
             that are older is known only if their process holds them still when they fail",
        );
    }
    degraded
}

fn load_look(ebpf: &mut Ebpf) -> anyhow::Result<()> {
    look_program(ebpf)?.load()?;
    look_program(ebpf)?.test_run(RawTracePointRunOptions::new())?;
    Ok(())
}

fn look_program(ebpf: &mut Ebpf) -> anyhow::Result<&mut RawTracePoint> {
    let program = ebpf
        .program_mut(LOOK)
        .ok_or_else(|| anyhow!("not in the BPF object"))?;
    Ok(program.try_into()?)
}

fn find_all(ebpf: &mut Ebpf, btf: &Btf) -> anyhow::Result<()> {
    let program = ebpf
        .program_mut(FIND)
        .ok_or_else(|| anyhow!("not in the BPF object"))?;
    let program: &mut Iter = program.try_into()?;
    program.load("task_file", btf)?;
    let link = program.attach()?;
    let mut file = program.take_link(link)?.into_file()?;
    for _ in 0..READS {
        match file.read(&mut [0; 64]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(why) if why.kind() == ErrorKind::WouldBlock => {}
            Err(why) => return Err(why.into()),
        }
    }
    Err(anyhow!("more open descriptors than it could walk through"))
}

impl Hooks {
    /// What listeners are like now, in the order of their addresses. A socket that is gone is zero, or
    /// another: its inode number tells. `None` where this kernel does not let programs be run.
    ///
    /// # Errors
    /// Where the kernel refuses to read a map: a defect.
    pub fn look(&mut self, listeners: &[u64]) -> anyhow::Result<Option<Vec<Listener>>> {
        let mut seen = Vec::with_capacity(listeners.len());
        for some in listeners.chunks(usize::try_from(LOOKS)?) {
            let mut options = RawTracePointRunOptions::new();
            options.args[..some.len()].copy_from_slice(some);
            if look_program(&mut self.ebpf)?.test_run(options).is_err() {
                return Ok(None);
            }
            let map = self.ebpf.map("LOOKED_AT");
            let map = map.ok_or_else(|| anyhow!("the map LOOKED_AT is missing"))?;
            let looked = Array::<_, Plain<Listener>>::try_from(map)?;
            for (at, _) in (0..).zip(some) {
                let one = looked.get(&at, 0).context("cannot read LOOKED_AT")?;
                seen.push(one.0);
            }
        }
        Ok(Some(seen))
    }

    /// How often something happened at a listener so far.
    ///
    /// # Errors
    /// As [`Hooks::look`].
    pub fn listener_count(&self, key: CountKey) -> anyhow::Result<u64> {
        let map = self.ebpf.map("LISTENER_COUNTS");
        let map = map.ok_or_else(|| anyhow!("the map LISTENER_COUNTS is missing"))?;
        let counts = HashMap::<_, Plain<CountKey>, u64>::try_from(map)?;
        Ok(counts.get(&Plain(key), 0).unwrap_or(0))
    }

    /// No client that was answered again is waited for any more: connections that come up need not be
    /// looked at.
    ///
    /// # Errors
    /// As [`Hooks::look`].
    pub fn await_nobody(&mut self) -> anyhow::Result<()> {
        let map = self.ebpf.map_mut("AGAIN");
        let map = map.ok_or_else(|| anyhow!("the map AGAIN is missing"))?;
        let mut again = Array::<_, u64>::try_from(map)?;
        let last = again.len() - 1;
        again.set(last, 0, 0)?;
        Ok(())
    }
}

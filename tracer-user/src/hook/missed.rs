//! Runs that the kernel skipped. It lets no program run while another run of it is under way on the
//! same CPU (`__bpf_trace_run`, `kernel/trace/bpf_trace.c`): an interrupt in between finds it taken,
//! and where tracepoints may be preempted (7.x) another task does. The kernel counts those.

use std::{
    collections::BTreeMap,
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
};

use super::{Hooks, plan::PLAN};

impl Hooks {
    /// Skipped runs so far, by hook; hooks without one are left out.
    #[must_use]
    pub fn missed(&self) -> BTreeMap<&'static str, u64> {
        let mut missed = BTreeMap::new();
        for hook in PLAN {
            let count = self.misses_of(hook.program).unwrap_or(0);
            if count > 0 {
                // connect4 and connect6 are counted as one.
                let name = hook.hook.trim_end_matches(['4', '6']);
                *missed.entry(name).or_default() += count;
            }
        }
        missed
    }

    /// `None` where the program is not loaded, or the kernel does not count (before 5.12).
    fn misses_of(&self, program: &str) -> Option<u64> {
        let fd = self.ebpf.program(program)?.fd().ok()?.as_fd().as_raw_fd();
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("recursion_misses:"))?;
        count.trim().parse().ok()
    }
}

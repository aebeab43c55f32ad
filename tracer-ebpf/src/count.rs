//! Exact counts, one row a thing and CPU: no lock, and nothing is lost when the ring is full.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use tracer_ebpf::counter::{self, Attempts, Count, DROP_REASONS, ERRNOS, Hook};

use crate::atomic;

#[map]
static HOOK_COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(counter::LEN, 0);
#[map]
static ATTEMPT_COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Attempts::LEN, 0);
#[map]
static ERRNO_COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(ERRNOS, 0);
#[map]
static DROP_REASON_COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(DROP_REASONS, 0);

#[inline(always)]
fn add_one(counts: &PerCpuArray<u64>, row: u32) {
    if let Some(count) = counts.get_ptr_mut(row) {
        // SAFETY: a map value of this CPU. An interrupt may run between load and store on kernels
        // that let programs nest, so the addition is atomic.
        unsafe { atomic::add_u64(count, 1) };
    }
}

pub(crate) fn hook(hook: Hook, count: Count) {
    add_one(&HOOK_COUNTS, counter::index(hook, count));
}

pub(crate) fn attempt(what: Attempts) {
    add_one(&ATTEMPT_COUNTS, what as u32);
}

pub(crate) fn errno(err: i32) {
    add_one(&ERRNO_COUNTS, (err as u32).min(ERRNOS - 1));
}

pub(crate) fn drop_reason(reason: u32) {
    add_one(&DROP_REASON_COUNTS, reason.min(DROP_REASONS - 1));
}

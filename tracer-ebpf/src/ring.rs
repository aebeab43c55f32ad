//! The one ring buffer, and the only way into it: every record is either submitted or counted as
//! lost.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::{bpf_get_smp_processor_id, bpf_ktime_get_ns},
    macros::map,
    maps::RingBuf,
};
use tracer_ebpf::{
    counter::{Count, Hook},
    event::Head,
};

use crate::count;

/// User space sets its real size.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// Under load user space is woken once so many bytes wait; else by its own timer.
const WAKE_BYTES: u64 = 256 << 10;

/// Common fields of an event that happens now.
#[inline(always)]
pub(crate) fn head(kind: u32, sk: u64, attempt_ns: u64) -> Head {
    Head {
        kind,
        // SAFETY: these helpers have no preconditions.
        cpu: unsafe { bpf_get_smp_processor_id() },
        time_ns: now_ns(),
        sk,
        attempt_ns,
    }
}

/// `CLOCK_MONOTONIC`, nanoseconds.
#[inline(always)]
pub(crate) fn now_ns() -> u64 {
    // SAFETY: no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// Hands a record over: true if it got into the ring. Every byte of `T` must be written by `fill`.
#[inline(always)]
pub(crate) fn emit<T: 'static>(hook: Hook, fill: impl FnOnce(*mut T)) -> bool {
    let Some(mut entry) = EVENTS.reserve::<T>(0) else {
        count::hook(hook, Count::RingFull);
        return false;
    };
    fill(entry.as_mut_ptr());
    entry.submit(wake_flags());
    count::hook(hook, Count::Emitted);
    true
}

/// A reader that has caught up is woken for the first record after that; one that lags is not
/// woken again for every record behind it.
#[inline(always)]
fn wake_flags() -> u64 {
    match EVENTS.query(BPF_RB_AVAIL_DATA as u64) {
        waiting if waiting >= WAKE_BYTES => BPF_RB_FORCE_WAKEUP as u64,
        waiting if waiting > MANY_BYTES => BPF_RB_NO_WAKEUP as u64,
        _ => 0,
    }
}

/// Above so many waiting bytes the reader is known to lag.
const MANY_BYTES: u64 = 16 << 10;

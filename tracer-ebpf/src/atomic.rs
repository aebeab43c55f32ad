//! Atomic additions, which Rust's `core` does not offer for this target. Without a result they need
//! no more than Linux 4.x (`BPF_XADD`).

use core::arch::asm;

/// Adds to a counter that others change too.
///
/// # Safety
/// `place` points into a map value, aligned.
#[inline(always)]
pub(crate) unsafe fn add_u64(place: *mut u64, value: u64) {
    // SAFETY: as the caller promises.
    unsafe {
        asm!("lock *(u64 *)({place} + 0) += {value}", place = in(reg) place, value = in(reg) value);
    };
}

/// Adds to a counter that others change too.
///
/// # Safety
/// `place` points into a map value, aligned.
#[inline(always)]
pub(crate) unsafe fn add_u32(place: *mut u32, value: u32) {
    // SAFETY: as the caller promises.
    unsafe {
        asm!("lock *(u32 *)({place} + 0) += {value}", place = in(reg) place, value = in(reg) value as u64);
    };
}

//! The running kernel's layout and this run's settings, and how to read kernel memory with them.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use tracer_ebpf::config::{ABSENT, Layout, Settings};

/// Filled in and frozen by user space before the programs are loaded.
#[unsafe(no_mangle)]
pub(crate) static LAYOUT: Layout = Layout::ABSENT;

/// Filled in and frozen by user space before the programs are loaded.
#[unsafe(no_mangle)]
pub(crate) static SETTINGS: Settings = Settings::DEFAULT;

/// Reads a constant. Volatile, since the loader replaces the bytes that the compiler saw.
#[inline(always)]
pub(crate) fn constant<T: Copy>(place: &T) -> T {
    // SAFETY: a reference is valid for reads.
    unsafe { core::ptr::read_volatile(place) }
}

/// A field of [`LAYOUT`], as a constant to the verifier.
macro_rules! layout {
    ($field:ident) => {
        $crate::kernel::constant(&$crate::kernel::LAYOUT.$field)
    };
}

/// A field of [`SETTINGS`], as a constant to the verifier.
macro_rules! setting {
    ($field:ident) => {
        $crate::kernel::constant(&$crate::kernel::SETTINGS.$field)
    };
}

pub(crate) use {layout, setting};

/// Reads a value at `address + offset` of kernel memory; all zero where that faults, as it does where
/// `address` is 0, or where the field is absent. No branch on the address: each would double what the
/// verifier has to follow.
#[inline(always)]
pub(crate) fn read<T: Copy>(address: u64, offset: u32) -> T {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // SAFETY: the helper checks the address, and zeroes the destination where it faults; T is an
    // integer or an array of integers here, of which all zero is a value.
    unsafe {
        read_to(value.as_mut_ptr(), address, offset);
        value.assume_init()
    }
}

/// As [`read`], straight into a record: a value that passes through the frame takes its place there.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub(crate) unsafe fn read_to<T: Copy>(to: *mut T, address: u64, offset: u32) {
    // SAFETY: as the caller promises; the helper checks the address, and zeroes the destination
    // where it faults.
    unsafe {
        if offset == ABSENT {
            to.write_bytes(0, 1);
        } else {
            let from = address.wrapping_add(offset as u64) as *const _;
            bpf_probe_read_kernel(to.cast(), size_of::<T>() as u32, from);
        }
    }
}

/// Reads a value inside a BTF-typed pointer that the verifier trusts (a `tp_btf` argument):
/// no helper call, and a wrong offset is refused at load time.
///
/// # Safety
/// `pointer` comes straight from the context, and `offset` from the running kernel's BTF.
#[inline(always)]
pub(crate) unsafe fn read_trusted<T: Copy>(pointer: *const u8, offset: u32) -> T {
    // SAFETY: as the caller promises.
    unsafe { pointer.add(offset as usize).cast::<T>().read_volatile() }
}

/// Inode number of a network namespace (`struct net *`).
#[inline(always)]
pub(crate) fn netns(net: u64) -> u32 {
    read(net, layout!(net_inum))
}

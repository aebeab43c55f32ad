//! Before the first evidence of an attempt comes the attempt, and before that its process: so each
//! event stands on what came before it, and healthy attempts send nothing at all.

use tracer_ebpf::{
    attempt::Entry,
    counter::Hook,
    event::{Attempt, Process, kind},
};

use crate::{owner, ring};

/// Hands over the attempt's owner unless that was done before. Returns its start.
#[inline(always)]
pub(crate) fn attempt(hook: Hook, sk: u64, entry: *mut Entry) -> u64 {
    // SAFETY: a map value; other CPUs may announce it too, and twice does no harm.
    let entry = unsafe { &mut *entry };
    if entry.announced == 0 {
        hand_over(hook, sk, entry);
    }
    entry.start_ns
}

/// A frame of its own: the frames of a chain of calls may have 512 bytes together.
#[inline(never)]
fn hand_over(hook: Hook, sk: u64, entry: &mut Entry) -> u32 {
    process(hook, entry.owner.tgid);
    let sent = ring::emit::<Attempt>(hook, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::ATTEMPT, sk, entry.start_ns);
            (*event).owner = entry.owner;
        }
    });
    entry.announced = sent as u32;
    entry.announced
}

/// Hands over what is known of a process, unless that was done before.
#[inline(always)]
pub(crate) fn process(hook: Hook, tgid: u32) {
    let Some(known) = owner::known(tgid) else {
        return;
    };
    // SAFETY: a map value.
    let known = unsafe { &mut *known };
    if known.announced == 0 {
        let sent = ring::emit::<Process>(hook, |event| {
            // SAFETY: reserved memory of that size; every field is written.
            unsafe {
                copy_process(event, &known.process);
                (*event).head = ring::head(kind::PROCESS, 0, 0);
            }
        });
        known.announced = sent as u64;
    }
}

/// Copies by words: a plain assignment becomes a loop over bytes.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
unsafe fn copy_process(to: *mut Process, from: &Process) {
    const WORDS: usize = size_of::<Process>() / 8;
    const { assert!(size_of::<Process>().is_multiple_of(8)) };
    let from = core::ptr::from_ref(from).cast::<u64>();
    let to = to.cast::<u64>();
    for word in 0..WORDS {
        // SAFETY: within both, which are aligned to 8.
        unsafe { to.add(word).write(from.add(word).read()) };
    }
}

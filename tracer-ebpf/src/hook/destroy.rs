//! `tcp:tcp_destroy_sock`: the socket's address may be another's from here on.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    attempt::{Entry, phase},
    counter::Hook,
    event::{seen_by, unsent::DESTROYED},
};

use super::{end, holder, stream, unsent};
use crate::table;

#[raw_tracepoint(tracepoint = "tcp_destroy_sock")]
pub(crate) fn tcp_destroy_sock(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    match table::any(sk) {
        Some(entry) => settle(sk, entry),
        // Accepted, or older than the tracer.
        None if stream::unseen(sk, seen_by::LATER) == 0 => return 0,
        None => {}
    }
    table::remove(sk);
    0
}

/// Tells what nothing told before.
#[inline(always)]
fn settle(sk: u64, entry: *mut Entry) {
    // SAFETY: a map value.
    let found = unsafe { &mut *entry };
    match found.phase {
        phase::CALLED => unsent::emit(Hook::Destroy, sk, entry, DESTROYED, 0),
        phase::SYN_SENT => {
            end::unseen(sk, found, Hook::Destroy, seen_by::LATER);
        }
        _ => {}
    }
    if found.phase == phase::OPEN && stream::unseen(sk, seen_by::LATER) == 0 && found.announced != 0
    {
        end::over(sk, found);
    }
    if matches!(found.phase, phase::UNOWNED | phase::FAILED) {
        holder::closed(sk, found);
    }
}

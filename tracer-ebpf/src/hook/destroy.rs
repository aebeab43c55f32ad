//! `tcp:tcp_destroy_sock`: the socket's address may be another's from here on.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    attempt::phase,
    counter::{Count, Hook},
    event::unsent::DESTROYED,
};

use super::unsent;
use crate::{count, pending, table};

#[raw_tracepoint(tracepoint = "tcp_destroy_sock")]
pub(crate) fn tcp_destroy_sock(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let Some(entry) = table::any(sk) else {
        return 0;
    };
    // SAFETY: a map value.
    match unsafe { (*entry).phase } {
        phase::CALLED => unsent::emit(Hook::Destroy, sk, entry, DESTROYED, 0),
        phase::SYN_SENT => {
            // It left SYN_SENT, since it is gone; but the hook that tells how did not run.
            count::hook(Hook::State, Count::Missed);
            // SAFETY: as above.
            pending::add(unsafe { (*entry).pending_slot }, -1);
        }
        _ => {}
    }
    table::remove(sk);
    0
}

//! `tcp:tcp_destroy_sock`: the socket's address may be another's from here on.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    attempt::phase,
    counter::Hook,
    event::{seen_by, unsent::DESTROYED},
};

use super::{end, holder, unsent};
use crate::table;

#[raw_tracepoint(tracepoint = "tcp_destroy_sock")]
pub(crate) fn tcp_destroy_sock(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let Some(entry) = table::any(sk) else {
        return 0;
    };
    // SAFETY: a map value.
    let found = unsafe { &mut *entry };
    match found.phase {
        phase::CALLED => unsent::emit(Hook::Destroy, sk, entry, DESTROYED, 0),
        phase::SYN_SENT => {
            end::unseen(sk, found, Hook::Destroy, seen_by::LATER);
        }
        phase::OPEN if found.announced != 0 => {
            end::over(sk, found);
        }
        phase::UNOWNED | phase::FAILED => {
            holder::closed(sk, found);
        }
        _ => {}
    }
    table::remove(sk);
    0
}

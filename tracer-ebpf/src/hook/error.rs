//! `sock:inet_sk_error_report`: ICMP, or a neighbour that did not answer, left a soft error on a
//! socket that goes on trying. A hard error comes with the state change, which carries it.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    counter::{Count, Hook},
    event::{SocketError, kind},
};

use crate::{
    announce, count,
    kernel::{layout, read},
    ring,
    socket::{self, state},
    table,
};

#[raw_tracepoint(tracepoint = "inet_sk_error_report")]
pub(crate) fn inet_sk_error_report(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let err_soft: i32 = read(sk, layout!(sock_err_soft));
    if socket::tcp_state(sk) != state::SYN_SENT || err_soft == 0 {
        return 0;
    }
    let Some(entry) = table::get(sk) else {
        return 0;
    };
    count::hook(Hook::ErrorReport, Count::Seen);
    let attempt_ns = announce::attempt(Hook::ErrorReport, sk, entry);
    ring::emit::<SocketError>(Hook::ErrorReport, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::SOCKET_ERROR, sk, attempt_ns);
            socket::tuple(&raw mut (*event).tuple, sk);
            (*event).err = read(sk, layout!(sock_err));
            (*event).err_soft = err_soft;
        }
    });
    0
}

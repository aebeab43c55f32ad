//! `icmp:icmp_send`: this host answers a packet with an ICMP error. IPv4 only: the kernel has no
//! such tracepoint for ICMPv6.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use tracer_ebpf::{
    counter::{Count, Hook},
    event::{IcmpSent, kind},
};

use super::packet;
use crate::{
    announce, count,
    kernel::{layout, read},
    pending, ring, socket, table,
};

#[raw_tracepoint(tracepoint = "icmp_send")]
pub(crate) fn icmp_send(ctx: RawTracePointContext) -> i32 {
    let skb: u64 = ctx.arg(0);
    let mut packet = packet::NOTHING;
    if packet::tcp(skb, &mut packet) == 0 {
        return 0;
    }
    let sk: u64 = read(skb, layout!(skb_sk));
    let attempt_ns = match table::get(sk) {
        Some(entry) => {
            count::hook(Hook::Icmp, Count::Seen);
            announce::attempt(Hook::Icmp, sk, entry)
        }
        None if sk != 0 && socket::is_open(socket::tcp_state(sk)) => {
            count::hook(Hook::Icmp, Count::Seen);
            0
        }
        None if pending::wants(Hook::Icmp, &packet) => 0,
        None => return 0,
    };
    ring::emit::<IcmpSent>(Hook::Icmp, |event| {
        // SAFETY: reserved memory of that size; every field is written.
        unsafe {
            (*event).head = ring::head(kind::ICMP_SENT, sk, attempt_ns);
            (*event).packet = packet;
            (*event).kind = ctx.arg::<u64>(1) as u32;
            (*event).code = ctx.arg::<u64>(2) as u32;
        }
    });
    0
}

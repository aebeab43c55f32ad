//! What the kernel stack at a packet's death tells of its way: whether it was being sent, forwarded or
//! received.
//!
//! Names as for [`super::stack`], innermost first. One stack may hold the ways of several packets: a
//! SYN's send path, the softirq it ran into, the receive path, that of its answer. So the innermost
//! frame that is known decides, and none beyond the softirq counts.

use serde::{Deserialize, Serialize};

use super::stack::BOUNDARIES;

/// Which part of its way a packet was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// On its way out of the network namespace that made it.
    Sent,
    /// On its way out; whether it was made there is not known.
    Out,
    /// On its way out of one that had received it.
    Forwarded,
    /// On its way in.
    Received,
}

/// Beginnings of names of functions that receive, or that TCP drops in what it does not want
/// (net/core/dev.c, net/ipv4, net/ipv6, drivers).
const RECEIVE: &[&str] = &[
    "__netif_receive_skb",
    "netif_receive_",
    "__netif_rx",
    "netif_rx",
    "enqueue_to_backlog",
    "napi_gro_",
    "do_xdp_generic",
    "veth_xdp_rcv",
    "veth_poll",
    "ip_rcv",
    "ip_list_rcv",
    "ip_sublist_rcv",
    "ip_local_deliver",
    "ip_protocol_deliver",
    "ipv6_rcv",
    "ipv6_list_rcv",
    "ip6_rcv",
    "ip6_sublist_rcv",
    "ip6_input",
    "ip6_protocol_deliver",
    "tcp_v4_rcv",
    "tcp_v6_rcv",
    "tcp_v4_do_rcv",
    "tcp_v6_do_rcv",
    "tcp_rcv_",
    "tcp_data_queue",
    "tcp_validate_incoming",
    "cookie_v4_check",
    "cookie_v6_check",
];

/// Of those that hand a packet to a device, or get it ready for one.
const SEND: &[&str] = &[
    "__dev_queue_xmit",
    "__dev_xmit_skb",
    "__dev_direct_xmit",
    "dev_hard_start_xmit",
    "dev_qdisc_enqueue",
    "sch_direct_xmit",
    "veth_xmit",
    "tun_net_xmit",
    "neigh_invalidate",
    "neigh_resolve_output",
    "neigh_event_send_probe",
    "__neigh_event_send",
    "dst_discard_out",
    "ip6_pkt_discard_out",
    "ip6_pkt_prohibit_out",
    "ip_finish_output",
    "__ip_finish_output",
    "ip_output",
    "ip_do_fragment",
    "ip_local_out",
    "__ip_local_out",
    "ip6_finish_output",
    "__ip6_finish_output",
    "ip6_output",
    "ip6_fragment",
    "ip6_local_out",
    "__ip6_local_out",
];

/// Of those that make packets, and send them.
const MAKE: &[&str] = &[
    "__tcp_transmit_skb",
    "tcp_transmit_skb",
    "__ip_queue_xmit",
    "ip_queue_xmit",
    "ip6_xmit",
    "inet6_csk_xmit",
    "ip_build_and_send_pkt",
    "ip_send_",
];

/// Of those that lead from receiving to sending.
const FORWARD: &[&str] = &["ip_forward", "ip6_forward"];

/// Of those that send what had to wait: how it came there, another stack has held.
const LATER: &[&str] = &[
    "__qdisc_run",
    "net_tx_action",
    "__neigh_update",
    "neigh_timer_handler",
];

/// What the stack tells; `location` is the function that freed the packet. Nothing where no frame is
/// known.
#[must_use]
pub fn course(location: Option<&str>, names: &[&str]) -> Option<Course> {
    let own = names.iter().take_while(|name| !BOUNDARIES.contains(name));
    let mut sends = false;
    for name in location.iter().chain(own) {
        let is = |set: &[&str]| set.iter().any(|start| name.starts_with(start));
        if is(LATER) {
            return Some(Course::Out);
        } else if is(FORWARD) {
            return Some(Course::Forwarded);
        } else if is(MAKE) || (sends && name.starts_with("tcp_")) {
            return Some(Course::Sent);
        } else if is(RECEIVE) {
            // `ip_forward` ends in a jump to what sends, and leaves no frame.
            let forwarded = if sends {
                Course::Forwarded
            } else {
                Course::Received
            };
            return Some(forwarded);
        }
        sends |= is(SEND);
    }
    sends.then_some(Course::Out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stacks seen on 6.18, from the freeing on, in the lab's rows.
    const SEEN: &[(Course, &str)] = &[
        (
            Course::Sent,
            "tun_net_xmit dev_hard_start_xmit sch_direct_xmit __dev_queue_xmit ip_finish_output2 ip_output \
             __ip_queue_xmit __tcp_transmit_skb tcp_connect",
        ),
        (
            Course::Sent,
            "__dev_queue_xmit ip6_finish_output ip6_output ip6_xmit inet6_csk_xmit __tcp_transmit_skb",
        ),
        (
            Course::Forwarded,
            "__dev_queue_xmit ip_finish_output2 ip_output __netif_receive_skb_one_core process_backlog \
             __napi_poll net_rx_action handle_softirqs do_softirq __local_bh_enable_ip __dev_queue_xmit",
        ),
        (
            Course::Forwarded,
            "ip6_forward __netif_receive_skb_one_core process_backlog __napi_poll",
        ),
        (
            Course::Forwarded,
            "dst_discard_out __netif_receive_skb_one_core process_backlog __napi_poll",
        ),
        (
            Course::Out,
            "__dev_queue_xmit __neigh_update arp_process __netif_receive_skb_one_core process_backlog",
        ),
        (
            Course::Out,
            "neigh_invalidate neigh_timer_handler call_timer_fn __run_timers run_timer_softirq",
        ),
        (
            Course::Received,
            "do_xdp_generic __netif_receive_skb_core __netif_receive_skb_one_core process_backlog",
        ),
        (
            Course::Received,
            "veth_xdp_rcv_skb veth_xdp_rcv veth_poll __napi_poll net_rx_action handle_softirqs do_softirq \
             __local_bh_enable_ip __dev_queue_xmit ip_finish_output2 ip_output __ip_queue_xmit",
        ),
        (
            Course::Received,
            "ip_rcv_finish_core ip_rcv __netif_receive_skb_one_core process_backlog",
        ),
        (
            Course::Received,
            "tcp_v4_rcv ip_protocol_deliver_rcu ip_local_deliver_finish __netif_receive_skb_one_core",
        ),
        (
            Course::Received,
            "tcp_v6_do_rcv tcp_v6_rcv ip6_protocol_deliver_rcu ip6_input_finish ip6_input",
        ),
    ];

    #[test]
    fn stacks_seen_tell_the_way() {
        for (seen, stack) in SEEN {
            let freeing = ["__traceiter_kfree_skb", "sk_skb_reason_drop"].into_iter();
            let names: Vec<&str> = freeing.chain(stack.split_whitespace()).collect();
            assert_eq!(course(Some(names[2]), &names), Some(*seen), "{stack}");
        }
    }

    #[test]
    fn without_a_stack_the_function_alone_may_tell() {
        assert_eq!(course(Some("tcp_v4_rcv"), &[]), Some(Course::Received));
        assert_eq!(course(Some("tun_net_xmit"), &[]), Some(Course::Out));
        assert_eq!(course(Some("some_new_function"), &[]), None);
        assert_eq!(course(None, &["process_backlog", "ip_output"]), None);
    }
}

//! What the kernel stack at a packet's death tells of the firewall: which hook, which engine.
//!
//! Names are as [`super::symbols::Symbols::resolve`] gives them, innermost first. On loopback and
//! veth one stack holds the way of several packets: a SYN's send path, the softirq it ran into,
//! the receive path of its answer. So only the frame that called the hooks counts, never one
//! further out.

/// Beyond these begins another packet's way, or none (net/core/dev.c).
pub(super) const BOUNDARIES: [&str; 5] = [
    "process_backlog",
    "__napi_poll",
    "net_rx_action",
    "__do_softirq",
    "handle_softirqs",
];

/// Callers of `nf_hook_slow`, as seen on 6.18, and what inlining makes of them elsewhere.
const HOOKS: [(&str, &[&str]); 8] = [
    (
        "prerouting",
        &[
            "ip_rcv",
            "ipv6_rcv",
            "ip_list_rcv",
            "ipv6_list_rcv",
            "ip_sublist_rcv",
            "ip6_sublist_rcv",
            "ip_sabotage_in",
        ],
    ),
    ("input", &["ip_local_deliver", "ip6_input"]),
    ("forward", &["ip_forward", "ip6_forward"]),
    // IPv6 has no counterpart of __ip_local_out on TCP's way: ip6_xmit calls the hook itself.
    (
        "output",
        &[
            "__ip_local_out",
            "ip_local_out",
            "__ip6_local_out",
            "ip6_local_out",
            "ip6_xmit",
            "ip_build_and_send_pkt",
            "__ip_queue_xmit",
            "ip_queue_xmit",
            "ip_push_pending_frames",
            "ip_send_skb",
        ],
    ),
    (
        "postrouting",
        &[
            "ip_output",
            "ip_mc_output",
            "ip6_output",
            "ip6_finish_output",
            "xfrm4_output",
            "xfrm6_output",
            "__xfrm4_output",
            "__xfrm6_output",
        ],
    ),
    (
        "ingress",
        &["__netif_receive_skb_core", "nf_hook_ingress", "nf_ingress"],
    ),
    ("egress", &["__dev_queue_xmit", "nf_hook_egress"]),
    (
        "bridge",
        &[
            "br_handle_frame",
            "br_handle_frame_finish",
            "br_pass_frame_up",
            "__br_forward",
            "br_forward_finish",
            "br_nf_hook_thresh",
            "br_nf_pre_routing",
            "br_nf_pre_routing_ipv6",
            "br_nf_local_in",
            "br_nf_forward",
            "br_nf_forward_ip",
            "br_nf_post_routing",
        ],
    ),
];

/// Frames between the verdict and the caller of the hooks: netfilter's own, and what is left of
/// the inline functions of include/linux/netfilter.h.
const INNER: [&str; 11] = [
    "nf_",
    "NF_HOOK",
    "nft_",
    "ipt_",
    "ip6t_",
    "iptable_",
    "ip6table_",
    "xt_",
    "ebt_",
    "ipv4_conntrack_",
    "ipv6_conntrack_",
];

/// Who gave the verdict, by the innermost of these frames.
const ENGINES: [(&str, &str); 4] = [
    ("nft_do_chain", "nftables"),
    ("ipt_do_table", "iptables-legacy"),
    ("ip6t_do_table", "iptables-legacy"),
    ("nf_hook_slow", "netfilter"),
];

/// The hook that dropped a packet: upper case where iptables and nftables share it, else as in
/// nftables (`ingress`, `egress`), or `bridge`.
///
/// Of use only for a packet that netfilter dropped. Nothing where the caller of the hooks is not
/// known, since the frames beyond it may be another packet's.
pub fn netfilter_hook(names: &[&str]) -> Option<&'static str> {
    let (verdict, _) = verdict(names)?;
    let beyond = names.get(verdict..)?;
    let caller = beyond.iter().find(|name| is_caller(name))?;
    HOOKS
        .iter()
        .find(|(_, callers)| callers.contains(caller))
        .map(|(hook, _)| *hook)
}

/// The engine that dropped a packet: `nftables` (also iptables-nft), `iptables-legacy` where its
/// own frame is left, else `netfilter`: iptables-legacy, connection tracking and others, which
/// leave the freeing to `nf_hook_slow` (net/netfilter/core.c), as nftables too did before 6.1.
pub fn engine(names: &[&str]) -> Option<&'static str> {
    verdict(names).map(|(_, engine)| engine)
}

/// One of the names that [`netfilter_hook`] and [`engine`] give; `None` for any other word.
#[must_use]
pub fn known(name: &str) -> Option<&'static str> {
    let hooks = HOOKS.iter().map(|(hook, _)| *hook);
    let engines = ENGINES.iter().map(|(_, engine)| *engine);
    hooks.chain(engines).find(|known| *known == name)
}

/// Index of the innermost frame of an engine, and the engine.
fn verdict(names: &[&str]) -> Option<(usize, &'static str)> {
    let own = names.iter().take_while(|name| !BOUNDARIES.contains(name));
    own.enumerate().find_map(|(index, name)| {
        let (_, engine) = ENGINES.iter().find(|(frame, _)| frame == name)?;
        Some((index, *engine))
    })
}

fn is_caller(name: &str) -> bool {
    let wrapper = matches!(name, "nf_hook_ingress" | "nf_ingress" | "nf_hook_egress");
    wrapper || !INNER.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows in every stack where the packet of a connect(2) was handled at its receiver.
    const SOFTIRQ: &str = "__netif_receive_skb_one_core process_backlog __napi_poll net_rx_action \
        handle_softirqs do_softirq __local_bh_enable_ip __dev_queue_xmit ip_finish_output2 ip_output \
        __ip_queue_xmit __tcp_transmit_skb tcp_connect tcp_v4_connect __inet_stream_connect";

    /// Stacks seen on 6.18, from the freeing on; `softirq` stands for [`SOFTIRQ`].
    const SEEN: &[(&str, &str)] = &[
        (
            "output",
            "nft_do_chain nft_do_chain_inet nf_hook_slow __ip_local_out ip_local_out __ip_queue_xmit \
            __tcp_transmit_skb tcp_connect",
        ),
        (
            "output",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip6_xmit inet6_csk_xmit __tcp_transmit_skb",
        ),
        (
            "output",
            "nft_do_chain nft_do_chain_inet nf_hook_slow __ip_local_out ip_build_and_send_pkt \
            tcp_v4_send_synack tcp_conn_request tcp_rcv_state_process tcp_v4_do_rcv tcp_v4_rcv \
            ip_protocol_deliver_rcu ip_local_deliver_finish softirq",
        ),
        (
            "output",
            "nft_do_chain nft_do_chain_inet nf_hook_slow __ip_local_out ip_push_pending_frames \
            ip_send_unicast_reply tcp_v4_send_reset tcp_v4_rcv softirq",
        ),
        (
            "output",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip6_xmit tcp_v6_send_response \
            tcp_v6_send_reset tcp_v6_rcv ip6_protocol_deliver_rcu ip6_input_finish ip6_input softirq",
        ),
        (
            "postrouting",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip_output __ip_queue_xmit",
        ),
        (
            "postrouting",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip6_output ip6_xmit inet6_csk_xmit",
        ),
        (
            "postrouting",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip_output softirq",
        ),
        (
            "postrouting",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip6_output softirq",
        ),
        (
            "prerouting",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip_rcv softirq",
        ),
        (
            "prerouting",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ipv6_rcv softirq",
        ),
        (
            "forward",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip_forward softirq",
        ),
        (
            "forward",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip6_forward softirq",
        ),
        (
            "input",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip_local_deliver softirq",
        ),
        (
            "input",
            "nft_do_chain nft_do_chain_inet nf_hook_slow ip6_input softirq",
        ),
        (
            "ingress",
            "nft_do_chain nft_do_chain_netdev nf_hook_slow __netif_receive_skb_core softirq",
        ),
        (
            "ingress",
            "nft_do_chain nft_do_chain_inet_ingress nf_hook_slow __netif_receive_skb_core softirq",
        ),
        (
            "egress",
            "nft_do_chain nft_do_chain_netdev nf_hook_slow __dev_queue_xmit ip_finish_output2 ip_output",
        ),
        (
            "egress",
            "nft_do_chain nft_do_chain_netdev nf_hook_slow __dev_queue_xmit ip6_finish_output ip6_output",
        ),
    ];

    /// iptables-legacy, on 6.18 too.
    const SEEN_LEGACY: &[(&str, &str)] = &[
        ("input", "nf_hook_slow ip_local_deliver softirq"),
        (
            "output",
            "nf_hook_slow __ip_local_out ip_local_out __ip_queue_xmit __tcp_transmit_skb",
        ),
    ];

    fn frames(stack: &'static str) -> Vec<&'static str> {
        let freeing = ["trace_event_raw_event_kfree_skb", "sk_skb_reason_drop"].into_iter();
        let own = stack.split_whitespace().flat_map(|name| match name {
            "softirq" => SOFTIRQ.split_whitespace().collect(),
            name => vec![name],
        });
        freeing.chain(own).collect()
    }

    #[test]
    fn stacks_seen_name_their_hook_and_engine() {
        for (hook, stack) in SEEN {
            assert_eq!(netfilter_hook(&frames(stack)), Some(*hook), "{stack}");
            assert_eq!(engine(&frames(stack)), Some("nftables"), "{stack}");
        }
        for (hook, stack) in SEEN_LEGACY {
            assert_eq!(netfilter_hook(&frames(stack)), Some(*hook), "{stack}");
            assert_eq!(engine(&frames(stack)), Some("netfilter"), "{stack}");
        }
    }

    #[test]
    fn what_is_left_of_inline_functions_is_passed_over() {
        let stack = ["nf_hook_slow", "nf_hook", "NF_HOOK", "ip_rcv"];
        assert_eq!(netfilter_hook(&stack), Some("prerouting"));
        let list = [
            "nf_hook_slow",
            "nf_hook_slow_list",
            "ip_sublist_rcv",
            "ip_list_rcv",
        ];
        assert_eq!(netfilter_hook(&list), Some("prerouting"));
        assert_eq!(
            netfilter_hook(&["nf_hook_slow", "br_nf_pre_routing"]),
            Some("bridge")
        );
        assert_eq!(
            engine(&["ipt_do_table", "nf_hook_slow", "ip_rcv"]),
            Some("iptables-legacy")
        );
    }

    #[test]
    fn an_unknown_caller_is_not_guessed_from_frames_beyond_it() {
        assert_eq!(
            netfilter_hook(&frames("nf_hook_slow some_new_function softirq")),
            None
        );
        assert_eq!(netfilter_hook(&frames("tcp_v4_rcv softirq")), None);
        assert_eq!(
            engine(&frames("tcp_v4_rcv softirq nf_hook_slow ip_output")),
            None
        );
        assert_eq!(netfilter_hook(&[]), None);
        assert_eq!(engine(&[]), None);
    }
}

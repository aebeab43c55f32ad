//! What the kernel's drop reasons mean (`include/net/dropreason-core.h`).
//!
//! Names only: the numbers differ from kernel to kernel.

/// What a drop reason means; `None` where it is not described yet.
///
/// `name` is the kernel's name without `SKB_DROP_REASON_`.
#[must_use]
pub fn meaning(name: &str) -> Option<&'static str> {
    REASONS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|&(_, meaning)| meaning)
}

/// The names of all reasons that are described.
pub fn names() -> impl Iterator<Item = &'static str> {
    REASONS.iter().map(|&(name, _)| name)
}

/// Reasons with their meaning, by subject.
static REASONS: &[(&str, &str)] = &[
    // Without a reason of its own.
    (
        "NOT_SPECIFIED",
        "the kernel gives no reason here; the function that dropped it tells more",
    ),
    ("NOMEM", "an allocation failed"),
    (
        "QUEUE_PURGE",
        "a socket was closed with packets still queued; ordinary",
    ),
    // Routing and interfaces.
    ("IP_INNOROUTES", "no route for a packet that came in"),
    ("IP_OUTNOROUTES", "no route for a packet on its way out"),
    (
        "IP_RPFILTER",
        "the reverse-path filter: the route back does not use this interface",
    ),
    ("DEV_READY", "the device is not ready to send"),
    // Neighbours.
    ("NEIGH_CREATEFAIL", "no neighbour entry could be made"),
    (
        "NEIGH_FAILED",
        "the next hop did not answer ARP or neighbour discovery",
    ),
    (
        "NEIGH_QUEUEFULL",
        "too many packets wait for the next hop's link-layer address",
    ),
    ("NEIGH_DEAD", "the neighbour entry was being removed"),
    // Firewall, programs, queues.
    (
        "NETFILTER_DROP",
        "a netfilter hook gave the verdict drop (firewall, connection tracking)",
    ),
    (
        "TC_INGRESS",
        "a tc ingress program or classifier dropped it",
    ),
    ("TC_EGRESS", "a tc egress program or classifier dropped it"),
    ("XDP", "a generic XDP program dropped it"),
    (
        "BPF_CGROUP_EGRESS",
        "a cgroup_skb egress program dropped it",
    ),
    (
        "SOCKET_FILTER",
        "a socket filter, or a cgroup_skb ingress program, dropped it",
    ),
    (
        "QDISC_DROP",
        "the queueing discipline of the device dropped it",
    ),
    (
        "QDISC_OVERLIMIT",
        "the queueing discipline had reached its limit",
    ),
    (
        "QDISC_CONGESTED",
        "the queueing discipline's congestion control dropped it",
    ),
    ("CAKE_FLOOD", "the cake qdisc's flood protection dropped it"),
    ("FQ_BAND_LIMIT", "the fq qdisc's band had reached its limit"),
    (
        "FQ_HORIZON_LIMIT",
        "the fq qdisc: its time to be sent lay too far ahead",
    ),
    (
        "FQ_FLOW_LIMIT",
        "the fq qdisc: this flow had reached its limit",
    ),
    // Damage.
    ("PKT_TOO_SMALL", "shorter than its headers say"),
    ("IP_CSUM", "wrong IP header checksum"),
    ("IP_INHDR", "bad IP header"),
    ("TCP_CSUM", "wrong TCP checksum"),
    ("SKB_CSUM", "the checksum could not be computed or verified"),
    // TCP.
    (
        "NO_SOCKET",
        "no socket listens or is connected there; answered with a RST (at cookie_v4_check or \
         cookie_v6_check: the listener's accept queue was full)",
    ),
    ("PROTO_MEM", "TCP's memory is over its limit (tcp_mem)"),
    ("TCP_LISTEN_OVERFLOW", "the listener's accept queue is full"),
    ("TCP_FLAGS", "flags that make no sense in this state"),
    ("TCP_INVALID_SYN", "a SYN where none may come"),
    ("TCP_MINTTL", "hop limit below what the socket demands"),
    ("TCP_AUTH_HDR", "bad option for TCP-MD5 or TCP-AO"),
    (
        "TCP_MD5NOTFOUND",
        "no TCP-MD5 signature, and one is demanded",
    ),
    (
        "TCP_MD5UNEXPECTED",
        "a TCP-MD5 signature, and none is expected",
    ),
    ("TCP_MD5FAILURE", "wrong TCP-MD5 signature"),
    ("TCP_AONOTFOUND", "no TCP-AO signature, and one is demanded"),
    (
        "TCP_AOUNEXPECTED",
        "a TCP-AO signature, and none is expected",
    ),
    ("TCP_AOKEYNOTFOUND", "a TCP-AO key that is not known"),
    ("TCP_AOFAILURE", "wrong TCP-AO signature"),
    ("TCP_INVALID_SEQUENCE", "sequence number outside the window"),
    (
        "TCP_INVALID_END_SEQUENCE",
        "the segment ends outside the window",
    ),
    (
        "TCP_INVALID_ACK_SEQUENCE",
        "acknowledges what was never sent",
    ),
    ("TCP_RFC7323_PAWS", "timestamp older than the last one seen"),
    (
        "TCP_RFC7323_PAWS_ACK",
        "a bare acknowledgement with an old timestamp; mostly reordering",
    ),
    (
        "TCP_RFC7323_TSECR",
        "echoes a timestamp that was never sent",
    ),
    (
        "TCP_OLD_DATA",
        "data that had been received before; ordinary after a retransmission",
    ),
    (
        "TCP_OLD_SEQUENCE",
        "an old sequence number; ordinary after a retransmission",
    ),
    ("TCP_OLD_ACK", "an old acknowledgement; ordinary"),
    (
        "TCP_OFOMERGE",
        "data that the out-of-order queue held already; ordinary",
    ),
    ("TCP_RESET", "a RST to a listener; ordinary"),
    (
        "TCP_OVERWINDOW",
        "data beyond the window that the receiver had offered",
    ),
    (
        "TCP_ZEROWINDOW",
        "data although the receiver's window is closed: its application does not read",
    ),
    (
        "TCP_ABORT_ON_DATA",
        "data for a connection that the application has closed: it is reset",
    ),
    ("PKT_TOO_BIG", "larger than the MTU of the next link"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_reasons_by_name() {
        assert!(meaning("NETFILTER_DROP").is_some());
        assert!(meaning("NO_SUCH_REASON").is_none());
    }

    #[test]
    fn every_reason_is_there_once() {
        let mut all: Vec<_> = names().collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}

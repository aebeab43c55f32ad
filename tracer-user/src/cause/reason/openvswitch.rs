//! Open vSwitch (subsystem 2 of a drop reason).

use super::Reason;

/// Where Open vSwitch shows what it does with a packet.
const FLOWS: &str = "ovs-dpctl dump-flows -m | grep drop [openvswitch-switch]";

pub(super) static REASONS: &[Reason] = &[
    Reason::failure(
        "OVS_DROP_LAST_ACTION",
        "the flow ends without an output: dropped by intent, mostly",
    )
    .look(FLOWS),
    Reason::failure("OVS_DROP_ACTION_ERROR", "an action of the flow failed").look(FLOWS),
    Reason::failure("OVS_DROP_EXPLICIT", "a drop action of the flow").look(FLOWS),
    Reason::failure(
        "OVS_DROP_EXPLICIT_WITH_ERROR",
        "a drop action of the flow, since ovs-vswitchd met an error",
    )
    .look(FLOWS),
    Reason::failure("OVS_DROP_METER", "over the rate of a meter")
        .look("ovs-ofctl -O OpenFlow13 meter-stats BRIDGE [openvswitch-switch]"),
    Reason::failure(
        "OVS_DROP_RECURSION_LIMIT",
        "recirculated too often: a loop of flows",
    )
    .look(FLOWS),
    Reason::failure(
        "OVS_DROP_DEFERRED_LIMIT",
        "too many actions put off for one packet",
    )
    .look(FLOWS),
    Reason::failure(
        "OVS_DROP_FRAG_L2_TOO_LONG",
        "to be fragmented, and its link-layer header is too long for that",
    ),
    Reason::failure(
        "OVS_DROP_FRAG_INVALID_PROTO",
        "to be fragmented, and neither IPv4 nor IPv6",
    ),
    Reason::failure(
        "OVS_DROP_CONNTRACK",
        "connection tracking of Open vSwitch did not take it",
    ),
    Reason::failure("OVS_DROP_IP_TTL", "its hop limit ran out in Open vSwitch"),
];

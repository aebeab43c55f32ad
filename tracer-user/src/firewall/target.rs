//! Targets of iptables, by name: nftables shows those of iptables-nft, too.

/// What becomes of a packet there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Drop,
    Reject,
    Accept,
    Return,
    /// It takes the packet away, or translates it, which may fail: then the packet is dropped.
    Takes,
    /// It goes on with the next rule.
    Continue,
    /// An extension that is not known.
    Unknown,
}

/// Those that change or note something, and let the packet go on (iptables-extensions(8)).
const CONTINUE: [&str; 25] = [
    "AUDIT",
    "CHECKSUM",
    "CLASSIFY",
    "CONNMARK",
    "CONNSECMARK",
    "CT",
    "DSCP",
    "ECN",
    "HL",
    "HMARK",
    "IDLETIMER",
    "LED",
    "LOG",
    "MARK",
    "NFLOG",
    "NOTRACK",
    "RATEEST",
    "SECMARK",
    "SET",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TRACE",
    "TTL",
];

/// Those that translate, or hand the packet to somebody else.
const TAKES: [&str; 10] = [
    "DNAT",
    "MASQUERADE",
    "NETMAP",
    "NFQUEUE",
    "QUEUE",
    "REDIRECT",
    "SNAT",
    "SYNPROXY",
    "TPROXY",
    "CLUSTERIP",
];

/// By its name; a name that is none of these may be a chain's.
pub(super) fn target(name: &str) -> Target {
    match name {
        "DROP" => Target::Drop,
        "REJECT" => Target::Reject,
        "ACCEPT" => Target::Accept,
        "RETURN" => Target::Return,
        name if CONTINUE.contains(&name) => Target::Continue,
        name if TAKES.contains(&name) => Target::Takes,
        _ => Target::Unknown,
    }
}

//! Events about listening sockets: when they begin and end, and what happens to packets at them.

use crate::event::{
    Head, Owner, Packet, Tuple,
    tcp_flag::{ACK, RST, SYN},
};

/// Kinds of these events: the first field of [`Head`].
pub mod kind {
    /// [`super::Listening`].
    pub const LISTENING: u32 = 32;
    /// [`super::AtListener`].
    pub const AT_LISTENER: u32 = 33;
    /// [`super::CameUp`].
    pub const CAME_UP: u32 = 34;
}

wire! {
    /// A listening socket as it is at some moment.
    pub struct Listener {
        /// Local address: unspecified where it listens on all.
        pub local: [u8; 16],
        /// Local port.
        pub local_port: u16,
        /// `AF_INET` or `AF_INET6`.
        pub family: u16,
        /// Inode number of the network namespace.
        pub netns: u32,
        /// Inode number of the socket; 0 where no descriptor holds it.
        pub inode: u64,
        /// Socket cookie; 0 where nobody has asked for it yet.
        pub cookie: u64,
        /// Connections that wait for `accept()` (`sk_ack_backlog`).
        pub backlog: u32,
        /// Its limit (`sk_max_ack_backlog`).
        pub backlog_limit: u32,
        /// Handshakes under way (`icsk_accept_queue.qlen`).
        pub syn_queue: u32,
        /// Packets that it has dropped since it was made (`sk_drops`); wraps around.
        pub drops: u32,
        /// TCP state (`include/net/tcp_states.h`); 0 where the socket is gone.
        pub state: u32,
        /// Of an IPv6 listener one of [`flag`]; 0 where it is not known. Of others it means nothing.
        pub flags: u32,
    }
}

/// Which families an IPv6 listener takes.
pub mod flag {
    /// `IPV6_V6ONLY`: IPv6 alone.
    pub const IPV6_ONLY: u32 = 1;
    /// IPv4 as well.
    pub const BOTH_FAMILIES: u32 = IPV6_ONLY + 1;
}

/// How a listener came to be known.
pub mod how {
    /// `listen()`: the owner is its caller.
    pub const BEGAN: u32 = 1;
    /// It was there before; the owner is a process that holds it.
    pub const FOUND: u32 = 2;
    /// It listens no longer; the owner is all zero.
    pub const ENDED: u32 = 3;
}

wire! {
    /// A socket begins to listen, was found listening, or ends.
    pub struct Listening {
        /// Common fields; `sk` is the listener.
        pub head: Head,
        /// What it is like.
        pub listener: Listener,
        /// Who called `listen()`, or holds it.
        pub owner: Owner,
        /// One of [`how`].
        pub how: u32,
        /// Always 0.
        pub reserved: u32,
    }
}

/// What happened to a packet at a listener.
pub mod what {
    /// `kfree_skb`: it was dropped; the listener is its receiver.
    pub const DROPPED: u32 = 1;
    /// `tcp_send_reset`: it was answered by a RST.
    pub const RESET: u32 = 2;
    /// `tcp_retransmit_synack`: the answer to it was sent again.
    pub const ANSWERED_AGAIN: u32 = 3;
}

wire! {
    /// Something happened to a packet at a listener.
    pub struct AtListener {
        /// Common fields; `sk` is the listener.
        pub head: Head,
        /// What the listener is like.
        pub listener: Listener,
        /// The packet. For [`what::ANSWERED_AGAIN`] only its two ends, `seq` (the client's initial
        /// sequence number), `ip_version` and `netns` are known.
        pub packet: Packet,
        /// Of a drop: return address of the call that dropped it.
        pub location: u64,
        /// How many of this kind and reason there were at this listener, this one included: exact
        /// even where events are held back.
        pub count: u64,
        /// One of [`what`].
        pub what: u32,
        /// `enum skb_drop_reason` or `enum sk_rst_reason` of the running kernel; `u32::MAX` where it
        /// has none.
        pub reason: u32,
        /// Of an answer: how often it was sent again (`request_sock.num_retrans`).
        pub retransmits: u32,
        /// Always 0.
        pub reserved: u32,
    }
}

wire! {
    /// A connection that a listener made came up, from a client that had to be answered again.
    pub struct CameUp {
        /// Common fields; `sk` is the new socket.
        pub head: Head,
        /// The two ends as this host sees them.
        pub tuple: Tuple,
        /// `tcp_sock.total_retrans`: how often its SYN-ACK was sent again (`tcp_create_openreq_child`,
        /// `net/ipv4/tcp_minisocks.c`). 0 in traces of versions that did not keep it.
        pub synack_retransmits: u32,
        /// Always 0.
        pub reserved: u32,
    }
}

wire! {
    /// What is counted of a listener, each by itself.
    pub struct CountKey {
        /// Inode number of the listener; its address where it has none.
        pub listener: u64,
        /// One of [`what`].
        pub what: u32,
        /// As in [`AtListener::reason`].
        pub reason: u32,
        /// The packet's TCP flags, as far as they tell handshakes from the rest: [`class`].
        pub class: u32,
        /// Always 0.
        pub reserved: u32,
    }
}

impl CountKey {
    /// The key that something is counted by: `sk` and `inode` are the listener's, `flags` the packet's.
    #[must_use]
    pub const fn of(sk: u64, inode: u64, what: u32, reason: u32, flags: u16) -> Self {
        Self {
            listener: if inode == 0 { sk } else { inode },
            what,
            reason,
            class: class(flags),
            reserved: 0,
        }
    }
}

/// SYN, RST and ACK of a packet's TCP flags (RFC 9293, 3.1).
#[must_use]
pub const fn class(flags: u16) -> u32 {
    (flags & (SYN | RST | ACK)) as u32
}

/// Listeners that one look takes in: two numbers each, and a program takes twelve.
pub const LOOKS: u32 = 12;

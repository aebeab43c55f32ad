//! TCP states, by the kernel's numbers (`include/net/tcp_states.h`).

/// `ESTABLISHED` (RFC 9293, 3.3.2), as the next ones.
pub const ESTABLISHED: u32 = 1;
/// `SYN-SENT`.
pub const SYN_SENT: u32 = 2;
/// `SYN-RECEIVED`.
pub const SYN_RECV: u32 = 3;
/// `FIN-WAIT-1`.
pub const FIN_WAIT1: u32 = 4;
/// `FIN-WAIT-2`.
pub const FIN_WAIT2: u32 = 5;
/// `CLOSED`.
pub const CLOSE: u32 = 7;
/// `CLOSE-WAIT`.
pub const CLOSE_WAIT: u32 = 8;
/// `LAST-ACK`.
pub const LAST_ACK: u32 = 9;
/// `LISTEN`.
pub const LISTEN: u32 = 10;
/// `CLOSING`.
pub const CLOSING: u32 = 11;
/// A listener's request, that is no socket of its own yet: the kernel's alone.
pub const NEW_SYN_RECV: u32 = 12;

/// True for the states of a connection that has come up, and is not over.
#[must_use]
#[inline(always)]
pub const fn is_open(state: u32) -> bool {
    matches!(
        state,
        ESTABLISHED | FIN_WAIT1 | FIN_WAIT2 | CLOSE_WAIT | LAST_ACK | CLOSING
    )
}

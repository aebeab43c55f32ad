//! What was asked about the sockets of this host, remembered for a moment: one memory for all who ask.

use super::{holders::Holders, listeners::Listeners};

/// Asks, and remembers.
#[derive(Default)]
pub struct Sockets {
    /// Which processes hold a socket.
    pub holders: Holders,
    /// What listens in a network namespace.
    pub listeners: Listeners,
}

//! Which listener takes what comes to an address and a port.

use std::net::SocketAddr;

/// How closely a listener's own end matches that of a packet or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// It listens on every address, and of IPv6 in the first place: unless it is for that alone, which is
    /// not known.
    OtherFamily,
    /// It listens on every address.
    Everything,
    /// It listens on that very address.
    Address,
}

/// How closely a listener's own end matches a local end; `None` where it does not.
#[must_use]
pub fn closeness(listener: SocketAddr, local: SocketAddr) -> Option<Closeness> {
    let at = listener.ip();
    if listener.port() != local.port() {
        None
    } else if at == local.ip() {
        Some(Closeness::Address)
    } else if !at.is_unspecified() {
        None
    } else if at.is_ipv4() == local.is_ipv4() {
        Some(Closeness::Everything)
    } else {
        at.is_ipv6().then_some(Closeness::OtherFamily)
    }
}

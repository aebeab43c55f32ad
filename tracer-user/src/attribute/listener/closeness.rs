//! Which listener takes what comes to an address and a port.

use std::net::SocketAddr;

use tracer_ebpf::listener::flag;

/// How closely a listener's own end matches that of a packet or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// It listens on every address, and of IPv6 in the first place.
    OtherFamily,
    /// It listens on every address.
    Everything,
    /// It listens on that very address.
    Address,
}

/// How closely a listener's own end matches a local end; `None` where it does not. `flags` are the
/// listener's: where they do not tell, IPv6 takes IPv4, too, as it does unless somebody wants otherwise.
#[must_use]
pub fn closeness(listener: SocketAddr, flags: u32, local: SocketAddr) -> Option<Closeness> {
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
        (at.is_ipv6() && flags & flag::IPV6_ONLY == 0).then_some(Closeness::OtherFamily)
    }
}

//! Addresses and names as they come over the wire.

use std::net::{IpAddr, Ipv6Addr};

/// An address of the wire: IPv4 stands in its mapped form.
#[must_use]
pub fn address(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}

/// A name that ends at its first NUL; `None` where it is empty. Bytes that are no UTF-8 are shown as
/// the replacement character.
#[must_use]
pub fn name(bytes: &[u8]) -> Option<String> {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    (end > 0).then(|| String::from_utf8_lossy(&bytes[..end]).into_owned())
}

//! Readiness, said to whoever waits for it.

use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// Says that every hook is attached: on stderr, and to systemd where it waits for it.
pub(super) fn ready() {
    eprintln!("tcpwhy: ready");
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(why) = notify(&socket)
    {
        eprintln!("tcpwhy: cannot notify systemd: {why}");
    }
}

/// sd_notify(3): one datagram. A name that begins with `@` is in the abstract namespace.
fn notify(socket: &OsStr) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address)?;
    Ok(())
}

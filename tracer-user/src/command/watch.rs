//! `tcpwhy watch`: failures as they happen.

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

use super::live::{Live, Reason, Signals};
use crate::{
    cli::Watch,
    session::Wanted,
    show::{Output, text},
};

/// Runs until it is stopped.
///
/// # Errors
/// One line that says what could not be done, and what to try.
pub async fn run(watch: &Watch) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let color = watch.common.color.is_on(&io::stdout());
    let output = Output::new(watch.format, color, Box::new(io::stdout()));
    let wanted = Wanted {
        connections: watch.all,
        events: watch.events,
    };
    let mut live = Live::start(&watch.common, watch.limits, wanted, false, output)?;
    if live.is_degraded() && watch.format.name == text::FORMAT.name {
        eprintln!("tcpwhy: not everything can be seen here: `tcpwhy doctor` says what, and why");
    }
    ready();
    live.warm_up();
    let ledger = live
        .drive(async {
            signals.next().await;
            Reason::Interrupted
        })
        .await?;
    if watch.format.name == text::FORMAT.name {
        eprintln!("{}", text::closing(&ledger));
    }
    Ok(())
}

/// Says that every hook is attached: on stderr, and to systemd where it waits for it.
fn ready() {
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

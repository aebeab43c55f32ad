//! Asks `sock_diag(7)` for the socket of one connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::bail;
use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP},
    inet::{ExtensionFlags, InetRequest, SocketId, StateFlags},
};
use netlink_sys::{Socket, SocketAddr as NetlinkAddr, protocols::NETLINK_SOCK_DIAG};

/// A socket that has both of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// TCP's state (`include/net/tcp_states.h`).
    pub state: u32,
    /// Inode number of its file; 0 where no descriptor holds it.
    pub inode: u32,
}

/// Asks one network namespace.
pub struct Asker(Socket);

impl Asker {
    /// In the network namespace of this thread.
    ///
    /// # Errors
    /// Where the kernel refuses the socket.
    pub fn here() -> anyhow::Result<Self> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        socket.connect(&NetlinkAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    /// The socket that has these ends, whichever its own family is.
    ///
    /// # Errors
    /// Where the kernel refuses, or its answer cannot be read.
    pub fn find(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> anyhow::Result<Option<Connection>> {
        let found = self.ask(local, remote)?;
        match (local.ip(), remote.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) if found.is_none() => {
                let mapped = |addr: Ipv4Addr| IpAddr::V6(addr.to_ipv6_mapped());
                let local = SocketAddr::new(mapped(from), local.port());
                self.ask(local, SocketAddr::new(mapped(to), remote.port()))
            }
            _ => Ok(found),
        }
    }

    fn ask(&self, local: SocketAddr, remote: SocketAddr) -> anyhow::Result<Option<Connection>> {
        self.0.send(&request(local, remote), 0)?;
        let (answer, _) = self.0.recv_from_full()?;
        match NetlinkMessage::<SockDiagMessage>::deserialize(&answer)?.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                let header = &response.header;
                let id = &header.socket_id;
                // Where there is no such connection, the kernel answers with a listener.
                let same = (id.source_port, id.destination_port) == (local.port(), remote.port())
                    && id.destination_address.to_canonical() == remote.ip().to_canonical();
                Ok(same.then_some(Connection {
                    state: header.state.into(),
                    inode: header.inode,
                }))
            }
            NetlinkPayload::Error(error) => match error.raw_code().abs() {
                libc::ENOENT => Ok(None),
                _ => bail!(error.to_io()),
            },
            _ => bail!("the kernel's answer was not a socket"),
        }
    }
}

fn request(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let request = InetRequest {
        family: if local.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id: SocketId {
            source_port: local.port(),
            destination_port: remote.port(),
            source_address: local.ip(),
            destination_address: remote.ip(),
            interface_id: 0,
            // Whatever its cookie is (`INET_DIAG_NOCOOKIE`).
            cookie: [0xff; 8],
        },
    };
    let mut message = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(SockDiagMessage::InetRequest(request)),
    );
    message.header.flags = NLM_F_REQUEST;
    message.header.sequence_number = 1;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        os::{fd::AsRawFd as _, linux::fs::MetadataExt as _},
    };

    use super::*;

    #[test]
    fn the_socket_of_a_connection_is_found_and_no_listener() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (far, _) = listener.accept().unwrap();
            let asker = Asker::here().unwrap();
            let (local, remote) = (far.local_addr().unwrap(), far.peer_addr().unwrap());
            let found = asker.find(local, remote).unwrap().unwrap();
            let path = format!("/proc/self/fd/{}", far.as_raw_fd());
            assert_eq!(
                u64::from(found.inode),
                std::fs::metadata(path).unwrap().st_ino()
            );
            assert_eq!(found.state, 1);
            // Nobody has this end: the listener is not meant.
            let mut other = remote;
            other.set_port(1);
            assert_eq!(asker.find(local, other).unwrap(), None);
            drop(near);
        }
    }

    #[test]
    fn ipv4_on_a_socket_of_ipv6_is_found_too() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let near = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let accepted = listener.accept().unwrap();
        let (local, remote) = (near.peer_addr().unwrap(), near.local_addr().unwrap());
        let found = Asker::here().unwrap().find(local, remote).unwrap().unwrap();
        assert_ne!(found.inode, 0);
        drop(accepted);
    }
}

//! Listening sockets of a network namespace, as `sock_diag(7)` tells them: where they listen, how
//! full their accept queues are, and how many packets each has turned away.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP},
    inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags, nlas::Nla},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

use super::netns;

/// An answer serves the questions of so long.
const FRESH: Duration = Duration::from_secs(1);
/// Network namespaces remembered at most.
const MAX_NAMESPACES: usize = 256;
/// Listeners kept of one namespace and family.
const MAX_LISTENERS: usize = 65_536;

/// A socket in `LISTEN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Local address: unspecified where it listens on all.
    pub addr: IpAddr,
    /// Local port.
    pub port: u16,
    /// `IPV6_V6ONLY`: takes no IPv4. `None` for IPv4, and where the kernel does not tell.
    pub v6only: Option<bool>,
    /// `SO_BINDTODEVICE`: index of the device; 0 where it takes all.
    pub device: u32,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Inode number of the socket; 0 where no descriptor holds it (a listener of the kernel's own).
    pub inode: u32,
    /// Socket cookie, as `ss -e` shows it.
    pub cookie: u64,
    /// User who made it.
    pub uid: u32,
    /// Connections that wait for `accept()` now (`sk_ack_backlog`).
    pub backlog: u32,
    /// Its limit (`sk_max_ack_backlog`): the smaller of what `listen()` was given and
    /// `net.core.somaxconn`. The queue is full where `backlog` is more.
    pub backlog_limit: u32,
    /// Packets that it has dropped since it was made (`sk_drops`), of any kind; wraps around.
    pub drops: Option<u32>,
}

impl Listener {
    /// True where a SYN to this address and port could be this listener's.
    #[must_use]
    pub fn takes(&self, addr: IpAddr, port: u16) -> bool {
        let everything = self.addr.is_unspecified()
            && (self.addr.is_ipv4() == addr.is_ipv4()
                || (addr.is_ipv4() && self.v6only == Some(false)));
        self.port == port && (self.addr.to_canonical() == addr || everything)
    }

    /// True where its accept queue takes no more (`sk_acceptq_is_full`, `include/net/sock.h`).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.backlog > self.backlog_limit
    }
}

/// Listeners, or why they are not known.
pub type Answer = Result<Arc<[Listener]>, Arc<str>>;

/// Asks, and remembers for a moment.
#[derive(Default)]
pub struct Listeners {
    known: HashMap<u32, (Instant, Answer)>,
}

impl Listeners {
    /// All listeners of a network namespace, as of the last second. `tgid`, a process that may be in
    /// it, saves looking for one; 0 where none is known.
    ///
    /// # Errors
    /// Why they are not known: the namespace is gone, or the kernel has no `tcp_diag`.
    pub fn all(&mut self, netns: u32, tgid: u32) -> Answer {
        match self.known.get(&netns) {
            Some((since, answer)) if since.elapsed() < FRESH => answer.clone(),
            _ => self.look(netns, tgid),
        }
    }

    /// As [`Listeners::all`], but as of now.
    ///
    /// # Errors
    /// As [`Listeners::all`].
    pub fn look(&mut self, netns: u32, tgid: u32) -> Answer {
        if self.known.len() >= MAX_NAMESPACES {
            self.known.clear();
        }
        let answer = netns::within(netns, tgid, move || ask(netns))
            .map(Arc::from)
            .map_err(|why| Arc::from(format!("{why:#}")));
        self.known.insert(netns, (Instant::now(), answer.clone()));
        answer
    }

    /// The listeners of a network namespace on a port.
    ///
    /// # Errors
    /// As [`Listeners::all`].
    pub fn on_port(&mut self, netns: u32, tgid: u32, port: u16) -> Result<Vec<Listener>, Arc<str>> {
        let all = self.all(netns, tgid)?;
        Ok(all.iter().filter(|it| it.port == port).cloned().collect())
    }
}

/// The listeners of every network namespace of this host, as of now; the question ends after
/// `patience`. Also how many namespaces were not asked.
///
/// # Errors
/// Where no namespace could be asked.
pub fn everywhere(patience: Duration) -> anyhow::Result<(Vec<Listener>, usize)> {
    let (answers, left) = netns::within_each(patience, ask)?;
    let asked = answers.len();
    let mut all = Vec::new();
    let mut failed = None;
    let mut failures = 0;
    for answer in answers {
        match answer {
            Ok(listeners) => all.extend(listeners),
            Err(why) => {
                failures += 1;
                failed = Some(why);
            }
        }
    }
    match failed {
        Some(why) if failures == asked => Err(why),
        _ => Ok((all, left + failures)),
    }
}

/// In the network namespace of this thread. A kernel without IPv6 knows no such listeners.
fn ask(netns: u32) -> anyhow::Result<Vec<Listener>> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut all = dump(&socket, AF_INET, netns).context("sock_diag, IPv4")?;
    match dump(&socket, AF_INET6, netns) {
        Ok(more) => all.extend(more),
        Err(_) if !std::path::Path::new("/proc/thread-self/net/tcp6").exists() => {}
        Err(why) => return Err(why.context("sock_diag, IPv6")),
    }
    Ok(all)
}

fn dump(socket: &Socket, family: u8, netns: u32) -> anyhow::Result<Vec<Listener>> {
    socket.send(&request(family), 0)?;
    let mut found = Vec::new();
    loop {
        let (bytes, _) = socket.recv_from_full()?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest)?;
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(found),
                NetlinkPayload::Error(error) => bail!(error.to_io()),
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response))
                    if found.len() < MAX_LISTENERS =>
                {
                    found.push(listener(&response, netns));
                }
                _ => {}
            }
            // Messages begin at multiples of 4 (NLMSG_ALIGN).
            let length = usize::try_from(message.header.length)?.next_multiple_of(4);
            rest = rest.get(length.max(4)..).unwrap_or_default();
        }
        if bytes.is_empty() {
            return Err(anyhow!("the kernel's answer ends too early"));
        }
    }
}

fn request(family: u8) -> Vec<u8> {
    let socket_id = if family == AF_INET6 {
        SocketId::new_v6()
    } else {
        SocketId::new_v4()
    };
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::SKMEMINFO,
        states: StateFlags::LISTEN,
        socket_id,
    };
    let mut message = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(SockDiagMessage::InetRequest(request)),
    );
    message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.header.sequence_number = 1;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn listener(response: &InetResponse, netns: u32) -> Listener {
    let header = &response.header;
    let id = &header.socket_id;
    let drops = response.nlas.iter().find_map(|nla| match nla {
        Nla::MemInfo(info) => Some(info.drops),
        _ => None,
    });
    let v6only = response.nlas.iter().find_map(|nla| match nla {
        Nla::SkV6Only(only) => Some(*only),
        _ => None,
    });
    Listener {
        addr: id.source_address,
        port: id.source_port,
        v6only,
        device: id.interface_id,
        netns,
        inode: header.inode,
        cookie: u64::from_ne_bytes(id.cookie),
        uid: header.uid,
        backlog: header.recv_queue,
        backlog_limit: header.send_queue,
        drops,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        os::{fd::AsRawFd as _, linux::fs::MetadataExt as _},
    };

    use super::*;

    fn own() -> Vec<Listener> {
        ask(7).unwrap()
    }

    fn inode(socket: &TcpListener) -> u64 {
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        std::fs::metadata(path).unwrap().st_ino()
    }

    #[test]
    fn a_listener_is_told_with_its_queue() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = TcpListener::bind(address).unwrap();
            let local = socket.local_addr().unwrap();
            let _waits = TcpStream::connect(local).unwrap();
            let all = own();
            let found: Vec<_> = all.iter().filter(|it| it.port == local.port()).collect();
            let [found] = found.as_slice() else {
                panic!("{found:?}")
            };
            assert_eq!((found.addr, found.netns), (local.ip(), 7));
            assert_eq!(u64::from(found.inode), inode(&socket));
            assert_eq!((found.backlog, found.drops), (1, Some(0)));
            assert!(found.backlog_limit > 0 && !found.is_full());
            assert_eq!(found.v6only.is_some(), local.is_ipv6());
            assert_ne!(found.cookie, 0);
            assert!(found.takes(local.ip(), local.port()));
            assert!(!found.takes("192.0.2.1".parse().unwrap(), local.port()));
        }
    }

    #[test]
    fn only_a_listener_on_everything_takes_other_addresses() {
        let mut it = Listener {
            addr: "::".parse().unwrap(),
            port: 80,
            v6only: Some(false),
            device: 0,
            netns: 1,
            inode: 2,
            cookie: 3,
            uid: 0,
            backlog: 2,
            backlog_limit: 1,
            drops: None,
        };
        let (v4, v6): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        assert!(it.takes(v4, 80) && it.takes(v6, 80) && !it.takes(v4, 81) && it.is_full());
        it.v6only = Some(true);
        assert!(!it.takes(v4, 80) && it.takes(v6, 80));
        it.addr = "0.0.0.0".parse().unwrap();
        it.v6only = None;
        assert!(it.takes(v4, 80) && !it.takes(v6, 80));
    }

    #[test]
    fn an_answer_is_remembered_for_a_moment() {
        let here = netns::inode(std::path::Path::new("/proc/self/ns/net")).unwrap();
        let mut listeners = Listeners::default();
        let before = listeners.all(here, 0).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        // Unless this test was held up for a second.
        let same = listeners.all(here, 0).unwrap();
        assert!(Arc::ptr_eq(&before, &same) || same.iter().any(|it| it.port == port));
        let now = listeners.look(here, 0).unwrap();
        assert!(now.iter().any(|it| it.port == port));
        assert_eq!(listeners.on_port(here, 0, port).unwrap().len(), 1);
    }

    #[test]
    fn a_namespace_that_is_gone_is_said_to_be() {
        let why = Listeners::default().all(1, 0).unwrap_err();
        assert_eq!(&*why, "network namespace 1 is gone");
    }
}

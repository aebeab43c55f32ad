//! Asks the kernel's route lookup (`RTM_GETROUTE`, rtnetlink(7)) what it says of a destination.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{RouteAddress, RouteAttribute, RouteMessage, RouteType},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use tracer_ebpf::event::{Tuple, Unsent};

use super::netns;
use crate::{attribute::RouteAnswer, net};

/// An answer serves a burst of the same question.
const FRESH: Duration = Duration::from_millis(50);
/// Answers remembered at most.
const MAX_ANSWERS: usize = 1024;

/// What the lookup depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Question {
    netns: u32,
    destination: IpAddr,
    /// `SO_MARK`.
    mark: u32,
    /// `SO_BINDTODEVICE`.
    device: u32,
}

impl Question {
    fn of(tuple: &Tuple) -> Self {
        Self {
            netns: tuple.netns,
            destination: net::address(tuple.remote),
            mark: 0,
            device: 0,
        }
    }
}

/// Asks, and remembers for a moment.
#[derive(Default)]
pub struct Routes {
    answers: HashMap<Question, (Instant, RouteAnswer)>,
}

impl Routes {
    /// What the route lookup says of an attempt's destination, in its network namespace.
    pub fn ask(&mut self, unsent: &Unsent, tgid: u32) -> RouteAnswer {
        let question = Question {
            mark: unsent.mark,
            device: unsent.bound_device,
            ..Question::of(&unsent.tuple)
        };
        self.answer(question, tgid)
    }

    /// The same for a connection that had come up; its mark and device are not known.
    pub fn ask_plainly(&mut self, tuple: &Tuple, tgid: u32) -> RouteAnswer {
        self.answer(Question::of(tuple), tgid)
    }

    fn answer(&mut self, question: Question, tgid: u32) -> RouteAnswer {
        if let Some((since, answer)) = self.answers.get(&question)
            && since.elapsed() < FRESH
        {
            return answer.clone();
        }
        if self.answers.len() >= MAX_ANSWERS {
            self.answers.clear();
        }
        let answer = netns::within(question.netns, tgid, move || look_up(&question))
            .unwrap_or_else(|why| RouteAnswer::Unknown(why.to_string()));
        self.answers
            .insert(question, (Instant::now(), answer.clone()));
        answer
    }
}

/// Whether an address is one of a network namespace's own; `None` where that cannot be asked.
#[must_use]
pub fn is_local(netns: u32, tgid: u32, destination: IpAddr) -> Option<bool> {
    let question = Question {
        netns,
        destination,
        mark: 0,
        device: 0,
    };
    let answer = netns::within(netns, tgid, move || ask_kernel(&question)).ok()?;
    let local = matches!(
        answer,
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route))
            if route.header.kind == RouteType::Local
    );
    Some(local)
}

/// In the network namespace of this thread.
fn ipv6_is_off() -> bool {
    let off = |which: &str| {
        let path = format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6");
        std::fs::read_to_string(path).is_ok_and(|value| value.trim() == "1")
    };
    // Without IPv6 in the kernel there is no such file, and no such socket either.
    off("all") || off("lo") && off("default")
}

/// In the network namespace of this thread.
fn look_up(question: &Question) -> anyhow::Result<RouteAnswer> {
    if question.destination.is_ipv6() && ipv6_is_off() {
        return Ok(RouteAnswer::Ipv6Off);
    }
    Ok(match ask_kernel(question)? {
        NetlinkPayload::Error(error) => RouteAnswer::Refused(error.raw_code().abs()),
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) => {
            refusal(route.header.kind).map_or(RouteAnswer::Found, RouteAnswer::Refused)
        }
        _ => RouteAnswer::Unknown("the kernel's answer was not a route".to_owned()),
    })
}

/// One request, one answer, in the network namespace of this thread.
fn ask_kernel(question: &Question) -> anyhow::Result<NetlinkPayload<RouteNetlinkMessage>> {
    let mut request = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(RouteNetlinkMessage::GetRoute(message(question))),
    );
    request.header.flags = NLM_F_REQUEST;
    request.header.sequence_number = 1;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    Ok(NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)?.payload)
}

fn message(question: &Question) -> RouteMessage {
    let mut message = RouteMessage::default();
    let (family, length, address) = match question.destination {
        IpAddr::V4(address) => (AddressFamily::Inet, 32, RouteAddress::Inet(address)),
        IpAddr::V6(address) => (AddressFamily::Inet6, 128, RouteAddress::Inet6(address)),
    };
    message.header.address_family = family;
    message.header.destination_prefix_length = length;
    message
        .attributes
        .push(RouteAttribute::Destination(address));
    if question.mark != 0 {
        message.attributes.push(RouteAttribute::Mark(question.mark));
    }
    if question.device != 0 {
        message
            .attributes
            .push(RouteAttribute::Oif(question.device));
    }
    message
}

/// IPv6 answers with the refusing route itself (`fib6_prop`, `net/ipv6/route.c`).
fn refusal(kind: RouteType) -> Option<i32> {
    match kind {
        RouteType::BlackHole => Some(libc::EINVAL),
        RouteType::Unreachable => Some(libc::EHOSTUNREACH),
        RouteType::Prohibit => Some(libc::EACCES),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_a_route_in_every_namespace() {
        let question = |destination: &str| Question {
            netns: 0,
            destination: destination.parse().unwrap(),
            mark: 0,
            device: 0,
        };
        assert_eq!(look_up(&question("127.0.0.1")).unwrap(), RouteAnswer::Found);
    }
}

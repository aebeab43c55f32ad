//! Nothing listens there, but nearby something does: on another address, for the other family, in
//! another network namespace, or by now.

use std::net::SocketAddr;

use crate::{
    attribute::{ListenerHolder, NearbyListener},
    diagnose::{case::Case, finding::Finding, places::Places},
};

/// Where it was refused.
struct Refusal<'a> {
    netns: u32,
    reached: SocketAddr,
    client_netns: u32,
    places: &'a Places,
}

/// Adds to a refusal by this host what listens on the same port.
pub(super) fn say(
    case: &Case<'_>,
    mut finding: Finding,
    netns: u32,
    reached: SocketAddr,
) -> Finding {
    let refusal = Refusal {
        netns,
        reached,
        client_netns: case.attempt.tuple().netns,
        places: case.places,
    };
    let look = format!("{}ss -ltnp 'sport = {}'", case.way(netns), reached.port());
    let generic = "start the service, or correct the address and the port";
    let Some(nearby) = &case.attempt.nearby else {
        return finding.fix(look).fix(generic);
    };
    for listener in &nearby.listeners {
        finding = finding.why(refusal.why(listener));
    }
    let unknown = nearby.listeners.iter().find_map(|it| match &it.holder {
        ListenerHolder::Unknown(why) => Some(format!("who listens on {}: {why}", it.at)),
        _ => None,
    });
    if let Some(unknown) = unknown {
        finding = finding.missing(unknown);
    }
    if nearby.more > 0 {
        finding = finding.why(format!(
            "{} more listeners of this host have port {}",
            nearby.more,
            reached.port()
        ));
    }
    match &nearby.unknown {
        Some(why) => finding = finding.missing(format!("what else listens nearby: {why}")),
        None if nearby.listeners.is_empty() => {
            finding = finding.why(format!(
                "asked within a second of it, no listener of this host has port {}, on any address, in \
                 any network namespace",
                reached.port()
            ));
        }
        None => {}
    }
    match nearby.listeners.first() {
        Some(listener) => finding.fix(refusal.fix(listener)).fix(look),
        None => finding.fix(look).fix(generic),
    }
}

impl Refusal<'_> {
    fn why(&self, listener: &NearbyListener) -> String {
        let (who, at) = (who(listener), listener.at);
        if listener.netns != self.netns {
            return format!(
                "{who} listens on {at} in network namespace {}{}",
                listener.netns,
                self.name(listener.netns)
            );
        }
        if listener.device != 0 {
            return format!(
                "{who} listens on {at} only for what comes in by one device (SO_BINDTODEVICE, index {})",
                listener.device
            );
        }
        if listener.takes {
            return format!(
                "{who} listens on {at} by now: when the SYN came it did not, or not yet"
            );
        }
        if at.ip().is_unspecified() && at.is_ipv6() != self.reached.is_ipv6() {
            let family = if at.is_ipv6() {
                "IPv6 only (IPV6_V6ONLY)"
            } else {
                "IPv4 only"
            };
            return format!("{who} listens on {at}, for {family}");
        }
        format!("{who} listens on {at} only")
    }

    fn fix(&self, listener: &NearbyListener) -> String {
        let at = listener.at;
        let who = match &listener.holder {
            ListenerHolder::Process { .. } => who(listener),
            _ => "it".to_owned(),
        };
        if listener.netns != self.netns {
            return format!(
                "publish port {} of network namespace {} here, or connect to an address of that namespace",
                at.port(),
                listener.netns
            );
        }
        if listener.device != 0 {
            return format!("let {who} listen without SO_BINDTODEVICE, or connect by its device");
        }
        if listener.takes {
            return format!("try again; let clients of {who} wait until it listens");
        }
        if at.ip().is_unspecified() {
            let (lacking, has) = if at.is_ipv6() {
                ("IPv4", "IPv6")
            } else {
                ("IPv6", "IPv4")
            };
            return format!("let {who} listen for {lacking} too, or connect by {has}");
        }
        let everything = if self.reached.is_ipv6() {
            "[::]"
        } else {
            "0.0.0.0"
        };
        let there = format!(
            "let {who} listen on {everything} or on {}",
            ip(self.reached)
        );
        // What is a loopback address here is another one elsewhere.
        if !at.ip().is_loopback() || self.client_netns == self.netns {
            return format!("{there}, or connect to {at}");
        }
        there
    }

    /// The name of a network namespace, from the way into it.
    fn name(&self, netns: u32) -> String {
        let way = self.places.way(netns).unwrap_or_default();
        let name = way.trim_end().strip_prefix("ip netns exec ");
        name.map_or_else(String::new, |name| format!(" ({name})"))
    }
}

/// An address as it stands before a port.
fn ip(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

fn who(listener: &NearbyListener) -> String {
    match &listener.holder {
        ListenerHolder::Process { pid, comm, others } => match others {
            0 => format!("{comm}[{pid}]"),
            others => format!("{comm}[{pid}] (and {others} more)"),
        },
        ListenerHolder::Kernel => "the kernel itself".to_owned(),
        ListenerHolder::Unknown(_) => "a process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: u32 = 7;

    /// What is said of a listener where a SYN to `reached` was refused.
    fn said(reached: &str, at: &str, change: impl Fn(&mut NearbyListener)) -> (String, String) {
        let address = |text: &str| {
            text.parse()
                .unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        let mut places = Places::default();
        places.ways.insert(8, "ip netns exec blue ".to_owned());
        let mut listener = NearbyListener {
            at: address(at),
            netns: HERE,
            takes: false,
            device: 0,
            holder: ListenerHolder::Process {
                pid: 123,
                comm: "python3".to_owned(),
                others: 0,
            },
        };
        change(&mut listener);
        let refusal = Refusal {
            netns: HERE,
            reached: address(reached),
            client_netns: 6,
            places: &places,
        };
        (refusal.why(&listener), refusal.fix(&listener))
    }

    #[test]
    fn another_address() {
        let (why, fix) = said("10.9.0.2:80", "127.0.0.1:80", |_| {});
        assert_eq!(why, "python3[123] listens on 127.0.0.1:80 only");
        assert_eq!(fix, "let python3[123] listen on 0.0.0.0 or on 10.9.0.2");
        let (_, fix) = said("[fd09::2]:80", "[fd09::3]:80", |_| {});
        assert_eq!(
            fix,
            "let python3[123] listen on [::] or on [fd09::2], or connect to [fd09::3]:80"
        );
    }

    #[test]
    fn the_other_family() {
        let (why, fix) = said("10.9.0.2:80", "[::]:80", |_| {});
        assert_eq!(
            why,
            "python3[123] listens on [::]:80, for IPv6 only (IPV6_V6ONLY)"
        );
        assert_eq!(
            fix,
            "let python3[123] listen for IPv4 too, or connect by IPv6"
        );
        let (why, _) = said("[fd09::2]:80", "0.0.0.0:80", |_| {});
        assert_eq!(why, "python3[123] listens on 0.0.0.0:80, for IPv4 only");
    }

    #[test]
    fn another_namespace_a_device_and_a_late_start() {
        let (why, fix) = said("10.9.0.2:80", "0.0.0.0:80", |it| it.netns = 8);
        assert_eq!(
            why,
            "python3[123] listens on 0.0.0.0:80 in network namespace 8 (blue)"
        );
        assert!(fix.starts_with("publish port 80 of network namespace 8 here"));
        let (why, _) = said("10.9.0.2:80", "0.0.0.0:80", |it| it.device = 3);
        assert!(why.contains("SO_BINDTODEVICE, index 3"), "{why}");
        let (why, fix) = said("10.9.0.2:80", "0.0.0.0:80", |it| it.takes = true);
        assert!(why.contains("by now"), "{why}");
        assert!(fix.starts_with("try again"), "{fix}");
    }

    #[test]
    fn whoever_is_not_known_has_no_name() {
        let unknown = |it: &mut NearbyListener| it.holder = ListenerHolder::Unknown("x".into());
        let (why, _) = said("10.9.0.2:80", "127.0.0.1:80", unknown);
        assert_eq!(why, "a process listens on 127.0.0.1:80 only");
        let (why, _) = said("10.9.0.2:80", "127.0.0.1:80", |it| {
            it.holder = ListenerHolder::Kernel;
        });
        assert!(why.starts_with("the kernel itself listens"), "{why}");
    }
}

//! What happened to one connection, as a sequence: who sent what, and how far it came.
//!
//! Left is the client, right the server, between them the places where this kernel dropped a packet
//! or sent an ICMP error. Without events the record tells how many packets of a kind met their end
//! where, but not when: then a step has no time.

use crate::record::{Direction, Drop, Event, Failure, Icmp, Socket};

/// Packets of a kind that get an arrow each; more share one.
const ARROWS: u64 = 6;
/// Steps that are drawn.
const STEPS: usize = 60;

/// A sequence diagram.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ladder {
    pub(super) lanes: Vec<Lane>,
    pub(super) steps: Vec<Step>,
    /// Steps that are not drawn.
    pub(super) left_out: usize,
}

/// One end, or a place between them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) below: String,
}

/// One line of the diagram; lanes are numbers in [`Ladder::lanes`].
#[derive(Debug, PartialEq)]
pub(super) struct Step {
    /// RFC 3339; absent where the record does not tell.
    pub(super) time: Option<String>,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) what: String,
    /// The kernel's reason, and the like.
    pub(super) why: String,
    pub(super) fate: Fate,
}

/// How far a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrived,
    Dropped,
    NotKnown,
    /// No packet: something that happened at one end.
    Here,
}

/// Where a packet met its end, before its lane has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// From the own end (1) to the other (3).
    rank: u8,
    netns: Option<u32>,
    name: String,
    below: String,
}

/// A step before its lanes have numbers.
struct Raw {
    time: Option<String>,
    from: Point,
    to: Point,
    what: String,
    why: String,
    fate: Fate,
}

#[derive(Clone)]
enum Point {
    Own,
    Far,
    At(Place),
}

/// The diagram of a failure, by its events where the trace has them.
pub(super) fn of(failure: &Failure, events: &[Event]) -> Ladder {
    let mut steps = vec![here(failure.timing.start.as_deref(), begin(failure))];
    if events.is_empty() {
        packets(failure, &mut steps);
        icmp(failure, &mut steps);
        resets(failure, &mut steps);
    } else {
        steps.extend(events.iter().map(|event| step(event, &failure.socket)));
    }
    let end = failure.why.first().unwrap_or(&failure.cause);
    steps.push(here(Some(&failure.time), end));
    lay_out(failure, steps)
}

fn begin(failure: &Failure) -> &'static str {
    match failure.direction {
        Direction::Outbound => "connect()",
        Direction::Inbound => "the connection begins",
    }
}

fn here(time: Option<&str>, what: &str) -> Raw {
    Raw {
        time: time.map(str::to_owned),
        from: Point::Own,
        to: Point::Own,
        what: what.to_owned(),
        why: String::new(),
        fate: Fate::Here,
    }
}

/// SYNs, answers and segments, by what became of them.
fn packets(failure: &Failure, steps: &mut Vec<Raw>) {
    for drop in &failure.drops {
        let own_sends = own_sends(failure.direction, &drop.packet, drop.direction.as_deref());
        let from = if own_sends { Point::Own } else { Point::Far };
        let all_syns = drop.packet == "SYN" && Some(drop.count) == sent(failure);
        let (arrows, each) = if all_syns && drop.count <= ARROWS {
            (drop.count, 1)
        } else {
            (1, drop.count)
        };
        for nth in 0..arrows {
            let again = if nth > 0 { ", sent again" } else { "" };
            steps.push(Raw {
                time: None,
                from: from.clone(),
                to: met(drop, own_sends),
                what: times(&drop.packet, each) + again,
                why: drop.reason.clone().unwrap_or_default(),
                fate: Fate::Dropped,
            });
        }
    }
    syns_that_were_not_dropped(failure, steps);
}

fn syns_that_were_not_dropped(failure: &Failure, steps: &mut Vec<Raw>) {
    if failure.direction == Direction::Inbound {
        return;
    }
    let Some(sent) = sent(failure) else {
        return;
    };
    if sent == 0 {
        steps.push(here(None, "no SYN was sent"));
        return;
    }
    let dropped = failure.drops.iter().filter(|drop| drop.packet == "SYN");
    let left = sent.saturating_sub(dropped.map(|drop| drop.count).sum());
    if left == 0 {
        return;
    }
    let answered =
        !failure.resets.is_empty() || failure.drops.iter().any(|drop| drop.packet == "SYN-ACK");
    steps.insert(
        1,
        Raw {
            time: None,
            from: Point::Own,
            to: Point::Far,
            what: times("SYN", left),
            why: if answered { "" } else { "no answer seen" }.to_owned(),
            fate: if answered {
                Fate::Arrived
            } else {
                Fate::NotKnown
            },
        },
    );
}

fn sent(failure: &Failure) -> Option<u64> {
    failure.timing.syn_sent.map(u64::from)
}

fn icmp(failure: &Failure, steps: &mut Vec<Raw>) {
    let sent_here = failure.icmp.iter().any(|icmp| icmp.direction == "sent");
    for icmp in &failure.icmp {
        if icmp.direction == "sent" || !sent_here {
            steps.push(Raw {
                time: None,
                from: Point::At(sender(failure, icmp)),
                to: Point::Own,
                what: icmp_name(icmp),
                why: icmp.errno.clone().unwrap_or_default(),
                fate: Fate::Arrived,
            });
        }
    }
}

/// The place of a drop in the same namespace, if there is one: the rule that rejected.
fn sender(failure: &Failure, icmp: &Icmp) -> Place {
    let same = failure
        .drops
        .iter()
        .find(|drop| icmp.direction == "sent" && drop.netns.is_some() && drop.netns == icmp.netns);
    match same {
        Some(drop) => {
            let own_sends = own_sends(failure.direction, &drop.packet, drop.direction.as_deref());
            place(drop, own_sends)
        }
        None => Place {
            rank: 2,
            netns: icmp.netns.filter(|_| icmp.direction == "sent"),
            name: "a router or host".to_owned(),
            below: String::new(),
        },
    }
}

fn icmp_name(icmp: &Icmp) -> String {
    match (icmp.kind, icmp.code) {
        (Some(kind), Some(code)) => format!("ICMP type {kind} code {code}"),
        _ => "ICMP error".to_owned(),
    }
}

fn resets(failure: &Failure, steps: &mut Vec<Raw>) {
    let received = failure.resets.iter().any(|rst| rst.direction == "received");
    let sent = failure.resets.iter().find(|rst| rst.direction == "sent");
    if !received && sent.is_none() {
        return;
    }
    steps.push(Raw {
        time: None,
        from: Point::Far,
        to: Point::Own,
        what: "RST".to_owned(),
        why: sent.and_then(|rst| rst.reason.clone()).unwrap_or_default(),
        fate: if received {
            Fate::Arrived
        } else {
            Fate::NotKnown
        },
    });
}

/// One event, at its own time.
fn step(event: &Event, socket: &Socket) -> Raw {
    let ends = event.socket.as_ref();
    // The first end of a packet is its source.
    let from_own = ends.is_none_or(|ends| ends.local.is_none() || ends.local == socket.local);
    let (source, other) = if from_own {
        (Point::Own, Point::Far)
    } else {
        (Point::Far, Point::Own)
    };
    let fact = |name: &str| {
        let value = event.detail.get(name)?.as_str()?;
        Some(value.to_owned())
    };
    let netns = ends.and_then(|ends| ends.netns);
    let (from, to, fate) = match event.hook.as_str() {
        "kfree_skb" => {
            let name = fact("hook").map(|hook| hook.to_uppercase());
            if name.is_none() && is_tcp(fact("location").as_deref()) {
                (source, other, Fate::Dropped)
            } else {
                let place = Place {
                    rank: match (netns == socket.netns, from_own) {
                        (true, _) => 1,
                        (false, true) => 3,
                        (false, false) => 2,
                    },
                    netns,
                    name: name.or_else(|| fact("location")).unwrap_or_default(),
                    below: fact("device").unwrap_or_default(),
                };
                (source, Point::At(place), Fate::Dropped)
            }
        }
        // The packet is the one that is answered.
        "tcp_send_reset" => (other, source, Fate::NotKnown),
        "icmp_send" => {
            let place = Place {
                rank: 2,
                netns,
                name: "a router or host".to_owned(),
                below: String::new(),
            };
            (Point::At(place), source, Fate::NotKnown)
        }
        // The packet is the SYN that is answered again.
        "tcp_retransmit_synack" => (other.clone(), other, Fate::Here),
        _ => (Point::Own, Point::Own, Fate::Here),
    };
    Raw {
        time: Some(event.time.clone()),
        from,
        to,
        what: packet(event).unwrap_or(&event.summary).to_owned(),
        why: fact("reason")
            .filter(|reason| fate != Fate::Here || !event.summary.contains(reason.as_str()))
            .unwrap_or_default(),
        fate,
    }
}

/// What was dropped, by the packet's flags (RFC 9293, 3.1).
fn packet(event: &Event) -> Option<&'static str> {
    const SYN: u64 = 2;
    const RST: u64 = 4;
    const ACK: u64 = 16;
    let flags = event.detail.get("tcp_flags")?.as_u64()?;
    let name = match flags & (SYN | RST | ACK) {
        SYN => "SYN",
        flags if flags == SYN | ACK => "SYN-ACK",
        flags if flags & RST != 0 => "RST",
        _ => "segment",
    };
    (event.hook == "kfree_skb").then_some(name)
}

fn own_sends(direction: Direction, packet: &str, way: Option<&str>) -> bool {
    match packet {
        "SYN" => direction == Direction::Outbound,
        "SYN-ACK" => direction == Direction::Inbound,
        _ => way == Some("tx"),
    }
}

fn place(drop: &Drop, own_sends: bool) -> Place {
    let hook = drop.hook.as_ref().map(|hook| hook.to_uppercase());
    let below: Vec<&str> = [drop.engine.as_deref(), drop.device.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    Place {
        rank: match (drop.direction.as_deref(), own_sends) {
            (Some("tx"), true) | (Some("rx"), false) => 1,
            (Some("rx"), true) | (Some("tx"), false) => 3,
            _ => 2,
        },
        netns: drop.netns,
        name: hook
            .or_else(|| drop.location.clone())
            .unwrap_or_else(|| "this kernel".to_owned()),
        below: below.join(", "),
    }
}

/// What an end's own TCP threw away did reach that end.
fn met(drop: &Drop, own_sends: bool) -> Point {
    let by_tcp = drop.hook.is_none() && is_tcp(drop.location.as_deref());
    match (drop.direction.as_deref(), by_tcp, own_sends) {
        (Some("rx"), true, true) => Point::Far,
        (Some("rx"), true, false) => Point::Own,
        _ => Point::At(place(drop, own_sends)),
    }
}

fn is_tcp(function: Option<&str>) -> bool {
    function.is_some_and(|name| name.starts_with("tcp_"))
}

fn times(packet: &str, count: u64) -> String {
    match count {
        1 => packet.to_owned(),
        _ => format!("{count} × {packet}"),
    }
}

/// Gives the lanes their order.
fn lay_out(failure: &Failure, raw: Vec<Raw>) -> Ladder {
    let mut places: Vec<Place> = Vec::new();
    for point in raw.iter().flat_map(|step| [&step.from, &step.to]) {
        if let Point::At(place) = point
            && !places.contains(place)
            && places.len() < 6
        {
            places.push(place.clone());
        }
    }
    places.sort_by_key(|place| place.rank);
    let (own, far) = match failure.direction {
        Direction::Outbound => ("client", "server"),
        Direction::Inbound => ("server", "client"),
    };
    let mut lanes = vec![Lane {
        name: name(own, failure),
        below: failure
            .socket
            .local
            .map_or_else(String::new, |end| end.to_string()),
    }];
    lanes.extend(places.iter().map(|place| Lane {
        name: place.name.clone(),
        below: below(place, failure),
    }));
    lanes.push(Lane {
        name: far.to_owned(),
        below: failure.socket.remote.to_string(),
    });
    let last = lanes.len() - 1;
    let mirrored = failure.direction == Direction::Inbound;
    let number = |point: &Point| {
        let number = match point {
            Point::Own => 0,
            Point::Far => last,
            Point::At(place) => places
                .iter()
                .position(|known| known == place)
                .map_or(last, |at| at + 1),
        };
        if mirrored { last - number } else { number }
    };
    if mirrored {
        lanes.reverse();
    }
    let left_out = raw.len().saturating_sub(STEPS);
    let steps = raw.into_iter().take(STEPS).map(|step| Step {
        from: number(&step.from),
        to: number(&step.to),
        time: step.time,
        what: step.what,
        why: step.why,
        fate: step.fate,
    });
    Ladder {
        steps: steps.collect(),
        lanes,
        left_out,
    }
}

fn name(own: &str, failure: &Failure) -> String {
    match &failure.process {
        Some(process) => format!("{}[{}]", process.comm, process.pid),
        None => own.to_owned(),
    }
}

fn below(place: &Place, failure: &Failure) -> String {
    let elsewhere = place
        .netns
        .filter(|_| place.netns != failure.socket.netns)
        .map(|netns| format!("netns {netns}"));
    [Some(place.below.clone()), elsewhere]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;

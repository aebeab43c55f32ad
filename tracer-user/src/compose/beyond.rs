//! What is known of a connection beyond its own socket, as records have it.

use std::net::SocketAddr;

use crate::{
    attribute::{Beyond, Translation},
    record::{Endpoint, Flow, MatchedBy, Nat, Peer},
};

pub(super) fn nat(beyond: &Beyond) -> Vec<Nat> {
    let one = |it: &Translation| Nat {
        netns: it.netns,
        original: flow(it.original),
        reply: flow(it.reply),
        matched_by: MatchedBy::Tuple,
    };
    beyond.translations.iter().map(one).collect()
}

pub(super) fn peer(beyond: &Beyond) -> Option<Peer> {
    let it = beyond.other_end.as_ref()?;
    Some(Peer {
        netns: it.netns,
        role: it.role,
        state: it.state.clone(),
        process: it.process.clone(),
        matched_by: MatchedBy::Tuple,
    })
}

fn flow((from, to): (SocketAddr, SocketAddr)) -> Flow {
    let end = |addr: SocketAddr| Endpoint {
        addr: addr.ip(),
        port: Some(addr.port()),
    };
    Flow {
        source: end(from),
        destination: end(to),
    }
}

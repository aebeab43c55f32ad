//! Connections that come up, and whose segments then vanish where this host does not see it.

use super::{
    row::{Row, Sure::*},
    stream::{broken, mirrored},
};
use crate::net::Place::*;

pub(super) fn rows() -> Vec<Row> {
    [small_link(), silence()].concat()
}

/// A router that is not this host takes what is small, and says nothing of what is large.
fn small_link() -> Vec<Row> {
    let beyond = |row: Row| row.daemon(Router, "beyond.py small-link");
    let sent = |name, about, end| {
        let row = broken("40", name, about, end).fails("mtu-blackhole", "ETIMEDOUT", Likely);
        beyond(row)
    };
    let accepted = |name, end| beyond(mirrored("40", name, end, "mtu-blackhole", "ETIMEDOUT"));
    vec![
        sent(
            "stream-mtu-beyond",
            "a smaller link beyond this host: the end of what it sends is small, and arrives",
            "sends-a-few",
        )
        .says("*arrived (SACK)*"),
        sent(
            "stream-mtu-heading",
            "the same, where only what is sent first is small",
            "sends-heading",
        )
        .says("*acknowledged after it had been sent*"),
        accepted("accepted-mtu-beyond", "sends-a-few"),
        accepted("accepted-mtu-heading", "sends-heading"),
        accepted("accepted-mtu-asked", "sends-and-is-asked")
            .failures(1)
            .fails("reset-by-local", "", Certain),
    ]
}

/// Beyond this host, what is small vanishes, too, or what is large passes.
fn silence() -> Vec<Row> {
    let silent = |name, about, end, what| {
        broken("40", name, about, end).daemon(Router, what).fails(
            "user-timeout",
            "ETIMEDOUT",
            Certain,
        )
    };
    let accepted = |name, end, what| {
        mirrored("40", name, end, "user-timeout", "ETIMEDOUT").daemon(Router, what)
    };
    vec![
        silent(
            "stream-dead-beyond",
            "the peer is gone when the first large segment is sent",
            "sends-a-few",
            "beyond.py dead",
        ),
        silent(
            "stream-mtu-untold",
            "a smaller link beyond this host, and nothing tells that small ones pass",
            "sends-after-pause",
            "beyond.py small-link",
        ),
        silent(
            "stream-lossy",
            "the path loses nine of ten packets, of any size",
            "sends-after-pause",
            "beyond.py lossy",
        ),
        silent(
            "stream-loses-one",
            "one large segment vanishes each time, others pass",
            "sends-after-pause",
            "beyond.py loses-one",
        ),
        accepted("accepted-dead-beyond", "sends-a-few", "beyond.py dead"),
        accepted(
            "accepted-mtu-untold",
            "sends-at-once",
            "beyond.py small-link",
        ),
        accepted(
            "accepted-one-way",
            "sends-and-is-asked",
            "beyond.py one-way",
        )
        .failures(1)
        .fails("reset-by-local", "", Certain),
        accepted("accepted-lossy", "sends-after-pause", "beyond.py lossy"),
        accepted(
            "accepted-loses-one",
            "sends-after-pause",
            "beyond.py loses-one",
        ),
    ]
}

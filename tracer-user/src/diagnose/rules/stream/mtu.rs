//! It died of silence, and its full-size segments were too big for a link beyond this end.

use super::{Stalled, dropped};
use crate::{
    diagnose::{finding::Finding, fix},
    record::Confidence,
};

/// What told TCP to send smaller ones never arrived: otherwise not even two would have been dropped so.
pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    const CAUSE: &str = "mtu-blackhole";
    let drop = dropped::elsewhere(stalled)
        .filter(|drop| dropped::of(drop) == Some(CAUSE) && !drop.incoming && drop.count > 1)?;
    if !stalled.timed_out() {
        return None;
    }
    let stream = stalled.stream();
    let place = stalled.case.elsewhere(drop.netns);
    let device = drop
        .device
        .as_ref()
        .map_or(String::new(), |device| format!(" at {device}"));
    let finding = Finding::new(
        CAUSE,
        Confidence::Likely,
        format!(
            "its full-size segments ({} bytes) are too big for a link beyond a router on this \
             host{place}, and nobody told it so",
            stream.mss
        ),
    )
    .why(stalled.flow())
    .why(format!(
        "then {} not acknowledged, sent again {} times in a row",
        stalled.unacked_words(),
        stalled.state.retransmits
    ))
    .why(format!(
        "the router{place} dropped {}{device}: {}",
        dropped::words(drop),
        drop.place_text()
    ))
    .why(format!(
        "its ICMP error had no effect: segments still carry up to {} bytes",
        stream.mss
    ))
    .why(
        "the dropped packets carried no socket of it: they are joined by their addresses and \
         sequence numbers",
    );
    // What helps is done at the sender.
    let own = stalled.case.attempt.tuple().netns;
    Some(fix::from_catalogue(stalled.case, finding, own, None))
}

//! It died of silence, and its last segments never left this host: the route lookup tells why.

use super::Stalled;
use crate::{
    attribute::{RouteAnswer, never_left},
    diagnose::{finding::Finding, rules::unsent, words},
    errno,
    record::Confidence,
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    let state = stalled.state;
    // Over IPv6 the lookup itself leaves its errno on the socket (`inet6_csk_xmit`).
    let ended = matches!(
        state.err,
        libc::ETIMEDOUT | libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EINVAL
    );
    if !(ended || stalled.timed_out()) || !never_left(state) {
        return None;
    }
    let Some(RouteAnswer::Refused(err)) = &stalled.case.attempt.route else {
        return None;
    };
    let (cause, what) = unsent::by_route(*err, stalled.case.remote().ip())?;
    let finding = Finding::new(cause, Confidence::Likely, format!("{what} now"))
        .why(format!(
            "{} written last and never left this host: nothing was under way, and the peer's window \
             was open",
            words::were(state.write_seq.wrapping_sub(stalled.stream().snd_nxt), "byte")
        ))
        .why(format!(
            "asked right after, the route lookup refuses it with {}",
            errno::name_or_number(*err)
        ))
        .why(stalled.flow());
    Some(unsent::look_at_routes(stalled.case, finding))
}

//! A listener of this host ignored the SYNs, since a queue of it was full. No packet tells: the
//! listener's own count of drops grew meanwhile, and it listens where the SYNs went.

use crate::{
    attribute::FullQueue,
    diagnose::{case::Case, finding::Finding, fix, words},
    record::Confidence,
};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let queue = case.attempt.queue.as_deref()?;
    let state = case.state?;
    let evidence = &case.attempt.evidence;
    let silent = matches!(case.error(), 0 | libc::ETIMEDOUT)
        && evidence.drops.is_empty()
        && evidence.icmp.is_empty()
        && evidence.synack_retransmits == 0
        && evidence.retransmits.iter().all(|again| again.err == 0);
    (state.segs_out > 0 && silent).then(|| full(case, queue))
}

fn full(case: &Case<'_>, queue: &FullQueue) -> Finding {
    let (cause, which) = if queue.syn_queue {
        ("syn-queue-full", "SYN queue")
    } else {
        ("accept-queue-full", "accept queue")
    };
    let holder = match &queue.holder {
        Some((comm, pid)) => format!("{comm}[{pid}]"),
        None => "an unknown process".to_owned(),
    };
    let place = case.elsewhere(queue.netns);
    let meanwhile = case.attempt.end_ns().saturating_sub(queue.since_ns);
    let finding = Finding::new(
        cause,
        Confidence::Likely,
        format!(
            "the {which} of {holder}, which listens on {}{place}, is full",
            queue.local
        ),
    )
    .why(format!(
        "{} sent and none was answered",
        words::were(case.syns(), "SYN")
    ))
    .why(format!(
        "the listener turned away {} since {} before that, and it is the only one of this host that \
         takes {} and did (joined by its address and the time)",
        words::some(queue.turned_away, "packet"),
        words::duration(meanwhile),
        case.attempt.beyond.reached().unwrap_or(case.remote())
    ))
    .why(as_last_seen(queue))
    .missing("that these SYNs were among those: a full queue ignores them without a trace");
    let finding = match queue.max_syn_backlog {
        Some(_) => finding.why(words::LAST_QUARTER),
        None => finding,
    };
    fix::from_catalogue(case, finding, queue.netns, None)
}

fn as_last_seen(queue: &FullQueue) -> String {
    let limit = queue.backlog_limit;
    let under_way = match queue.handshakes {
        1 => "1 handshake is".to_owned(),
        handshakes => format!("{handshakes} handshakes are"),
    };
    match (queue.syn_queue, queue.max_syn_backlog) {
        (true, Some(most)) => format!(
            "as last seen, {under_way} under way; net.ipv4.tcp_max_syn_backlog is {most}, and the \
             listener itself takes {limit}"
        ),
        (true, None) => {
            format!("as last seen, {under_way} under way, and the listener takes {limit}")
        }
        (false, _) => format!(
            "as last seen, {} for accept(), and the queue takes {limit} and one more",
            words::wait(queue.backlog)
        ),
    }
}

//! It died of silence: which timer ended it (`net/ipv4/tcp_timer.c`).

use tracer_ebpf::event::stream_flag;

use super::{Stalled, dropped, vanished};
use crate::{
    attribute::{PacketKind, is_down},
    diagnose::{finding::Finding, fix, ruling, words},
    net,
    record::Confidence,
};

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    if !stalled.timed_out() {
        return None;
    }
    let finding = link_down(stalled)
        .or_else(|| zero_window(stalled))
        .or_else(|| keepalive(stalled))
        .or_else(|| user_timeout(stalled))
        .unwrap_or_else(|| retransmission(stalled));
    let mut finding = finding.why(stalled.flow());
    if stalled.has_lost_its_error() {
        finding = finding.missing(
            "the error that ended it, which the application had taken: a RST that no hook saw would \
             look the same",
        );
    }
    Some(fix::at_home(stalled.case, finding))
}

fn link_down(stalled: &Stalled<'_>) -> Option<Finding> {
    let path = Some(&stalled.state.path).filter(|path| is_down(path))?;
    let device = net::name(&path.device)?;
    Some(
        Finding::new(
            "link-down",
            Confidence::Certain,
            format!("the interface {device} that it was sent through was down, or had no carrier"),
        )
        .why(format!("the socket's route leads through {device}")),
    )
}

/// `tcp_keepalive_timer`: nothing is under way, and the probes are not answered.
fn keepalive(stalled: &Stalled<'_>) -> Option<Finding> {
    let told = stalled.reset_reason() == Some("TCP_KEEPALIVE_TIMEOUT");
    let idle = stalled.is(stream_flag::KEEPALIVE)
        && stalled.unacked() == 0
        && stalled.stream().probes_out > 0;
    if !told && !idle {
        return None;
    }
    let probes = stalled.stream().probes_out;
    let mut finding = Finding::new(
        "keepalive-timeout",
        Confidence::Certain,
        format!("the peer did not answer {probes} keepalive probes"),
    )
    .why(format!(
        "nothing had come from the peer for {}",
        since(stalled.stream().last_received_ms)
    ));
    if told {
        finding = finding.why("this host sent a RST: TCP_KEEPALIVE_TIMEOUT");
    }
    Some(finding)
}

/// `tcp_probe_timer`: there is data, and the peer takes none.
fn zero_window(stalled: &Stalled<'_>) -> Option<Finding> {
    let (stream, unsent) = (stalled.stream(), stalled.unsent());
    if !stalled.waits_for_window() {
        return None;
    }
    let finding = Finding::new(
        "zero-window-timeout",
        Confidence::Certain,
        format!("the peer took no more data: its receive window was 0, {unsent} bytes wait"),
    )
    .why("the peer advertised a window of 0: its application does not read");
    Some(match stream.user_timeout_ms {
        0 => finding.why(format!("{} window probes were sent", stream.probes_out)),
        limit => finding.why(format!("TCP_USER_TIMEOUT ({limit} ms) ended it")),
    })
}

/// `TCP_USER_TIMEOUT` (RFC 5482) instead of `tcp_retries2`.
fn user_timeout(stalled: &Stalled<'_>) -> Option<Finding> {
    let limit = Some(stalled.stream().user_timeout_ms).filter(|&limit| limit != 0)?;
    Some(
        silence(stalled, "user-timeout")
            .why(format!("TCP_USER_TIMEOUT of the application is {limit} ms")),
    )
}

fn retransmission(stalled: &Stalled<'_>) -> Finding {
    silence(stalled, "retransmission-timeout").why(format!(
        "the last segment was sent again {} times in a row (tcp_retries2 bounds it)",
        stalled.state.retransmits
    ))
}

fn silence(stalled: &Stalled<'_>, cause: &'static str) -> Finding {
    let stream = stalled.stream();
    let ignored = ignored_resets(stalled);
    let nothing = match ignored {
        0 => "nothing".to_owned(),
        _ => format!("nothing but {}", words::some(ignored, "ignored RST")),
    };
    let what = format!(
        "{} not acknowledged, and {nothing} came back for {}",
        stalled.unacked_words(),
        since(stream.last_received_ms)
    );
    if let Some(drop) = dropped::elsewhere(stalled) {
        let finding = Finding::new(
            cause,
            Confidence::Likely,
            format!("{what}: {}", dropped::told(stalled, drop)),
        )
        .why(dropped::told(stalled, drop))
        .why(format!("they were dropped so: {}", drop.place_text()))
        .why(
            "the dropped packets carried no socket of it: they are joined by their addresses and \
             sequence numbers",
        );
        return ruling::explain(&stalled.case.way(drop.netns), drop, finding);
    }
    let finding = Finding::new(cause, Confidence::Certain, what);
    let full =
        stream.mss > 0 && stalled.unacked() >= stream.mss && vanished::sacked(stalled) < stream.mss;
    let finding = if full {
        finding.missing(format!(
            "whether smaller segments would have got through (a path-MTU black hole): those of {} \
             bytes did not",
            stream.mss
        ))
    } else {
        finding
    };
    if ignored > 0 {
        return finding
            .why("TCP ignored RSTs in the peer's name, whose sequence numbers were not the expected ones")
            .missing("who sent those RSTs: the peer, or something on the way in its name");
    }
    finding.missing("where the segments, or what answered them, got lost: no drop that carried its socket was seen here")
}

/// RSTs that came, and changed nothing (RFC 5961, 3.2).
fn ignored_resets(stalled: &Stalled<'_>) -> u64 {
    let resets = stalled
        .case
        .drops(|drop| drop.incoming && drop.packet == PacketKind::Rst);
    resets
        .filter(|drop| {
            matches!(
                drop.place.reason.as_deref(),
                Some("TCP_RESET" | "TCP_INVALID_SEQUENCE")
            )
        })
        .map(|drop| drop.count)
        .sum()
}

fn since(ms: u32) -> String {
    words::duration(u64::from(ms) * 1_000_000)
}

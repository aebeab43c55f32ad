//! It died of silence, and only its large segments vanish: where, this host does not see.

use tracer_ebpf::event::InVain;

use super::{Stalled, dropped};
use crate::{
    attribute::is_down,
    diagnose::{finding::Finding, fix, words},
    record::Confidence,
};

/// So often was the first of them sent again in vain, and so often any: plain loss explains it no more.
const AGAIN: u32 = 3;
const IN_VAIN: u32 = 5;
/// What every link takes (RFC 791 and RFC 8200) without the headers of IP and TCP: losing less has
/// another cause.
const LEAST_V4: u32 = 576 - 40;
const LEAST_V6: u32 = 1280 - 60;

/// What tells that smaller ones pass.
enum Passed {
    /// So many bytes that were sent after what is missing.
    Later(u32),
    /// What had been sent just before it.
    Before,
    /// What this side answered: the peer did not repeat what it sent meanwhile.
    Answers,
}

pub(super) fn judge(stalled: &Stalled<'_>) -> Option<Finding> {
    let lost = &stalled.state.in_vain;
    let least = if stalled.case.remote().is_ipv4() {
        LEAST_V4
    } else {
        LEAST_V6
    };
    let large_ones_vanish = stalled.timed_out()
        && lost.len > least
        && lost.times >= AGAIN
        && lost.times + large(stalled, lost) >= IN_VAIN
        && stalled.stream().send_window >= lost.len;
    let is_seen_here = is_down(&stalled.state.path) || dropped::elsewhere(stalled).is_some();
    if !large_ones_vanish || is_seen_here {
        return None;
    }
    Some(tell(stalled, &passed(stalled, lost)?))
}

fn tell(stalled: &Stalled<'_>, passed: &Passed) -> Finding {
    let lost = &stalled.state.in_vain;
    let (len, times, number) = (lost.len, lost.times, large(stalled, lost));
    let finding = Finding::new(
        "mtu-blackhole",
        Confidence::Likely,
        format!(
            "its segments of {len} bytes vanish beyond this host, and smaller ones pass: they seem too \
             big for a link there, and nobody told it so"
        ),
    )
    .why(stalled.flow())
    .why(format!(
        "then {number} segments of {len} bytes were not acknowledged, though the first was sent \
         again {times} times"
    ))
    .why(match passed {
        Passed::Later(bytes) => format!(
            "what was sent after it, {bytes} bytes, arrived (SACK): the peer lives, and takes smaller \
             segments"
        ),
        Passed::Before => format!(
            "what was sent before it was acknowledged after it had been sent: the peer lived, and took \
             segments of less than {len} bytes"
        ),
        Passed::Answers => format!(
            "the peer still sent something {} before the end, and did not repeat it: what this side \
             answers, which is smaller, arrives",
            words::duration(u64::from(last_heard_ms(stalled, lost)) * 1_000_000)
        ),
    });
    let finding = match passed {
        Passed::Later(_) => finding,
        Passed::Before | Passed::Answers => finding.why(format!(
            "the peer has never acknowledged as much as {len} bytes of it"
        )),
    };
    let finding = finding
        .why("no drop of it was seen on this host, and no ICMP error left anything on its socket")
        .missing(
            "where they vanish, and by what: it is inferred from what arrives and what does not; the \
             first command below, with larger and smaller sizes, proves it",
        );
    fix::at_home(stalled.case, finding)
}

/// None where as large a segment arrived, or where all may vanish.
fn passed(stalled: &Stalled<'_>, lost: &InVain) -> Option<Passed> {
    match sacked(stalled) {
        0 => {}
        bytes if bytes < lost.len => return Some(Passed::Later(bytes)),
        _ => return None,
    }
    let acked = stalled.stream().bytes_acked;
    // A kernel that counts nothing has not told that it was little.
    let has_never_passed = stalled.state.bytes_sent > 0 && acked < lost.len.into();
    if !has_never_passed || lost.sent_ns == 0 {
        return None;
    }
    // The SYN is counted, too. Where nothing was under way, this is when the first was sent
    // (`tcp_rate_skb_sent`, net/ipv4/tcp_rate.c).
    if acked > 1 && lost.delivered_us > lost.sent_ns / 1000 {
        return Some(Passed::Before);
    }
    was_answered(stalled, lost).then_some(Passed::Answers)
}

/// How many of them have not arrived.
fn large(stalled: &Stalled<'_>, lost: &InVain) -> u32 {
    let under_way = stalled.stream().snd_nxt.wrapping_sub(stalled.state.isn);
    let missing = under_way.saturating_sub(sacked(stalled));
    missing.checked_div(lost.len).unwrap_or(0)
}

/// What the peer has beyond what is missing, in bytes. What came twice is told twice (RFC 2883).
pub(super) fn sacked(stalled: &Stalled<'_>) -> u32 {
    let (una, next) = (stalled.state.isn, stalled.stream().snd_nxt);
    let under_way = next.wrapping_sub(una);
    let mut blocks = [(0, 0); 4];
    let told = stalled.state.in_vain.sacked.as_chunks().0;
    for (block, &[start, end]) in blocks.iter_mut().zip(told) {
        let (from, to) = (start.wrapping_sub(una), end.wrapping_sub(una));
        if 0 < from && from < to && to <= under_way {
            *block = (from, to);
        }
    }
    blocks.sort_unstable();
    let (mut bytes, mut counted) = (0, 0);
    for (from, to) in blocks {
        bytes += to.saturating_sub(from.max(counted));
        counted = counted.max(to);
    }
    bytes
}

/// Whether the peer sent something after what is missing had been sent, and then had what it waits for: a
/// segment that is not acknowledged is repeated after three times as long at the latest (RFC 6298), and
/// what is new would have had to wait.
fn was_answered(stalled: &Stalled<'_>, lost: &InVain) -> bool {
    /// Times in jiffies are so exact, at 100 Hz.
    const TICK_MS: u64 = 20;
    let stream = stalled.stream();
    let since_sent = stalled.state.head.time_ns.saturating_sub(lost.sent_ns) / 1_000_000;
    let heard = last_heard_ms(stalled, lost);
    let since_heard = u64::from(heard);
    if since_heard + TICK_MS > since_sent {
        return false;
    }
    let is_new = heard == stream.last_received_ms;
    let is_repeated = lost.heard_after > 0 && heard > stream.last_sent_ms;
    !is_repeated && (is_new || since_sent >= 3 * (since_sent - since_heard))
}

/// Time since the peer sent something: what is new comes by a way where its acknowledgment is not looked
/// at (`tcp_rcv_established`, net/ipv4/tcp_input.c).
fn last_heard_ms(stalled: &Stalled<'_>, lost: &InVain) -> u32 {
    lost.last_heard_ms.min(stalled.stream().last_received_ms)
}

//! What counters tell that moved, or did not, while a packet was dropped.

use crate::record::Candidate;

/// Rules that count, and have not counted between two readings, cannot have dropped a packet in
/// between: they are left out. `before` and `now` are the candidates for the same packet, by both
/// readings.
pub fn counted(before: &[Candidate], now: &mut Vec<Candidate>) {
    let moved: Vec<Option<bool>> = now.iter().map(|it| has_moved(before, now, it)).collect();
    if moved.iter().all(|moved| *moved == Some(false)) {
        // None of them did it, if the readings are what they seem to be: no reason to name any.
        return;
    }
    for (it, moved) in now.iter_mut().zip(&moved) {
        it.counted = *moved == Some(true);
    }
    let mut moved = moved.into_iter();
    now.retain(|_| moved.next() != Some(Some(false)));
}

/// `None` where that cannot be told.
fn has_moved(before: &[Candidate], now: &[Candidate], it: &Candidate) -> Option<bool> {
    let same = |other: &&Candidate| is_same(it, other);
    let mut then = before.iter().filter(same);
    let (Some(first), None) = (then.next(), then.next()) else {
        return None;
    };
    if now.iter().filter(same).count() != 1 {
        return None;
    }
    match (first.packets, it.packets) {
        (Some(then), Some(now)) if now >= then => Some(now > then),
        _ => None,
    }
}

fn is_same(a: &Candidate, b: &Candidate) -> bool {
    (&a.engine, &a.family, &a.table, &a.chain, a.handle, &a.rule)
        == (&b.engine, &b.family, &b.table, &b.chain, b.handle, &b.rule)
}

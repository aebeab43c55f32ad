//! Counts over time in bounded memory: buckets that grow wider as the time does.

use crate::{clock::utc_text, record::Rate};

const SECOND_NS: i64 = 1_000_000_000;

/// Widths that a person reads easily, seconds. Each is a multiple of the one before.
const WIDTHS_S: [i64; 13] = [
    1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 86_400, 604_800,
];

/// Counts over time.
#[derive(Clone, Debug)]
pub struct Buckets {
    most: usize,
    width: usize,
    /// Of the first bucket, in widths since 1970.
    start: i64,
    counts: Vec<u64>,
}

impl Buckets {
    /// At most `most` buckets (never less than 2), but that a span of more than `most` weeks goes
    /// on in the last one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(2),
            width: 0,
            start: 0,
            counts: Vec::new(),
        }
    }

    /// Adds to the bucket of a time, in nanoseconds since 1970.
    pub fn add(&mut self, utc_ns: i64, count: u64) {
        let at = utc_ns.div_euclid(self.width_ns());
        let there = at.checked_sub(self.start).map(usize::try_from);
        match there {
            Some(Ok(place)) if place < self.counts.len() => self.counts[place] += count,
            _ => self.make_room(utc_ns, count),
        }
    }

    /// Adds to a bucket that there is not yet.
    fn make_room(&mut self, utc_ns: i64, count: u64) {
        loop {
            let at = utc_ns.div_euclid(self.width_ns());
            if self.counts.is_empty() {
                self.start = at;
            }
            let first = self.start.min(at);
            let last = (self.start + self.len()).max(at + 1);
            let most = i64::try_from(self.most).unwrap_or(i64::MAX);
            if last - first > most && self.width + 1 < WIDTHS_S.len() {
                self.widen();
                continue;
            }
            let span = usize::try_from((last - first).min(most)).unwrap_or(self.most);
            let shift = usize::try_from(self.start - first).unwrap_or(0);
            self.counts
                .splice(0..0, std::iter::repeat_n(0, shift.min(self.most)));
            let beyond: u64 = self.counts.drain(span.min(self.counts.len())..).sum();
            self.counts.resize(span, 0);
            self.counts[span - 1] += beyond;
            self.start = first;
            let place = usize::try_from(at - first).unwrap_or(0).min(span - 1);
            self.counts[place] += count;
            return;
        }
    }

    /// Adds all that another one counted, bucket by bucket, as so many nanoseconds earlier.
    pub fn merge(&mut self, other: &Self, earlier_ns: i64) {
        for (at, &count) in (other.start..).zip(&other.counts) {
            if count > 0 {
                let utc_ns = at.saturating_mul(other.width_ns());
                self.add(utc_ns.saturating_sub(earlier_ns), count);
            }
        }
    }

    /// The counts in the buckets of another one, that has counted all this and more.
    #[must_use]
    pub fn aligned(&self, all: &Self) -> Vec<u64> {
        let mut counts = vec![0; all.counts.len()];
        for (at, &count) in (self.start..).zip(&self.counts) {
            let utc_ns = at.saturating_mul(self.width_ns());
            let place = utc_ns.div_euclid(all.width_ns()) - all.start;
            let last = counts.len().saturating_sub(1);
            let place = usize::try_from(place.max(0)).unwrap_or(last).min(last);
            if let Some(bucket) = counts.get_mut(place) {
                *bucket += count;
            }
        }
        counts
    }

    /// As a record has it.
    #[must_use]
    pub fn rate(&self) -> Rate {
        Rate {
            start: utc_text(self.start.saturating_mul(self.width_ns())),
            bucket_s: WIDTHS_S[self.width].unsigned_abs(),
            counts: self.counts.clone(),
        }
    }

    fn widen(&mut self) {
        let times = WIDTHS_S[self.width + 1] / WIDTHS_S[self.width];
        self.width += 1;
        let old = std::mem::take(&mut self.counts);
        let start = self.start.div_euclid(times);
        for (at, count) in (self.start..).zip(old) {
            let place = usize::try_from(at.div_euclid(times) - start).unwrap_or(0);
            self.counts.resize(self.counts.len().max(place + 1), 0);
            self.counts[place] += count;
        }
        self.start = start;
    }

    fn width_ns(&self) -> i64 {
        WIDTHS_S[self.width] * SECOND_NS
    }

    fn len(&self) -> i64 {
        i64::try_from(self.counts.len()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_the_second_as_long_as_they_fit() {
        let mut buckets = Buckets::new(4);
        for second in [10, 10, 13] {
            buckets.add(second * SECOND_NS + 5, 1);
        }
        let rate = buckets.rate();
        assert_eq!(rate.start, "1970-01-01T00:00:10.000000000Z");
        assert_eq!((rate.bucket_s, rate.counts), (1, vec![2, 0, 0, 1]));
        buckets.add(8 * SECOND_NS, 1);
        let rate = buckets.rate();
        assert_eq!(rate.start, "1970-01-01T00:00:05.000000000Z");
        assert_eq!((rate.bucket_s, rate.counts), (5, vec![1, 3]));
    }

    #[test]
    fn no_count_is_lost_and_no_memory_taken_whatever_comes() {
        let mut buckets = Buckets::new(60);
        let mut seed = 1u64;
        for added in 1..3000u64 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let shift = seed >> 58;
            buckets.add((seed.cast_signed()) >> shift, 1);
            let rate = buckets.rate();
            assert!(rate.counts.len() <= 60);
            assert_eq!(rate.counts.iter().sum::<u64>(), added);
        }
    }

    #[test]
    fn a_part_is_shown_in_the_buckets_of_the_whole() {
        let (mut all, mut part) = (Buckets::new(4), Buckets::new(4));
        for second in [1, 2, 3, 14] {
            all.add(second * SECOND_NS, 1);
        }
        part.add(3 * SECOND_NS, 1);
        part.add(2 * SECOND_NS, 1);
        assert_eq!(all.rate().counts, [3, 0, 1]);
        assert_eq!(part.aligned(&all), [2, 0, 0]);
    }

    #[test]
    fn two_are_added_up() {
        let mut all = Buckets::new(10);
        let mut other = Buckets::new(10);
        all.add(0, 1);
        other.add(7 * SECOND_NS, 2);
        all.merge(&other, 2 * SECOND_NS);
        assert_eq!(all.rate().counts, [1, 0, 0, 0, 0, 2]);
    }
}

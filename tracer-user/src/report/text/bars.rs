//! Counts over time, in block characters.

use crate::report::words::length;

/// `▁▃█ 12 in 3 columns of 10 s`.
pub(super) fn sparkline(counts: &[u64], bucket_s: u64) -> String {
    let (per_column, _) = columns(counts.len(), 60);
    let squeezed = squeeze(counts, per_column);
    let column_s = bucket_s.saturating_mul(per_column as u64);
    format!(
        "{}  a column is {}",
        bars(&squeezed).trim_end(),
        length(column_s)
    )
}

/// Buckets a column, and columns.
pub(super) fn columns(buckets: usize, width: usize) -> (usize, usize) {
    let per_column = buckets.div_ceil(width.max(1)).max(1);
    (per_column, buckets.div_ceil(per_column))
}

/// Adds up as many counts as a column has.
pub(super) fn squeeze(counts: &[u64], per_column: usize) -> Vec<u64> {
    counts
        .chunks(per_column)
        .map(|chunk| chunk.iter().sum())
        .collect()
}

/// One character a count, as high as its share of the greatest.
pub(super) fn bars(counts: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: u64| match count {
        0 => ' ',
        _ => {
            let level = (u128::from(count) * 8).div_ceil(u128::from(most)).max(1) - 1;
            BARS[usize::try_from(level).unwrap_or(7).min(7)]
        }
    };
    counts.iter().map(|&count| bar(count)).collect()
}

//! The median and the quartiles of a few measurements.

use serde_json::{Value, json};

/// The lower quartile, the median and the upper quartile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quartiles {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Quartiles {
    /// Those of these values: none where there is no value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            low: quantile(&values, 1)?,
            median: quantile(&values, 2)?,
            high: quantile(&values, 3)?,
        })
    }

    pub(crate) fn json(&self) -> Value {
        json!({"median": self.median, "q1": self.low, "q3": self.high})
    }
}

/// The value `quarters` quarters of the way through sorted values, between two where need be.
fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? * quarters;
    let (below, rest) = (place / 4, place % 4);
    let low = sorted[below];
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some(low + (high - low) * [0.0, 0.25, 0.5, 0.75][rest])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_fall_between_values() {
        let four = Quartiles::of([4.0, 1.0, 3.0, 2.0]);
        assert_eq!(
            four,
            Some(Quartiles {
                low: 1.75,
                median: 2.5,
                high: 3.25
            })
        );
        let five = Quartiles::of([5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(
            five,
            Some(Quartiles {
                low: 2.0,
                median: 3.0,
                high: 4.0
            })
        );
    }

    #[test]
    fn one_value_is_all_three_and_none_is_none() {
        assert_eq!(
            Quartiles::of([7.0]),
            Some(Quartiles {
                low: 7.0,
                median: 7.0,
                high: 7.0
            })
        );
        assert_eq!(Quartiles::of([]), None);
    }
}

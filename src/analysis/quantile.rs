//! Quantiles: of plain samples, and of eps weighted by time.

use super::envelope::Stretch;
use crate::time::Nanos;

/// A share of a whole as a fraction in thousandths, so that ranks are exact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PerMille(pub u16);

impl PerMille {
    /// Half.
    pub const P50: Self = Self(500);
    /// 99 in a hundred.
    pub const P99: Self = Self(990);
    /// 999 in a thousand.
    pub const P999: Self = Self(999);
    /// All.
    pub const MAX: Self = Self(1_000);

    fn share(self) -> f64 {
        f64::from(self.0) / 1e3
    }

    /// The rank, from one, of this quantile among `count` samples (nearest rank).
    pub fn rank(self, count: u64) -> u64 {
        let rank = (u128::from(count) * u128::from(self.0)).div_ceil(1_000).max(1);
        u64::try_from(rank).unwrap_or(u64::MAX)
    }
}

/// The smallest sample with at least the share `quantile` of all at or below it; `sorted` ascends.
pub fn nearest_rank(sorted: &[i64], quantile: PerMille) -> Option<i64> {
    let rank = quantile.rank(sorted.len() as u64) as usize;
    sorted.get(rank - 1).copied()
}

/// The same for samples counted by value, in ascending order of value.
pub fn of_counts(counts: &[(u64, u64)], quantile: PerMille) -> Option<u64> {
    let total = counts.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    let mut below = 0_u64;
    counts.iter().filter(|(_, count)| *count > 0).find_map(|(value, count)| {
        below = below.saturating_add(*count);
        (below >= quantile.rank(total)).then_some(*value)
    })
}

/// Time, in ns, during which eps is at most `limit`.
pub fn time_within(stretches: &[Stretch], limit: f64) -> f64 {
    stretches.iter().map(|stretch| stretch.within(limit)).sum()
}

/// Share of the time during which eps is at most `limit`; `None` if there is no time.
pub fn share_within(stretches: &[Stretch], limit: Nanos) -> Option<f64> {
    let total: f64 = stretches.iter().map(Stretch::length).sum();
    (total > 0.0).then(|| (time_within(stretches, limit.0 as f64) / total).min(1.0))
}

/// The smallest whole number of ns that eps does not exceed, up to rounding errors far below a nanosecond.
pub fn largest(stretches: &[Stretch]) -> Option<Nanos> {
    stretches.iter().map(Stretch::largest).max_by(f64::total_cmp).map(whole)
}

/// The smallest whole number of ns that eps does not exceed for the share `quantile` of the time: exact, by bisection.
pub fn weighted(stretches: &[Stretch], quantile: PerMille) -> Option<Nanos> {
    let total: f64 = stretches.iter().map(Stretch::length).sum();
    let (mut low, mut high) = (-1, largest(stretches)?.0);
    while low + 1 < high {
        let middle = low + high.saturating_sub(low) / 2;
        if time_within(stretches, middle as f64) >= quantile.share() * total {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(Nanos(high))
}

/// Rounded up, but not for what is only a rounding error of `f64`.
fn whole(ns: f64) -> Nanos {
    Nanos((ns - 1e-5).ceil().max(0.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stretch(start: f64, end: f64, first: f64, last: f64) -> Stretch {
        Stretch { start, end, first, last, top: 0, bottom: 0 }
    }

    #[test]
    fn quantiles_are_weighted_by_time() {
        let ramp = [stretch(0.0, 900.0, 0.0, 90.0), stretch(900.0, 1_000.0, 500.0, 500.0)];
        assert_eq!(weighted(&ramp, PerMille::P50), Some(Nanos(50)));
        assert_eq!(weighted(&ramp, PerMille::P99), Some(Nanos(500)));
        assert_eq!(share_within(&ramp, Nanos(45)), Some(0.45));
        assert_eq!((weighted(&[], PerMille::P50), share_within(&[], Nanos(1))), (None, None));
    }

    #[test]
    fn ranks_are_nearest() {
        let samples: Vec<i64> = (1..=1_000).collect();
        assert_eq!(nearest_rank(&samples, PerMille::P50), Some(500));
        assert_eq!(nearest_rank(&samples, PerMille::P999), Some(999));
        assert_eq!(nearest_rank(&[7], PerMille::P50), Some(7));
        assert_eq!(nearest_rank(&[], PerMille::MAX), None);
        assert_eq!(of_counts(&[(5, 98), (9, 2)], PerMille::P99), Some(9));
        assert_eq!(of_counts(&[], PerMille::P99), None);
    }

    proptest! {
        /// With constant pieces of equal length the weighted quantile is that of the sorted values.
        #[test]
        fn bisection_equals_sorting(mut values in prop::collection::vec(0..1_000_000_i64, 1..200), quantile in 1..1_000_u16) {
            let piece = |(index, value): (usize, &i64)| {
                let start = index as f64 * 8.0;
                stretch(start, start + 8.0, *value as f64, *value as f64)
            };
            let stretches: Vec<Stretch> = values.iter().enumerate().map(piece).collect();
            values.sort_unstable();
            let expected = nearest_rank(&values, PerMille(quantile)).map(Nanos);
            // The product share * total is rounded; a rank that is exactly whole may go either way by one sample.
            let whole = values.len() * usize::from(quantile) % 1_000 == 0;
            prop_assume!(!whole);
            prop_assert_eq!(weighted(&stretches, PerMille(quantile)), expected);
        }
    }
}

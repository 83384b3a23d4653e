//! Predictions that more than one workload shares: what clocks that differ do to an order, from offsets and delays alone.

use crate::time::Nanos;

/// The mean of a quantity over all ordered pairs of different clocks, given their two offsets.
pub fn mean_over_pairs(offsets: &[Nanos], of: impl Fn(Nanos, Nanos) -> f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u64);
    for (i, first) in offsets.iter().enumerate() {
        for (_, second) in offsets.iter().enumerate().filter(|(j, _)| *j != i) {
            sum += of(*first, *second);
            count += 1;
        }
    }
    sum / count.max(1) as f64
}

/// The mean of a quantity over all ordered pairs of different clocks, by how far the first is ahead of the second.
pub fn mean_over_leads(offsets: &[Nanos], of: impl Fn(Nanos) -> f64) -> f64 {
    mean_over_pairs(offsets, |first, second| of(first - second))
}

/// Share of neighbouring events of different processes that their stamps put the wrong way round: P(θ > Δ), with Δ the
/// exponential gap between Poisson events of `rate_per_s` in all.
pub fn inversion_share(offsets: &[Nanos], rate_per_s: f64) -> f64 {
    mean_over_leads(offsets, |lead| -(-rate_per_s * lead.max(Nanos::ZERO).as_seconds()).exp_m1())
}

/// E[(θ − ν)⁺] in seconds for a delay ν evenly between `delay` and `delay + jitter`.
pub fn mean_excess_s(lead: Nanos, delay: Nanos, jitter: Nanos) -> f64 {
    let excess = (lead - delay).max(Nanos::ZERO).as_seconds();
    let jitter = jitter.max(Nanos::ZERO).as_seconds();
    if excess >= jitter { excess - jitter / 2.0 } else { excess * excess / (2.0 * jitter) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_excess_equals_numerical_integration() {
        for (lead, delay, jitter) in [(10, 2, 4), (5, 2, 4), (1, 2, 4), (6, 2, 0), (6, 2, 4)] {
            let [lead, delay, jitter] = [lead, delay, jitter].map(Nanos::from_millis);
            let steps = 10_000;
            let at = |step: i64| (lead - delay - Nanos((jitter.0 * (2 * step + 1)) / (2 * steps))).max(Nanos::ZERO);
            let sum: f64 = (0..steps).map(|step| at(step).as_seconds()).sum();
            assert!((mean_excess_s(lead, delay, jitter) - sum / steps as f64).abs() < 1e-9);
        }
    }

    #[test]
    fn two_clocks_invert_as_an_exponential_gap_says() {
        // One of the two directions can be inverted: by 10 ms at 100 events a second, (1 − 1/e)/2.
        let share = inversion_share(&[Nanos::ZERO, Nanos::from_millis(10)], 100.0);
        assert!((share - (1.0 - (-1.0_f64).exp()) / 2.0).abs() < 1e-12);
        assert_eq!(inversion_share(&[Nanos(5)], 100.0), 0.0);
    }
}

//! How far chance moves a quantile of a time series: the circular block bootstrap (Politis & Romano, 1992).
//!
//! What is close in time is alike, so that whole blocks are drawn, with replacement, from anywhere in the series, which
//! is taken as a ring. A block is ten probe periods or more, and there are never more than twenty: with more, blocks
//! become shorter than what is alike, for almost no gain (Schmeiser, "Batch size effects", 1982, advises 10 to 30).
//! A bootstrap of few blocks is too narrow; [`super::spread`] mends that.

use crate::analysis::quantile::PerMille;
use crate::model::rng::{Purpose, Rng};

/// How often a series is drawn again.
pub const RESAMPLES: usize = 2_000;
/// With fewer blocks nothing can be said.
pub const FEWEST_BLOCKS: usize = 5;
/// More blocks than these are made longer instead.
pub const MOST_BLOCKS: usize = 20;
/// A block's length in probe periods, at least.
pub const BLOCK_PERIODS: i64 = 10;

const SEED: u64 = 1978;

/// A statistic of a series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Statistic {
    /// Median.
    P50,
    /// 99 in a hundred.
    P99,
    /// Largest. Drawn again it can only be smaller, so that its spread is that of the largest few blocks.
    Max,
}

impl Statistic {
    /// Every statistic, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::P50, Self::P99, Self::Max];

    const fn quantile(self) -> PerMille {
        match self {
            Self::P50 => PerMille::P50,
            Self::P99 => PerMille::P99,
            Self::Max => PerMille::MAX,
        }
    }
}

/// A statistic of a series that was drawn again and again.
#[derive(Clone, PartialEq, Debug)]
pub struct Resampled {
    /// How many blocks a drawn series has.
    pub blocks: usize,
    /// The statistic of each drawn series less that of the series itself.
    pub deviations: Vec<f64>,
}

/// How many cells make a block, if a series of `cells` cells of `cell_ns` each has enough blocks.
pub fn block_cells(cells: usize, cell_ns: f64, tau_ns: i64) -> Option<usize> {
    let least = (BLOCK_PERIODS as f64 * tau_ns as f64 / cell_ns).ceil();
    if !(1.0..=cells as f64).contains(&least.max(1.0)) {
        return None;
    }
    let block = (least as usize).max(cells.div_ceil(MOST_BLOCKS)).max(1);
    (cells / block >= FEWEST_BLOCKS).then_some(block)
}

/// Draws `series` again in blocks of `block` values: each of [`Statistic::ALL`], resampled. `stream` keeps the draws of
/// one series apart from those of others. Cost: one pass over the series a draw.
pub fn resample(series: &[f64], block: usize, stream: u64) -> [Resampled; 3] {
    resample_times(RESAMPLES, series, block, stream)
}

fn resample_times(draws: usize, series: &[f64], block: usize, stream: u64) -> [Resampled; 3] {
    let ranked = Ranked::of(series);
    let blocks = series.len().checked_div(block).unwrap_or(0);
    let own = ranked.statistics(&vec![1; series.len()]);
    let mut rng = Rng::stream(SEED, Purpose::Bootstrap, stream);
    let mut found = Statistic::ALL.map(|_| Resampled { blocks, deviations: Vec::with_capacity(draws) });
    let mut counts = vec![0; series.len()];
    for _ in 0..draws {
        counts.fill(0);
        for _ in 0..blocks {
            let start = rng.below(series.len() as u64) as usize;
            let ranks = ranked.ranks[start..].iter().chain(&ranked.ranks[..start]);
            ranks.take(block).for_each(|rank| counts[*rank] += 1);
        }
        for ((found, drawn), own) in found.iter_mut().zip(ranked.statistics(&counts)).zip(own) {
            found.deviations.push(drawn - own);
        }
    }
    found
}

/// A series by rank, so that no draw is sorted.
struct Ranked {
    sorted: Vec<f64>,
    ranks: Vec<usize>,
}

impl Ranked {
    fn of(series: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..series.len()).collect();
        order.sort_by(|a, b| series[*a].total_cmp(&series[*b]));
        let mut ranks = vec![0; series.len()];
        order.iter().enumerate().for_each(|(rank, index)| ranks[*index] = rank);
        Self { sorted: order.into_iter().map(|index| series[index]).collect(), ranks }
    }

    /// The statistics of the series that holds the value of each rank so many times.
    fn statistics(&self, counts: &[u64]) -> [f64; 3] {
        let total: u64 = counts.iter().sum();
        let wanted = Statistic::ALL.map(|statistic| statistic.quantile().rank(total));
        let (mut found, mut next, mut below) = ([0.0; 3], 0, 0);
        for (value, count) in self.sorted.iter().zip(counts) {
            below += count;
            while next < wanted.len() && below >= wanted[next] {
                found[next] = *value;
                next += 1;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::spread::bootstrap_limits;

    /// Values that remember the last one: x' = memory x + noise, of variance one and median zero.
    fn autoregressive(memory: f64, length: usize, id: u64) -> Vec<f64> {
        let mut rng = Rng::stream(7, Purpose::Scenario, id);
        let mut last = rng.normal();
        let step = |_| {
            last = memory * last + (1.0 - memory * memory).sqrt() * rng.normal();
            last
        };
        (0..length).map(step).collect()
    }

    #[test]
    fn a_constant_has_no_spread_and_draws_are_repeatable() {
        assert!(resample(&[3.0; 50], 5, 1).iter().all(|found| found.deviations.iter().all(|d| *d == 0.0)));
        let series = autoregressive(0.5, 100, 1);
        assert_eq!(resample(&series, 10, 1), resample(&series, 10, 1));
        assert_ne!(resample(&series, 10, 1), resample(&series, 10, 2));
        assert_eq!(resample(&[], 1, 1)[0].blocks, 0);
        assert!(resample(&series, 10, 1)[2].deviations.iter().all(|deviation| *deviation <= 0.0));
    }

    #[test]
    fn blocks_are_ten_periods_or_more_and_five_to_twenty() {
        assert_eq!(block_cells(2_800, 2.5e6, 100_000_000), Some(400), "7 s at 100 ms: seven blocks of a second");
        assert_eq!(block_cells(3_800, 15e6, 100_000_000), Some(190), "a minute: twenty of three seconds");
        assert_eq!(block_cells(1_600, 2.5e6, 100_000_000), None, "four seconds are too few");
        for (cells, cell_ns, tau_ns) in [(0, 1.0, 1), (10, 0.0, 1), (10, f64::NAN, 1), (4, 1e9, 1), (10, 1.0, -5)] {
            let _ = block_cells(cells, cell_ns, tau_ns);
        }
        assert_eq!(block_cells(0, 1.0, 1), None);
    }

    /// The interval for the difference of two medians, which is zero, holds it about as often as it says.
    #[test]
    fn the_interval_covers_as_it_says() {
        for (memory, block) in [(0.0, 10), (0.5, 10), (0.8, 20)] {
            let holds = |trial: &u64| {
                let sides = [2 * trial, 2 * trial + 1].map(|id| {
                    let series = autoregressive(memory, 200, id);
                    (median(&series), resample_times(400, &series, block, id)[0].clone())
                });
                let [(base, b), (head, h)] = sides;
                let (low, high) = bootstrap_limits(head - base, &[&b], &[&h], 0.95);
                low <= 0.0 && high >= 0.0
            };
            let covered = (0..200_u64).filter(holds).count();
            assert!((183..=199).contains(&covered), "memory {memory}: {covered} of 200");
        }
    }

    fn median(series: &[f64]) -> f64 {
        Ranked::of(series).statistics(&vec![1; series.len()])[0]
    }
}

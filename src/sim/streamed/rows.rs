//! Eps over time in a bounded number of rows: what is left of a run when nothing else is kept.

use std::collections::BTreeMap;

use crate::analysis::quantile::PerMille;
use crate::time::Nanos;

/// So many rows at most; then neighbours are merged.
const MOST_ROWS: usize = 1_024;
/// Below so many ns the grid of values is one nanosecond wide.
const FINE: u64 = 1 << FINE_BITS;
/// Above, a step of the grid is one in 2^10 of the value at most.
const FINE_BITS: u32 = 11;

/// A span of time.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Where it begins, since the run's start.
    pub start: Nanos,
    /// Where it ends.
    pub end: Nanos,
    /// The largest eps in it, rounded up.
    pub max: Nanos,
    /// When that was.
    pub worst_at: Nanos,
    /// The clocks ahead and behind then.
    pub worst_pair: (u32, u32),
    /// How long, in ns, eps was in each step of the grid of values, by its number.
    times: BTreeMap<u32, f64>,
}

impl Row {
    /// A row in which nothing was seen yet.
    pub fn new(start: Nanos, end: Nanos) -> Self {
        Self { start, end, max: Nanos::ZERO, worst_at: start, worst_pair: (0, 0), times: BTreeMap::new() }
    }

    /// Eps went evenly from `first` to `last`, in ns, within `length` ns.
    pub fn note(&mut self, first: f64, last: f64, length: f64) {
        let (low, high) = (first.min(last).max(0.0), first.max(last).max(0.0));
        let (from, to) = (step_of(low), step_of(high));
        if from == to {
            *self.times.entry(from).or_default() += length;
            return;
        }
        for step in from..=to {
            let (floor, ceiling) = (edge(step) as f64, edge(step + 1) as f64);
            let share = (high.min(ceiling) - low.max(floor)).max(0.0) / (high - low);
            *self.times.entry(step).or_default() += share * length;
        }
    }

    fn merge(&mut self, next: Self) {
        self.end = next.end;
        if next.max > self.max {
            (self.max, self.worst_at, self.worst_pair) = (next.max, next.worst_at, next.worst_pair);
        }
        next.times.into_iter().for_each(|(step, time)| *self.times.entry(step).or_default() += time);
    }

    /// The value that eps did not exceed for the share `quantile` of the row; see [`Rows::quantile`].
    pub fn quantile(&self, quantile: PerMille) -> Option<Nanos> {
        of_times(&self.times, quantile).map(|value| value.min(self.max))
    }
}

/// The rows of a run, in order and without gaps.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Vec<Row>,
    /// How many windows go into a row.
    per_row: usize,
    /// How many the last row has.
    in_last: usize,
}

impl Rows {
    /// Adds a window.
    pub fn push(&mut self, window: Row) {
        if self.in_last < self.per_row
            && let Some(last) = self.rows.last_mut()
        {
            last.merge(window);
            self.in_last += 1;
            return;
        }
        if self.rows.len() == MOST_ROWS {
            self.halve();
        }
        self.per_row = self.per_row.max(1);
        self.rows.push(window);
        self.in_last = 1;
    }

    fn halve(&mut self) {
        let mut merged: Vec<Row> = Vec::with_capacity(MOST_ROWS);
        for (index, row) in std::mem::take(&mut self.rows).into_iter().enumerate() {
            match merged.last_mut() {
                Some(last) if index % 2 == 1 => last.merge(row),
                _ => merged.push(row),
            }
        }
        self.rows = merged;
        self.per_row *= 2;
    }

    /// All rows.
    pub fn all(&self) -> &[Row] {
        &self.rows
    }

    /// The rows that begin at `warm` or later.
    pub fn since(&self, warm: Nanos) -> &[Row] {
        &self.rows[self.rows.partition_point(|row| row.start < warm)..]
    }

    /// The value that eps did not exceed for the share `quantile` of the time of `rows`, rounded up to the grid of values:
    /// by 1 ns below 2,048 ns, by 0.1 % above.
    pub fn quantile(rows: &[Row], quantile: PerMille) -> Option<Nanos> {
        let mut times: BTreeMap<u32, f64> = BTreeMap::new();
        for (step, time) in rows.iter().flat_map(|row| &row.times) {
            *times.entry(*step).or_default() += time;
        }
        let max = rows.iter().map(|row| row.max).max()?;
        of_times(&times, quantile).map(|value| value.min(max))
    }
}

fn of_times(times: &BTreeMap<u32, f64>, quantile: PerMille) -> Option<Nanos> {
    let wanted = times.values().sum::<f64>() * f64::from(quantile.0) / 1e3;
    let mut sum = 0.0;
    let reached = |(step, time): (&u32, &f64)| {
        sum += time;
        (sum >= wanted * (1.0 - 1e-12)).then_some(*step)
    };
    let step = times.iter().find_map(reached)?;
    Some(Nanos(i64::try_from(edge(step + 1)).unwrap_or(i64::MAX)))
}

/// The number of the step of the grid that holds `ns`.
fn step_of(ns: f64) -> u32 {
    let whole = ns as u64;
    if whole < FINE {
        return whole as u32;
    }
    let octave = whole.ilog2() - (FINE_BITS - 1);
    (octave << (FINE_BITS - 1)) + (whole >> octave) as u32
}

/// Where a step of the grid begins, in ns.
fn edge(step: u32) -> u64 {
    let half = FINE_BITS - 1;
    if u64::from(step) < FINE {
        return u64::from(step);
    }
    let octave = (step >> half) - 1;
    u64::from(step - (octave << half)).checked_shl(octave).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_one_nanosecond_or_a_thousandth_wide() {
        for ns in (0..5_000).chain([1 << 20, (1 << 20) + 1, 123_456_789_123, (1 << 62) + (1 << 20)]) {
            let step = step_of(ns as f64);
            assert!(edge(step) <= ns.max(1) && ns < edge(step + 1), "{ns}: {} {}", edge(step), edge(step + 1));
            assert!(edge(step + 1) - edge(step) <= (ns >> 10).max(1), "{ns}");
        }
    }

    #[test]
    fn quantiles_are_shares_of_time() {
        let mut row = Row { max: Nanos(1_000), ..Row::new(Nanos(0), Nanos(100)) };
        row.note(0.0, 1_000.0, 50.0);
        row.note(10.0, 10.0, 50.0);
        assert_eq!(row.quantile(PerMille(505)), Some(Nanos(11)));
        assert_eq!(row.quantile(PerMille(990)), Some(Nanos(980)));
        assert_eq!(row.quantile(PerMille::MAX), Some(Nanos(1_000)));
    }

    #[test]
    fn a_long_run_has_a_bounded_number_of_rows_and_loses_nothing() {
        let mut rows = Rows::default();
        for at in 0..10_000 {
            let mut row = Row { max: Nanos(at % 777), ..Row::new(Nanos(at), Nanos(at + 1)) };
            row.note(5.0, 5.0, 1.0);
            rows.push(row);
        }
        assert!((512..=1_024).contains(&rows.all().len()));
        assert_eq!((rows.all()[0].start, rows.all().last().unwrap().end), (Nanos(0), Nanos(10_000)));
        assert!(rows.all().windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(rows.all().iter().map(|row| row.max).max(), Some(Nanos(776)));
        assert_eq!(Rows::quantile(rows.since(Nanos(9_000)), PerMille::P50), Some(Nanos(6)));
        assert!(rows.since(Nanos(9_000))[0].start >= Nanos(9_000));
    }
}

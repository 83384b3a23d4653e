//! How well a clock did: the definitions of the published figures.

use super::drive::{Moment, Trace};
use crate::time::Nanos;

/// Time to within this counts...
const CLOSE: Nanos = Nanos::from_micros(100);
/// ...if it stays so for so many seconds.
const STAYS: usize = 300;

/// How large errors are, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Size {
    /// Root mean square.
    pub rms: f64,
    /// 99 % of them are not larger in size.
    pub p99: f64,
    /// The largest in size.
    pub max: f64,
    /// The mean, with its sign.
    pub mean: f64,
}

impl Size {
    /// Of errors in any order; all zero if there are none.
    pub fn of(errors: impl Iterator<Item = Nanos>) -> Self {
        let errors: Vec<f64> = errors.map(Nanos::as_seconds).collect();
        let count = errors.len().max(1) as f64;
        let sizes = sorted(errors.iter().map(|error| error.abs()));
        Self {
            rms: (errors.iter().map(|error| error * error).sum::<f64>() / count).sqrt(),
            p99: quantile(&sizes, 0.99).unwrap_or(0.0),
            max: sizes.last().copied().unwrap_or(0.0),
            mean: errors.iter().sum::<f64>() / count,
        }
    }
}

/// What a table shows of a clock in a condition. The steady state is the second half of the run; root mean square,
/// quantile, largest and mean are over all clients, seeds and seconds of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figures {
    /// Root mean square of the offset, in seconds.
    pub rms: f64,
    /// 99 % of |offset| are not larger, in seconds.
    pub p99: f64,
    /// The largest |offset|, in seconds.
    pub max: f64,
    /// The mean offset, with its sign, in seconds.
    pub mean: f64,
    /// Largest difference between two clients at one time, median over seeds, in seconds.
    pub epsilon: f64,
    /// First second from which |offset| is at most 100 us for 300 s on end, median over clients and seeds.
    pub close_after: Option<u32>,
    /// The median of the bounds that the clock states, in seconds.
    pub bound: Option<f64>,
    /// Share of the steady state in which a bound was stated and held.
    pub coverage: f64,
    /// The median of the standard errors that the clock states, in seconds.
    pub deviation: Option<f64>,
    /// Root mean square of offset / stated standard error: one if it is stated rightly, more if it is stated too small.
    pub surprise: Option<f64>,
}

/// The figures of all seeds' clients.
pub fn figures(seeds: &[Vec<Trace>]) -> Figures {
    let traces = || seeds.iter().flatten();
    let steady: Vec<&Moment> = traces().flat_map(|trace| second_half(trace)).collect();
    let count = steady.len().max(1) as f64;
    let Size { rms, p99, max, mean } = Size::of(steady.iter().map(|moment| moment.offset));
    let bounds = sorted(steady.iter().filter_map(|moment| moment.bound).map(Nanos::as_seconds));
    let deviations = sorted(steady.iter().filter_map(|moment| moment.deviation).map(Nanos::as_seconds));
    let held = steady.iter().filter(|moment| moment.bound.is_some_and(|bound| moment.offset.abs() <= bound)).count();
    Figures {
        rms,
        p99,
        max,
        mean,
        epsilon: quantile(&sorted(seeds.iter().map(|clients| epsilon(clients))), 0.5).unwrap_or(0.0),
        close_after: median_time(traces().map(close_after).collect()),
        bound: quantile(&bounds, 0.5),
        coverage: held as f64 / count,
        deviation: quantile(&deviations, 0.5),
        surprise: surprise(&steady),
    }
}

/// The steady state: what is left when a clock has settled.
pub fn second_half<T>(all: &[T]) -> &[T] {
    &all[all.len() / 2..]
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The smallest of the sorted values that `share` of them do not exceed.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

fn surprise(steady: &[&Moment]) -> Option<f64> {
    let ratio = |moment: &&Moment| Some((moment.offset.0 as f64 / moment.deviation?.0.max(1) as f64).powi(2));
    let ratios: Vec<f64> = steady.iter().filter_map(ratio).collect();
    (!ratios.is_empty()).then(|| (ratios.iter().sum::<f64>() / ratios.len() as f64).sqrt())
}

fn epsilon(clients: &[Trace]) -> f64 {
    let seconds = clients.iter().map(Vec::len).min().unwrap_or(0);
    let spread = |second: usize| {
        let offsets = || clients.iter().map(|trace| trace[second].offset);
        offsets().max().zip(offsets().min()).map_or(Nanos::ZERO, |(most, least)| most - least)
    };
    (seconds / 2..seconds).map(spread).max().unwrap_or(Nanos::ZERO).as_seconds()
}

/// Seconds are counted from one.
fn close_after(trace: &Trace) -> Option<u32> {
    let mut close = 0;
    for (index, moment) in trace.iter().enumerate() {
        close = if moment.offset.abs() <= CLOSE { close + 1 } else { 0 };
        if close == STAYS {
            return u32::try_from(index + 2 - STAYS).ok();
        }
    }
    None
}

/// The median, where never is later than any time.
fn median_time(mut times: Vec<Option<u32>>) -> Option<u32> {
    times.sort_unstable_by_key(|time| time.unwrap_or(u32::MAX));
    times.get(times.len().saturating_sub(1) / 2).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(offsets_us: impl Iterator<Item = i64>) -> Trace {
        let moment =
            |us| Moment { offset: Nanos::from_micros(us), bound: Some(Nanos::from_micros(5)), deviation: None };
        offsets_us.map(moment).collect()
    }

    #[test]
    fn figures_are_over_the_second_half_and_epsilon_between_clients() {
        let clients = vec![trace([900, 900, 3, -4].into_iter()), trace([0, 0, 3, 10].into_iter())];
        let found = figures(&[clients]);
        let close = |value: f64, expected_us: f64| assert!((value * 1e6 - expected_us).abs() < 1e-9, "{found:?}");
        close(found.rms, ((9.0 + 16.0 + 9.0 + 100.0) / 4.0_f64).sqrt());
        close(found.max, 10.0);
        close(found.p99, 10.0);
        close(found.mean, 3.0);
        close(found.epsilon, 14.0);
        assert_eq!((found.close_after, found.coverage, found.deviation), (None, 0.75, None));
    }

    #[test]
    fn close_is_the_first_second_of_three_hundred_on_end() {
        let late = |bad: usize| trace((1..=1_000).map(move |second| if second <= bad { 101 } else { -100 }));
        assert_eq!(close_after(&late(0)), Some(1));
        assert_eq!(close_after(&late(40)), Some(41));
        assert_eq!(close_after(&late(700)), Some(701));
        assert_eq!(close_after(&late(701)), None);
        assert_eq!(median_time(vec![Some(5), None, Some(1)]), Some(5));
        assert_eq!(median_time(vec![None, None, Some(1)]), None);
    }
}

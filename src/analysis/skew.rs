//! What one algorithm's clocks did in the window: eps, bias, convergence.

use super::envelope::{Stretch, sweep};
use super::quantile::{PerMille, largest, weighted};
use super::track::Track;
use crate::ids::NodeId;
use crate::time::{NANOS_PER_SECOND, Nanos};

/// Numbers on eps over all nodes, exact to the 2 ns that integer readings leave open.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Skew {
    /// Eps was at most this for half of the window.
    pub p50: Nanos,
    /// Eps was at most this for 99 % of the window.
    pub p99: Nanos,
    /// Eps was at most this.
    pub max: Nanos,
    /// The pair that was furthest apart, the lower id first.
    pub worst_pair: (NodeId, NodeId),
    /// When it was, in seconds since the run's start.
    pub worst_at_s: f64,
    /// The mean over time of C_j − C_i, i < j (positive: the higher id is ahead), of the pair with the largest |mean|.
    pub bias: Nanos,
    /// Seconds from the run's start to the instant from which eps stayed within the window's maximum.
    pub convergence_s: f64,
}

/// Measures the window from `warm` to `end`, both in ns since the run's start; also gives eps itself over it. `None` if
/// the window is empty. `tracks` are in the order of `nodes`, which ascends.
pub fn measure(nodes: &[NodeId], tracks: &[Track], warm: f64, end: f64) -> Option<(Skew, Vec<Stretch>)> {
    let window = sweep(tracks, warm, end);
    let max = largest(&window)?;
    let worst = window.iter().max_by(|a, b| a.largest().total_cmp(&b.largest()).then(b.start.total_cmp(&a.start)))?;
    let at = if worst.last > worst.first { worst.end } else { worst.start };
    let (a, b) = (nodes[worst.top], nodes[worst.bottom]);
    let skew = Skew {
        p50: weighted(&window, PerMille::P50)?,
        p99: weighted(&window, PerMille::P99)?,
        max,
        worst_pair: (a.min(b), a.max(b)),
        worst_at_s: at / NANOS_PER_SECOND as f64,
        bias: bias(tracks, warm, end),
        convergence_s: converged(&sweep(tracks, 0.0, warm), max.0 as f64) / NANOS_PER_SECOND as f64,
    };
    Some((skew, window))
}

/// The pair with the largest |mean| is the one of the largest and the smallest mean.
fn bias(tracks: &[Track], from: f64, to: f64) -> Nanos {
    let means = tracks.iter().map(|track| mean(track, from, to)).enumerate();
    let by = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
    let (Some(low), Some(high)) = (means.clone().min_by(by), means.max_by(by)) else { return Nanos::ZERO };
    let spread = Nanos((high.1 - low.1).round() as i64);
    if high.0 >= low.0 { spread } else { -spread }
}

/// The mean over time of reading minus true time, in ns.
fn mean(track: &Track, from: f64, to: f64) -> f64 {
    let first = track.index_at(from);
    let legs = &track.legs()[first..];
    let area = |(index, leg): (usize, &super::track::Leg)| {
        let start = if index == 0 { from } else { leg.start };
        let end = legs.get(index + 1).map_or(to, |next| next.start.min(to));
        if end > start { (leg.at(start) + leg.at(end)) / 2.0 * (end - start) } else { 0.0 }
    };
    legs.iter().enumerate().map(area).sum::<f64>() / (to - from)
}

/// The instant from which eps stayed at or below `limit`, in ns since the run's start.
fn converged(before: &[Stretch], limit: f64) -> f64 {
    let Some(last) = before.iter().rev().find(|stretch| stretch.largest() > limit) else { return 0.0 };
    if last.last > limit {
        return last.end;
    }
    last.start + last.length() * (last.first - limit) / (last.first - last.last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::track::Leg;

    #[test]
    fn a_clock_that_converges_is_measured_after_it_did() {
        let leg = |start, value, slope| Leg { start, value, slope };
        let nodes = [NodeId(3), NodeId(7)];
        let still = Track::new(vec![leg(0.0, 0.0, 0.0)]);
        let falls = Track::new(vec![leg(0.0, -100.0, 0.5), leg(160.0, -20.0, 0.0), leg(300.0, -10.0, 0.0)]);
        let (skew, window) = measure(&nodes, &[still, falls], 200.0, 400.0).unwrap();
        assert_eq!((skew.p50, skew.p99, skew.max), (Nanos(10), Nanos(20), Nanos(20)));
        assert_eq!(skew.bias, Nanos(-15), "node 7 is behind node 3");
        assert_eq!(skew.convergence_s, 160e-9);
        assert_eq!((skew.worst_pair, skew.worst_at_s), ((NodeId(3), NodeId(7)), 200e-9));
        assert_eq!(window.len(), 2);
    }
}

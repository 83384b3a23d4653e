//! A declared oscillator: how a host's local clock relates to true time.

use serde::{Deserialize, Serialize};

use super::rng::{Purpose, Rng};
use crate::affine::{Line, Map, shifted};
use crate::ids::NodeId;
use crate::time::{Local, Nanos, Ppb, Rate, Time, True};

/// How long the wander keeps one rate.
const WANDER_STEP: Nanos = Nanos::from_seconds(1);

/// After so many steps (eleven days) the wander stands still, so that no stamp can make the map grow without end.
const WANDER_STEPS: usize = 1_000_000;

/// What is declared of one node's oscillator. Together with the seed it fixes the local clock at every instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Declaration {
    /// Local minus true time at `epoch`.
    pub offset: Nanos,
    /// Constant part of (rate − 1).
    pub drift_ppb: Ppb,
    /// Limit of the slow random part of the rate, which starts at zero.
    pub wander_ppb: Ppb,
    /// True time in nanoseconds at which the offset holds and the wander starts.
    pub epoch_ns: i64,
    /// The run's seed.
    pub seed: u64,
}

impl Declaration {
    /// The largest |rate − 1| this oscillator can have: its kappa.
    pub fn kappa(&self) -> Ppb {
        Ppb(self.drift_ppb.abs().0.saturating_add(self.wander_ppb.abs().0))
    }
}

/// A local clock as a function of true time, extended piece by piece as time goes on.
#[derive(Clone, Debug)]
pub struct Oscillator {
    declared: Declaration,
    map: Map<True, Local>,
    rng: Rng,
    wander: f64,
}

impl Oscillator {
    /// The local clock of `node` as declared. Before the epoch it runs at the constant drift.
    pub fn new(declared: Declaration, node: NodeId) -> Self {
        let start = Time::from_nanos(declared.epoch_ns);
        let first = Line { start, value: shifted(start, declared.offset), rate: Rate::from_ppb(declared.drift_ppb) };
        let rng = Rng::stream(declared.seed, Purpose::Wander, u64::from(node.0));
        Self { declared, map: Map::new(first), rng, wander: 0.0 }
    }

    /// What was declared of it.
    pub fn declared(&self) -> &Declaration {
        &self.declared
    }

    /// The local reading at true time `at`. Amortised constant cost when `at` moves forward.
    pub fn local(&mut self, at: Time<True>) -> Time<Local> {
        self.extend_to(at);
        self.map.at(at)
    }

    /// The true time at which the local clock first shows `reading`.
    pub fn true_time(&mut self, reading: Time<Local>) -> Time<True> {
        loop {
            match self.next_step() {
                Some((end, value)) if reading >= value => self.extend_to(end),
                _ => return self.map.when(reading),
            }
        }
    }

    /// The whole map up to `until`, for exact comparison of clocks.
    pub fn map_until(&mut self, until: Time<True>) -> &Map<True, Local> {
        self.extend_to(until);
        &self.map
    }

    /// Where the wander next changes, in both clocks; `None` if it never does.
    fn next_step(&self) -> Option<(Time<True>, Time<Local>)> {
        let pieces = self.map.pieces();
        let last = pieces.last().filter(|_| self.declared.wander_ppb != Ppb(0) && pieces.len() <= WANDER_STEPS)?;
        let end = last.start + WANDER_STEP;
        Some((end, last.at(end)))
    }

    /// Adds pieces until one covers `at`. Each second the wander takes a normal step of a tenth of its limit and is
    /// held inside the limit.
    fn extend_to(&mut self, at: Time<True>) {
        while let Some((start, value)) = self.next_step().filter(|(end, _)| *end <= at) {
            let bound = Rate::from_ppb(self.declared.wander_ppb.abs());
            let limit = bound.as_ratio();
            self.wander = (self.wander + self.rng.normal() * limit / 10.0).clamp(-limit, limit);
            let rate = Rate::from_ppb(self.declared.drift_ppb) + Rate::from_ratio(self.wander).clamp_to(bound);
            self.map.push(Line { start, value, rate });
        }
    }
}

/// Offsets and drifts for `nodes` nodes: spread evenly over `[-x, +x]`, so that the injected spread is exactly `2x`, and
/// dealt to the nodes by the seed, offsets apart from drifts.
pub fn deal(nodes: u32, offset: Nanos, drift: Ppb, wander: Ppb, epoch_ns: i64, seed: u64) -> Vec<Declaration> {
    let spread = |limit: i64| -> Vec<i64> {
        let steps = i128::from(nodes.max(2) - 1);
        (0..i128::from(nodes)).map(|k| (i128::from(limit) * (2 * k - steps) / steps) as i64).collect()
    };
    let mut rng = Rng::stream(seed, Purpose::Deal, 0);
    let (mut offsets, mut drifts) = (spread(offset.0), spread(drift.0));
    rng.shuffle(&mut offsets);
    rng.shuffle(&mut drifts);
    let declare = |(offset, drift)| Declaration {
        offset: Nanos(offset),
        drift_ppb: Ppb(drift),
        wander_ppb: wander,
        epoch_ns,
        seed,
    };
    offsets.into_iter().zip(drifts).map(declare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wandering() -> Oscillator {
        let declared = Declaration {
            offset: Nanos(-777),
            drift_ppb: Ppb(50_000),
            wander_ppb: Ppb(1_000),
            epoch_ns: 5_000,
            seed: 3,
        };
        Oscillator::new(declared, NodeId(1))
    }

    #[test]
    fn the_rate_stays_inside_the_declared_limit() {
        let mut oscillator = wandering();
        let until = Time::from_nanos(5_000) + Nanos::from_seconds(3_000);
        let kappa = Rate::from_ppb(oscillator.declared().kappa());
        let pieces = oscillator.map_until(until).pieces().to_vec();
        assert_eq!(pieces.len(), 3_001);
        assert!(pieces.iter().all(|p| p.rate.0.abs() <= kappa.0));
        assert!(pieces.iter().any(|p| p.rate != pieces[0].rate), "it wanders");
    }

    #[test]
    fn true_time_is_recovered_from_the_local_reading() {
        let mut ahead = wandering();
        let mut back = wandering();
        for second in [0, 1, 59, 3_600] {
            let at = Time::from_nanos(123_456_789) + Nanos::from_seconds(second);
            let found = back.true_time(ahead.local(at));
            assert!((found - at).abs() <= Nanos(1), "{found:?} for {at:?}");
        }
    }

    #[test]
    fn the_dealt_spread_is_exactly_twice_the_limit() {
        for nodes in 2..9 {
            let dealt = deal(nodes, Nanos::from_millis(10), Ppb(50_000), Ppb(0), 0, 42);
            let spread = |f: fn(&Declaration) -> i64| {
                let values = dealt.iter().map(f);
                values.clone().max().unwrap() - values.min().unwrap()
            };
            assert_eq!(spread(|d| d.offset.0), 20_000_000);
            assert_eq!(spread(|d| d.drift_ppb.0), 100_000);
        }
        assert_eq!(deal(1, Nanos(10), Ppb(10), Ppb(0), 0, 1).len(), 1);
    }
}

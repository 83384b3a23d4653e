//! Interactive convergence, CNV (L. Lamport, P. M. Melliar-Smith, *Synchronizing Clocks in the Presence of Faults*, Journal of
//! the ACM 32(1), 1985).
//!
//! Once a round R each node reads all clocks, replaces every difference from its own larger than Delta by zero, and moves its
//! clock by the mean of all n differences, its own zero among them. With n > 3f, and with every two honest clocks within
//! delta when a round ends, they are within [(n−f)·2 eps + f(3 delta + 2 eps)]/n + 2 rho R after the next, so that they stay within
//! **delta = 2n(eps + rho R)/(n−3f)**, for n = 3f + 1 (6f + 2)(eps + rho R). The threshold must be **Delta = delta + eps** and no
//! more: a generous one gives each liar Delta to pull with, and the skew settles at 2[(n−f)eps + f Delta + n rho R]/(n−f).
//!
//! Inputs: exchanges, offsets peer − local in ns. Output: a reading in ns, corrected in a step at the end of each round, in
//! either direction, and an error bound, stated at the end of each round, on its distance to every correct clock
//! ([`super::agreement`]): each liar pulls the mean by Delta/n at most, and 3f/n of the skew remains while all honest clocks
//! are within Delta. Assumed: every node reads every other (a complete
//! graph), at most f = ⌊(n−1)/3⌋ are faulty, honest clocks drift less than kappa = rho. Cost: a sort a round. Departures: eps is
//! measured: half the (f+1)-th largest delay of the round, plus the drift since. The paper assumes clocks that are synchronised
//! at first: as long as fewer than n − f clocks are within Delta of the own, a round takes the midpoint of Welch and Lynch
//! ([`super::welch_lynch`]), which converges from anywhere; once the honest ones are within Delta, liars cannot bring that back.

use super::agreement::Correction;
use super::ensemble::Ensemble;
use super::welch_lynch::midpoint;
use super::{Change, Clock, Message, Reading, Settings};
use crate::ids::Algorithm;
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Time};

/// The clock of Lamport and Melliar-Smith.
#[derive(Clone, Debug)]
pub struct Convergence {
    ensemble: Ensemble,
}

impl Convergence {
    /// A clock that tolerates as many liars as its mesh can bear.
    pub fn new(settings: &Settings) -> Self {
        Self { ensemble: Ensemble::new(Algorithm::Convergence, settings) }
    }
}

/// What a round moves the clock by.
fn correction(ensemble: &Ensemble, differences: Vec<Nanos>, error: Nanos) -> Option<Correction> {
    let (clocks, faults) = (ensemble.clocks(), ensemble.faults());
    let threshold = precision(clocks, faults, error, ensemble.drift()) + error;
    let near = differences.iter().filter(|difference| difference.abs() <= threshold).count();
    let share = |part: usize, span: Nanos| Nanos(span.times(part as i64).0 / clocks.max(1) as i64);
    let by = if near + faults < clocks {
        midpoint(differences, faults)?
    } else {
        egocentric_mean(&differences, clocks, threshold)
    };
    let remains = (3 * faults as i64, clocks as i64);
    Some(Correction { by, pull: share(faults, threshold), remains, within: threshold - error })
}

/// delta = 2n(eps + rho R)/(n − 3f), where n > 3f.
pub fn precision(clocks: usize, faults: usize, error: Nanos, drift: Nanos) -> Nanos {
    let spare = clocks.saturating_sub(3 * faults).max(1);
    Nanos((error + drift).times(2 * clocks as i64).0 / spare as i64)
}

/// The mean of the differences from the own clock, of which those beyond the threshold and those that are missing to `clocks`
/// count as zero.
pub fn egocentric_mean(differences: &[Nanos], clocks: usize, threshold: Nanos) -> Nanos {
    let near = differences.iter().filter(|difference| difference.abs() <= threshold);
    let sum: i128 = near.map(|difference| i128::from(difference.0)).sum();
    Nanos((sum / clocks.max(differences.len()).max(1) as i128) as i64)
}

impl Clock for Convergence {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Convergence
    }

    fn reading(&self) -> &Reading {
        self.ensemble.reading()
    }

    fn claim(&self, at: Time<Local>) -> Claim {
        self.ensemble.claim(at)
    }

    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        self.ensemble.hear(message.claim);
        None
    }

    fn on_exchange(&mut self, _: Time<Local>, exchange: &Exchange) -> Option<Change> {
        self.ensemble.add(exchange);
        None
    }

    fn on_slot(&mut self, at: Time<Local>) -> Option<Change> {
        self.ensemble.turn(at, correction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The honest clocks after a round in which one liar tells node `i` the reading `told(i)`.
    fn round(honest: &[f64; 3], threshold: f64, told: impl Fn(usize) -> f64) -> [f64; 3] {
        const UNIT: f64 = 1e6;
        std::array::from_fn(|i| {
            let all = honest.iter().copied().chain([told(i)]);
            let differences: Vec<Nanos> = all.map(|clock| Nanos(((clock - honest[i]) * UNIT).round() as i64)).collect();
            honest[i] + egocentric_mean(&differences, 4, Nanos((threshold * UNIT).round() as i64)).0 as f64 / UNIT
        })
    }

    fn skew(clocks: &[f64; 3]) -> f64 {
        clocks.iter().copied().fold(f64::MIN, f64::max) - clocks.iter().copied().fold(f64::MAX, f64::min)
    }

    /// Each is told the own clock ± Delta: the lower ones less, the upper one more.
    fn pulled_apart(honest: &[f64; 3], threshold: f64) -> [f64; 3] {
        let middle = honest.iter().sum::<f64>() / 3.0;
        round(honest, threshold, |i| honest[i] + if honest[i] > middle { threshold } else { -threshold })
    }

    /// docs/theory.md §6: n = 4, f = 1, honest {0, 1, 2}·a, Delta = delta = 2a: the contraction factor 3f/n = 3/4.
    #[test]
    fn a_round_contracts_the_skew_to_three_quarters_at_worst() {
        for a in [1.0, 7.5, 1_000.0] {
            let before = [0.0, a, 2.0 * a];
            let after = pulled_apart(&before, 2.0 * a);
            assert!((skew(&after) / skew(&before) - 0.75).abs() < 1e-5, "{after:?}");
        }
    }

    /// docs/theory.md §6: n = 4, f = 1, no drift, no reading error, Delta = 10: 2 f Delta/(n − f) = 6.67.
    #[test]
    fn a_generous_threshold_destroys_the_guarantee() {
        let mut clocks = [0.0, 1.0, 2.0];
        for _ in 0..200 {
            clocks = pulled_apart(&clocks, 10.0);
        }
        assert!((skew(&clocks) - 20.0 / 3.0).abs() < 1e-3, "{}", skew(&clocks));
    }

    #[test]
    fn the_precision_is_that_of_the_paper() {
        let (error, drift) = (Nanos(700), Nanos(300));
        for f in 0..4 {
            assert_eq!(
                precision(3 * f + 1, f, error, drift),
                (error + drift).times(6 * f as i64 + 2),
                "(6f + 2)(eps + rho R)"
            );
        }
        assert_eq!(precision(10, 1, error, drift), Nanos(2 * 10 * 1_000 / 7));
    }

    #[test]
    fn missing_and_absurd_readings_count_as_the_own() {
        let differences = [0, 40, i64::MAX, i64::MIN].map(Nanos);
        assert_eq!(egocentric_mean(&differences, 4, Nanos(50)), Nanos(10));
        assert_eq!(egocentric_mean(&differences[..2], 4, Nanos(50)), Nanos(10));
        assert_eq!(egocentric_mean(&[], 0, Nanos(50)), Nanos::ZERO);
    }

    #[test]
    fn clocks_that_are_far_apart_at_first_are_brought_together_by_the_midpoint() {
        let ensemble = Ensemble::new(Algorithm::Convergence, &crate::clock::testing::settings(0, 3));
        let far = [0, 1_000_000_000, 2_000_000_000, 3_000_000_000].map(Nanos).to_vec();
        let by = |differences| correction(&ensemble, differences, Nanos(1_000)).map(|correction| correction.by);
        assert_eq!(by(far), Some(Nanos(1_500_000_000)));
        let near = [0, 1_000, 2_000, 3_000_000_000].map(Nanos).to_vec();
        assert_eq!(by(near), Some(Nanos(750)));
    }
}

//! What is believed of the reference's clock: offset, rate and least one-way delay, as a normal distribution.

use super::tail;
use crate::real::ln;

/// Offset of the reference's clock (seconds ahead of the local one), its rate against the local clock (dimensionless)
/// and the least one-way delay (seconds), in this order.
type State = [f64; 3];

/// A direction of travel: how an offset enters what a message shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To the reference: receipt less sending is delay plus offset.
    Forth,
    /// From the reference: receipt less sending is delay less offset.
    Back,
}

impl Direction {
    const fn sign(self) -> f64 {
        match self {
            Self::Forth => 1.0,
            Self::Back => -1.0,
        }
    }
}

/// A message that was under way for longer than expected by more than so many mean jitters (and [`SURE`] deviations)
/// was held up by something else than what the jitter is learned from.
const HELD_UP: f64 = 8.0;
/// Deviations beyond which something is not by chance.
pub const SURE: f64 = 6.0;
/// A normal distribution over offset, rate and least delay.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Belief {
    /// The means.
    pub mean: State,
    /// The covariances; symmetric.
    pub spread: [State; 3],
}

/// What one message shows: receipt less sending, in seconds, and the variance of its stamps' error.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Passage {
    /// Which way it went.
    pub direction: Direction,
    /// Receipt, on the receiver's clock, less sending, on the sender's.
    pub shown: f64,
    /// Variance of the error of `shown`.
    pub noise: f64,
}

impl Belief {
    /// Three independent guesses with their standard deviations.
    pub fn guess(mean: State, deviation: State) -> Self {
        let mut spread = [[0.0; 3]; 3];
        (0..3).for_each(|i| spread[i][i] = deviation[i] * deviation[i]);
        Self { mean, spread }
    }

    /// The belief after `dt` seconds, during which the rate walks at random by `wander` per square root of a second.
    pub fn after(&self, dt: f64, wander: f64) -> Self {
        let mut next = *self;
        let [yy, yf, yd] = self.spread[0];
        let [_, ff, fd] = self.spread[1];
        let (walk, t) = (wander * wander, dt.abs());
        next.mean[0] += self.mean[1] * dt;
        next.spread[0][0] = yy + 2.0 * dt * yf + dt * dt * ff + walk * t * t * t / 3.0;
        next.spread[0][1] = yf + dt * ff + walk * t * t / 2.0;
        next.spread[0][2] = yd + dt * fd;
        next.spread[1][1] = ff + walk * t;
        next.mirror();
        next
    }

    fn mirror(&mut self) {
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            self.spread[j][i] = self.spread[i][j];
        }
    }

    /// Mean and variance of the time that the message would have shown without jitter, and its covariances with the
    /// state.
    fn expected(&self, passage: &Passage) -> (f64, f64, State) {
        let sign = passage.direction.sign();
        let with = [0, 1, 2].map(|i| sign * self.spread[i][0] + self.spread[i][2]);
        let variance = ((sign * with[0] + with[2]).max(0.0) + passage.noise).max(f64::MIN_POSITIVE);
        (sign * self.mean[0] + self.mean[2], variance, with)
    }

    /// By how much a message shows less than it could if the belief were right, and how sure that belief is
    /// (deviation), in seconds; not positive for most messages.
    pub fn conflict(&self, passage: &Passage) -> (f64, f64) {
        let (mean, variance, _) = self.expected(passage);
        (mean - passage.shown, variance.sqrt())
    }

    /// Whether a message came so late that it says nothing.
    pub fn is_held_up(&self, passage: &Passage, jitter: f64) -> bool {
        let (mean, variance, _) = self.expected(passage);
        passage.shown - mean > HELD_UP * jitter + SURE * variance.sqrt()
    }

    /// Learns from a message whose jitter is exponential with mean `jitter` seconds. Returns the logarithm of the
    /// density that the belief gave to what the message shows.
    ///
    /// With u what the message would show without jitter, the likelihood is exp(−(shown − u)/jitter)/jitter for u ≤
    /// shown. A normal u of variance v that is weighted by exp(u/jitter) is a normal u moved up by v/jitter; cut off at
    /// `shown` its mean and variance are those of [`tail::below`], and the other coordinates follow by their covariance
    /// with u (assumed density filtering: the cut distribution is replaced by the normal one with its mean and
    /// covariance).
    pub fn learn(&mut self, passage: &Passage, jitter: f64) -> f64 {
        let (mean, variance, with) = self.expected(passage);
        let deviation = variance.sqrt();
        let tilted = mean + variance / jitter;
        let cut = tail::below((passage.shown - tilted) / deviation);
        let moved = (passage.shown - deviation * cut.gap - mean) / variance;
        let shrunk = (1.0 - cut.variance) / variance;
        for i in 0..3 {
            self.mean[i] += with[i] * moved;
            for j in 0..3 {
                self.spread[i][j] -= with[i] * with[j] * shrunk;
            }
        }
        cut.ln_mass - ln(jitter) - (passage.shown - mean) / jitter + variance / (2.0 * jitter * jitter)
    }

    /// Whether all its numbers are numbers.
    pub fn is_finite(&self) -> bool {
        self.mean.iter().chain(self.spread.iter().flatten()).all(|number| number.is_finite())
    }

    /// Adds doubt of the given deviations, where the belief has been proved wrong.
    pub fn doubt(&mut self, deviation: State) {
        (0..3).for_each(|i| self.spread[i][i] += deviation[i] * deviation[i]);
    }

    /// The mixture of beliefs with these weights, which sum to one, as one belief with its mean and covariance.
    pub fn mixture<'a>(parts: impl Iterator<Item = (f64, &'a Self)> + Clone) -> Self {
        let mut mixed = Self { mean: [0.0; 3], spread: [[0.0; 3]; 3] };
        for (weight, part) in parts.clone() {
            (0..3).for_each(|i| mixed.mean[i] += weight * part.mean[i]);
        }
        for (weight, part) in parts {
            let apart = [0, 1, 2].map(|i| part.mean[i] - mixed.mean[i]);
            for i in 0..3 {
                for j in 0..3 {
                    mixed.spread[i][j] += weight * (part.spread[i][j] + apart[i] * apart[j]);
                }
            }
        }
        mixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(direction: Direction, shown: f64) -> Passage {
        Passage { direction, shown, noise: 0.0 }
    }

    #[test]
    fn a_wide_guess_becomes_the_exponential_below_what_was_shown() {
        let mut belief = Belief::guess([0.0, 0.0, 0.0], [1.0, 1e-9, 1e-12]);
        belief.learn(&passage(Direction::Forth, 0.3), 1e-3);
        assert!((belief.mean[0] - (0.3 - 1e-3)).abs() < 1e-6, "{belief:?}");
        assert!((belief.spread[0][0].sqrt() / 1e-3 - 1.0).abs() < 1e-2, "{belief:?}");
    }

    #[test]
    fn both_directions_enclose_the_offset_and_a_message_held_up_is_known_as_such() {
        let mut belief = Belief::guess([0.0, 0.0, 1e-4], [1.0, 1e-9, 1e-9]);
        let shown = (1e-4 + 0.2 + 2e-5, 1e-4 - 0.2 + 2e-5);
        for _ in 0..300 {
            belief.learn(&passage(Direction::Forth, shown.0), 2e-5);
            belief.learn(&passage(Direction::Back, shown.1), 2e-5);
        }
        assert!((belief.mean[0] - 0.2).abs() < 2e-6 && belief.spread[0][0].sqrt() < 2e-5, "{belief:?}");
        assert!(belief.is_held_up(&passage(Direction::Forth, 0.3), 2e-5));
        assert!(!belief.is_held_up(&passage(Direction::Forth, shown.0 + 1e-4), 2e-5));
    }

    #[test]
    fn the_evidence_is_the_density_of_a_normal_plus_an_exponential_number() {
        let (mean, deviation, jitter) = (0.1_f64, 0.02_f64, 0.05_f64);
        for shown in [0.05, 0.1, 0.2, 0.4] {
            let mut belief = Belief::guess([mean, 0.0, 0.0], [deviation, 0.0, 0.0]);
            let found = belief.learn(&passage(Direction::Forth, shown), jitter);
            let step = 1e-5;
            let density = |u: f64| {
                let z = (u - mean) / deviation;
                (-0.5 * z * z).exp() / (deviation * 2.506_628_274_631) * (-(shown - u) / jitter).exp() / jitter
            };
            let sum: f64 = (0..100_000).map(|k| density(shown - (f64::from(k) + 0.5) * step) * step).sum();
            assert!((found - sum.ln()).abs() < 1e-4, "{shown}: {found} {}", sum.ln());
        }
    }

    #[test]
    fn time_carries_the_offset_on_and_adds_wander() {
        let belief = Belief::guess([1.0, 2e-6, 0.0], [0.0, 1e-6, 0.0]).after(100.0, 1e-9);
        assert!((belief.mean[0] - 1.0002).abs() < 1e-12);
        let expected: f64 = 1e-12 * 1e4 + 1e-18 * 1e6 / 3.0;
        assert!((belief.spread[0][0] / expected - 1.0).abs() < 1e-12);
        assert_eq!(belief.spread[0][1], belief.spread[1][0]);
    }
}

//! Beliefs side by side, each with its own guess of how fast the rate wanders, weighed by how well it foretold what
//! came.

use super::belief::{Belief, Passage};
use crate::real::{exp, ln};

/// Wander that a belief assumes, per square root of a second, and the share of trust that it has before anything is
/// known. From a good oven to a machine whose temperature changes: most hosts' crystals lie between 1e-10 and 1e-8, where
/// each guess is twice the one before: with four times, a crystal between two guesses cost up to 6 % of the accuracy.
const GUESSES: [(f64, f64); 10] = [
    (1.5e-10, 0.15),
    (3e-10, 0.15),
    (6e-10, 0.15),
    (1.2e-9, 0.15),
    (2.4e-9, 0.15),
    (4.8e-9, 0.15),
    (9.6e-9, 0.07),
    (3.84e-8, 0.02),
    (1.536e-7, 0.007),
    (6.144e-7, 0.003),
];
/// Share of the trust that is dealt anew at each exchange, so that no guess is ever beyond recovery.
const DEALT_ANEW: f64 = 3e-4;

/// A belief and the trust in it.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Member {
    wander: f64,
    prior: f64,
    trust: f64,
    belief: Belief,
}

/// Interacting multiple models (Blom & Bar-Shalom, IEEE Trans. Automatic Control 33(8), 1988) over the wander.
///
/// Each member is a [`Belief`] that learns from the same messages. The trust in a member is multiplied by the density
/// that it gave to what came, and a small share of it is dealt anew each time; a member then starts from the mixture of
/// what it and the others believe, in the shares in which trust came to it. Cost a message: a few hundred
/// floating-point operations for each of the ten members.
#[derive(Clone, PartialEq, Debug)]
pub struct Bank {
    members: Vec<Member>,
}

impl Bank {
    /// All members believe the same.
    pub fn new(belief: Belief) -> Self {
        let member = |(wander, prior)| Member { wander, prior, trust: prior, belief };
        Self { members: GUESSES.map(member).to_vec() }
    }

    /// What is believed, all in all.
    pub fn belief(&self) -> Belief {
        Belief::mixture(self.members.iter().map(|member| (member.trust, &member.belief)))
    }

    /// The wander's mean square root, per square root of a second.
    pub fn wander(&self) -> f64 {
        self.members.iter().map(|member| member.trust * member.wander * member.wander).sum::<f64>().sqrt()
    }

    /// What all members believe after `dt` seconds.
    pub fn advance(&mut self, dt: f64) {
        self.members.iter_mut().for_each(|member| member.belief = member.belief.after(dt, member.wander));
    }

    /// Deals a small share of the trust anew, and with it what is believed.
    pub fn mix(&mut self) {
        let all = self.belief();
        for member in &mut self.members {
            let (kept, dealt) = (member.trust * (1.0 - DEALT_ANEW), member.prior * DEALT_ANEW);
            let parts = [(kept / (kept + dealt), &member.belief), (dealt / (kept + dealt), &all)];
            member.belief = Belief::mixture(parts.into_iter());
            member.trust = kept + dealt;
        }
    }

    /// All members learn from a message, and the trust in them with it.
    pub fn learn(&mut self, passage: &Passage, jitter: f64) {
        let told: Vec<f64> = self.members.iter_mut().map(|member| member.belief.learn(passage, jitter)).collect();
        let best = told.iter().copied().fold(f64::MIN, f64::max);
        for (member, told) in self.members.iter_mut().zip(told) {
            member.trust = exp(ln(member.trust) + told - best);
        }
        let total: f64 = self.members.iter().map(|member| member.trust).sum();
        self.members.iter_mut().for_each(|member| member.trust /= total);
    }

    /// Adds doubt to all.
    pub fn doubt(&mut self, deviation: [f64; 3]) {
        self.members.iter_mut().for_each(|member| member.belief.doubt(deviation));
    }
}

#[cfg(test)]
mod tests {
    use super::super::belief::Direction;
    use super::*;

    #[test]
    fn the_priors_are_shares() {
        assert!((GUESSES.iter().map(|(_, prior)| prior).sum::<f64>() - 1.0).abs() < 1e-12);
        let belief = Belief::guess([1.0, 2.0, 3.0], [0.1, 0.2, 0.3]);
        let all = Bank::new(belief).belief();
        assert!((0..3).all(|i| (all.mean[i] - belief.mean[i]).abs() < 1e-12));
        assert!((0..3).all(|i| (all.spread[i][i] - belief.spread[i][i]).abs() < 1e-12));
    }

    #[test]
    fn a_restless_rate_is_told_from_a_quiet_one() {
        let after = |change: f64| {
            let mut bank = Bank::new(Belief::guess([0.0, 0.0, 1e-4], [1e-4, 1e-6, 1e-6]));
            let (mut offset, mut rate) = (0.0, 0.0);
            for k in 0..400 {
                rate += if k % 2 == 0 { change } else { change * f64::from((k / 2) % 5 - 2) };
                offset += rate;
                bank.mix();
                bank.advance(1.0);
                let late = 2e-7 * f64::from(k % 7);
                let passage = |direction, shown| Passage { direction, shown, noise: 1e-16 };
                bank.learn(&passage(Direction::Forth, 1e-4 + offset + late), 6e-7);
                bank.learn(&passage(Direction::Back, 1e-4 - offset + 1.2e-6 - late), 6e-7);
            }
            bank.wander()
        };
        let (quiet, restless) = (after(0.0), after(3e-8));
        assert!(quiet < 2e-9 && restless > 1e-8, "{quiet} {restless}");
    }
}

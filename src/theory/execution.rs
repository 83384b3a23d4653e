//! An execution of Lamport's rule as a value: clocks with prescribed rates, messages with prescribed sends, delays and
//! credits. What the clocks then show is fixed; [`crate::sim::exact`] works it out.

use std::collections::{BTreeMap, BTreeSet};

use super::bounds::Premises;
use crate::ids::{Arc, NodeId};
use crate::time::{Nanos, Ppb};
use crate::topology;

/// So many choices of xi are tried at most.
const MOST_XI: usize = 16;

/// A clock between messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Course {
    /// Its reading at the start.
    pub start: Nanos,
    /// Its rate minus one from an instant on, in order; the first is for the start.
    pub rates: Vec<(Nanos, Ppb)>,
}

impl Course {
    /// A clock of one rate.
    pub fn steady(start: Nanos, rate: Ppb) -> Self {
        Self { start, rates: vec![(Nanos::ZERO, rate)] }
    }
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Letter {
    /// The sender, by number.
    pub from: usize,
    /// The receiver, by number.
    pub to: usize,
    /// When it is sent: just before whatever is received at that instant.
    pub sent: Nanos,
    /// How long it takes (nu_m).
    pub delay: Nanos,
    /// What the receiver credits it with (mu_m).
    pub credit: Nanos,
}

impl Letter {
    /// The part of its delay that nobody predicts (xi_m); negative if the credit is too large.
    pub fn unpredictable(&self) -> Nanos {
        self.delay - self.credit
    }
}

/// A whole execution. It starts at zero with nothing in flight; times are true time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Execution {
    /// The clocks, by number.
    pub clocks: Vec<Course>,
    /// The messages, in any order.
    pub messages: Vec<Letter>,
    /// When it ends: just before whatever is received at that instant.
    pub end: Nanos,
}

impl Execution {
    /// Adds a message a period from `phase` (modulo the period) until the end.
    pub fn every(&mut self, period: Nanos, phase: Nanos, letter: Letter) {
        let mut sent = Nanos(phase.0.rem_euclid(period.0.max(1)));
        while sent < self.end {
            self.messages.push(Letter { sent, ..letter });
            sent += period.max(Nanos(1));
        }
    }

    /// The directed diameter of the arcs that carry messages; `None` if some clock cannot reach another.
    pub fn diameter(&self) -> Option<u32> {
        let arcs: BTreeSet<Arc> = self.messages.iter().map(arc).collect();
        topology::diameter((0..self.clocks.len() as u32).map(NodeId), arcs)
    }

    /// The premises that the execution fulfils, with the xi that makes the safe bound smallest. A message is timely for
    /// every xi above its unpredictable delay, and bounds are continuous in xi, so that they hold at that delay itself.
    /// `None` if some credit is too large, or if no xi gives bounds that begin to hold before the end.
    pub fn premises(&self) -> Option<Premises> {
        let diameter = self.diameter()?;
        let sizes: BTreeSet<Nanos> = self.messages.iter().map(Letter::unpredictable).collect();
        if sizes.first().is_some_and(|least| *least < Nanos::ZERO) {
            return None;
        }
        let kappa = self.clocks.iter().flat_map(|clock| &clock.rates).map(|(_, rate)| rate.abs()).max()?;
        let mu = self.messages.iter().map(|letter| letter.credit).max()?;
        let sizes: Vec<Nanos> = sizes.into_iter().rev().collect();
        let chosen = sizes.iter().step_by(sizes.len().div_ceil(MOST_XI).max(1));
        let met = chosen.map(|xi| Premises { kappa, diameter, tau: self.longest_gap(*xi), mu, xi: *xi });
        met.filter(|premises| settled(premises) < self.end).min_by_key(|premises| premises.bounds().safe)
    }

    /// The longest interval without a send of a message timely for `xi` on some arc, both ends of the execution included.
    fn longest_gap(&self, xi: Nanos) -> Nanos {
        let mut sends: BTreeMap<Arc, Vec<Nanos>> = BTreeMap::new();
        for letter in &self.messages {
            let sends = sends.entry(arc(letter)).or_insert_with(|| vec![Nanos::ZERO, self.end]);
            if letter.unpredictable() <= xi {
                sends.push(letter.sent);
            }
        }
        let gap = |mut sends: Vec<Nanos>| {
            sends.sort_unstable();
            sends.windows(2).map(|pair| pair[1] - pair[0]).max()
        };
        sends.into_values().filter_map(gap).max().unwrap_or(self.end)
    }
}

fn arc(letter: &Letter) -> Arc {
    Arc { from: NodeId(letter.from as u32), to: NodeId(letter.to as u32) }
}

/// When the bounds begin to hold of an execution with nothing in flight at its start: d(tau + nu).
pub fn settled(premises: &Premises) -> Nanos {
    (premises.tau + premises.nu()).times(i64::from(premises.diameter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rng::{Purpose, Rng};

    /// Two clocks that tell each other something a hundred times, with as many delays as `sizes` at most.
    fn execution(seed: u64, sizes: u64) -> Execution {
        let mut rng = Rng::stream(seed, Purpose::Scenario, 0);
        let clocks = [50_000, -50_000].map(|rate| Course::steady(Nanos::ZERO, Ppb(rate))).to_vec();
        let mut letter = |index: i64| {
            let delay = Nanos(1_000 * (1 + rng.below(sizes) as i64 * rng.below(sizes) as i64));
            let (from, to) = ((index % 2) as usize, (1 - index % 2) as usize);
            Letter { from, to, sent: Nanos(index * 1_000_000), delay, credit: Nanos(500) }
        };
        Execution { clocks, messages: (0..200).map(&mut letter).collect(), end: Nanos(200_000_000) }
    }

    /// The least safe bound of all that the sizes of an execution give.
    fn least(execution: &Execution) -> Option<Nanos> {
        let given =
            |xi| Premises { kappa: Ppb(50_000), diameter: 1, tau: execution.longest_gap(xi), mu: Nanos(500), xi };
        let all = execution.messages.iter().map(|letter| given(letter.unpredictable()));
        all.filter(|premises| settled(premises) < execution.end).map(|premises| premises.bounds().safe).min()
    }

    #[test]
    fn of_many_xi_some_are_tried_and_what_they_give_holds() {
        let mut larger = 0;
        for seed in 0..40 {
            let few = execution(seed, 4);
            assert_eq!(few.premises().map(|premises| premises.bounds().safe), least(&few));
            let many = execution(seed, 40);
            let (found, best) = (many.premises().expect("premises"), least(&many).expect("premises"));
            assert_eq!(many.longest_gap(found.xi), found.tau, "true of the execution");
            assert!(found.bounds().safe >= best, "{found:?} for {best}");
            larger += usize::from(found.bounds().safe > best);
        }
        assert!(larger > 0, "some are left out");
    }
}

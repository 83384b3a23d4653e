//! The (f+1)-th largest of what was heard: a negative control, never a synchroniser.
//!
//! It looks like the cure for Lamport's rule, which follows even the maddest clock: of the own reading and of every peer's
//! newest `T_m + mu_m`, each advanced by the local time since, the clock takes the (f+1)-th largest, and never goes back.
//! Validity is kept: with n > 2f, own reading included, f liars cannot push it beyond an honest clock. **Agreement is
//! not**: where at most f honest clocks are the fastest nobody follows them, and the skew grows for ever. With n = 4,
//! f = 1 and kappa = 1e-3 it is 2.0 s after 1000 s.
//!
//! Input: messages with `T_m` in ns and `mu_m` >= 0 in ns. Output: a reading in ns, local clock plus a shift that only
//! grows; no bound, as there is none. Cost: a sort of as many numbers as there are peers a message. Source: the tempting
//! variant of Lamport 1978, refuted in docs/theory.md §6; cures that work are [`super::convergence`] and [`super::welch_lynch`].

use std::collections::BTreeMap;

use super::{Change, Clock, Message, Reading, Settings};
use crate::affine::{Line, offset};
use crate::ids::{Algorithm, NodeId};
use crate::time::{Nanos, Rate};

/// The (f+1)-th largest reading.
#[derive(Clone, Debug)]
pub struct Largest {
    reading: Reading,
    faults: usize,
    /// How far each peer's clock was ahead of the local clock when it was heard last.
    heard: BTreeMap<NodeId, Nanos>,
}

impl Largest {
    /// A clock that tolerates as many liars as its mesh can bear.
    pub fn new(settings: &Settings) -> Self {
        Self { reading: Reading::LOCAL, faults: settings.faults(), heard: BTreeMap::new() }
    }
}

/// The (f+1)-th largest of `ahead`; `None` if there are no more than `f`.
fn ranked(ahead: impl IntoIterator<Item = Nanos>, f: usize) -> Option<Nanos> {
    let mut ahead: Vec<Nanos> = ahead.into_iter().collect();
    ahead.sort_unstable_by(|one, other| other.cmp(one));
    ahead.get(f).copied()
}

impl Clock for Largest {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Largest
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        let own = offset(self.reading.at(message.at), message.at);
        self.heard.insert(message.from, offset(message.claim.reading + message.credit, message.at));
        let chosen = ranked(self.heard.values().copied().chain([own]), self.faults).filter(|chosen| *chosen > own)?;
        let value = self.reading.at(message.at) + (chosen - own);
        self.reading = Reading { line: Line { start: message.at, value, rate: Rate::ZERO }, then: None };
        Some(Change { reading: self.reading, stepped: true, bound: None, event: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;
    use crate::probe::Claim;
    use crate::time::{Synced, Time};

    fn hear(clock: &mut Largest, from: u32, at: i64, reading: Time<Synced>) {
        let claim = Claim { reading, ..Claim::default() };
        let message = Message { from: NodeId(from), at: Time::from_nanos(at), credit: Nanos::ZERO, claim: &claim };
        clock.on_message(&message);
    }

    #[test]
    fn one_liar_of_four_moves_nobody_beyond_an_honest_clock() {
        let mut clock = Largest::new(&settings(0, 3));
        for (from, reading) in [(1, 90), (2, 130), (3, 1_000_000)] {
            hear(&mut clock, from, 100, Time::from_nanos(reading));
        }
        assert_eq!(
            clock.reading().at(Time::from_nanos(100)).as_nanos(),
            130,
            "the second largest of 90, 100, 130, 1e6"
        );
        hear(&mut clock, 2, 200, Time::from_nanos(150));
        assert_eq!(clock.reading().at(Time::from_nanos(200)).as_nanos(), 230, "it never goes back");
    }

    /// docs/theory.md §6: n = 4, f = 1, kappa = 1e-3, one fast honest clock and a message over every arc a second.
    #[test]
    fn one_fast_honest_clock_is_followed_by_nobody() {
        let mut clocks: Vec<Largest> = (0..4).map(|node| Largest::new(&settings(node, 3))).collect();
        let local = |node: usize, second: i64| second * if node == 0 { 1_001_000_000 } else { 999_000_000 };
        for second in 1..=1_000 {
            let shown: Vec<_> =
                (0..4).map(|node| clocks[node].reading().at(Time::from_nanos(local(node, second)))).collect();
            for (to, clock) in clocks.iter_mut().enumerate() {
                let others = shown.iter().enumerate().filter(|(from, _)| *from != to);
                others.for_each(|(from, reading)| hear(clock, from as u32, local(to, second), *reading));
            }
        }
        let shown: Vec<i64> =
            (0..4).map(|node| clocks[node].reading().at(Time::from_nanos(local(node, 1_000))).as_nanos()).collect();
        assert_eq!(shown.iter().max().unwrap() - shown.iter().min().unwrap(), 2_000_000_000, "{shown:?}");
    }
}

//! The premises that a run itself fulfilled, and the one xi that makes the safe bound smallest.
//!
//! Lamport's theorem holds for any xi, with tau the longest interval between sends of messages whose unpredictable delay
//! is below xi, the ends of the run included (theory §1.4). A small xi leaves few timely messages and so a long tau; a
//! large one costs d·xi. Every xi worth trying is one message's unpredictable delay plus a nanosecond.
//!
//! All candidates are tried, from the largest down: messages that stop being timely are unlinked from their arc's list,
//! which only lengthens gaps, so that the longest gap is kept by comparing. Cost: O(M log M) for M messages.

use crate::theory::Premises;
use crate::time::{Nanos, Ppb};

/// A message as the theorem sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Timed {
    /// When it was sent, in true time since the run's start.
    pub send: Nanos,
    /// Its delay less what it was credited with (xi_m); may be negative where the credit was too large.
    pub unpredictable: Nanos,
}

impl Timed {
    /// The smallest xi for which the message is timely. A credit beyond the delay breaks a premise, and is no merit.
    pub fn needs(&self) -> Nanos {
        self.unpredictable.max(Nanos::ZERO) + Nanos(1)
    }
}

/// What does not depend on xi.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Given {
    /// Largest |rate − 1|.
    pub kappa: Ppb,
    /// Directed diameter.
    pub diameter: u32,
    /// Largest credit.
    pub mu: Nanos,
    /// Length of the run.
    pub run: Nanos,
}

impl Given {
    fn with(&self, tau: Nanos, xi: Nanos) -> Premises {
        Premises { kappa: self.kappa, diameter: self.diameter, tau, mu: self.mu, xi }
    }
}

/// The premises with the smallest safe bound among those that begin to hold within the run; of equal ones the largest
/// xi. `None` if there are none. `arcs` holds each arc's messages in order of their sends.
pub fn choose(arcs: &[Vec<Timed>], given: &Given) -> Option<Premises> {
    choose_until(arcs, &vec![given.run; arcs.len()], given)
}

/// The same where each arc has an end of its own, in the order of `arcs`, as where every sender has only its own clock.
pub fn choose_until(arcs: &[Vec<Timed>], ends: &[Nanos], given: &Given) -> Option<Premises> {
    if given.diameter == 0 {
        return Some(given.with(Nanos::ZERO, Nanos::ZERO));
    }
    let mut chains: Vec<Chain> = arcs.iter().zip(ends).map(|(messages, end)| Chain::new(messages, *end)).collect();
    let mut tau = chains.iter().map(Chain::longest).max()?;
    let number = |arc: usize| move |(index, message): (usize, &Timed)| (message.needs(), arc, index);
    let mut leaving: Vec<_> =
        arcs.iter().enumerate().flat_map(|(arc, messages)| messages.iter().enumerate().map(number(arc))).collect();
    leaving.sort_unstable_by(|a, b| b.cmp(a));
    let mut best: Option<Premises> = None;
    for level in leaving.chunk_by(|a, b| a.0 == b.0) {
        let candidate = given.with(tau, level[0].0);
        let better = |best: Premises| candidate.bounds().safe < best.bounds().safe;
        if candidate.warm_up() < given.run && best.is_none_or(better) {
            best = Some(candidate);
        }
        tau = level.iter().map(|(_, arc, index)| chains[*arc].remove(*index)).fold(tau, Nanos::max);
    }
    best
}

/// The longest interval between sends of messages that are timely for `xi`, the ends of the run included.
pub fn longest_gap(messages: &[Timed], xi: Nanos, run: Nanos) -> Nanos {
    let timely = messages.iter().filter(|message| message.needs() <= xi).map(|message| message.send);
    let mut last = Nanos::ZERO;
    let gap = |send: Nanos| {
        let gap = send - last;
        last = send;
        gap
    };
    timely.chain([run]).map(gap).max().unwrap_or(run)
}

/// One arc's sends between the ends of the run, as a linked list in order of time.
struct Chain {
    times: Vec<Nanos>,
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Chain {
    fn new(messages: &[Timed], run: Nanos) -> Self {
        let times: Vec<Nanos> =
            [Nanos::ZERO].into_iter().chain(messages.iter().map(|message| message.send)).chain([run]).collect();
        let before = (0..times.len()).map(|index| index.saturating_sub(1)).collect();
        let after = (1..=times.len()).collect();
        Self { times, before, after }
    }

    fn longest(&self) -> Nanos {
        self.times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(Nanos::ZERO)
    }

    /// Unlinks a message and says how long the gap is that it leaves.
    fn remove(&mut self, message: usize) -> Nanos {
        let (before, after) = (self.before[message + 1], self.after[message + 1]);
        self.after[before] = after;
        self.before[after] = before;
        self.times[after] - self.times[before]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timed(send: i64, unpredictable: i64) -> Timed {
        Timed { send: Nanos(send), unpredictable: Nanos(unpredictable) }
    }

    fn by_hand(arcs: &[Vec<Timed>], given: &Given) -> Option<Nanos> {
        let candidates = arcs.iter().flatten().map(Timed::needs);
        let premises = candidates.map(|xi| {
            let tau = arcs.iter().map(|messages| longest_gap(messages, xi, given.run)).max().unwrap();
            given.with(tau, xi)
        });
        premises.filter(|p| p.warm_up() < given.run).map(|p| p.bounds().safe).min()
    }

    #[test]
    fn one_late_message_is_better_counted_as_lost() {
        let given = Given { kappa: Ppb(50_000), diameter: 1, mu: Nanos(0), run: Nanos(1_000_000_000) };
        let mut arc: Vec<Timed> = (0..10).map(|k| timed(k * 100_000_000 + 1, 20_000)).collect();
        arc[4].unpredictable = Nanos(500_000);
        let chosen = choose(&[arc.clone()], &given).unwrap();
        assert_eq!((chosen.xi, chosen.tau), (Nanos(20_001), Nanos(200_000_000)));
        arc[4].unpredictable = Nanos(21_000);
        let chosen = choose(&[arc], &given).unwrap();
        assert_eq!((chosen.xi, chosen.tau), (Nanos(21_001), Nanos(100_000_000)));
    }

    #[test]
    fn an_arc_without_messages_leaves_no_premises() {
        let given = Given { kappa: Ppb(50_000), diameter: 1, mu: Nanos(0), run: Nanos(1_000) };
        assert_eq!(choose(&[vec![timed(5, 1)], vec![]], &given), None);
        assert_eq!(choose(&[], &given), None);
        assert!(choose(&[], &Given { diameter: 0, ..given }).is_some());
    }

    proptest! {
        #[test]
        fn the_choice_equals_trying_all(
            arcs in prop::collection::vec(prop::collection::vec((0..1_000_000_i64, -50..5_000_i64), 0..40), 1..5),
            kappa in 0..10_000_000_i64, diameter in 1..4_u32, mu in 0..500_i64) {
            let given = Given { kappa: Ppb(kappa), diameter, mu: Nanos(mu), run: Nanos(1_000_000) };
            let arcs: Vec<Vec<Timed>> = arcs.into_iter().map(|mut arc| {
                arc.sort_unstable();
                arc.into_iter().map(|(send, xi)| timed(send, xi)).collect()
            }).collect();
            let chosen = choose(&arcs, &given);
            prop_assert_eq!(chosen.map(|p| p.bounds().safe), by_hand(&arcs, &given));
            if let Some(chosen) = chosen {
                let tau = arcs.iter().map(|arc| longest_gap(arc, chosen.xi, given.run)).max();
                prop_assert_eq!(tau, Some(chosen.tau));
            }
        }
    }
}

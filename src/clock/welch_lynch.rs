//! The fault-tolerant midpoint (J. Lundelius Welch, N. Lynch, *A New Fault-Tolerant Algorithm for Clock Synchronization*,
//! Information and Computation 77, 1988; TTP/C and FlexRay use it).
//!
//! Once a round each node reads all clocks, its own among them, drops the f largest and the f smallest, and moves its clock
//! by the midpoint of the rest: whatever the f liars tell whomever, what is left lies between two honest readings. With
//! n > 3f the skew is halved each round: beta' = beta/2 + 2 eps + 2 rho P, so that it settles at **4 eps + 4 rho P**, where
//! eps is the error of reading another's clock (at most half a delay here), P the round and rho the drift limit.
//!
//! Inputs: exchanges, offsets peer − local in ns. Output: a reading in ns, corrected in a step at the end of each round, in
//! either direction, and an error bound, stated at the end of each round, on its distance to every correct clock
//! ([`super::agreement`]). Assumed: every node reads every other (a complete
//! graph), at most f = ⌊(n−1)/3⌋ are faulty, honest clocks drift less than kappa. It agrees; it follows nobody: the mesh
//! drifts together. Cost: a sort a round. Departures: readings come from round trips, not from arrival times of a broadcast
//! at local time T^i, so that a delay's known part needs no assumption; a clock that was not read in a round is left out,
//! and with 2f readings or fewer nothing is done.

use super::agreement::Correction;
use super::ensemble::Ensemble;
use super::{Change, Clock, Message, Reading, Settings};
use crate::ids::Algorithm;
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Time};

/// What a round leaves of the distance between two clocks, beside reading errors.
pub const HALF: (i64, i64) = (1, 2);

/// The clock of Welch and Lynch.
#[derive(Clone, Debug)]
pub struct WelchLynch {
    ensemble: Ensemble,
}

impl WelchLynch {
    /// A clock that tolerates as many liars as its mesh can bear.
    pub fn new(settings: &Settings) -> Self {
        Self { ensemble: Ensemble::new(Algorithm::WelchLynch, settings) }
    }
}

/// The midpoint of what is left of `differences` without the f largest and the f smallest. `None` if nothing is.
pub fn midpoint(mut differences: Vec<Nanos>, f: usize) -> Option<Nanos> {
    differences.sort_unstable();
    let left = differences.get(f..differences.len().checked_sub(f)?)?;
    Some(left.first()?.mean(*left.last()?))
}

impl Clock for WelchLynch {
    fn algorithm(&self) -> Algorithm {
        Algorithm::WelchLynch
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
        self.ensemble.turn(at, |ensemble, differences, _| {
            let by = midpoint(differences, ensemble.faults())?;
            Some(Correction { by, pull: Nanos::ZERO, remains: HALF, within: Nanos::MAX })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Node `i`'s clock after a round in which one liar tells it `told`.
    fn after(honest: &[i64], i: usize, told: i64, f: usize) -> i64 {
        let differences = honest.iter().chain([&told]).map(|clock| Nanos(clock - honest[i])).collect();
        honest[i] + midpoint(differences, f).expect("enough readings").0
    }

    /// docs/theory.md §6: n = 4, f = 1; a liar tells each node what drives it furthest from the others.
    #[test]
    fn a_round_halves_the_skew_whatever_a_two_faced_clock_tells() {
        let honest = [0, 1_000, 2_000];
        let mut worst = 0;
        for told in [-1_000_000, 0, 700, 1_000, 1_300, 2_000, 1_000_000] {
            for other in [-1_000_000, 0, 700, 1_000, 1_300, 2_000, 1_000_000] {
                let found = [after(&honest, 0, told, 1), after(&honest, 1, 1_000, 1), after(&honest, 2, other, 1)];
                worst = worst.max(found.iter().max().unwrap() - found.iter().min().unwrap());
            }
        }
        assert_eq!(worst, 1_000, "half of 2000, and reached");
    }

    #[test]
    fn what_is_left_lies_between_honest_readings_or_nothing_is_done() {
        let of =
            |values: &[i64], f| midpoint(values.iter().map(|value| Nanos(*value)).collect(), f).map(|found| found.0);
        assert_eq!(of(&[0, 10, 20, i64::MAX], 1), Some(15));
        assert_eq!(of(&[0, 10, 20, i64::MIN], 1), Some(5));
        assert_eq!([of(&[0, 10], 1), of(&[0], 1), of(&[], 0)], [None, None, None]);
        assert_eq!(of(&[i64::MAX, i64::MAX], 0), Some(i64::MAX));
    }
}

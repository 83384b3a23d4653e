//! How far apart correct clocks are that average each other's readings: what one of them can claim.
//!
//! Both theorems that the averaging clocks rest on say two things of a round, with eps the largest error with which a
//! correct clock reads another, its drift since included, and S the distance between any two correct clocks before:
//! - *validity*: a clock moves to within x of correct readings, x = eps for the midpoint, and more by what f liars can pull
//!   the mean ([`Correction::pull`]);
//! - *contraction*: after all have moved any two are within `remains` · S + 2 eps (1/2 of the midpoint, 3f/n of the mean).
//!
//! So S is known as the theorems know it, from one round to the next, and from the own readings: all correct clocks
//! together are as wide as what was read of them, and after a round by 2x more; the smaller holds. Until the own next round
//! ends a peer moves twice at most, once for the present round and once for the next, so that no correct clock is
//! further than the furthest credible reading, less the own move, and 2x. Credible is a reading that is as near as S says;
//! so f liars beyond S say nothing, those within it widen the claim and do not make it false.
//!
//! Inputs: the readings of a round, peer − own in ns, and the move. Output: an [`ErrorBound`] on the distance to every
//! correct clock, at all times until the next round's end, growing at 2 kappa. Assumed: n > 3f and every node reads every
//! other; clocks move once a round, about together, as they do once they are within half a round, and nothing is stated
//! before, and of readings of other rounds nothing ([`super::ensemble`]); a reading is at most half its round trip wrong, and no peers are further from each other than by way of this
//! node: eps is the sum of the two largest errors here and what two clocks run apart while a reading waits. Of more
//! than f readings missing, or too far, the theorems say nothing: nothing is stated, or S is taken from the readings
//! anew. Cost: a pass over the readings a round. Sources: J. Lundelius Welch, N. Lynch (1988), lemmas on validity and
//! agreement; L. Lamport, P. M. Melliar-Smith (1985), section 3.

use super::kappa::Kappa;
use super::{ErrorBound, GRAIN};
use crate::time::{Local, Nanos, Time};

/// What a clock does at the end of a round, and what its theorem says of that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Correction {
    /// The clock moves by this.
    pub by: Nanos,
    /// Liars can have drawn it so much further than correct readings are.
    pub pull: Nanos,
    /// This part, numerator and denominator, remains of the distance between two correct clocks...
    pub remains: (i64, i64),
    /// ...if it was no larger than this.
    pub within: Nanos,
}

/// A peer's clock at the end of a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Peer − own, in ns.
    pub ahead: Nanos,
    /// No more wrong than this when it was read.
    pub error: Nanos,
    /// How long ago it was read.
    pub age: Nanos,
}

/// The clocks that may be wrong, and the round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// How many clocks there are, the own one among them.
    pub clocks: usize,
    /// How many of them may be faulty.
    pub faults: usize,
    /// The length of a round.
    pub period: Nanos,
    /// No reading is older at the end of a round.
    pub oldest: Nanos,
}

/// What is known of the distance between correct clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Agreement {
    known: Option<Known>,
}

/// After every correct clock has ended the round that ended here at an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Known {
    at: Time<Local>,
    /// No two of them are further apart.
    spread: Nanos,
    /// The x of the round: those that end the next one earlier may be so much further.
    beyond: Nanos,
}

impl Agreement {
    /// A round ends at `at` with these readings of peers. What to state until the next one does.
    pub fn close(
        &mut self,
        at: Time<Local>,
        heard: &[Heard],
        correction: &Correction,
        terms: &Terms,
        kappa: Kappa,
    ) -> Option<ErrorBound> {
        let apart = kappa.apart();
        let missing = terms.clocks.saturating_sub(heard.len() + 1);
        let before = self.known.take().map(|known| (known.spread + apart.over(at - known.at), known.beyond));
        if missing > terms.faults || heard.is_empty() {
            return None;
        }
        let doubt = |one: &Heard| one.error + apart.over(one.age) + GRAIN;
        let is_near = |one: &&Heard, (spread, beyond)| one.ahead.abs() <= spread + beyond + doubt(one);
        let is_far = |before| heard.iter().filter(|one| !is_near(one, before)).count();
        let before = before.filter(|before| missing + is_far(*before) <= terms.faults);
        let credible: Vec<&Heard> =
            heard.iter().filter(|one| before.is_none_or(|before| is_near(one, before))).collect();

        let most = |of: &dyn Fn(&Heard) -> Nanos| credible.iter().map(|one| of(one)).fold(Nanos::ZERO, Nanos::max);
        let (high, low) = (most(&|one| one.ahead + doubt(one)), most(&|one| doubt(one) - one.ahead));
        let (width, reach) = (high + low, (high - correction.by).max(low + correction.by));
        // What was not read is where the theorem says, and nothing is further than that.
        let limit = |measured: Nanos, by: Nanos| match before {
            Some((spread, _)) if missing > 0 => spread + by,
            Some((spread, _)) => measured.min(spread + by),
            None => measured,
        };
        let eps = two_largest(&credible) + apart.over(terms.oldest);
        let beyond = eps + correction.pull;
        let contracted = before.filter(|(spread, _)| *spread <= correction.within).map(|(spread, _)| {
            let (part, whole) = correction.remains;
            Nanos(spread.times(part).0 / whole.max(1)) + eps.times(2)
        });
        let measured = limit(width, Nanos::ZERO) + beyond.times(2);
        let spread = contracted.map_or(measured, |contracted| contracted.min(measured));
        self.known = Some(Known { at, spread, beyond });
        let initial = limit(reach, correction.by.abs()) + beyond.times(2) + GRAIN;
        (initial < terms.period.over(2)).then_some(ErrorBound { initial, growth: apart })
    }
}

/// The sum of the two largest errors.
fn two_largest(heard: &[&Heard]) -> Nanos {
    let (largest, second) = heard.iter().fold((Nanos::ZERO, Nanos::ZERO), |(largest, second), one| {
        if one.error > largest { (one.error, largest) } else { (largest, second.max(one.error)) }
    });
    largest + second
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Ppb;

    const TERMS: Terms = Terms { clocks: 4, faults: 1, period: Nanos::from_seconds(8), oldest: Nanos::from_seconds(9) };
    const STAYS: Correction = Correction { by: Nanos::ZERO, pull: Nanos::ZERO, remains: (1, 2), within: Nanos::MAX };

    /// A round that ends after so many seconds, without drift and with reading errors of 10 ns; what is stated, in ns.
    fn round(agreement: &mut Agreement, s: i64, ahead: &[i64], correction: &Correction) -> Option<i64> {
        let heard = |ahead: &i64| Heard { ahead: Nanos(*ahead), error: Nanos(10), age: Nanos::ZERO };
        let heard: Vec<Heard> = ahead.iter().map(heard).collect();
        let at = Time::ZERO + Nanos::from_seconds(s);
        let bound = agreement.close(at, &heard, correction, &TERMS, Kappa::own(Ppb(0)));
        bound.map(|bound| bound.initial.0)
    }

    /// Doubt is 10 + 8, eps 10 + 10 and what roundings of kappa's 1 ppb make of nine seconds, rounded down, 8; twice x is 56.
    #[test]
    fn the_furthest_reading_less_the_move_and_two_moves_of_others_are_stated() {
        let mut agreement = Agreement::default();
        assert_eq!(round(&mut agreement, 8, &[300, -100, 40], &STAYS), Some(300 + 18 + 56 + 8));
        let moves = Correction { by: Nanos(200), ..STAYS };
        assert_eq!(round(&mut Agreement::default(), 8, &[300, -100, 40], &moves), Some(100 + 18 + 200 + 56 + 8));
        let pulled = Correction { pull: Nanos(1_000), ..STAYS };
        assert_eq!(round(&mut Agreement::default(), 8, &[300, -100, 40], &pulled), Some(300 + 18 + 2_056 + 8));
    }

    #[test]
    fn a_liar_widens_what_is_stated_until_the_others_must_be_nearer_than_it_is() {
        let mut agreement = Agreement::default();
        let mut stated = |s| round(&mut agreement, s, &[30, -20, 1_000_000], &STAYS);
        assert!(stated(8).is_some_and(|stated| stated > 1_000_000), "anybody may be right");
        let later: Vec<i64> = (2..12).filter_map(|turn| stated(8 * turn)).collect();
        assert!(later.is_sorted_by(|one, next| one >= next) && later[9] < 200, "{later:?}");
    }

    #[test]
    fn more_than_f_that_are_far_away_are_measured_anew_and_more_than_f_missing_say_nothing() {
        let mut agreement = Agreement::default();
        (1..9).for_each(|turn| _ = round(&mut agreement, 8 * turn, &[30, -20, 10], &STAYS));
        let split = round(&mut agreement, 72, &[30, 900_000, 900_010], &STAYS);
        assert!(split.is_some_and(|stated| stated > 900_000), "{split:?}");
        assert!(round(&mut agreement, 80, &[30, 10], &STAYS).is_some(), "one is missing");
        assert_eq!(round(&mut agreement, 88, &[30], &STAYS), None);
        assert_eq!(round(&mut agreement, 96, &[i64::from(u32::MAX) * 2, 10, 20], &STAYS), None, "rounds are apart");
    }
}

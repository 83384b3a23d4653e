//! How much real time a stretch of a drifting clock can take, exactly enough that a sum over a whole run is not spoilt.

use crate::time::{Local, Nanos, Ppb, Time};

/// Real time is counted in units of 2^-16 ns (15 fs), so that rounding a stretch outward costs nothing that shows in
/// nanoseconds.
pub const UNIT_BITS: u32 = 16;
/// The largest kappa that is taken for a clock's: a tenth.
pub const MOST_KAPPA: Ppb = Ppb(100_000_000);

const ONE: i128 = Ppb::ONE.0 as i128;

/// One node's clock as a ruler of real time. Each of its two marks is a function of the reading alone, so that stretches
/// end to end add up to the whole stretch without any rounding between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    origin: Time<Local>,
    kappa: i128,
}

impl Scale {
    /// The ruler of a clock with |rate − 1| at most `kappa` (held between 0 and [`MOST_KAPPA`]), laid on at `origin`.
    pub fn new(origin: Time<Local>, kappa: Ppb) -> Self {
        Self { origin, kappa: i128::from(kappa.0.clamp(0, MOST_KAPPA.0)) }
    }

    /// The limit on |rate − 1|.
    pub fn kappa(&self) -> Ppb {
        Ppb(self.kappa as i64)
    }

    /// From a to b at most `longest(b) − longest(a)` units of real time pass, to less than one unit.
    pub fn longest(&self, at: Time<Local>) -> i128 {
        let units = self.units(at);
        units + ceil_div(units * self.kappa, ONE - self.kappa)
    }

    /// From a to b at least `shortest(b) − shortest(a)` units of real time pass, to less than one unit.
    pub fn shortest(&self, at: Time<Local>) -> i128 {
        let units = self.units(at);
        units - ceil_div(units * self.kappa, ONE + self.kappa)
    }

    /// What rounding both marks of one stretch can hide: a unit, or nothing where nothing is rounded.
    pub fn slack(&self) -> i64 {
        i64::from(self.kappa != 0)
    }

    /// The latest reading whose longest mark is at most `mark`.
    pub fn last_longest(&self, mark: i128) -> Time<Local> {
        self.last(mark, mark * (ONE - self.kappa) / ONE, Self::longest)
    }

    /// The latest reading whose shortest mark is at most `mark`.
    pub fn last_shortest(&self, mark: i128) -> Time<Local> {
        self.last(mark, mark * (ONE + self.kappa) / ONE, Self::shortest)
    }

    /// The latest reading with `of(reading) <= mark`, looked for beside `guess` units after the origin.
    fn last(&self, mark: i128, guess: i128, of: impl Fn(&Self, Time<Local>) -> i128) -> Time<Local> {
        let guess = i128::from(self.origin.as_nanos()) + (guess >> UNIT_BITS);
        let mut found = Time::from_nanos(guess.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64);
        while found > Time::MIN && of(self, found) > mark {
            found = found - Nanos(1);
        }
        while found < Time::MAX && of(self, found + Nanos(1)) <= mark {
            found += Nanos(1);
        }
        found
    }

    fn units(&self, at: Time<Local>) -> i128 {
        (i128::from(at.as_nanos()) - i128::from(self.origin.as_nanos())) << UNIT_BITS
    }
}

/// A span of real time in units.
pub fn units(span: Nanos) -> i128 {
    i128::from(span.0) << UNIT_BITS
}

/// The quotient rounded up; `divisor` is positive.
pub fn ceil_div(dividend: i128, divisor: i128) -> i128 {
    -(-dividend).div_euclid(divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_the_exact_ones_to_a_unit_and_invert() {
        for kappa in [0, 1, 50_000, 999_999, MOST_KAPPA.0] {
            let scale = Scale::new(Time::from_nanos(-5), Ppb(kappa));
            for at in [-5_i64, -4, 0, 1_000_003, 3_600_000_000_000, 1_700_000_000_000_000_000] {
                let at: Time<Local> = Time::from_nanos(at);
                let units = i128::from(at.as_nanos() + 5) << UNIT_BITS;
                let (longest, shortest) = (scale.longest(at), scale.shortest(at));
                assert!((0..ONE).contains(&(longest * (ONE - scale.kappa) - units * ONE)), "{kappa} {at:?}");
                assert!((0..2 * ONE).contains(&(units * ONE - shortest * (ONE + scale.kappa))), "{kappa} {at:?}");
                assert_eq!(scale.last_longest(longest), at);
                assert_eq!(scale.last_shortest(shortest), at);
                assert_eq!(scale.last_shortest(shortest - 1), at - Nanos(1));
                assert_eq!(scale.last_longest(longest + 1), at);
            }
        }
    }

    #[test]
    fn a_stretch_is_never_shorter_at_the_longest_than_at_the_shortest() {
        let scale = Scale::new(Time::ZERO, Ppb(1));
        for at in 0..5_000 {
            let (a, b) = (Time::from_nanos(at), Time::from_nanos(at + 1));
            assert!(scale.longest(b) - scale.longest(a) >= scale.shortest(b) - scale.shortest(a));
        }
    }
}

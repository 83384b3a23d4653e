//! How long a round takes, and how far apart honest clocks are meanwhile: the bounds of the theorem as functions.

use super::POLLS;
use crate::time::{Nanos, Ppb, Rate};

/// Rounds of a length P, with alpha, of the own clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rounds {
    /// P.
    pub period: Nanos,
    /// What a clock is set beyond the start of the round that it accepts.
    pub alpha: Nanos,
}

impl Rounds {
    /// Rounds of so many probe periods that they are those of the clock, alpha being one of them.
    pub const fn of(tau: Nanos) -> Self {
        Self { period: tau.times(POLLS), alpha: tau }
    }

    /// From one acceptance to the last one of the next round at most, if what is said is heard within `heard`: (P − alpha)/(1 −
    /// kappa) + 4D; rounded up.
    pub fn longest(&self, heard: Nanos, kappa: Ppb) -> Nanos {
        let kappa = Rate::from_ppb(kappa.abs()).as_ratio();
        let length = (self.period - self.alpha).as_seconds() / (1.0 - kappa) + 4.0 * heard.as_seconds();
        Nanos((length * 1e9).ceil() as i64)
    }

    /// How far apart honest clocks can be after the first round; rounded up.
    pub fn precision(&self, heard: Nanos, kappa: Ppb) -> Nanos {
        let length = self.longest(heard, kappa).as_seconds();
        let kappa = Rate::from_ppb(kappa.abs()).as_ratio();
        let (alpha, heard) = (self.alpha.as_seconds(), heard.as_seconds());
        let same = 2.0 * heard * (1.0 + kappa) + 2.0 * kappa * length;
        let ahead = alpha + same + 4.0 * kappa * heard;
        let behind = (1.0 + kappa) * (same / (1.0 - kappa) + 2.0 * heard) - alpha;
        Nanos((ahead.max(behind) * 1e9).ceil() as i64)
    }
}

/// How far apart honest clocks can be after the first round, with rounds of `polls` probe periods of length `tau`, alpha of
/// one such period, delays of at most `nu` and drift of at most `kappa`; rounded up.
pub fn precision(tau: Nanos, nu: Nanos, kappa: Ppb) -> Nanos {
    Rounds::of(tau).precision(tau + nu, kappa)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAU: Nanos = Nanos::from_seconds(1);

    #[test]
    fn the_precision_is_about_three_to_four_probe_periods() {
        let found = precision(TAU, Nanos::ZERO, Ppb(0));
        assert!((found - Nanos::from_seconds(3)).abs() <= Nanos(1), "tau + 2D = 2D + 2D - tau: {found}");
        let found = precision(TAU, Nanos::from_millis(100), Ppb(0));
        assert!((found - Nanos::from_millis(3_400)).abs() <= Nanos(1), "4 · 1.1 - 1: {found}");
    }
}

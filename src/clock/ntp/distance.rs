//! How far from the root a clock may be (RFC 5905, sections 11.1 and 11.2): the claim that goes with its reading.

use super::election::News;
use super::filter::{MAX_DISPERSION, Measurement, Output, PHI, PRECISION};
use crate::clock::ErrorBound;
use crate::time::{Local, Nanos, Time};

/// Distance from the root at an instant: DELTA and EPSILON, in nanoseconds, both not negative.
///
/// NTP's claim is that the root's clock is within LAMBDA = EPSILON + DELTA / 2. It holds if no delay was measured too
/// short and no clock on the way goes wrong by more than PHI. Departure from RFC 5905: MINDISP, a floor of 5 ms, is left
/// out, or on a LAN all claims would be 5 ms and say nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Distance {
    at: Time<Local>,
    delay: Nanos,
    dispersion: Nanos,
}

impl Distance {
    /// The distance by way of a peer, at `now`: what the peer told of its own, aged at PHI since, and our delay to the
    /// peer, our filter's epsilon (aged already) and jitter psi.
    pub fn by_way_of(now: Time<Local>, news: &News, output: &Output) -> Self {
        let held = PHI.over(Nanos((now - news.heard).0.max(0)));
        let dispersion = news.dispersion + held + output.dispersion + output.jitter;
        Self { at: now, delay: news.delay + output.best.delay, dispersion: dispersion.min(MAX_DISPERSION) }
    }

    /// LAMBDA by way of a peer at `now` as far as it is known without weighing the filter's samples, of which `best` has the
    /// smallest delay: no less than the first, no more than the second. `doubt` is no less than epsilon and psi together.
    pub fn limits(now: Time<Local>, news: &News, best: &Measurement, doubt: Nanos) -> (Nanos, Nanos) {
        let held = PHI.over(Nanos((now - news.heard).0.max(0)));
        let sure = news.dispersion + held + PRECISION;
        let half = (news.delay + best.delay).over(2);
        (sure.min(MAX_DISPERSION) + half, (sure + doubt).min(MAX_DISPERSION) + half)
    }

    /// The distance of our own clock, that has not used up `residual` yet: |THETA| joins EPSILON.
    pub fn with_residual(self, residual: Nanos) -> Self {
        Self { dispersion: self.dispersion + residual.abs(), ..self }
    }

    /// DELTA: round-trip delay to the root.
    pub fn delay(&self) -> Nanos {
        self.delay
    }

    /// EPSILON at `now`; it grows at PHI.
    pub fn dispersion_at(&self, now: Time<Local>) -> Nanos {
        self.dispersion + PHI.over(Nanos((now - self.at).0.max(0)))
    }

    /// LAMBDA from `now` on.
    pub fn bound_at(&self, now: Time<Local>) -> ErrorBound {
        ErrorBound { initial: self.dispersion_at(now) + self.delay.over(2), growth: PHI }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_half_the_delay_and_the_dispersion_which_ages() {
        let distance = Distance { at: Time::ZERO, delay: Nanos(400), dispersion: Nanos(1_000) };
        let later = Time::ZERO + Nanos::from_seconds(1);
        assert_eq!(distance.bound_at(Time::ZERO).initial, Nanos(1_200));
        assert!((distance.bound_at(later).initial - Nanos(16_200)).abs() <= Nanos(1), "15 us a second more");
        assert_eq!(distance.with_residual(Nanos(-70)).bound_at(Time::ZERO).initial, Nanos(1_270));
    }
}

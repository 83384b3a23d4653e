//! From spans of one local clock to real time, rounded outward.

use crate::time::{Nanos, Ppb};

/// Two readings of whole nanoseconds each leave up to one open.
pub const GRAIN: Nanos = Nanos(2);

const ONE: i128 = Ppb::ONE.0 as i128;

/// The longest real time in which a clock with |rate − 1| at most `kappa` gains `span`: span/(1 − kappa).
pub fn longest(span: Nanos, kappa: Ppb) -> Nanos {
    let slowest = ONE - i128::from(kappa.0.max(0));
    if slowest <= 0 {
        return Nanos::MAX;
    }
    saturated(-(-i128::from(span.0) * ONE).div_euclid(slowest))
}

/// The shortest: span/(1 + kappa).
pub fn shortest(span: Nanos, kappa: Ppb) -> Nanos {
    saturated((i128::from(span.0) * ONE).div_euclid(ONE + i128::from(kappa.0.max(0))))
}

/// The least that such a clock gains in the real time `span`: (1 − kappa)·span.
pub fn slowest(span: Nanos, kappa: Ppb) -> Nanos {
    saturated((i128::from(span.0) * (ONE - i128::from(kappa.0.clamp(0, Ppb::ONE.0)))).div_euclid(ONE))
}

fn saturated(ns: i128) -> Nanos {
    Nanos(ns.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// Delay of request and reply together, at most: (t4 − t1)/(1 − kappa) − residence/(1 + kappa of the peer), from the
/// asker's span and the peer's, each open by a grain (docs/theory.md §1.3).
pub fn round_trip(asked: (Nanos, Ppb), residence: (Nanos, Ppb)) -> Nanos {
    let held = shortest((residence.0 - GRAIN).max(Nanos::ZERO), residence.1);
    (longest(asked.0 + GRAIN, asked.1) - held).max(Nanos::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_is_rounded_outward() {
        assert_eq!(longest(Nanos(1_000_000_000), Ppb(50_000)), Nanos(1_000_050_003));
        assert_eq!(shortest(Nanos(1_000_000_000), Ppb(50_000)), Nanos(999_950_002));
        assert_eq!((longest(Nanos(7), Ppb(0)), shortest(Nanos(7), Ppb(-5))), (Nanos(7), Nanos(7)));
        assert_eq!(
            slowest(Nanos(100_000_000), Ppb(100_000)),
            Nanos(99_990_000),
            "docs/theory.md §1.3: 10 us at 100 ms, 100 ppm"
        );
        assert_eq!((longest(Nanos(7), Ppb::ONE), shortest(Nanos::MAX, Ppb(i64::MAX)).0 > 0), (Nanos::MAX, true));
    }

    #[test]
    fn a_round_trip_is_what_the_asker_waited_less_what_the_peer_held() {
        // 1 ms less 0.4 ms: a clock of 1000 ppm may have been slow, the peer's fast.
        let found = round_trip((Nanos(1_000_000), Ppb(1_000_000)), (Nanos(400_000), Ppb(1_000_000)));
        assert_eq!(found, Nanos(1_001_004 - 399_598));
        assert_eq!(round_trip((Nanos(5), Ppb(0)), (Nanos(500), Ppb(0))), Nanos::ZERO);
    }
}

//! A change of a reading without a jump: the clock runs fast or slow until it meets the line that it should follow.

use super::Reading;
use crate::affine::Line;
use crate::time::{Local, Nanos, Ppb, Rate, Synced, Time};

/// A clock gains or loses at most so much while it slews: chrony's default (maxslewrate, 83,333 ppm).
pub const MAX_SLEW: Rate = Rate::from_ppb(Ppb(83_333_000));

/// No crystal is further off: 1 %. What claims to be is a forged or broken stamp.
pub const MAX_RATE: Rate = Rate::from_ppb(Ppb(10_000_000));

/// The reading that goes on from `reading` at `now` without a jump and is on `target` after `span`, or later if that
/// would exceed [`MAX_SLEW`] against the target's rate, which is held inside [`MAX_RATE`].
pub fn towards(reading: &Reading, now: Time<Local>, target: &Line<Local, Synced>, span: Nanos) -> Reading {
    let value = reading.at(now);
    let target = Line { start: now, value: target.at(now), rate: target.rate.clamp_to(MAX_RATE) };
    let residual = target.value - value;
    if residual == Nanos::ZERO {
        return Reading { line: target, then: None };
    }
    let slew = Rate::of(residual, span.max(Nanos(1))).clamp_to(MAX_SLEW);
    // A residual too small for the span to give a rate is slewed at the least one.
    let slew = if slew == Rate::ZERO { Rate(residual.0.signum()) } else { slew };
    let units = i128::from(residual.0) * -i128::from(Rate::STOPPED.0) / i128::from(slew.0);
    let start = now + Nanos(i64::try_from(units).unwrap_or(i64::MAX));
    let then = Line { start, value: target.at(start), rate: target.rate };
    Reading { line: Line { start: now, value, rate: target.rate + slew }, then: Some(then) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(value: i64, rate: Rate) -> Line<Local, Synced> {
        Line { start: Time::from_nanos(1_000), value: Time::from_nanos(1_000 + value), rate }
    }

    #[test]
    fn a_slew_is_continuous_keeps_its_limit_and_ends_on_the_target() {
        let now: Time<Local> = Time::from_nanos(1_000);
        for (residual, rate) in [(0, 0), (7, 0), (-7, 50), (250_000, -50), (-100_000_000, 50), (100_000_000, -50)] {
            let target = target(residual, Rate::from_ppb(Ppb::from_ppm(rate.into())));
            let slewed = towards(&Reading::LOCAL, now, &target, Nanos::from_millis(250));
            assert_eq!(slewed.at(now), Reading::LOCAL.at(now), "{residual}");
            assert!((slewed.line.rate - target.rate).0.abs() <= MAX_SLEW.0);
            if let Some(then) = slewed.then {
                assert!((slewed.line.at(then.start) - then.value).abs() <= Nanos(1), "{residual}: {slewed:?}");
                assert!(then.start - now <= Nanos::from_millis(1_300), "{residual}: {slewed:?}");
            }
            let later = now + Nanos::from_seconds(2);
            assert!((slewed.at(later) - target.at(later)).abs() <= Nanos(1), "{residual}");
        }
    }
}

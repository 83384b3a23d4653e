//! A slewing overlay: it follows the course of any clock without ever going back.
//!
//! Where the course steps, the overlay runs faster or slower than it until it has caught up: by at most `fastest`, so that a
//! lag of L lasts L/fastest. It never stands still either, whatever the course does. Inputs: instants of the local clock
//! and a [`Reading`] to follow. Output: a [`Reading`], and the lag, course − overlay, in ns, positive when the overlay is
//! behind: what a bound on the course has to be widened by, since it only shrinks until the course changes again. Of a
//! course that already knows its next line only the present one is followed: call again when that line begins. Cost: a
//! division. Source: the usual slew of ntpd and adjtime, stated as a function.

use super::Reading;
use crate::affine::Line;
use crate::time::{Local, Nanos, Ppb, Rate, Synced, Time};

/// The slowest that the overlay runs: half as fast as the local clock.
const SLOWEST: Rate = Rate::from_ppb(Ppb(-500_000_000));

/// A reading that never goes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slewed {
    reading: Reading,
    fastest: Rate,
}

impl Slewed {
    /// An overlay that shows `reading` now and runs at most `fastest` faster or slower than what it follows.
    pub fn new(reading: Reading, fastest: Ppb) -> Self {
        Self { reading, fastest: Rate::from_ppb(Ppb(fastest.abs().0.max(1))) }
    }

    /// What it shows.
    pub const fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Jumps onto `line`, in force from `at` on: for a clock that shows nothing of meaning yet.
    pub fn jump(&mut self, at: Time<Local>, line: &Line<Local, Synced>) {
        self.reading = Reading { line: Line { start: at, value: line.at(at), rate: line.rate }, then: None };
    }

    /// Follows `course` from `at` on. Gives the lag at `at`.
    pub fn follow(&mut self, at: Time<Local>, course: &Reading) -> Nanos {
        let (course, shown) = (course.line_at(at), self.reading.at(at));
        let lag = course.at(at) - shown;
        let chase = if lag > Nanos::ZERO { self.fastest } else { Rate::ZERO - self.fastest };
        let rate = if lag == Nanos::ZERO { course.rate } else { course.rate + chase };
        let line = Line { start: at, value: shown, rate: Rate(rate.0.max(SLOWEST.0)) };
        let gained = Rate((line.rate.0 - course.rate.0).saturating_abs());
        let then = (lag != Nanos::ZERO && gained > Rate::ZERO).then(|| {
            let start = at + time_to_gain(lag.abs(), gained);
            // A nanosecond of rounding must not become a step back.
            Line { start, value: line.at(start).max(course.at(start)), rate: Rate(course.rate.0.max(SLOWEST.0)) }
        });
        self.reading = Reading { line, then };
        lag
    }
}

/// How long `rate`, which is not zero, takes to gain `span`, rounded up.
fn time_to_gain(span: Nanos, rate: Rate) -> Nanos {
    let units = i128::from(Rate::STOPPED.0.unsigned_abs());
    let length = (i128::from(span.0) * units + i128::from(rate.0) - 1) / i128::from(rate.0);
    Nanos(i64::try_from(length).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Purpose, Rng};

    const FASTEST: Ppb = Ppb(500_000);

    fn at(ns: i64) -> Time<Local> {
        Time::from_nanos(ns)
    }

    fn course(start: i64, ahead: i64, ppm: i64) -> Reading {
        let line =
            Line { start: at(start), value: Time::from_nanos(start + ahead), rate: Rate::from_ppb(Ppb(ppm * 1_000)) };
        Reading { line, then: None }
    }

    #[test]
    fn a_step_of_a_millisecond_is_caught_up_in_two_seconds_at_500_ppm() {
        for ahead in [1_000_000, -1_000_000] {
            let mut overlay = Slewed::new(Reading::LOCAL, FASTEST);
            assert_eq!(overlay.follow(at(0), &course(0, ahead, 0)), Nanos(ahead));
            let error = |ns: i64| overlay.reading().at(at(ns)).as_nanos() - ns - ahead;
            assert_eq!([error(0), error(1_000_000_000)].map(|e| e / 10), [-ahead / 10, -ahead / 20]);
            assert!(error(2_000_000_010).abs() <= 2 && error(9_000_000_000).abs() <= 2, "{}", error(9_000_000_000));
        }
    }

    #[test]
    fn a_course_that_is_met_is_followed_exactly() {
        let mut overlay = Slewed::new(course(0, 70, 30), FASTEST);
        assert_eq!(overlay.follow(at(1_000), &course(0, 70, 30)), Nanos::ZERO);
        assert_eq!(overlay.reading().then, None);
        assert_eq!(overlay.reading().rate_at(at(5_000)), course(0, 70, 30).line.rate);
    }

    /// Whatever it follows: it never goes back, stays within its rate, and the lag only shrinks.
    #[test]
    fn it_never_goes_back_and_the_lag_never_grows() {
        let mut rng = Rng::stream(9, Purpose::Scenario, 0);
        for _ in 0..200 {
            let (mut overlay, mut now, mut last) = (Slewed::new(Reading::LOCAL, FASTEST), 0, i64::MIN);
            for _ in 0..40 {
                let ppm = rng.below(400) as i64 - 200;
                let next = course(now, rng.below(20_000_000) as i64 - 10_000_000, ppm);
                let mut lag = overlay.follow(at(now), &next).abs().0;
                for _ in 0..20 {
                    let shown = overlay.reading().at(at(now)).as_nanos();
                    let left = (next.at(at(now)).as_nanos() - shown).abs();
                    assert!(shown >= last && left <= lag.max(2), "{shown} after {last}, {left} after {lag}");
                    (last, lag) = (shown, left);
                    now += rng.below(800_000_000) as i64;
                }
            }
        }
    }

    #[test]
    fn a_hostile_course_neither_panics_nor_stops_it() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
        for (value, rate) in ends.into_iter().flat_map(|value| ends.map(|rate| (value, rate))) {
            let line = Line { start: at(0), value: Time::from_nanos(value), rate: Rate(rate) };
            let mut overlay = Slewed::new(Reading::LOCAL, Ppb(i64::MIN));
            overlay.follow(at(7), &Reading { line, then: None });
            assert!(overlay.reading().line.rate >= SLOWEST);
        }
    }
}

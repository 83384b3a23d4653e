//! From the kernel's stamps, which are on CLOCK_REALTIME, to CLOCK_MONOTONIC_RAW.
//!
//! The wall clock is steered and may step at any time; the raw clock is not. So each stamp is paired: the two clocks are
//! compared before and after it, and a stamp between two comparisons that disagree is refused. A step of the wall clock
//! never becomes a step of a probe stamp.

use nix::time::{ClockId, clock_gettime};

use super::clock::raw_now;
use crate::affine::{offset, shifted};
use crate::time::{Domain, Nanos, Ppb, Rate, Raw, Time};

/// Comparisons of which the narrowest is taken.
const TRIES: usize = 3;
/// The fastest that the kernel slews the wall clock, with some room: 500 ppm by adjtimex, and the crystal itself.
const FASTEST_SLEW: Ppb = Ppb(1_000_000);
/// Disagreement that is always allowed beside slewing: reading noise.
const READING_NOISE: Nanos = Nanos(2_000);

/// CLOCK_REALTIME: what the kernel stamps packets with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Wall;

impl Domain for Wall {
    const NAME: &'static str = "wall";
}

/// A kernel stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WallStamp(pub Time<Wall>);

/// A comparison of the two clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pairing {
    raw: Time<Raw>,
    wall_ahead: Nanos,
    error: Nanos,
}

/// A stamp moved to the raw clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paired {
    /// The instant.
    pub at: Time<Raw>,
    /// How far it may be off because of the pairing.
    pub error: Nanos,
}

impl Pairing {
    /// Compares the clocks now: the narrowest of several raw–wall–raw triples.
    pub fn now() -> Self {
        let mut best = Self::once();
        for _ in 1..TRIES {
            let next = Self::once();
            if next.error < best.error {
                best = next;
            }
        }
        best
    }

    fn once() -> Self {
        let first = raw_now();
        let wall = clock_gettime(ClockId::CLOCK_REALTIME)
            .map_or(Nanos::ZERO, |now| Nanos::from_seconds(now.tv_sec()) + Nanos(now.tv_nsec()));
        let width = raw_now() - first;
        let raw = first + width.over(2);
        Self { raw, wall_ahead: offset(Time::<Wall>::ZERO + wall, raw), error: width.over(2) + Nanos(1) }
    }

    /// When the comparison was made.
    pub const fn raw(&self) -> Time<Raw> {
        self.raw
    }

    /// What the wall clock showed then.
    pub fn wall(&self) -> Time<Wall> {
        shifted(self.raw, self.wall_ahead)
    }

    /// How far the two readings may be apart.
    pub const fn error(&self) -> Nanos {
        self.error
    }
}

/// The stamp on the raw clock; `None` if the comparisons before and after it disagree by more than slewing explains.
pub fn pair(stamp: WallStamp, before: &Pairing, after: &Pairing) -> Option<Paired> {
    let (span, moved) = (after.raw - before.raw, after.wall_ahead - before.wall_ahead);
    let allowed = Rate::from_ppb(FASTEST_SLEW).over(span) + before.error + after.error + READING_NOISE;
    if moved.abs() > allowed {
        return None;
    }
    let at = |ahead: Nanos| Time::<Raw>::from_nanos((stamp.0 - ahead).as_nanos());
    // The stamp lies between the comparisons: move it by the offset that the wall clock had by then.
    let elapsed = (at(after.wall_ahead) - before.raw).0.clamp(0, span.0.max(0));
    let part = if span.0 > 0 { i128::from(moved.0) * i128::from(elapsed) / i128::from(span.0) } else { 0 };
    Some(Paired { at: at(before.wall_ahead + Nanos(part as i64)), error: after.error.max(before.error) + moved.abs() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairing(raw: i64, wall_ahead: i64) -> Pairing {
        Pairing { raw: Time::from_nanos(raw), wall_ahead: Nanos(wall_ahead), error: Nanos(20) }
    }

    fn stamp(wall: i64) -> WallStamp {
        WallStamp(Time::from_nanos(wall))
    }

    #[test]
    fn a_stamp_between_agreeing_comparisons_is_moved_by_their_offset() {
        let (before, after) = (pairing(0, 1_000_000), pairing(100_000_000, 1_001_000));
        let paired = pair(stamp(50_000_000 + 1_000_500), &before, &after).expect("a slew of 10 ppm is allowed");
        assert!((paired.at.as_nanos() - 50_000_000).abs() <= 1);
        assert_eq!(paired.error, Nanos(1_020));
    }

    #[test]
    fn a_step_of_the_wall_clock_refuses_the_stamp() {
        let (before, after) = (pairing(0, 1_000_000), pairing(1_000_000, 2_000_000));
        assert_eq!(pair(stamp(1_500_000), &before, &after), None);
        let back = pairing(1_000_000, -5_000_000);
        assert_eq!(pair(stamp(1_500_000), &before, &back), None);
    }

    #[test]
    fn the_clocks_of_this_host_can_be_paired() {
        let before = Pairing::now();
        let wall = WallStamp(Time::ZERO + Nanos(super::super::clock::wall_now_ns()));
        let after = Pairing::now();
        let paired = pair(wall, &before, &after).expect("nothing steps the clock within a microsecond");
        assert!(paired.at + paired.error >= before.raw() && paired.at - paired.error <= after.raw());
    }
}

//! Piecewise-linear maps between two clocks: the one place where two clock domains meet.
//!
//! A [`Line`] maps one clock onto another at a constant rate; a [`Map`] strings lines together. An oscillator is a map
//! from true time to a host's local clock; a synchronised clock is a map from the local clock to its reading.

use crate::time::{Domain, Nanos, Rate, Time};

/// The offset `peer − local` of two readings of different clocks taken at one instant; positive means that the peer's
/// clock is ahead.
pub fn offset<P: Domain, L: Domain>(peer: Time<P>, local: Time<L>) -> Nanos {
    Nanos(peer.as_nanos()) - Nanos(local.as_nanos())
}

/// The reading of clock `B` that equals, number for number, a reading of clock `A` moved by `shift`.
pub fn shifted<A: Domain, B: Domain>(reading: Time<A>, shift: Nanos) -> Time<B> {
    Time::from_nanos(reading.as_nanos()) + shift
}

/// A straight piece of a map: from `start` on, the other clock shows `value` and gains `rate` on this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<A: Domain, B: Domain> {
    /// Where the piece begins, on the clock that is read.
    pub start: Time<A>,
    /// What the other clock shows there.
    pub value: Time<B>,
    /// How much faster the other clock runs.
    pub rate: Rate,
}

impl<A: Domain, B: Domain> Line<A, B> {
    /// The map under which both clocks show the same number.
    pub const IDENTITY: Self = Self { start: Time::ZERO, value: Time::ZERO, rate: Rate::ZERO };

    /// What the other clock shows at `at`, rounded down; also before `start`, by extension.
    #[inline]
    pub fn at(&self, at: Time<A>) -> Time<B> {
        let span = at - self.start;
        self.value + span + self.rate.over(span)
    }

    /// The earliest instant at which the other clock shows at least `reading`; `None` if the line stands still.
    pub fn when(&self, reading: Time<B>) -> Option<Time<A>> {
        if self.rate <= Rate::STOPPED {
            return None;
        }
        // at(start + s) = value + floor(s * speed / unit) >= reading  <=>  s >= gain * unit / speed
        let unit = -i128::from(Rate::STOPPED.0);
        let speed = unit + i128::from(self.rate.0);
        let gain = i128::from((reading - self.value).0) * unit;
        let span = -(-gain).div_euclid(speed);
        Some(self.start + Nanos(span.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64))
    }
}

/// A map in pieces, each in force from its start to the next one's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Map<A: Domain, B: Domain> {
    pieces: Vec<Line<A, B>>,
}

impl<A: Domain, B: Domain> Map<A, B> {
    /// A map of one piece.
    pub fn new(first: Line<A, B>) -> Self {
        Self { pieces: vec![first] }
    }

    /// Replaces everything from `line.start` on by `line`. Pieces that begin at or after it are forgotten: a clock
    /// that announced a later change and then changed its mind.
    pub fn push(&mut self, line: Line<A, B>) {
        while self.pieces.last().is_some_and(|last| last.start >= line.start) {
            self.pieces.pop();
        }
        self.pieces.push(line);
    }

    /// The pieces, in order of their starts.
    pub fn pieces(&self) -> &[Line<A, B>] {
        &self.pieces
    }

    /// The piece in force at `at`; before the first piece, the first.
    pub fn piece_at(&self, at: Time<A>) -> &Line<A, B> {
        let after = self.pieces.partition_point(|piece| piece.start <= at);
        &self.pieces[after.saturating_sub(1)]
    }

    /// What the other clock shows at `at`, after any step at that very instant.
    pub fn at(&self, at: Time<A>) -> Time<B> {
        self.piece_at(at).at(at)
    }

    /// The earliest instant at which the other clock shows at least `reading`, for a map that never steps back.
    pub fn when(&self, reading: Time<B>) -> Time<A> {
        let after = self.pieces[1..].partition_point(|piece| piece.value <= reading) + 1;
        let found = self.pieces[after - 1].when(reading).unwrap_or(Time::MAX);
        match self.pieces.get(after) {
            Some(next) => found.min(next.start),
            None => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Local, Ppb, Synced, True};

    fn line(start: i64, value: i64, ppm: i64) -> Line<True, Local> {
        Line { start: Time::from_nanos(start), value: Time::from_nanos(value), rate: Rate::from_ppb(Ppb(ppm * 1000)) }
    }

    #[test]
    fn inverse_is_the_earliest_instant_that_reaches_the_reading() {
        for ppm in [-50_000, -50, 0, 50, 50_000] {
            let line = line(1_000, 77, ppm);
            for reading in (77..200_000_077).step_by(9_999_991) {
                let reading = Time::from_nanos(reading);
                let at = line.when(reading).expect("the line moves");
                assert!(line.at(at) >= reading);
                assert!(line.at(at - Nanos(1)) < reading, "{ppm} ppm, {reading:?}");
            }
        }
        let stopped = Line::<Local, Synced> { rate: Rate::STOPPED, ..Line::IDENTITY };
        assert_eq!(stopped.when(Time::from_nanos(5)), None);
    }

    #[test]
    fn a_new_piece_replaces_what_was_announced_for_later() {
        let mut map = Map::new(line(0, 0, 0));
        map.push(line(100, 100, 10));
        map.push(line(200, 200, 20));
        map.push(line(150, 500, 0));
        assert_eq!(map.pieces().len(), 3);
        assert_eq!(map.at(Time::from_nanos(149)).as_nanos(), 149);
        assert_eq!(map.at(Time::from_nanos(150)).as_nanos(), 500);
        assert_eq!(map.when(Time::from_nanos(300)).as_nanos(), 150, "a jump reaches all readings inside it at once");
    }

    #[test]
    fn offset_is_positive_when_the_peer_is_ahead() {
        assert_eq!(offset(Time::<Synced>::from_nanos(30), Time::<Local>::from_nanos(10)), Nanos(20));
    }
}

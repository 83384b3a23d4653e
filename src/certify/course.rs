//! A synchronised clock as a function of its node's own clock: lines with jumps between them.

use crate::affine::Line;
use crate::time::{Local, Synced, Time};

/// What a clock showed, piece by piece. No piece runs backwards; between two of them it may jump either way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Course {
    pieces: Vec<(Time<Local>, Line<Local, Synced>)>,
}

impl Course {
    /// A clock that follows each line from its instant on, in order; before the first it follows the first. Without any
    /// it shows the local clock.
    pub fn new(mut pieces: Vec<(Time<Local>, Line<Local, Synced>)>) -> Self {
        if pieces.is_empty() {
            pieces.push((Time::MIN, Line::IDENTITY));
        }
        Self { pieces }
    }

    /// What it showed at `at`, after any jump at that very reading; rounded down.
    pub fn at(&self, at: Time<Local>) -> Time<Synced> {
        self.pieces[self.index_at(at)].1.at(at)
    }

    /// The least and the largest of what it showed from `low` to `high`, both sides of every jump after `low` included.
    pub fn bounds(&self, low: Time<Local>, high: Time<Local>) -> (Time<Synced>, Time<Synced>) {
        let first = self.index_at(low);
        let start = self.pieces[first].1.at(low);
        let (mut least, mut largest, mut line) = (start, start, &self.pieces[first].1);
        for (at, next) in self.pieces[first + 1..].iter().take_while(|(at, _)| *at <= high) {
            largest = largest.max(line.at(*at));
            least = least.min(next.at(*at));
            largest = largest.max(next.at(*at));
            line = next;
        }
        (least, largest.max(line.at(high)))
    }

    /// The readings of the local clock after `after` and up to `until` at which a new piece begins.
    pub fn turns(&self, after: Time<Local>, until: Time<Local>) -> impl Iterator<Item = Time<Local>> {
        let first = self.pieces.partition_point(|(at, _)| *at <= after);
        self.pieces[first..].iter().map(|(at, _)| *at).take_while(move |at| *at <= until)
    }

    fn index_at(&self, at: Time<Local>) -> usize {
        self.pieces.partition_point(|(start, _)| *start <= at).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Rate;

    #[test]
    fn both_sides_of_a_jump_count() {
        let line = |start, value| {
            let at = Time::from_nanos(start);
            (at, Line { start: at, value: Time::from_nanos(value), rate: Rate::ZERO })
        };
        let course = Course::new(vec![line(0, 0), line(10, 50), line(20, 15)]);
        let at = Time::from_nanos;
        assert_eq!(course.bounds(at(5), at(25)), (at_synced(5), at_synced(60)));
        assert_eq!(course.bounds(at(10), at(12)), (at_synced(50), at_synced(52)));
        assert_eq!(course.bounds(at(12), at(20)), (at_synced(15), at_synced(60)));
        assert_eq!(course.turns(at(0), at(20)).collect::<Vec<_>>(), [at(10), at(20)]);
    }

    fn at_synced(ns: i64) -> Time<Synced> {
        Time::from_nanos(ns)
    }
}

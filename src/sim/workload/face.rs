//! What a process's clock shows over true time: the host's oscillator, and on it a clock as its changes made it.

use crate::affine::{Line, Map};
use crate::time::{Local, Nanos, Rate, Synced, Time, True};

/// A clock as the driver reads it: a node's own, to the nanosecond.
#[derive(Clone, PartialEq, Debug)]
pub struct Face {
    local: Map<True, Local>,
    /// The lines of the reading, each with the local time from which it is in force; at least one.
    lines: Vec<(Time<Local>, Line<Local, Synced>)>,
    /// What true time is where the driver's begins.
    origin: Nanos,
}

impl Face {
    /// A clock that never changes.
    pub fn steady(line: Line<True, Synced>) -> Self {
        let start = Time::from_nanos(line.start.as_nanos());
        let only = Line { start, value: line.value, rate: line.rate };
        Self { local: Map::new(Line::IDENTITY), lines: vec![(Time::MIN, only)], origin: Nanos::ZERO }
    }

    /// The clock of these lines on this oscillator, for a driver that begins `origin` after the oscillator's true time zero.
    /// Without any line it shows local time. Where both end they go on as they were.
    pub fn new(
        local: Map<True, Local>,
        lines: impl IntoIterator<Item = (Time<Local>, Line<Local, Synced>)>,
        origin: Nanos,
    ) -> Self {
        let mut lines: Vec<_> = lines.into_iter().collect();
        if lines.is_empty() {
            lines.push((Time::MIN, Line::IDENTITY));
        }
        Self { local, lines, origin }
    }

    /// What it shows.
    pub fn at(&self, at: Time<True>) -> Time<Synced> {
        let local = self.local.at(at + self.origin);
        self.lines[self.index_at(local)].1.at(local)
    }

    /// The first instant from `from` on at which it shows at least `reading`; none if it never does.
    pub fn when(&self, reading: Time<Synced>, from: Time<True>) -> Option<Time<True>> {
        let least = self.local.at(from + self.origin);
        let first = self.index_at(least);
        let (_, line) = self.lines.iter().enumerate().skip(first).find_map(|(index, (start, line))| {
            let reached = line.when(reading)?.max(*start).max(least);
            let ends = self.lines.get(index + 1).map_or(Time::MAX, |(next, _)| *next);
            (reached < ends).then_some((index, reached))
        })?;
        Some((self.local.when(line) - self.origin).max(from))
    }

    /// When its host next runs: `at`, unless it sleeps then.
    pub fn awake(&self, at: Time<True>) -> Time<True> {
        let here = at + self.origin;
        if self.local.piece_at(here).rate > Rate::STOPPED {
            return at;
        }
        let runs = self.local.pieces().iter().find(|piece| piece.start > here && piece.rate > Rate::STOPPED);
        runs.map_or(Time::MAX, |piece| piece.start - self.origin)
    }

    fn index_at(&self, local: Time<Local>) -> usize {
        self.lines.partition_point(|(start, _)| *start <= local).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::model::Oscillator;
    use crate::model::oscillator::{Declaration, Happening, Turn};
    use crate::time::Ppb;

    fn at(ms: i64) -> Time<True> {
        Time::ZERO + Nanos::from_millis(ms)
    }

    /// A clock that runs half a thousandth fast, sleeps from 2 s to 3 s, and steps ahead by 5 ms and back by 2 ms.
    fn face() -> Face {
        let turn = |seconds, what| Turn { after: Nanos::from_seconds(seconds), what };
        let turns = vec![turn(2, Happening::Stop), turn(3, Happening::Drift(Ppb(500_000)))];
        let declared = Declaration { drift_ppb: Ppb(500_000), turns, ..Declaration::default() };
        let map = Oscillator::new(declared, NodeId(0)).map_until(at(10_000)).clone();
        let line = |local_ms: i64, ahead_ms: i64| {
            let start: Time<Local> = Time::ZERO + Nanos::from_millis(local_ms);
            let value = Time::ZERO + Nanos::from_millis(local_ms + ahead_ms);
            (start, Line { start, value, rate: Rate::ZERO })
        };
        Face::new(map, [line(0, 0), line(1_500, 5), line(4_000, 3)], Nanos::from_seconds(1))
    }

    #[test]
    fn it_reaches_what_it_shows_and_not_before() {
        let face = face();
        for reading in (1_000_500_000..6_000_000_000).step_by(7_777_777).map(Time::from_nanos) {
            let found = face.when(reading, Time::ZERO).expect("it gets there");
            assert!(face.at(found) >= reading, "{reading:?}");
            assert!(found == Time::ZERO || face.at(found - Nanos(1)) < reading, "{reading:?} at {found:?}");
        }
        let back = Time::from_nanos(4_002_500_000);
        assert!(
            face.when(back, at(3_999)).expect("again") > face.when(back, Time::ZERO).expect("once"),
            "it was set back"
        );
    }

    #[test]
    fn a_host_that_sleeps_runs_again_when_it_wakes() {
        let face = face();
        assert_eq!(
            [face.awake(at(999)), face.awake(at(1_500)), face.awake(at(2_000))],
            [at(999), at(2_000), at(2_000)]
        );
        assert_eq!(face.at(at(1_500)), face.at(at(1_001)));
    }

    #[test]
    fn a_steady_clock_is_its_line() {
        let line = Line { start: Time::from_nanos(5), value: Time::from_nanos(70), rate: Rate::from_ppb(Ppb(40_000)) };
        let face = Face::steady(line);
        for ns in [0, 5, 1_000_000_007] {
            assert_eq!(face.at(Time::from_nanos(ns)), line.at(Time::from_nanos(ns)));
        }
        let reading = Time::from_nanos(900_000_000);
        assert_eq!(face.when(reading, Time::MIN), line.when(reading));
    }
}

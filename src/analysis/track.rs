//! A clock over a run: reading minus true time, in straight pieces of true time.

use crate::affine::{Line, Map};
use crate::clock::Change;
use crate::time::{Domain, Local, Synced, Time, True};

/// `a − b` of two instants, whatever their clocks, in ns; exact up to 2^53 ns (104 days).
pub fn gap<A: Domain, B: Domain>(a: Time<A>, b: Time<B>) -> f64 {
    (i128::from(a.as_nanos()) - i128::from(b.as_nanos())) as f64
}

/// A straight piece. Times are ns of true time since the run's start.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Leg {
    /// Where it begins.
    pub start: f64,
    /// Reading minus true time there, in ns.
    pub value: f64,
    /// How fast that grows; the clock's rate minus one.
    pub slope: f64,
}

impl Leg {
    /// Reading minus true time at `at`, in ns.
    pub fn at(&self, at: f64) -> f64 {
        self.value + (at - self.start) * self.slope
    }
}

/// The pieces in order; there is at least one.
#[derive(Clone, PartialEq, Debug)]
pub struct Track {
    legs: Vec<Leg>,
}

impl Track {
    /// A track of these legs, in order of their starts. Without any, a clock that shows true time.
    pub fn new(mut legs: Vec<Leg>) -> Self {
        if legs.is_empty() {
            legs.push(Leg { start: 0.0, value: 0.0, slope: 0.0 });
        }
        Self { legs }
    }

    /// The pieces, in order of their starts.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Index of the piece in force at `at`; before the first piece, the first.
    pub fn index_at(&self, at: f64) -> usize {
        self.legs.partition_point(|leg| leg.start <= at).saturating_sub(1)
    }

    /// The piece in force at `at`, for whoever asks in order of time and keeps the `index` of the piece found last.
    pub fn follow(&self, index: &mut usize, at: f64) -> Leg {
        while self.legs.get(*index + 1).is_some_and(|next| next.start <= at) {
            *index += 1;
        }
        self.legs[*index]
    }

    /// Reading minus true time at `at`, after any step at that very instant, in ns.
    pub fn at(&self, at: f64) -> f64 {
        self.legs[self.index_at(at)].at(at)
    }
}

/// A piece of a clock's reading as a function of the local clock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Piece {
    /// In force from here on.
    pub start: Time<Local>,
    line: Line<Local, Synced>,
}

/// A clock's reading as a function of the local clock. Before any change it shows the local clock.
#[derive(Clone, PartialEq, Debug)]
pub struct Pieces(Vec<Piece>);

impl Default for Pieces {
    fn default() -> Self {
        Self(vec![Piece { start: Time::MIN, line: Line::IDENTITY }])
    }
}

impl Pieces {
    /// A change replaces everything from its start on, also what an earlier one announced for later.
    pub fn change(&mut self, change: &Change) {
        let line = change.reading.line;
        self.push(Piece { start: line.start, line });
        if let Some(then) = change.reading.then {
            self.push(Piece { start: then.start.max(line.start), line: then });
        }
    }

    /// What the clock showed just before `at`.
    pub fn before(&self, at: Time<Local>) -> Time<Synced> {
        let after = self.0.partition_point(|piece| piece.start < at);
        self.0[after.saturating_sub(1)].line.at(at)
    }

    /// What the clock shows at `at`.
    pub fn at(&self, at: Time<Local>) -> Time<Synced> {
        let after = self.0.partition_point(|piece| piece.start <= at);
        self.0[after.saturating_sub(1)].line.at(at)
    }

    /// The lines in order, each with the local time from which it is in force.
    pub fn lines(&self) -> impl Iterator<Item = (Time<Local>, Line<Local, Synced>)> + '_ {
        self.0.iter().map(|piece| (piece.start, piece.line))
    }

    /// From `line.start` on the clock is on `line`.
    pub fn line(&mut self, line: Line<Local, Synced>) {
        self.push(Piece { start: line.start, line });
    }

    fn push(&mut self, piece: Piece) {
        while self.0.len() > 1 && self.0.last().is_some_and(|last| last.start >= piece.start) {
            self.0.pop();
        }
        self.0.push(piece);
    }
}

/// A node's local clock over the run.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// True time to local clock.
    pub map: &'a Map<True, Local>,
    /// The run's start.
    pub origin: Time<True>,
    /// How much of the run is wanted, in ns.
    pub length: f64,
}

impl Base<'_> {
    /// When the local clock first shows `reading`, in ns since the run's start.
    pub fn when(&self, reading: Time<Local>) -> f64 {
        gap(self.map.when(reading), self.origin)
    }

    /// Local clock minus true time at `at`, and how fast that grows.
    fn local(&self, oscillator: &Line<True, Local>, at: f64) -> (f64, f64) {
        let rate = oscillator.rate.as_ratio();
        let since = gap(self.origin, oscillator.start) + at;
        (gap(oscillator.value, oscillator.start) + since * rate, rate)
    }

    fn leg(&self, oscillator: &Line<True, Local>, piece: &Piece, at: f64) -> Leg {
        let (ahead, drift) = self.local(oscillator, at);
        let rate = piece.line.rate.as_ratio();
        let since = gap(self.origin, piece.line.start) + at + ahead;
        let value = ahead + gap(piece.line.value, piece.line.start) + since * rate;
        Leg { start: at, value, slope: drift + (1.0 + drift) * rate }
    }

    /// The clock over the run: a new leg wherever the oscillator or the reading has a breakpoint.
    pub fn track(&self, pieces: &Pieces) -> Track {
        let oscillator = self.map.pieces();
        let starts: Vec<f64> = pieces.0.iter().map(|piece| self.when(piece.start)).collect();
        let drift_starts = |index: usize| oscillator.get(index).map_or(f64::INFINITY, |o| gap(o.start, self.origin));
        let change_starts = |index: usize| starts.get(index).copied().unwrap_or(f64::INFINITY);
        let (mut drift, mut change, mut at) = (0, 0, 0.0);
        let mut legs = Vec::new();
        loop {
            while drift_starts(drift + 1) <= at {
                drift += 1;
            }
            while change_starts(change + 1) <= at {
                change += 1;
            }
            legs.push(self.leg(&oscillator[drift], &pieces.0[change], at));
            at = drift_starts(drift + 1).min(change_starts(change + 1));
            if at >= self.length {
                return Track::new(legs);
            }
        }
    }

    /// A growing span from local time `start` on, such as an error bound: `initial` ns plus `growth` per local ns.
    pub fn growing(&self, start: Time<Local>, initial: f64, growth: f64) -> Leg {
        let at = self.when(start);
        let index = self.map.pieces().partition_point(|piece| gap(piece.start, self.origin) <= at);
        let drift = self.map.pieces()[index.saturating_sub(1)].rate.as_ratio();
        Leg { start: at, value: initial, slope: growth * (1.0 + drift) }
    }
}

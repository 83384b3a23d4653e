//! Eps while the run goes on, window by window: exact, or an envelope rounded outward.

use super::rows::{Row, Rows};
use crate::analysis::envelope::{Stretch, sweep};
use crate::analysis::quantile::largest;
use crate::analysis::track::{Leg, Track};
use crate::time::Nanos;

/// Up to so many clocks eps is exact.
pub const MOST_EXACT: usize = 10_000;
/// What integer readings leave open, in ns.
const GRAIN: f64 = 2.0;

/// How eps is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Every breakpoint of every clock that may be ahead or behind of all is looked at: exact to the 2 ns that integer
    /// readings leave open.
    Exact,
    /// In each window the largest reading less the smallest, whenever in the window they were shown: never too small.
    Outward,
}

impl Method {
    /// The method for so many clocks.
    pub const fn for_nodes(nodes: usize) -> Self {
        if nodes <= MOST_EXACT { Self::Exact } else { Self::Outward }
    }

    /// The method's name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Outward => "outward",
        }
    }
}

/// Eps of a set of clocks.
#[derive(Debug)]
pub struct Skew {
    /// What was seen in the windows that are over.
    pub rows: Rows,
    from: Nanos,
    watch: Watch,
}

#[derive(Debug)]
enum Watch {
    Exact(Exact),
    Outward(Outward),
}

impl Skew {
    /// Clocks that show the first of these legs from time zero on. Legs are in ns of reading minus true time.
    pub fn new(method: Method, legs: impl Iterator<Item = Leg>) -> Self {
        let watch = match method {
            Method::Exact => Watch::Exact(Exact::new(legs.collect())),
            Method::Outward => Watch::Outward(Outward::new(legs)),
        };
        Self { rows: Rows::default(), from: Nanos::ZERO, watch }
    }

    /// Clock `node` leaves leg `old` and is on leg `new` from its start on, which is not earlier than that of any change
    /// of this clock before, and lies in the window.
    #[inline]
    pub fn change(&mut self, node: u32, old: &Leg, new: Leg) {
        match &mut self.watch {
            Watch::Exact(exact) => exact.log.push((node, new)),
            Watch::Outward(outward) => {
                outward.look(node, new.start, old);
                outward.look(node, new.start, &new);
            }
        }
    }

    /// The window ends at `until`, when the clocks are on these legs.
    pub fn close(&mut self, until: Nanos, legs: impl Iterator<Item = Leg>) {
        if until <= self.from {
            return;
        }
        let mut row = Row::new(self.from, until);
        match &mut self.watch {
            Watch::Exact(exact) => exact.close(&mut row),
            Watch::Outward(outward) => outward.close(&mut row, legs),
        }
        self.rows.push(row);
        self.from = until;
    }

    /// What this takes, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.watch {
            Watch::Exact(exact) => {
                let each = size_of::<Leg>() + size_of::<Range>() + size_of::<u32>();
                let log = exact.log.capacity() * size_of::<(u32, Leg)>() + exact.left.capacity() * size_of::<Leg>();
                exact.legs.capacity() * each + log
            }
            Watch::Outward(_) => size_of::<Outward>(),
        }
    }
}

/// The smallest and the largest reading of a clock in a window.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    const NOTHING: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };

    /// No value is not a number, so that a comparison does.
    #[inline]
    fn look(&mut self, value: f64) {
        self.low = if value < self.low { value } else { self.low };
        self.high = if value > self.high { value } else { self.high };
    }
}

/// Every change of the window is kept until it is over.
#[derive(Debug)]
struct Exact {
    /// The leg that each clock was on when the window began; once it is measured, the one it is on when it ends.
    legs: Vec<Leg>,
    /// What changed since, in order.
    log: Vec<(u32, Leg)>,
    ranges: Vec<Range>,
    /// Of each clock that changed, the leg that it was on when the window began.
    left: Vec<Leg>,
    /// Each clock's place in `left`, and then among the candidates; between windows nobody has one.
    places: Vec<u32>,
}

/// No place.
const NOWHERE: u32 = u32::MAX;

impl Exact {
    fn new(legs: Vec<Leg>) -> Self {
        let (ranges, places) = (vec![Range::NOTHING; legs.len()], vec![NOWHERE; legs.len()]);
        Self { legs, log: Vec::new(), ranges, left: Vec::new(), places }
    }

    fn close(&mut self, row: &mut Row) {
        let (from, to) = (row.start.0 as f64, row.end.0 as f64);
        let inner = self.measure(from, to);
        let (nodes, tracks) = self.candidates(inner);
        let stretches = sweep(&tracks, from, to);
        for stretch in &stretches {
            row.note(stretch.first, stretch.last, stretch.length());
        }
        row.max = largest(&stretches).unwrap_or_default();
        if let Some(worst) = stretches.iter().max_by(|a, b| a.largest().total_cmp(&b.largest())) {
            (row.worst_at, row.worst_pair) = place(worst, &nodes);
        }
        self.log.clear();
        self.left.clear();
    }

    /// The range of each clock in the window, seen from one that runs as fast as the one ahead. Gives the lowest of the
    /// largest readings and the largest of the lowest.
    fn measure(&mut self, from: f64, to: f64) -> Range {
        // A hybrid clock that stands has slope -1 and says nothing of the others.
        let (mut ahead, mut slope) = (f64::NEG_INFINITY, 0.0);
        for (range, leg) in self.ranges.iter_mut().zip(&self.legs) {
            let value = leg.at(from);
            *range = Range { low: value, high: value };
            if value >= ahead && leg.slope > -0.5 {
                (ahead, slope) = (value, leg.slope);
            }
        }
        let seen = |leg: &Leg, at: f64| leg.at(at) - slope * (at - from);
        for (node, leg) in &self.log {
            let node = *node as usize;
            let (range, old) = (&mut self.ranges[node], &mut self.legs[node]);
            range.look(seen(old, leg.start));
            range.look(seen(leg, leg.start));
            if self.places[node] == NOWHERE {
                self.places[node] = self.left.len() as u32;
                self.left.push(*old);
            }
            *old = *leg;
        }
        let mut inner = Range { low: f64::INFINITY, high: f64::NEG_INFINITY };
        for (range, leg) in self.ranges.iter_mut().zip(&self.legs) {
            range.look(seen(leg, to));
            inner.low = if range.high < inner.low { range.high } else { inner.low };
            inner.high = if range.low > inner.high { range.low } else { inner.high };
        }
        inner
    }

    /// The clocks that may be ahead or behind of all at some time: not those that are always behind some clock's lowest
    /// and ahead of some clock's highest reading.
    fn candidates(&mut self, inner: Range) -> (Vec<u32>, Vec<Track>) {
        let (top, bottom) = (inner.high, inner.low);
        let (mut nodes, mut legs) = (Vec::new(), Vec::new());
        for (node, range) in self.ranges.iter().enumerate() {
            let left = std::mem::replace(&mut self.places[node], NOWHERE);
            if range.high >= top || range.low <= bottom {
                self.places[node] = nodes.len() as u32;
                nodes.push(node as u32);
                legs.push(vec![*self.left.get(left as usize).unwrap_or(&self.legs[node])]);
            }
        }
        for (node, leg) in &self.log {
            if let Some(legs) = legs.get_mut(self.places[*node as usize] as usize) {
                legs.push(*leg);
            }
        }
        nodes.iter().for_each(|node| self.places[*node as usize] = NOWHERE);
        (nodes, legs.into_iter().map(Track::new).collect())
    }
}

/// When a stretch is at its worst, and its clocks.
fn place(worst: &Stretch, nodes: &[u32]) -> (Nanos, (u32, u32)) {
    let at = if worst.last > worst.first { worst.end } else { worst.start };
    (Nanos(at as i64), (nodes[worst.top], nodes[worst.bottom]))
}

/// Nothing is kept but the extremes.
#[derive(Debug)]
struct Outward {
    /// Readings are seen from a clock that gains so much: the fastest one's rate, so that the clocks that lead stand still.
    slope: f64,
    low: (f64, u32),
    high: (f64, u32),
    worst_at: f64,
}

impl Outward {
    fn new(legs: impl Iterator<Item = Leg>) -> Self {
        let mut watch =
            Self { slope: f64::NEG_INFINITY, low: (f64::INFINITY, 0), high: (f64::NEG_INFINITY, 0), worst_at: 0.0 };
        let legs: Vec<Leg> = legs.inspect(|leg| watch.slope = watch.slope.max(leg.slope)).collect();
        watch.look_at_all(0.0, legs.into_iter());
        watch
    }

    #[inline]
    fn look(&mut self, node: u32, at: f64, leg: &Leg) {
        let value = leg.at(at) - self.slope * at;
        if value < self.low.0 {
            (self.low, self.worst_at) = ((value, node), at);
        }
        if value > self.high.0 {
            (self.high, self.worst_at) = ((value, node), at);
        }
    }

    fn look_at_all(&mut self, at: f64, legs: impl Iterator<Item = Leg>) {
        legs.zip(0..).for_each(|(leg, node)| self.look(node, at, &leg));
    }

    fn close(&mut self, row: &mut Row, legs: impl Iterator<Item = Leg>) {
        let to = row.end.0 as f64;
        let mut next = Self { low: (f64::INFINITY, 0), high: (f64::NEG_INFINITY, 0), worst_at: to, ..*self };
        next.look_at_all(to, legs);
        self.low = if next.low.0 < self.low.0 { next.low } else { self.low };
        self.high = if next.high.0 > self.high.0 { next.high } else { self.high };
        let eps = (self.high.0 - self.low.0).max(0.0) + GRAIN;
        row.note(eps, eps, to - row.start.0 as f64);
        row.max = Nanos(eps.ceil() as i64);
        (row.worst_at, row.worst_pair) = (Nanos(self.worst_at as i64), (self.high.1, self.low.1));
        *self = next;
    }
}

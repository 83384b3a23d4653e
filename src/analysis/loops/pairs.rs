//! Two clocks that exchange: what stamps say of their offset in a window.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::analysis::parameters::hull::{Floor, Point};
use crate::analysis::run::Span;
use crate::ids::NodeId;
use crate::node::Record;
use crate::probe::Exchange;
use crate::time::{Local, Nanos, Time};

/// A window with fewer messages in a direction says nothing.
const LEAST: usize = 8;
/// This message above the line, counted from below, says how far the line may be above the least delay. Two lie on it.
const ABOVE: usize = 3;

/// A message: the lower node's clock, and the higher node's less it, in ns.
type Seen = (i64, i64);

/// The messages of a pair, those from the lower node to the higher one and those back, in order of the lower node's clock.
#[derive(Clone, Debug, Default)]
struct Clouds {
    forth: Vec<Seen>,
    back: Vec<Seen>,
    /// Sum over exchanges of what all four stamps may be off, in ns.
    error: i128,
}

/// Offset of two clocks, half-way between both directions' lines.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Middle {
    /// The second clock − the first one, in ns, in the middle of the window; with half of the asymmetry of the least delays.
    pub offset_ns: f64,
    /// How far that may be off because no message need have met the least delay, and stamps err, in ns.
    pub open_ns: f64,
}

/// All pairs of a run that exchanged.
#[derive(Clone, Debug, Default)]
pub struct Pairs(BTreeMap<(NodeId, NodeId), Clouds>);

impl Pairs {
    /// Reads every exchange with a peer while that boot of it lived that is judged. The stamps are the best there are: what waits in a program is no asymmetry of a link.
    pub fn read(spans: &BTreeMap<NodeId, Span<'_>>) -> Self {
        let mut pairs = Self::default();
        for (node, span) in spans {
            for record in span.run.records() {
                if let Record::Exchanged(_, _, exchange) = record {
                    let is_its = |peer: &Span<'_>| (peer.began..=peer.run.covers_until).contains(&exchange.t3.user);
                    if exchange.peer != *node && spans.get(&exchange.peer).is_some_and(is_its) {
                        pairs.add(*node, exchange);
                    }
                }
            }
        }
        for clouds in pairs.0.values_mut() {
            clouds.forth.sort_unstable();
            clouds.back.sort_unstable();
        }
        pairs.0.retain(|_, clouds| !clouds.forth.is_empty());
        pairs
    }

    fn add(&mut self, node: NodeId, exchange: &Exchange) {
        let [t1, t2, t3, t4] = exchange.stamps();
        let seen = |low: Time<Local>, high: Time<Local>| (low.as_nanos(), (high - low).0);
        let clouds = self.0.entry((node.min(exchange.peer), node.max(exchange.peer))).or_default();
        let [asked, answered] =
            if node < exchange.peer { [seen(t1, t2), seen(t4, t3)] } else { [seen(t3, t4), seen(t2, t1)] };
        clouds.forth.push(asked);
        clouds.back.push(answered);
        let points = [exchange.t1, exchange.t2, exchange.t3, exchange.t4];
        let errors =
            points.iter().filter_map(|point| point.wire).map(|stamp| i128::from(stamp.error.0.saturating_abs()));
        clouds.error += errors.sum::<i128>();
    }

    /// The pairs, lower node first.
    pub fn links(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        self.0.keys().copied()
    }

    /// How many messages there are in each direction of a pair.
    pub fn messages(&self, one: NodeId, other: NodeId) -> usize {
        self.of(one, other).map_or(0, |clouds| clouds.forth.len())
    }

    fn of(&self, one: NodeId, other: NodeId) -> Option<&Clouds> {
        self.0.get(&(one.min(other), one.max(other)))
    }

    /// The limits of so many equal windows, for each link of a loop on its lower node's clock: the same instants for all, as
    /// nearly as single exchanges tell (an error of a millisecond moves an offset by a ten-thousandth of it at 100 ppm).
    /// `None` if the loop's links have no time in common.
    pub fn turns(&self, cycle: &[NodeId], windows: usize) -> Option<Vec<Vec<i64>>> {
        let (mut start, mut end) = (i64::MIN, i64::MAX);
        // Where each link's messages begin and end, on the first node's clock.
        for (index, node) in cycle.iter().enumerate() {
            let next = cycle[(index + 1) % cycle.len()];
            let clouds = self.of(*node, next)?;
            let (from, to) = (clouds.forth.first()?.0, clouds.forth.last()?.0);
            start = start.max(self.back_along(cycle, node.min(&next), from)?);
            end = end.min(self.back_along(cycle, node.min(&next), to)?);
        }
        let length = end.checked_sub(start).filter(|length| *length > 0)?;
        let turn = |window: usize| start + (i128::from(length) * window as i128 / windows as i128) as i64;
        let turns = |index: usize| {
            let (node, next) = (cycle[index], cycle[(index + 1) % cycle.len()]);
            (0..=windows).map(|window| self.along(cycle, &node.min(next), turn(window))).collect::<Option<Vec<_>>>()
        };
        (0..cycle.len()).map(turns).collect()
    }

    /// What the clock of `node`, on the loop, shows when the first node's shows `at`.
    fn along(&self, cycle: &[NodeId], node: &NodeId, at: i64) -> Option<i64> {
        let mut now = at;
        for pair in cycle.windows(2) {
            if pair[0] == *node {
                break;
            }
            now = now.checked_add(self.ahead(pair[0], pair[1], now)?)?;
        }
        Some(now)
    }

    /// What the first node's clock shows when the clock of `node` shows `at`.
    fn back_along(&self, cycle: &[NodeId], node: &NodeId, at: i64) -> Option<i64> {
        let place = cycle.iter().position(|other| other == node)?;
        let mut now = at;
        for index in (0..place).rev() {
            now = now.checked_add(self.ahead(cycle[index + 1], cycle[index], now)?)?;
        }
        Some(now)
    }

    /// How far the clock of `to` is ahead when that of `from` shows `at`, by the nearest exchange.
    fn ahead(&self, from: NodeId, to: NodeId, at: i64) -> Option<i64> {
        let clouds = self.of(from, to)?;
        let nearest = |seen: &[Seen], at: i64| -> Option<i64> {
            let next = seen.partition_point(|(x, _)| *x < at);
            let near = seen[next.saturating_sub(1)..].iter().take(2).min_by_key(|(x, _)| x.abs_diff(at))?;
            Some(near.1)
        };
        let middle = |at: i64| Some(nearest(&clouds.forth, at)?.midpoint(nearest(&clouds.back, at)?));
        if from < to {
            return middle(at);
        }
        // The higher node's clock is not what messages are ordered by: two steps find the lower one's.
        let guess = at.checked_sub(middle(at)?)?;
        let guess = at.checked_sub(middle(guess)?)?;
        Some(middle(guess)?.saturating_neg())
    }

    /// Clock of `to` − clock of `from` in the middle of a window on the lower node's clock; `None` of too few messages.
    pub fn middle(&self, from: NodeId, to: NodeId, window: Range<i64>) -> Option<Middle> {
        let clouds = self.of(from, to)?;
        let middle = window.start.midpoint(window.end);
        let inside = |seen: &'_ [Seen]| {
            let first = seen.partition_point(|(x, _)| *x < window.start);
            seen[first..].iter().take_while(|(x, _)| *x < window.end).copied().collect::<Vec<_>>()
        };
        let (forth, back) = (inside(&clouds.forth), inside(&clouds.back));
        let base = forth.first()?.1;
        let above = lowest(forth.iter().map(|(x, gap)| (*x, *gap)), middle, base)?;
        let below = lowest(back.iter().map(|(x, gap)| (*x, gap.saturating_neg())), middle, base.saturating_neg())?;
        let error = clouds.error as f64 / clouds.forth.len() as f64;
        let sign = if from < to { 1.0 } else { -1.0 };
        let offset = base as f64 + (above.0 - below.0) / 2.0;
        Some(Middle { offset_ns: sign * offset, open_ns: (above.1 + below.1 + error) / 2.0 })
    }
}

/// Where the line under the messages passes `middle`, less `base`, and how far above it the third one is that is not on it.
fn lowest(seen: impl Iterator<Item = Seen>, middle: i64, base: i64) -> Option<(f64, f64)> {
    let near = |(x, gap): Seen| Point::new(x.checked_sub(middle)?, gap.checked_sub(base)?);
    let points: Vec<Point> = seen.filter_map(near).collect();
    if points.len() < LEAST {
        return None;
    }
    let floor = Floor::under(&points)?;
    let mut heights: Vec<i64> = points.iter().map(|point| floor.height(*point)).collect();
    heights.sort_unstable();
    let at = Nanos(floor.at(0));
    Some((at.0 as f64, heights[ABOVE.min(heights.len() - 1)] as f64))
}

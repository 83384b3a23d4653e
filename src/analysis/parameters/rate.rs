//! Kappa: assumed of each clock, and what the rates of two clocks against each other say of it.

use std::collections::BTreeMap;

use super::heard::Course;
use super::hull::{Corridor, Floor, Point, corridor};
use super::real::{GRAIN, shortest, slowest};
use super::{Label, Of, Parameter, Symbol, Window};
use crate::affine::offset;
use crate::analysis::certificate::stated_kappa;
use crate::analysis::run::Span;
use crate::ids::{Arc, NodeId};
use crate::time::{Nanos, Ppb};

const CORRIDOR: &str =
    "every line between the hulls of both directions' user-space stamps, if both rates were constant";
/// Why a pair's row has no interval.
pub const NO_LINE: &str =
    "no line fits between both directions: a rate changed, a clock was set, or a minimum is overstated";
const ONE_WAY: &str = "slope of the lower hull of the one direction that was heard, user-space stamps";

/// What was found of rates.
#[derive(Default)]
pub struct Rates {
    /// All rows.
    pub rows: Vec<Parameter>,
    /// By pair, lower node first: rate of the higher one's clock against the lower one's, less one, in the calibration.
    pub calibrated: BTreeMap<(NodeId, NodeId), (Ppb, Ppb)>,
}

/// Kappa as each node declares it.
pub fn declared<'a>(spans: &'a BTreeMap<NodeId, Span<'a>>) -> impl Iterator<Item = Parameter> + 'a {
    let how = "the limit on |rate - 1| that the node's configuration declares; no stamp can prove it";
    spans.iter().map(move |(node, span)| {
        let row = Parameter::new(Symbol::Kappa, Of::Node(*node), Label::Assumed, Window::Whole, how);
        row.at(span.run.header.kappa_ppb.0)
    })
}

/// Relative rates of all linked pairs, in both windows. `least` is what is configured as each arc's minimum delay.
pub fn relative(
    spans: &BTreeMap<NodeId, Span<'_>>,
    courses: &BTreeMap<Arc, Course>,
    least: impl Fn(Arc) -> Nanos,
) -> Rates {
    let mut rates = Rates::default();
    for arc in courses.keys().filter(|arc| arc.from < arc.to || !courses.contains_key(&arc.reversed())) {
        for window in [Window::Calibration, Window::Test] {
            let forth = cloud(spans, courses, *arc, window, least(*arc));
            let back = cloud(spans, courses, arc.reversed(), window, least(arc.reversed()));
            rates.add(*arc, window, &forth, &back);
        }
    }
    if let Some(row) = rates.least_kappa() {
        rates.rows.insert(0, row);
    }
    rates
}

/// One direction's messages: the sender's clock, the minimum delay later, and the receiver's less it.
fn cloud(
    spans: &BTreeMap<NodeId, Span<'_>>,
    courses: &BTreeMap<Arc, Course>,
    arc: Arc,
    window: Window,
    least: Nanos,
) -> Vec<(i64, i64)> {
    let (Some(course), Some(sender)) = (courses.get(&arc), spans.get(&arc.from)) else { return Vec::new() };
    // Mu is in units of the receiver's clock, the shift in those of the sender's: twice turned (docs/theory.md §1.3).
    let peer = spans.get(&arc.to).map_or(Ppb(0), stated_kappa);
    let least = slowest(shortest(least.max(Nanos::ZERO), peer), course.kappa);
    let inside = course.heard.iter().filter(|message| window.holds(sender, message.sent));
    inside.map(|message| ((message.sent + least).as_nanos(), message.at.as_nanos())).collect()
}

impl Rates {
    fn add(&mut self, arc: Arc, window: Window, forth: &[(i64, i64)], back: &[(i64, i64)]) {
        let Some(base) = forth.first().copied().or(back.first().map(|(sent, at)| (*at, *sent))) else { return };
        let point = |own: i64, other: i64, grain: Nanos| {
            let gap = |own: i64, other: i64| i128::from(other) - i128::from(own);
            let gap = gap(own, other) - gap(base.0, base.1) + i128::from(grain.0);
            Point::new(own.saturating_sub(base.0), i64::try_from(gap).ok()?)
        };
        let above: Vec<Point> = forth.iter().filter_map(|(sent, at)| point(*sent, *at, GRAIN)).collect();
        let below: Vec<Point> = back.iter().filter_map(|(sent, at)| point(*at, *sent, -GRAIN)).collect();
        if above.is_empty() || below.is_empty() {
            return self.add_one_way(arc, window, &above, back);
        }
        let pair = (arc.from, arc.to);
        let row = |how| Parameter::new(Symbol::RelativeRate, Of::Pair(pair.0, pair.1), Label::Certified, window, how);
        match corridor(&above, &below) {
            Corridor::Empty => self.rows.push(row(NO_LINE)),
            Corridor::Open { low, high } => {
                self.rows.push(row(CORRIDOR).within(low.map(|low| low.0), high.map(|high| high.0)));
                if let (Window::Calibration, Some(found)) = (window, low.zip(high)) {
                    self.calibrated.insert(pair, found);
                }
            }
        }
    }

    fn add_one_way(&mut self, arc: Arc, window: Window, above: &[Point], back: &[(i64, i64)]) {
        let heard = if back.is_empty() { arc } else { arc.reversed() };
        let first = back.first().copied().unwrap_or_default();
        let point = |(sent, at): &(i64, i64)| {
            let gap = (i128::from(*at) - i128::from(*sent)) - (i128::from(first.1) - i128::from(first.0));
            Point::new(sent.saturating_sub(first.0), i64::try_from(gap).ok()?)
        };
        let mirrored: Vec<Point> = back.iter().filter_map(point).collect();
        if let Some(floor) = Floor::under(if back.is_empty() { above } else { &mirrored }) {
            let row = Parameter::new(Symbol::RelativeRate, Of::Arc(heard), Label::Estimated, window, ONE_WAY);
            self.rows.push(row.at(floor.rate().0));
        }
    }

    /// Two clocks within kappa of true time have |rate of one against the other − 1| ≤ 2·kappa/(1 − kappa).
    fn least_kappa(&self) -> Option<Parameter> {
        let pairs = self.rows.iter().filter(|row| row.label == Label::Certified);
        let apart = |row: &Parameter| row.low.unwrap_or(0).max(row.high.unwrap_or(0).saturating_neg()).max(0);
        let most = i128::from(pairs.map(apart).max()?);
        let least = most * i128::from(Ppb::ONE.0) / (2 * i128::from(Ppb::ONE.0) + most);
        let how = "at least half of the largest relative rate that is certain; constant rates. All clocks warming \
                   together is invisible";
        let row = Parameter::new(Symbol::Kappa, Of::Run, Label::Certified, Window::Whole, how);
        Some(row.within(Some(least as i64), None))
    }
}

/// A direction's points for its floor: instants since the sender began, and receipt less send.
pub fn direction(course: &Course, sender: &Span<'_>, window: Window) -> Vec<Point> {
    let Some(first) = course.heard.first() else { return Vec::new() };
    let base = offset(first.at, first.sent);
    let inside = course.heard.iter().filter(|message| window.holds(sender, message.sent));
    inside
        .filter_map(|message| Point::new((message.sent - first.sent).0, (offset(message.at, message.sent) - base).0))
        .collect()
}

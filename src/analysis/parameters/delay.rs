//! Delays of each arc: nu, mu and xi, and tau_eff, the longest gap that they leave.

use std::collections::BTreeMap;

use super::bound::opened;
use super::heard::Course;
use super::hull::Floor;
use super::rate::direction;
use super::{Label, Of, Parameter, Symbol, Window};
use crate::analysis::arcs::Quantiles;
use crate::analysis::run::Span;
use crate::analysis::timely::longest_gap;
use crate::ids::{Arc, NodeId};
use crate::length::Length;
use crate::time::Nanos;
use crate::topology::Impairment;

/// One arc, and what its rows are made of.
pub struct Path<'a> {
    /// The arc.
    pub arc: Arc,
    /// Its sender.
    pub sender: &'a Span<'a>,
    /// Its messages.
    pub course: &'a Course,
    /// What is configured for it.
    pub given: Impairment,
    /// What light takes for the way back at least.
    pub back: Nanos,
    /// The xi of the bound, if there is one.
    pub xi: Option<Nanos>,
}

/// The rows of every arc.
pub fn rows(
    spans: &BTreeMap<NodeId, Span<'_>>,
    courses: &BTreeMap<Arc, Course>,
    given: impl Fn(Arc) -> Impairment,
    xi: Option<Nanos>,
) -> Vec<Parameter> {
    let path = |(arc, course): (&Arc, &Course)| {
        let back = courses.get(&arc.reversed()).map_or(Nanos::ZERO, |course| course.light);
        let path = Path { arc: *arc, sender: spans.get(&arc.from)?, course, given: given(*arc), back, xi };
        Some([path.gaps(), path.certified(), path.minima(), path.jitter()].concat())
    };
    courses.iter().filter_map(path).flatten().collect()
}

impl Path<'_> {
    fn row(&self, symbol: Symbol, label: Label, window: Window, how: &'static str) -> Parameter {
        Parameter::new(symbol, Of::Arc(self.arc), label, window, how)
    }

    /// The longest gaps between sends of received and of timely messages.
    fn gaps(&self) -> Vec<Parameter> {
        let end = self.course.length();
        let kinds = [
            (
                Symbol::TauReceived,
                Some(Nanos::MAX),
                "longest gap between sends of received messages by the sender's T_m readings, over 1 - kappa, both ends \
                 of the run included",
            ),
            (Symbol::TauEff, self.xi, "the same of messages whose round trip proves them timely for the bound's xi"),
        ];
        let row = |(symbol, xi, how): (Symbol, Option<Nanos>, &'static str)| {
            let timed = if symbol == Symbol::TauEff { self.course.timed() } else { self.course.received() };
            let gap = opened(longest_gap(&timed, xi?, end));
            Some(self.row(symbol, Label::Certified, Window::Whole, how).within(Some(0), Some(gap.0)).at(gap.0))
        };
        kinds.into_iter().filter_map(row).collect()
    }

    fn certified(&self) -> Vec<Parameter> {
        let heard = &self.course.heard;
        let mut rows = Vec::new();
        if let Some(most) = heard.iter().filter_map(|message| message.most).max() {
            let how =
                "0 to the largest (t4-t1)/(1-kappa) - residence/(1+kappa) of messages in exchanges, user-space stamps";
            let with_distance = "distance/c to the largest (t4-t1)/(1-kappa) - residence/(1+kappa) - distance/c of the way \
                                 back, of messages in exchanges, user-space stamps";
            let how = if self.back > Nanos::ZERO { with_distance } else { how };
            let row = self.row(Symbol::Nu, Label::Certified, Window::Whole, how);
            rows.push(row.within(Some(self.course.light.0), Some((most - self.back).max(Nanos::ZERO).0)));
        }
        if let Some(most) = heard.iter().filter_map(|message| message.unpredictable).max() {
            let how = "0 to the largest round trip less both credits of messages in exchanges, if no credit exceeds its \
                       delay; user-space stamps";
            let row = self.row(Symbol::Xi, Label::Certified, Window::Whole, how);
            rows.push(row.within(Some(0), Some(most.0.max(0))));
        }
        rows
    }

    /// Configured and estimated minima, and half of the round trips.
    fn minima(&self) -> Vec<Parameter> {
        let how = "the configured base of every credit; no stamp can prove more than 0";
        let mut rows = vec![self.row(Symbol::Mu, Label::Assumed, Window::Whole, how).at(self.given.mu.0)];
        rows.extend(self.given.distance.iter().flat_map(|distance| self.light(*distance)));
        let halves = |window: Window| {
            let inside = self.course.heard.iter().filter(move |message| window.holds(self.sender, message.sent));
            inside.filter_map(|message| message.most).map(|most| most.0 / 2)
        };
        if let Some(least) = halves(Window::Calibration).min() {
            let how =
                "half of the least round trip: never a credit, since it may exceed a delay and then clocks run away";
            rows.push(self.row(Symbol::Mu, Label::Estimated, Window::Calibration, how).at(least));
        }
        for window in [Window::Calibration, Window::Test] {
            let Some(quantiles) = Quantiles::of(halves(window).collect()) else { continue };
            let how = "median, least and largest half of a round trip: an asymmetry cannot be seen";
            let row = self.row(Symbol::Nu, Label::Estimated, window, how);
            rows.push(row.within(halves(window).min(), Some(quantiles.max)).at(quantiles.p50));
        }
        rows
    }

    /// What physics says of the configured distance. It is no credit: clocks stay as they are.
    fn light(&self, distance: Length) -> [Parameter; 2] {
        let certain = "the configured distance over c, light in vacuum: nothing is faster; as certain as the distance";
        let likely =
            "the configured distance over (2/3) c, light in glass: radio is faster, and no cable lies straight";
        let (least, usual) = (distance.in_vacuum().0, distance.in_fibre().0);
        [
            self.row(Symbol::Mu, Label::Certified, Window::Whole, certain).within(Some(least), None).at(least),
            self.row(Symbol::Mu, Label::Estimated, Window::Whole, likely).at(usual),
        ]
    }

    /// How far messages lie above the floor of the calibration.
    fn jitter(&self) -> Vec<Parameter> {
        let Some(floor) = Floor::under(&direction(self.course, self.sender, Window::Calibration)) else {
            return Vec::new();
        };
        let row = |window: Window| {
            let points = direction(self.course, self.sender, window);
            let heights: Vec<i64> = points.iter().map(|point| floor.height(*point)).collect();
            let (least, quantiles) = (heights.iter().min().copied(), Quantiles::of(heights)?);
            let how = "99th percentile, least and largest receipt less send above the calibration's lower hull (offset and \
                       skew removed); below 0 a message beat the calibration's minimum, or a rate changed";
            let row = self.row(Symbol::Xi, Label::Estimated, window, how);
            Some(row.within(least, Some(quantiles.max)).at(quantiles.p99))
        };
        [Window::Calibration, Window::Test].into_iter().filter_map(row).collect()
    }
}

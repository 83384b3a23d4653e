//! All clocks of a run, and the rows that follow from them.

use std::collections::BTreeMap;

use super::coverage::{self, Score};
use super::envelope::sweep;
use super::horizon::Horizon;
use super::ordering::Reports;
use super::premise::Lead;
use super::quantile::{PerMille, largest, share_within, weighted};
use super::reading::{Readings, jumps};
use super::run::Span;
use super::series::Series;
use super::skew::measure;
use super::summary::{Promise, Row};
use super::track::{Base, Track, gap};
use super::truth::Truth;
use crate::clock::Subject;
use crate::ids::{Algorithm, Algorithms, NodeId};
use crate::order::stamp;
use crate::time::{Local, Nanos, Time};

/// All clocks of all nodes over the run and the ordering phase that may follow it.
#[derive(Debug)]
pub struct Clocks<'a> {
    nodes: Vec<NodeId>,
    bases: BTreeMap<NodeId, Base<'a>>,
    readings: BTreeMap<NodeId, Readings>,
    tracks: BTreeMap<Algorithm, Vec<Track>>,
    covered: f64,
}

/// The algorithms that every node ran, the undisciplined clock among them, and those that only some of them did.
pub fn ran(spans: &BTreeMap<NodeId, Span<'_>>) -> (Vec<Algorithm>, Algorithms) {
    let sets = || spans.values().map(|span| span.run.header.clocks);
    let (all, any) = (sets().fold(Algorithms::ALL, Algorithms::and), sets().fold(Algorithms::NONE, Algorithms::or));
    let partly = any.iter().filter(|algorithm| !all.contains(*algorithm)).collect();
    (std::iter::once(Algorithm::Free).chain(all.iter()).collect(), partly)
}

impl<'a> Clocks<'a> {
    /// Rebuilds the clocks of all nodes from the run's start on, as far as every journal reaches.
    pub fn new(spans: &BTreeMap<NodeId, Span<'_>>, truth: &'a Truth, horizon: &Horizon) -> Self {
        let origin = horizon.start;
        let covered = gap(horizon.covered, origin);
        let base = |node: &NodeId| Some((*node, Base { map: truth.map(*node)?, origin, length: covered }));
        let bases: BTreeMap<NodeId, Base<'a>> = spans.keys().filter_map(base).collect();
        let readings: BTreeMap<NodeId, Readings> =
            spans.iter().map(|(node, span)| (*node, Readings::of(span.run))).collect();
        let track = |algorithm| bases.iter().map(|(node, base)| readings[node].track(algorithm, base)).collect();
        let tracks = ran(spans).0.into_iter().map(|algorithm| (algorithm, track(algorithm))).collect();
        Self { nodes: spans.keys().copied().collect(), bases, readings, tracks, covered }
    }

    /// The clocks of `algorithm`, in the order of [`Self::nodes`].
    pub fn of(&self, algorithm: Algorithm) -> &[Track] {
        self.tracks.get(&algorithm).map_or(&[], Vec::as_slice)
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// What each node's records say of its clocks.
    pub fn readings(&self) -> &BTreeMap<NodeId, Readings> {
        &self.readings
    }

    /// Every `l` of a hybrid clock that was noted.
    pub fn hybrid_leads(&self) -> Vec<Lead> {
        let of = |(node, base): (&NodeId, &Base<'a>)| {
            let lead = |(at, l): (f64, f64)| Lead { node: *node, at, l };
            self.readings[node].leads(base).map(lead).collect::<Vec<_>>()
        };
        self.bases.iter().flat_map(of).collect()
    }

    fn when(&self, node: NodeId, at: Time<Local>) -> Option<f64> {
        self.bases.get(&node).map(|base| base.when(at))
    }

    /// The row of `algorithm` over the window, in ns since the run's start.
    pub fn row(&self, algorithm: Algorithm, window: (f64, f64), reference: NodeId, promise: Option<&Promise>) -> Row {
        let tracks = self.of(algorithm);
        let Some((skew, stretches)) = measure(&self.nodes, tracks, window.0, window.1) else {
            return Row::unknown(algorithm);
        };
        let steps = Some(self.steps(algorithm, window));
        let score = self.score(algorithm, window, reference);
        let (coverage, claim, tightness) = (score.coverage(), score.claim(), score.tightness());
        let within = promise.filter(|_| algorithm == Algorithm::Lamport);
        let bound_coverage = within.and_then(|promise| share_within(&stretches, promise.bounds.safe));
        Row { algorithm, skew: Some(skew), steps, coverage, claim, tightness, bound_coverage }
    }

    /// What the clocks of `algorithm` state of themselves, held against what they speak of.
    fn score(&self, algorithm: Algorithm, window: (f64, f64), reference: NodeId) -> Score {
        let Some(reference) = self.nodes.iter().position(|node| *node == reference) else { return Score::default() };
        let claimed = |(node, base): (&NodeId, &Base<'a>)| self.readings[node].claimed(algorithm, base);
        let claims: Vec<_> = self.bases.iter().map(claimed).collect();
        let (about, spoken_of) = (Subject::of(algorithm), self.of(coverage::spoken_of(algorithm)));
        coverage::of_claims(self.of(algorithm), &claims, spoken_of, (about, reference), window)
    }

    fn steps(&self, algorithm: Algorithm, window: (f64, f64)) -> u64 {
        let inside = |at: &f64| *at > window.0 && *at <= window.1;
        let count = match algorithm {
            Algorithm::Hlc => self.of(algorithm).iter().flat_map(jumps).filter(inside).count(),
            _ => {
                let said = |(node, readings): (&NodeId, &Readings)| {
                    readings.steps(algorithm).filter_map(|at| self.when(*node, at)).filter(inside).count()
                };
                self.readings.iter().map(said).sum()
            }
        };
        count as u64
    }

    /// All clocks over the run, whose length is in ns.
    pub fn series(&self, length: f64) -> Series {
        let mut series = Series::new(self.nodes.clone(), self.tracks.len());
        if length > 0.0 {
            self.tracks.iter().for_each(|(algorithm, tracks)| series.add(*algorithm, tracks, length));
        }
        series
    }

    /// Eps p50 and max of the phase's physical clock, from the first agent's beginning to the last one's end.
    pub fn eps_of_phase(&self, reports: &Reports<'_>) -> Option<(Nanos, Nanos)> {
        let algorithm = stamp::algorithm(reports.first()?.1.phase.source)?;
        let time = |node: NodeId, ns: i64| self.when(node, Time::from_nanos(ns));
        let began = reports.iter().filter_map(|(node, report)| time(*node, report.began_ns)).min_by(f64::total_cmp)?;
        let ended = reports.iter().filter_map(|(node, report)| time(*node, report.ended_ns)).max_by(f64::total_cmp)?;
        let stretches = sweep(self.of(algorithm), began.max(0.0), ended.min(self.covered));
        Some((weighted(&stretches, PerMille::P50)?, largest(&stretches)?))
    }
}

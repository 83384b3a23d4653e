//! The clocks of a run, boot by boot: a node that dies and starts again has two lives, and a run of lives in which nobody
//! dies or starts is a span over which clocks can be compared.

use std::collections::BTreeMap;

use crate::analysis::coverage::{self, Claims};
use crate::analysis::reading::{Readings, jumps};
use crate::analysis::run::{AgentRun, choose};
use crate::analysis::track::{Base, Leg, Pieces, Track};
use crate::analysis::truth::Truth;
use crate::ids::{Algorithm, NodeId};
use crate::node::Mark;
use crate::sim::Scenario;
use crate::time::Time;

/// One boot of one node: from when to when, in ns since the run's start, and its clocks meanwhile.
struct Life {
    node: NodeId,
    from: f64,
    until: f64,
    tracks: BTreeMap<Algorithm, (Track, Claims)>,
    steps: Vec<(Algorithm, f64)>,
}

/// All lives of a run.
pub struct Lives {
    lives: Vec<Life>,
    /// The local clock of the reference's host, which goes on whatever happens to the node.
    beneath: Track,
    reference: NodeId,
}

/// One clock of one node over a span in which the node lives.
pub struct Lived<'a> {
    /// Whose.
    pub node: NodeId,
    /// Reading minus true time.
    pub track: &'a Track,
    /// What it says of its own error.
    pub claims: &'a [(f64, Option<Leg>)],
}

impl Lives {
    /// The lives of a simulated run. `None` if the journals tell no truth.
    pub fn of(runs: &[AgentRun], scenario: &Scenario) -> Option<Self> {
        let truth = Truth::rebuild(&choose(runs).0)?;
        let (origin, length) = (Time::ZERO, scenario.duration.0 as f64);
        let base = |node| Some(Base { map: truth.map(node)?, origin, length });
        let reference = NodeId(scenario.reference);
        let beneath = base(reference)?.track(&Pieces::default());
        let lives = runs.iter().map(|run| Some(Life::of(run, &base(run.header.node)?))).collect::<Option<_>>()?;
        Some(Self { lives, beneath, reference })
    }

    /// The spans between `from` and `to`, in ns since the run's start, in which nobody dies or starts, in order and
    /// without gaps.
    pub fn spans(&self, from: f64, to: f64) -> Vec<(f64, f64)> {
        let turns = self.lives.iter().flat_map(|life| [life.from, life.until]);
        let mut turns: Vec<f64> = turns.filter(|at| *at > from && *at < to).chain([from, to]).collect();
        turns.sort_by(f64::total_cmp);
        turns.dedup();
        turns.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// Every clock of `algorithm` whose node lives all through a span.
    pub fn living(&self, algorithm: Algorithm, span: (f64, f64)) -> impl Iterator<Item = Lived<'_>> {
        self.lives.iter().filter(move |life| life.from <= span.0 && life.until >= span.1).filter_map(move |life| {
            let (track, claims) = life.tracks.get(&algorithm)?;
            Some(Lived { node: life.node, track, claims })
        })
    }

    /// What clocks of `algorithm` are held against in a span: the reference's clock ([`coverage::spoken_of`]), and while the
    /// reference is dead its host's.
    pub fn truth(&self, algorithm: Algorithm, span: (f64, f64)) -> &Track {
        let its = self.living(coverage::spoken_of(algorithm), span).find(|lived| lived.node == self.reference);
        its.map_or(&self.beneath, |lived| lived.track)
    }

    /// The reference node.
    pub const fn reference(&self) -> NodeId {
        self.reference
    }

    /// How often clocks of `algorithm` on `nodes` stepped from `from` on.
    pub fn steps(&self, algorithm: Algorithm, nodes: impl Fn(NodeId) -> bool, from: f64) -> u64 {
        let lives = self.lives.iter().filter(|life| nodes(life.node));
        lives.flat_map(|life| &life.steps).filter(|(by, at)| *by == algorithm && *at > from).count() as u64
    }
}

impl Life {
    fn of(run: &AgentRun, base: &Base<'_>) -> Self {
        let readings = Readings::of(run);
        let began = run.marked(Mark::ProbingBegan).map_or(0.0, |at| base.when(at));
        let until = base.when(run.covers_until);
        let course = |algorithm| (algorithm, (readings.track(algorithm, base), readings.claimed(algorithm, base)));
        let tracks: BTreeMap<_, _> = super::clocks().map(course).collect();
        let mut steps = Vec::new();
        for (algorithm, (track, _)) in &tracks {
            if *algorithm == Algorithm::Hlc {
                steps.extend(jumps(track).filter(|at| (began..until).contains(at)).map(|at| (*algorithm, at)));
            } else {
                steps.extend(readings.steps(*algorithm).map(|at| (*algorithm, base.when(at))));
            }
        }
        Self { node: run.header.node, from: began, until: until.min(base.length), tracks, steps }
    }
}

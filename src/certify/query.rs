//! What every other clock can have shown when one clock turned to a reading: the tightest interval that the stamps and
//! the assumptions allow (docs/theory.md §10), in integer nanoseconds rounded outward.

use super::graph::Graph;
use super::spread::{Direction, Distances, FAR, Search};
use crate::time::{Local, Nanos, Time};

/// An interval that a clock was in. Its ends are [`Time::MIN`] and [`Time::MAX`] where nothing limits it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The clock had turned to this at least.
    pub low: Time<Local>,
    /// And to this at most.
    pub high: Time<Local>,
}

impl Interval {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { low: Time::MIN, high: Time::MAX };

    /// How wide it is; the largest span if it has an open end.
    pub fn width(&self) -> Nanos {
        self.high - self.low
    }

    /// Whether both ends are limited.
    pub fn is_bounded(&self) -> bool {
        self.low > Time::MIN && self.high < Time::MAX
    }
}

/// A consistent graph made ready for queries. On one with a negative cycle a query does not end.
#[derive(Clone, Debug)]
pub struct Queries<'g, 'a> {
    graph: &'g Graph<'a>,
    onward: Search,
    backward: Search,
}

/// How far everything is from an instant.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// The instant: which clock turned to what.
    pub instant: (usize, Time<Local>),
    /// How much later than the instant each vertex can be.
    pub later: Distances,
    /// How much earlier.
    pub earlier: Distances,
}

impl<'g, 'a> Queries<'g, 'a> {
    /// Makes a graph ready in which [`super::feasible()`] found no negative cycle.
    pub fn new(graph: &'g Graph<'a>) -> Self {
        Self { graph, onward: Search::new(graph, Direction::Onward), backward: Search::new(graph, Direction::Backward) }
    }

    /// How far everything is from the instant at which the clock of node number `node` turned to `at`.
    pub fn reach(&self, node: usize, at: Time<Local>, reach: &mut Reach) {
        reach.instant = (node, at);
        let near = self.neighbours(node, at);
        self.onward.begin(&mut reach.later, near.clone().map(|(vertex, later, _)| (vertex, later)));
        self.backward.begin(&mut reach.earlier, near.map(|(vertex, _, earlier)| (vertex, earlier)));
        self.onward.settle(&mut reach.later, vec![node], |_, _| true);
        self.backward.settle(&mut reach.earlier, vec![node], |_, _| true);
    }

    /// The vertices around the instant at which a clock turned to `at`, how much later and how much earlier they can be.
    fn neighbours(&self, node: usize, at: Time<Local>) -> impl Iterator<Item = (usize, i64, i64)> + Clone + use<> {
        let (graph, line) = (self.graph, &self.graph.timelines[node]);
        let slack = line.scale.slack();
        let (longest, shortest) = (line.scale.longest(at) - line.base.0, line.scale.shortest(at) - line.base.1);
        let held = |units: i128| units.clamp(-i128::from(FAR / 4), i128::from(FAR / 4)) as i64 + slack;
        let next = line.first + graph.readings[line.first..line.end].partition_point(|reading| *reading <= at);
        let most = |vertex: usize| i128::from(graph.longest[vertex]) - longest;
        let least = |vertex: usize| i128::from(graph.shortest[vertex]) - shortest;
        let before = (next > line.first).then(|| (next - 1, held(least(next - 1)), held(-most(next - 1))));
        let after = (next < line.end).then(|| (next, held(most(next)), held(-least(next))));
        before.into_iter().chain(after)
    }

    /// The interval of clock number `of` at the instant of `reach`.
    pub fn interval(&self, reach: &Reach, of: usize) -> Interval {
        let (node, at) = reach.instant;
        if of == node {
            return Interval { low: at, high: at };
        }
        Interval {
            low: self.low(reach, of).map_or(Time::MIN, |(low, _)| low),
            high: self.high(reach, of).map_or(Time::MAX, |(high, _)| high),
        }
    }

    /// The largest reading of clock `of` and the vertex that it comes from. Along a timeline vertices can be ever less
    /// early; what counts are the last one that can be before the instant and the first one that cannot.
    pub fn high(&self, reach: &Reach, of: usize) -> Option<(Time<Local>, usize)> {
        let line = &self.graph.timelines[of];
        let early = &reach.earlier.units;
        let turn = line.first + early[line.first..line.end].partition_point(|units| *units >= 0);
        let margin = i128::from(2 * line.scale.slack());
        let before = (turn > line.first).then(|| turn - 1).filter(|vertex| early[*vertex] < FAR / 2).map(|vertex| {
            let mark = line.base.1 + i128::from(self.graph.shortest[vertex]) + i128::from(early[vertex]) + margin;
            (line.scale.last_shortest(mark - 1) + Nanos(1), vertex)
        });
        let after = (turn < line.end).then(|| {
            let mark = line.base.0 + i128::from(self.graph.longest[turn]) + i128::from(early[turn]) + margin;
            (line.scale.last_longest(mark - 1) + Nanos(1), turn)
        });
        before.into_iter().chain(after).min()
    }

    /// The smallest reading of clock `of` and the vertex that it comes from.
    pub fn low(&self, reach: &Reach, of: usize) -> Option<(Time<Local>, usize)> {
        let line = &self.graph.timelines[of];
        let late = &reach.later.units;
        let turn = line.first + late[line.first..line.end].partition_point(|units| *units < 0);
        let margin = i128::from(2 * line.scale.slack());
        let before = (turn > line.first).then(|| {
            let vertex = turn - 1;
            let mark = line.base.0 + i128::from(self.graph.longest[vertex]) - i128::from(late[vertex]) - margin;
            (line.scale.last_longest(mark), vertex)
        });
        let after = (turn < line.end).then_some(turn).filter(|vertex| late[*vertex] < FAR / 2).map(|vertex| {
            let mark = line.base.1 + i128::from(self.graph.shortest[vertex]) - i128::from(late[vertex]) - margin;
            (line.scale.last_shortest(mark), vertex)
        });
        before.into_iter().chain(after).max()
    }

    /// The edges of the path from the instant to a vertex, in its direction.
    pub fn path_to(&self, reach: &Reach, vertex: usize) -> Vec<u32> {
        let mut edges = reach.later.chain(vertex, &self.onward);
        edges.reverse();
        edges
    }

    /// The edges of the path from a vertex to the instant, in its direction.
    pub fn path_from(&self, reach: &Reach, vertex: usize) -> Vec<u32> {
        reach.earlier.chain(vertex, &self.backward)
    }

    /// The graph.
    pub fn graph(&self) -> &'g Graph<'a> {
        self.graph
    }
}

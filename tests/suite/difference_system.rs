//! An independent solver: every event and every turn of a clock is a variable of its own, weights are exact integers over
//! a common denominator, and Floyd–Warshall finds all shortest paths. It shares nothing with the solver under test.

use skewbench::ids::NodeId;
use skewbench::time::{Local, Time};

use crate::certificates::Case;

/// 1/(1 ± 1/K) = K/(K ± 1) for K = 1000, 2000, 4000.
const DENOMINATOR: i128 = 999 * 1_001 * 1_999 * 2_001 * 3_999 * 4_001;
const NONE: i128 = i128::MAX / 4;

/// The difference constraints of a case with one instant added: the clock of a node turned to a reading.
#[derive(Clone)]
pub struct System {
    /// Whose turn and to what; `None` is an event, which lies within a tick after some turn.
    vertices: Vec<Option<(usize, i64)>>,
    distances: Vec<Vec<i128>>,
    kappas: Vec<i128>,
    instant: usize,
}

impl System {
    pub fn new(case: &Case, node: usize, at: Time<Local>) -> Self {
        let kappas = case.kappas.values().map(|kappa| 1_000_000_000 / i128::from(kappa.0)).collect();
        let mut system = Self { vertices: Vec::new(), distances: Vec::new(), kappas, instant: 0 };
        let mut edges = Vec::new();
        system.vertices.push(Some((node, at.as_nanos())));
        for (arc, message) in &case.messages {
            let index = |node: NodeId| node.0 as usize;
            let first = system.vertices.len();
            let (sender, receiver) = ((index(arc.from), message.sent), (index(arc.to), message.received));
            system.vertices.extend([
                Some((sender.0, sender.1.as_nanos())),
                None,
                Some((receiver.0, receiver.1.as_nanos())),
                None,
            ]);
            for (turn, owner) in [(first, sender.0), (first + 2, receiver.0)] {
                edges.push((turn + 1, turn, 0));
                edges.push((turn, turn + 1, system.longest(owner, 1)));
            }
            let delay = case.delays[arc];
            edges.push((first + 3, first + 1, -i128::from(delay.least.0) * DENOMINATOR));
            if let Some(most) = delay.most {
                edges.push((first + 1, first + 3, i128::from(most.0) * DENOMINATOR));
            }
        }
        system.distances = vec![vec![NONE; system.vertices.len()]; system.vertices.len()];
        for (from, to, weight) in edges {
            system.lower(from, to, weight);
        }
        system.draw_timelines();
        system.close();
        system
    }

    /// How much longer than zero `span` ns of a clock can be.
    fn longest(&self, node: usize, span: i64) -> i128 {
        i128::from(span) * (DENOMINATOR / (self.kappas[node] - 1)) * self.kappas[node]
    }

    fn shortest(&self, node: usize, span: i64) -> i128 {
        i128::from(span) * (DENOMINATOR / (self.kappas[node] + 1)) * self.kappas[node]
    }

    fn lower(&mut self, from: usize, to: usize, weight: i128) {
        self.distances[from][to] = self.distances[from][to].min(weight);
    }

    fn draw_timelines(&mut self) {
        for from in 0..self.vertices.len() {
            self.lower(from, from, 0);
            for to in 0..self.vertices.len() {
                let (Some((a, first)), Some((b, second))) = (self.vertices[from], self.vertices[to]) else { continue };
                if a == b && first <= second {
                    self.lower(from, to, self.longest(a, second - first));
                    self.lower(to, from, -self.shortest(a, second - first));
                }
            }
        }
    }

    fn close(&mut self) {
        for through in 0..self.vertices.len() {
            let onward = self.distances[through].clone();
            for row in &mut self.distances {
                let to_there = row[through];
                if to_there < NONE / 2 {
                    for (distance, rest) in row.iter_mut().zip(&onward) {
                        if *rest < NONE / 2 {
                            *distance = (*distance).min(to_there + rest);
                        }
                    }
                }
            }
        }
    }

    pub fn is_consistent(&self) -> bool {
        (0..self.vertices.len()).all(|vertex| self.distances[vertex][vertex] >= 0)
    }

    /// What a nanosecond is of the numbers that [`Self::interval`] gives.
    pub fn unit(&self) -> i128 {
        DENOMINATOR * 4_000
    }

    /// The formula of docs/theory.md §10, over every event of the clock that is read.
    pub fn interval(&self, of: usize) -> (Option<i128>, Option<i128>) {
        let ruler = self.kappas[of];
        let read =
            |span: i128, wide: bool| span * (4_000 / ruler) * if wide == (span >= 0) { ruler + 1 } else { ruler - 1 };
        let turns = (0..self.vertices.len()).filter_map(|vertex| match self.vertices[vertex] {
            Some((node, reading)) if node == of => Some((vertex, i128::from(reading) * self.unit())),
            _ => None,
        });
        let known = |distance: i128| (distance < NONE / 2).then_some(distance);
        let low =
            turns.clone().filter_map(|(v, h)| Some(h + read(-known(self.distances[self.instant][v])?, false))).max();
        let high = turns.filter_map(|(v, h)| Some(h + read(known(self.distances[v][self.instant])?, true))).min();
        (low, high)
    }

    /// The same with a turn of another clock at the very instant.
    pub fn with_event(&self, of: usize, reading: Time<Local>) -> Self {
        let mut system = self.clone();
        let event = system.vertices.len();
        system.vertices.push(Some((of, reading.as_nanos())));
        for row in &mut system.distances {
            row.push(NONE);
        }
        system.distances.push(vec![NONE; event + 1]);
        system.lower(event, system.instant, 0);
        system.lower(system.instant, event, 0);
        system.draw_timelines();
        system.close();
        system
    }
}

//! Whether any execution at all has these stamps under these assumptions.

use super::graph::Graph;
use super::spread::{Direction, Distances, Search};

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Feasible {
    /// Yes: such real times of the vertices, in units.
    Times(Vec<i64>),
    /// No: the weights of these edges and of the stretches of timelines between them, in this order, have a negative sum.
    Cycle(Vec<u32>),
}

/// Looks for real times that satisfy every edge, or for a negative cycle. Cost: linear for each turn of a search; as many
/// turns as the tightest paths have messages.
pub fn feasible(graph: &Graph<'_>) -> Feasible {
    let search = Search::new(graph, Direction::Onward);
    let mut distances = Distances::default();
    distances.reset(graph.readings.len(), 0);
    let mut cycle = None;
    search.settle(&mut distances, (0..graph.timelines.len()).collect(), |turn, distances| {
        // Looking for a cycle costs about what a turn does: at every doubling it costs little more than all turns.
        if turn >= 4 && turn.is_power_of_two() {
            cycle = distances.cycle(&search);
        }
        cycle.is_none()
    });
    match cycle {
        Some(mut edges) => {
            edges.reverse();
            Feasible::Cycle(edges)
        }
        None => Feasible::Times(distances.units),
    }
}

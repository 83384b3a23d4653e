//! Who is to blame for a contradiction: leave one node out after the other.

use super::contradiction::Contradiction;
use super::feasible::{Feasible, feasible};
use super::graph::{Graph, TooLong};
use super::observation::{Observation, Window};
use crate::ids::NodeId;

/// The contradiction in a window, with the nodes whose removal makes the rest consistent; `None` if there is none. Only a
/// node of the cycle can be to blame: without another one the cycle would still be there. Of two nodes alone neither can
/// be told from the other. Cost: a search for each node of the cycle.
///
/// # Errors
/// If the window is too long.
pub fn contradiction(observation: &Observation, window: &Window) -> Result<Option<Contradiction>, TooLong> {
    let graph = Graph::new(observation, window)?;
    let Feasible::Cycle(cycle) = feasible(&graph) else { return Ok(None) };
    let mut found = Contradiction::new(&graph, &cycle);
    found.suspects = suspects(observation, window, &found)?;
    Ok(Some(found))
}

/// The nodes of a contradiction whose removal makes the rest of the window consistent.
///
/// # Errors
/// If the window is too long.
pub fn suspects(
    observation: &Observation,
    window: &Window,
    contradiction: &Contradiction,
) -> Result<Vec<NodeId>, TooLong> {
    let mut involved: Vec<NodeId> = contradiction.links.iter().flat_map(|link| [link.arc.from, link.arc.to]).collect();
    involved.sort_unstable();
    involved.dedup();
    let mut suspects = Vec::new();
    for node in involved {
        let rest = observation.without(node);
        if let Feasible::Times(_) = feasible(&Graph::new(&rest, window)?) {
            suspects.push(node);
        }
    }
    Ok(suspects)
}

//! A certificate as text that a stranger can check: the stamps, the assumptions, what is claimed, and the evidence. Each
//! end of an interval comes with the messages of the path that limits it, and with an execution that reaches it: real
//! times of all events under which every assumption holds. So the interval is neither too narrow nor too wide.
//!
//! One record a line, fields by blanks: `node ID KAPPA_PPB`, `arc FROM TO LEAST_NS MOST_NS|-`, `message FROM TO SEQUENCE
//! SENT_NS RECEIVED_NS`, `tick NS`, then `claim OWN AT_NS OTHER LOW_NS HIGH_NS` with `path low|high` followed by `least` or
//! `most` and a message for each step, and `times low|high` followed by `at NODE READING_NS UNITS` for every reading and
//! `instant UNITS` (units of 2^-16 ns). A contradiction is `cycle` with its steps in place of a claim.

use std::fmt::Write;

use super::graph::{Edge, Graph};
use super::observation::{Observation, Window};
use super::prune::Bound;
use super::query::{Queries, Reach};
use super::spread::FAR;

/// What is known in a window: nodes, assumptions, messages.
pub fn evidence(observation: &Observation, window: &Window) -> String {
    let mut text = format!("tick {}\n", observation.tick().0);
    for (node, scale) in observation.nodes() {
        let _ = writeln!(text, "node {node} {}", scale.kappa().0);
    }
    for traffic in observation.traffic() {
        let (arc, delay) = (traffic.arc, traffic.delay);
        let most = delay.most.map_or("-".to_owned(), |most| most.0.to_string());
        let _ = writeln!(text, "arc {} {} {} {most}", arc.from, arc.to, delay.least.0);
        for message in window.messages(traffic) {
            let (sent, received) = (message.sent.as_nanos(), message.received.as_nanos());
            let _ = writeln!(text, "message {} {} {} {sent} {received}", arc.from, arc.to, message.sequence);
        }
    }
    text
}

/// The steps of a negative cycle.
pub fn cycle(graph: &Graph<'_>, edges: &[u32]) -> String {
    "cycle\n".to_owned() + &steps(graph, edges)
}

/// What is claimed of clock number `of` at the instant of a reach, with its paths and the executions that reach both ends.
/// `None` if an end is open.
pub fn claim(queries: &Queries<'_, '_>, reach: &Reach, of: usize) -> Option<String> {
    let graph = queries.graph();
    let (own, at) = reach.instant;
    let ((low, low_vertex), (high, high_vertex)) = (queries.low(reach, of)?, queries.high(reach, of)?);
    let name = |index: usize| graph.timelines[index].node;
    let mut text =
        format!("claim {} {} {} {} {}\n", name(own), at.as_nanos(), name(of), low.as_nanos(), high.as_nanos());
    text += "path low\n";
    text += &steps(graph, &queries.path_to(reach, low_vertex));
    text += "path high\n";
    text += &steps(graph, &queries.path_from(reach, high_vertex));
    // As late as can be, all others make the other clock show the least; as early as can be, the most.
    text += &times("low", graph, &reach.later.units, 1);
    text += &times("high", graph, &reach.earlier.units, -1);
    Some(text)
}

fn steps(graph: &Graph<'_>, edges: &[u32]) -> String {
    let step = |edge: &u32| {
        let Edge { bound, traffic, message, .. } = &graph.edges[*edge as usize];
        let bound = if *bound == Bound::Least { "least" } else { "most" };
        format!("{bound} {} {} {}\n", traffic.arc.from, traffic.arc.to, message.sequence)
    };
    edges.iter().map(step).collect()
}

/// Real times counted from the instant; what is out of reach is told nothing of.
fn times(end: &str, graph: &Graph<'_>, distances: &[i64], sign: i64) -> String {
    let mut text = format!("times {end}\n");
    for line in &graph.timelines {
        let vertices = line.first..line.end;
        let reached = graph.readings[vertices.clone()].iter().zip(&distances[vertices]);
        for (reading, units) in reached.filter(|(_, units)| **units < FAR / 2) {
            let _ = writeln!(text, "at {} {} {}", line.node, reading.as_nanos(), sign * units);
        }
    }
    text
}

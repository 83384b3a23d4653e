//! What the best algorithm could have promised on this network and on this very execution, to hold results against.

use std::collections::BTreeMap;

use super::traffic::Traffic;
use super::truth::Truth;
use crate::ids::{Arc, NodeId};
use crate::journal::RunConfig;
use crate::theory::limits::{Shift, complete_graph, half_diameter, of_execution};
use crate::time::Nanos;

/// More nodes than this have no such limits: their cost grows with the cube.
pub const MOST_NODES: u32 = 256;

/// Limits on the eps that an algorithm can guarantee, without drift, which only adds to them. An algorithm may do better by
/// luck, but cannot promise to. Delays are those between the best stamps of each exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Optimum {
    /// u(1 − 1/n), where every two nodes are linked: u is the smallest range of delays that any arc showed.
    pub complete: Option<Nanos>,
    /// Half the diameter weighted by u: a link's u is the smaller range of delays of its two arcs.
    pub half_diameter: Option<Nanos>,
    /// A_max: what can be guaranteed on this execution if no more is known of delays than that they are never below the
    /// configured minimum. `None` too if that is false.
    pub execution: Option<Nanos>,
}

/// Which limit a number is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// u(1 − 1/n) (Lundelius & Lynch 1984).
    CompleteGraph,
    /// diam_u/2 (Biaz & Welch 2001).
    HalfDiameter,
    /// A_max (Attiya, Herzberg & Rajsbaum 1996).
    Execution,
}

impl Limit {
    /// The limit's name in every file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CompleteGraph => "complete_graph",
            Self::HalfDiameter => "half_diameter",
            Self::Execution => "execution",
        }
    }
}

/// The delays that an arc showed.
#[derive(Clone, Copy, Debug)]
struct Range {
    least: Nanos,
    most: Nanos,
}

impl Optimum {
    /// The limits of a run whose true time is known.
    pub fn of(config: &RunConfig, traffic: &BTreeMap<Arc, Traffic<'_>>, truth: &Truth) -> Self {
        let nodes = config.nodes as usize;
        if !(2..=MOST_NODES).contains(&config.nodes) {
            return Self::default();
        }
        let ranges = ranges(traffic, truth);
        if ranges.is_empty() {
            return Self::default();
        }
        let links = links(config, &ranges);
        let is_complete = links.len() == nodes * (nodes - 1) / 2;
        let smallest = links.iter().map(|(.., range)| *range).min().filter(|_| is_complete);
        Self {
            complete: smallest.map(|smallest| complete_graph(smallest, config.nodes)),
            half_diameter: half_diameter(nodes, &links),
            execution: of_execution(nodes, &shifts(config, &ranges)),
        }
    }

    /// The limits that are known.
    pub fn limits(&self) -> impl Iterator<Item = (Limit, Nanos)> {
        let all = [
            (Limit::CompleteGraph, self.complete),
            (Limit::HalfDiameter, self.half_diameter),
            (Limit::Execution, self.execution),
        ];
        all.into_iter().filter_map(|(limit, found)| Some((limit, found?)))
    }
}

fn ranges(traffic: &BTreeMap<Arc, Traffic<'_>>, truth: &Truth) -> BTreeMap<Arc, Range> {
    let mut ranges: BTreeMap<Arc, Range> = BTreeMap::new();
    for (arc, traffic) in traffic {
        let when = |node: NodeId, at| truth.at(node, at);
        for exchange in &traffic.exchanges {
            let [t1, t2, t3, t4] = exchange.stamps();
            let forth = when(arc.to, t2).zip(when(arc.from, t1)).map(|(receipt, send)| (*arc, receipt - send));
            let back = when(arc.from, t4).zip(when(arc.to, t3)).map(|(receipt, send)| (arc.reversed(), receipt - send));
            for (arc, delay) in forth.into_iter().chain(back) {
                let range = ranges.entry(arc).or_insert(Range { least: delay, most: delay });
                *range = Range { least: range.least.min(delay), most: range.most.max(delay) };
            }
        }
    }
    ranges
}

/// Each link once, with its uncertainty: none where an arc showed nothing, which makes limits no larger.
fn links(config: &RunConfig, ranges: &BTreeMap<Arc, Range>) -> Vec<(usize, usize, Nanos)> {
    let uncertainty = |arc: Arc| ranges.get(&arc).map_or(Nanos::ZERO, |range| range.most - range.least);
    let arcs = config.arcs.iter().map(|(arc, _)| *arc).filter(|arc| arc.from < arc.to);
    arcs.map(|arc| {
        let both = uncertainty(arc).min(uncertainty(arc.reversed()));
        (arc.from.0 as usize, arc.to.0 as usize, both)
    })
    .collect()
}

fn shifts(config: &RunConfig, ranges: &BTreeMap<Arc, Range>) -> Vec<Shift> {
    let shift = |(arc, given): &(Arc, crate::topology::Impairment)| {
        let most = ranges.get(arc)?.least - given.mu;
        Some(Shift { from: arc.from.0 as usize, to: arc.to.0 as usize, most })
    };
    config.arcs.iter().filter_map(shift).collect()
}

#[cfg(test)]
mod tests {
    use crate::analysis::summarise;
    use crate::analysis::testing::{MS, end, exchange, mesh};
    use crate::time::Nanos;

    #[test]
    fn two_nodes_have_half_the_round_trip_and_half_the_range_of_delays() {
        // docs/theory.md §2 for n = 2: u/2; and half of the two least one-way delays, which come from different exchanges.
        let mut runs = mesh(&[0, 30_000]);
        for (slot, (forth, back)) in [(10_000, 40_000), (25_000, 16_000), (30_000, 40_000)].into_iter().enumerate() {
            exchange(&mut runs[0], (1, 30_000), (slot as i64 + 1) * 100 * MS, (forth, back), None);
        }
        runs.iter_mut().for_each(|run| end(run, 10_000 * MS));
        let optimum = summarise("run", &runs).optimum;
        assert_eq!(optimum.execution, Some(Nanos(13_000)));
        assert_eq!(optimum.complete, Some(Nanos(10_000)), "the arcs' ranges are 20 and 24 us");
        assert_eq!(optimum.half_diameter, Some(Nanos(10_000)));
    }

    #[test]
    fn without_exchanges_there_is_no_limit() {
        let mut runs = mesh(&[0, 30_000, 5]);
        runs.iter_mut().for_each(|run| end(run, 10_000 * MS));
        assert_eq!(summarise("run", &runs).optimum, super::Optimum::default());
    }
}

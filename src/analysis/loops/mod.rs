//! What loops of links reveal of asymmetry, from stamps alone.
//!
//! The fixed asymmetry of one link cannot be seen from its two ends: it looks like an offset. Round a loop of links the
//! offsets of all clocks cancel, and what is left of the pairwise offsets is half of how much longer the least delays are in
//! one sense than in the other. It is not told on which link, and an asymmetry that adds up to nothing round every loop
//! stays unseen. Source: the loop surplus of Y. Geng and others, *Exploiting a natural network effect for scalable,
//! fine-grained clock synchronization*, NSDI 2018.
//!
//! The run is cut into windows, each short enough that rates are constant in it. In each the two directions of a link are
//! two clouds, and half-way between the line under the one and the line over the other is the link's offset ([`pairs`]);
//! sums round the loops of a basis ([`basis`]) give a value a window, their median and its interval the row. [`network`] has
//! what a whole network makes of the surpluses. Cost: O(M log M) for M exchanges.

pub mod basis;
pub mod network;
pub mod pairs;

use std::collections::BTreeMap;

use super::Summary;
use super::run::{AgentRun, Span, choose};
use crate::ids::NodeId;
use basis::Basis;
use pairs::{Middle, Pairs};

/// A window has about so many messages a direction...
const IN_WINDOW: usize = 24;
/// ...and a run so many windows at most.
const MOST_WINDOWS: usize = 64;
/// A loop that was measured in fewer windows has no row: its interval would mean little.
const LEAST_WINDOWS: usize = 6;
/// No more loops are measured.
const MOST_LOOPS: usize = 200;
/// Nor longer ones: every link adds what it leaves open.
const MOST_LINKS: usize = 100;
/// Standard deviations on either side that hold 99 % of a normal distribution.
const DEVIATIONS: f64 = 2.576;

/// A loop of links.
#[derive(Clone, PartialEq, Debug)]
pub struct Loop {
    /// The nodes in order; back to the first at the end.
    pub nodes: Vec<NodeId>,
    /// In how many windows it was measured.
    pub windows: usize,
    /// How much longer the least delays add up to in the order of the nodes than against it, in ns: the median over windows.
    pub asymmetry_ns: f64,
    /// Not less than this, in ns: the lower end of a 99 % interval of the median, less what late messages and stamps leave
    /// open.
    pub low_ns: f64,
    /// Not more than this.
    pub high_ns: f64,
    /// How much the network's least squares add to the offset that the last node and the first one measure between
    /// themselves (first − last), in ns.
    pub correction_ns: f64,
}

impl Loop {
    /// Whether the asymmetry is there for certain: zero is no part of its interval.
    pub fn is_asymmetric(&self) -> bool {
        self.low_ns > 0.0 || self.high_ns < 0.0
    }

    /// The sum of measured offsets round the loop, which would be zero without asymmetry, in ns.
    pub fn surplus_ns(&self) -> f64 {
        self.asymmetry_ns / 2.0
    }

    /// The nodes as text, `0->1->2->0`.
    pub fn name(&self) -> String {
        named(self.nodes.iter().chain(self.nodes.first()))
    }

    /// The same against their order, `0->2->1->0`.
    pub fn reversed_name(&self) -> String {
        named(self.nodes.first().into_iter().chain(self.nodes.iter().rev()))
    }
}

fn named<'a>(nodes: impl Iterator<Item = &'a NodeId>) -> String {
    nodes.map(NodeId::to_string).collect::<Vec<_>>().join("->")
}

/// What is known of loops.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Loops {
    /// A basis of all loops, of those that could be measured.
    pub rows: Vec<Loop>,
    /// Independent loops in the graph of links that saw exchanges.
    pub independent: usize,
}

impl Summary {
    /// Adds what loops of links reveal. Cost: O(M log M) for M exchanges, so that only reports ask for it.
    pub fn measure_loops(&mut self, runs: &[AgentRun]) {
        self.loops = measure(&choose(runs).0);
    }
}

/// Measures the loops of a run.
fn measure(spans: &BTreeMap<NodeId, Span<'_>>) -> Loops {
    let pairs = Pairs::read(spans);
    let basis = Basis::of(pairs.links(), MOST_LOOPS);
    let mut measured = Vec::new();
    for cycle in basis.cycles.iter().filter(|cycle| cycle.len() <= MOST_LINKS) {
        let sums = sums(cycle, &pairs);
        measured.extend((sums.len() >= LEAST_WINDOWS).then(|| row(cycle, sums)));
    }
    correct(&mut measured, &basis);
    Loops { rows: measured, independent: basis.independent }
}

/// The sum of the links' offsets round the loop in each window in which all of them have one.
fn sums(cycle: &[NodeId], pairs: &Pairs) -> Vec<Middle> {
    let Some(most) = links(cycle).map(|(from, to)| pairs.messages(from, to)).min() else { return Vec::new() };
    let windows = (most / IN_WINDOW).clamp(LEAST_WINDOWS, MOST_WINDOWS);
    let Some(turns) = pairs.turns(cycle, windows) else { return Vec::new() };
    let sum = |window: usize| {
        links(cycle).zip(&turns).try_fold(Middle::default(), |sum, ((from, to), own)| {
            let found = pairs.middle(from, to, own[window]..own[window + 1])?;
            Some(Middle { offset_ns: sum.offset_ns + found.offset_ns, open_ns: sum.open_ns + found.open_ns })
        })
    };
    (0..windows).filter_map(sum).collect()
}

/// The links of a loop in its order.
fn links(cycle: &[NodeId]) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
    let next = cycle.iter().chain(cycle.first()).skip(1);
    cycle.iter().copied().zip(next.copied())
}

fn row(cycle: &[NodeId], sums: Vec<Middle>) -> Loop {
    let sorted = |of: fn(&Middle) -> f64| {
        let mut all: Vec<f64> = sums.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    };
    let (asymmetries, open) = (sorted(|sum| 2.0 * sum.offset_ns), sorted(|sum| 2.0 * sum.open_ns));
    let count = asymmetries.len();
    // The ranks between which the median of what is sampled lies, by the binomial distribution's normal limit.
    let rank = ((count as f64 - DEVIATIONS * (count as f64).sqrt()) / 2.0).floor().max(0.0) as usize;
    let open = open[count / 2];
    Loop {
        nodes: cycle.to_vec(),
        windows: count,
        asymmetry_ns: asymmetries[count / 2].midpoint(asymmetries[(count - 1) / 2]),
        low_ns: asymmetries[rank] - open,
        high_ns: asymmetries[count - 1 - rank] + open,
        correction_ns: 0.0,
    }
}

/// What the network makes of its loops: with offsets measured against the tree, only the links that close a loop have any.
fn correct(loops: &mut [Loop], basis: &Basis) {
    let nodes: BTreeMap<NodeId, usize> = basis.nodes.iter().copied().zip(0..).collect();
    let edge =
        |from: NodeId, to: NodeId, offset_ns: f64| network::Edge { from: nodes[&from], to: nodes[&to], offset_ns };
    let closing = |row: &Loop| (row.nodes[row.nodes.len() - 1], row.nodes[0]);
    let tree = basis.tree.iter().map(|(from, to)| edge(*from, *to, 0.0));
    let closed = loops.iter().map(|row| edge(closing(row).0, closing(row).1, row.surplus_ns()));
    let edges: Vec<network::Edge> = closed.chain(tree).collect();
    let potentials = network::potentials(nodes.len(), &edges);
    for (row, edge) in loops.iter_mut().zip(&edges) {
        row.correction_ns = potentials[edge.to] - potentials[edge.from] - edge.offset_ns;
    }
}

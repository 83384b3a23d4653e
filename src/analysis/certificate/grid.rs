//! Instants at about the same time on every clock. Nothing that is certified depends on how well they agree: a grid that
//! is off gives wider intervals, no wrong ones.

use std::collections::{BTreeMap, BTreeSet};

use super::stamps;
use crate::analysis::run::Span;
use crate::certify::Window;
use crate::ids::{Arc, NodeId};
use crate::time::{Local, Nanos, Time};

/// No grid has more instants: longer runs get a coarser one.
const MOST_INSTANTS: i64 = 100_000;

/// Readings of two clocks that belong to one message, by the first one's.
type Anchors = Vec<(Time<Local>, Time<Local>)>;

/// For every instant, what each clock showed, roughly at the same time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Grid(Vec<Vec<Time<Local>>>);

impl Grid {
    /// Instants a `step` apart on the clock of the first node, while all nodes measured. Nodes without a way of messages
    /// to it are left out.
    pub fn new(spans: &mut BTreeMap<NodeId, Span<'_>>, step: Nanos, notes: &mut Vec<String>) -> Self {
        let Some((root, span)) = spans.iter().next() else { return Self(Vec::new()) };
        let (root, began, ended) = (*root, span.began, span.ended);
        let tree = tree(root, anchors(spans));
        spans.retain(|node, _| {
            let known = *node == root || tree.iter().any(|(_, child, _)| child == node);
            if !known {
                notes.push(format!("node {node} is left out of the certificate: no messages join it to node {root}"));
            }
            known
        });
        let step = step.max(Nanos(1)).max((ended - began).over(MOST_INSTANTS));
        let count = ((ended - began).0 / step.0).max(0);
        let rows = (0..=count).map(|turn| row(root, began + step.times(turn), &tree));
        let measured = |row: &BTreeMap<NodeId, Time<Local>>| {
            spans.iter().all(|(node, span)| row.get(node).is_some_and(|at| (span.began..=span.ended).contains(at)))
        };
        let mut grid: Vec<Vec<Time<Local>>> = Vec::new();
        for row in rows.filter(measured).map(|row| row.into_values().collect::<Vec<_>>()) {
            // Where messages took different times a clock must still go on from one instant to the next.
            let goes_on = |last: &Vec<Time<Local>>| last.iter().zip(&row).all(|(before, at)| before < at);
            if grid.last().is_none_or(goes_on) {
                grid.push(row);
            }
        }
        Self(grid)
    }

    /// How many instants there are.
    pub fn instants(&self) -> usize {
        self.0.len()
    }

    /// What each clock shows at an instant, by the node's index.
    pub fn at(&self, instant: usize) -> &[Time<Local>] {
        &self.0[instant]
    }

    /// The window of that length around an instant. It reaches to the neighbouring instants that lie inside it by the
    /// first node's clock, so that a clock that was set between two of them is seen on both sides.
    pub fn window(&self, instant: usize, length: Nanos) -> Window {
        let half = length.over(2);
        let row = &self.0[instant];
        let near = |other: &&Vec<Time<Local>>| (other[0] - row[0]).abs() <= half;
        let first = self.0[..instant].iter().rev().take_while(near).last().unwrap_or(row);
        let last = self.0[instant..].iter().take_while(near).last().unwrap_or(row);
        let spans = row.iter().zip(first.iter().zip(last));
        Window(spans.map(|(at, (first, last))| (*at - half).min(*first)..=(*at + half).max(*last)).collect())
    }
}

/// For each pair of nodes, in both orders, the stamps of its messages.
fn anchors(spans: &BTreeMap<NodeId, Span<'_>>) -> BTreeMap<Arc, Anchors> {
    let mut anchors: BTreeMap<Arc, Anchors> = BTreeMap::new();
    for (arc, message) in stamps::messages(spans) {
        anchors.entry(arc).or_default().push((message.sent, message.received));
        anchors.entry(arc.reversed()).or_default().push((message.received, message.sent));
    }
    anchors.values_mut().for_each(|stamps| stamps.sort_unstable());
    anchors
}

/// Each node with the neighbour nearer to the root that its time is taken from, nearest first.
fn tree(root: NodeId, mut anchors: BTreeMap<Arc, Anchors>) -> Vec<(NodeId, NodeId, Anchors)> {
    let (mut known, mut due, mut tree) = (BTreeSet::from([root]), vec![root], Vec::new());
    let mut turn = 0;
    while let Some(parent) = due.get(turn).copied() {
        turn += 1;
        let first = Arc { from: parent, to: NodeId(0) };
        let children: Vec<Arc> =
            anchors.range(first..).map(|(arc, _)| *arc).take_while(|arc| arc.from == parent).collect();
        for arc in children {
            if known.insert(arc.to) {
                due.push(arc.to);
                tree.extend(anchors.remove(&arc).map(|stamps| (parent, arc.to, stamps)));
            }
        }
    }
    tree
}

/// What every clock showed about when the root's showed `at`: by the last message before it, as if nothing drifted since.
fn row(root: NodeId, at: Time<Local>, tree: &[(NodeId, NodeId, Anchors)]) -> BTreeMap<NodeId, Time<Local>> {
    let mut row = BTreeMap::from([(root, at)]);
    for (parent, child, stamps) in tree {
        let Some(at) = row.get(parent).copied() else { continue };
        let after = stamps.partition_point(|(known, _)| *known <= at);
        if let Some((known, shown)) = stamps.get(after.saturating_sub(1)) {
            row.insert(*child, *shown + (at - *known));
        }
    }
    row
}

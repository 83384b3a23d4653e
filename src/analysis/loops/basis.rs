//! Independent loops of a graph: with a spanning tree, every other link closes one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::NodeId;

/// Every loop is a sum of these.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Basis {
    /// The nodes.
    pub nodes: Vec<NodeId>,
    /// The links of a spanning forest, from the node that is nearer to the root.
    pub tree: Vec<(NodeId, NodeId)>,
    /// How many independent loops there are.
    pub independent: usize,
    /// The first loops, each with its nodes in order, the lower end of the link that closes it first and the other end last. In
    /// a full mesh they are triangles.
    pub cycles: Vec<Vec<NodeId>>,
}

impl Basis {
    /// The basis of a graph with these links, each once, by breadth from the lowest node on: loops are short. At most `most`
    /// of them are written down.
    pub fn of(links: impl Iterator<Item = (NodeId, NodeId)>, most: usize) -> Self {
        let mut next: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for (one, other) in links {
            next.entry(one).or_default().insert(other);
            next.entry(other).or_default().insert(one);
        }
        let mut basis = Self { nodes: next.keys().copied().collect(), ..Self::default() };
        let mut parents: BTreeMap<NodeId, Option<NodeId>> = BTreeMap::new();
        for root in &basis.nodes {
            if parents.contains_key(root) {
                continue;
            }
            parents.insert(*root, None);
            let mut queue = VecDeque::from([*root]);
            while let Some(node) = queue.pop_front() {
                for peer in &next[&node] {
                    if !parents.contains_key(peer) {
                        parents.insert(*peer, Some(node));
                        basis.tree.push((node, *peer));
                        queue.push_back(*peer);
                    }
                }
            }
        }
        let is_tree = |one: NodeId, other: NodeId| parents[&one] == Some(other) || parents[&other] == Some(one);
        for (one, peers) in &next {
            let closing = peers.iter().filter(|other| *other > one && !is_tree(*one, **other));
            for other in closing {
                basis.independent += 1;
                if basis.cycles.len() < most {
                    basis.cycles.push(cycle(&parents, *one, *other));
                }
            }
        }
        basis
    }
}

/// From `one` along the tree to `other`.
fn cycle(parents: &BTreeMap<NodeId, Option<NodeId>>, one: NodeId, other: NodeId) -> Vec<NodeId> {
    let up = |from: NodeId| std::iter::successors(Some(from), |node| parents[node]).collect::<Vec<_>>();
    let (mut left, mut right) = (up(one), up(other));
    let mut top = None;
    while let Some(shared) = left.last().copied().filter(|node| right.last() == Some(node)) {
        top = Some(shared);
        left.pop();
        right.pop();
    }
    left.into_iter().chain(top).chain(right.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(links: &[(u32, u32)]) -> Vec<Vec<u32>> {
        let found = Basis::of(links.iter().map(|(one, other)| (NodeId(*one), NodeId(*other))), 2);
        assert_eq!(found.tree.len() + found.independent, links.len());
        found.cycles.iter().map(|cycle| cycle.iter().map(|node| node.0).collect()).collect()
    }

    #[test]
    fn a_mesh_has_triangles_a_ring_itself_and_a_tree_none() {
        let mesh: Vec<(u32, u32)> = (0..4).flat_map(|one| (one + 1..4).map(move |other| (one, other))).collect();
        assert_eq!(basis(&mesh), [[1, 0, 2], [1, 0, 3]], "the first two of three");
        assert_eq!(basis(&[(0, 1), (1, 2), (2, 3), (0, 3)]), [[2, 1, 0, 3]]);
        assert!(basis(&[(0, 1), (1, 2), (7, 9)]).is_empty());
        assert_eq!(basis(&[(5, 6), (6, 7), (5, 7), (0, 1)]), [[6, 5, 7]], "of another component");
    }
}

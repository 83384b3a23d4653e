//! Something of each of a few nodes, in flat lists by their ids: a node has few peers, and looks one of them up at every
//! message.

use smallvec::SmallVec;

use super::select::FEW;
use crate::ids::NodeId;

/// A value for each of some nodes. The ids lie together and apart from the values, so that a look-up reads one value alone.
/// Cost: O(log n) a look-up, O(n) to enter a node or to leave it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roster<T> {
    nodes: SmallVec<[NodeId; FEW]>,
    values: Vec<T>,
}

/// Nobody yet.
impl<T> Default for Roster<T> {
    fn default() -> Self {
        Self { nodes: SmallVec::new(), values: Vec::new() }
    }
}

impl<T> Roster<T> {
    /// How many nodes there are.
    pub const fn count(&self) -> usize {
        self.values.len()
    }

    /// The place of this node, until one is entered or left out.
    #[inline]
    pub fn find(&self, node: NodeId) -> Option<usize> {
        let place = self.place(node);
        (self.nodes.get(place) == Some(&node)).then_some(place)
    }

    /// What there is of the node in this place.
    #[inline]
    pub fn at(&self, place: usize) -> Option<&T> {
        self.values.get(place)
    }

    /// The node in this place.
    #[inline]
    pub fn node(&self, place: usize) -> Option<NodeId> {
        self.nodes.get(place).copied()
    }

    /// What there is of the node in this place, to be changed.
    #[inline]
    pub fn at_mut(&mut self, place: usize) -> Option<&mut T> {
        self.values.get_mut(place)
    }

    /// What there is of this node.
    #[inline]
    pub fn of(&self, node: NodeId) -> Option<&T> {
        self.values.get(self.find(node)?)
    }

    /// The same, to be changed.
    #[inline]
    pub fn of_mut(&mut self, node: NodeId) -> Option<&mut T> {
        let place = self.find(node)?;
        self.values.get_mut(place)
    }

    /// The same; what `make` makes if the node is new.
    #[inline]
    pub fn enter(&mut self, node: NodeId, make: impl FnOnce() -> T) -> &mut T {
        let place = self.place(node);
        if self.nodes.get(place) != Some(&node) {
            self.nodes.insert(place, node);
            self.values.insert(place, make());
        }
        &mut self.values[place]
    }

    /// Leaves a node out.
    #[inline]
    pub fn remove(&mut self, node: NodeId) {
        if let Some(place) = self.find(node) {
            self.leave_out(place);
        }
    }

    /// Leaves out every node of which `keep` does not hold, and says how many that were.
    pub fn retain(&mut self, mut keep: impl FnMut(NodeId, &T) -> bool) -> usize {
        let before = self.count();
        for place in (0..before).rev() {
            if !keep(self.nodes[place], &self.values[place]) {
                self.leave_out(place);
            }
        }
        before - self.count()
    }

    /// Every node with what there is of it, by their ids.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &T)> {
        self.nodes.iter().copied().zip(&self.values)
    }

    /// What there is of each node, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.iter_mut()
    }

    #[inline]
    fn place(&self, node: NodeId) -> usize {
        self.nodes.partition_point(|known| *known < node)
    }

    fn leave_out(&mut self, place: usize) {
        self.nodes.remove(place);
        self.values.remove(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_a_map_holds(steps in prop::collection::vec((0..5_u8, 0..12_u32, 0..9_u32), 0..200)) {
            let (mut roster, mut map) = (Roster::default(), BTreeMap::new());
            for (step, node, value) in steps {
                let node = NodeId(node);
                match step {
                    0 => {
                        roster.remove(node);
                        map.remove(&node);
                    }
                    1 => {
                        let before = map.len();
                        map.retain(|_, held| *held != value);
                        prop_assert_eq!(roster.retain(|_, held| *held != value), before - map.len());
                    }
                    2 => {
                        roster.of_mut(node).into_iter().for_each(|held| *held = value);
                        map.get_mut(&node).into_iter().for_each(|held| *held = value);
                    }
                    _ => prop_assert_eq!(roster.enter(node, || value), map.entry(node).or_insert(value)),
                }
                prop_assert_eq!(roster.of(node), map.get(&node));
                let place = roster.find(node);
                prop_assert_eq!(place.and_then(|place| roster.at(place)), map.get(&node));
                prop_assert_eq!(place.and_then(|place| roster.node(place)), map.get(&node).map(|_| node));
                prop_assert!(roster.iter().eq(map.iter().map(|(node, held)| (*node, held))));
            }
        }
    }
}

//! Something of each of a few nodes, in one flat list by their ids: a node has few peers, and looks through all of them at
//! every message.

use crate::ids::NodeId;

/// A value for each of some nodes. Cost: O(log n) a look-up, O(n) to enter a node or to leave it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roster<T>(Vec<(NodeId, T)>);

impl<T> Roster<T> {
    /// Nobody yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many nodes there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// What there is of this node.
    #[inline]
    pub fn of(&self, node: NodeId) -> Option<&T> {
        self.0.get(self.place(node)).filter(|(known, _)| *known == node).map(|(_, value)| value)
    }

    /// The same, to be changed.
    #[inline]
    pub fn of_mut(&mut self, node: NodeId) -> Option<&mut T> {
        let place = self.place(node);
        self.0.get_mut(place).filter(|(known, _)| *known == node).map(|(_, value)| value)
    }

    /// The same; what `make` makes if the node is new.
    #[inline]
    pub fn enter(&mut self, node: NodeId, make: impl FnOnce() -> T) -> &mut T {
        let place = self.place(node);
        if self.0.get(place).is_none_or(|(known, _)| *known != node) {
            self.0.insert(place, (node, make()));
        }
        &mut self.0[place].1
    }

    /// Leaves a node out.
    #[inline]
    pub fn remove(&mut self, node: NodeId) {
        let place = self.place(node);
        if self.0.get(place).is_some_and(|(known, _)| *known == node) {
            self.0.remove(place);
        }
    }

    /// Leaves out every node of which `keep` does not hold, and says how many that were.
    pub fn retain(&mut self, mut keep: impl FnMut(NodeId, &T) -> bool) -> usize {
        let before = self.len();
        if self.iter().any(|(node, value)| !keep(node, value)) {
            self.0.retain(|(node, value)| keep(*node, value));
        }
        before - self.len()
    }

    /// Every node with what there is of it, by their ids.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &T)> {
        self.0.iter().map(|(node, value)| (*node, value))
    }

    /// What there is of each node, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    #[inline]
    fn place(&self, node: NodeId) -> usize {
        self.0.partition_point(|(known, _)| *known < node)
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
            let (mut roster, mut map) = (Roster::new(), BTreeMap::new());
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
                prop_assert!(roster.iter().eq(map.iter().map(|(node, held)| (*node, held))));
            }
        }
    }
}

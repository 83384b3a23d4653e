//! What is counted of a delivered sequence.

use super::digest::Digest;
use super::report::Checkpoint;
use crate::ids::NodeId;
use crate::time::{Raw, Time};

/// Counts of a delivered sequence, kept as commands are delivered. Cost: O(1) a command, no allocation but a checkpoint
/// every 65,536 commands.
#[derive(Clone, Debug)]
pub struct Tally {
    digest: Digest,
    sources: Vec<(NodeId, u64)>,
    previous: Option<(usize, Time<Raw>)>,
    neighbours: u64,
    inversions: u64,
}

impl Tally {
    /// Nothing delivered yet of the commands of `nodes`, whose places in the list name them from now on.
    pub fn new(nodes: &[NodeId]) -> Self {
        let sources = nodes.iter().map(|node| (*node, 0)).collect();
        Self { digest: Digest::default(), sources, previous: None, neighbours: 0, inversions: 0 }
    }

    /// The next command of source number `source` was delivered; it had really been issued at `issued`.
    #[inline]
    pub fn deliver(&mut self, source: usize, issued: Time<Raw>) {
        let (node, number) = &mut self.sources[source];
        self.digest.add(*node, *number);
        *number += 1;
        if let Some((before, earlier)) = self.previous.replace((source, issued))
            && before != source
        {
            self.neighbours += 1;
            self.inversions += u64::from(issued < earlier);
        }
    }

    /// Commands delivered.
    pub const fn delivered(&self) -> u64 {
        self.digest.commands()
    }

    /// Commands delivered of one source.
    pub fn delivered_of(&self, source: usize) -> u64 {
        self.sources[source].1
    }

    /// Neighbouring deliveries from different sources.
    pub const fn neighbours(&self) -> u64 {
        self.neighbours
    }

    /// Those of them that reverse the real order of issue. It means something only if the sources share a raw clock.
    pub const fn inversions(&self) -> u64 {
        self.inversions
    }

    /// Digests of the sequence, the last one at its end.
    pub fn into_checkpoints(self) -> Vec<Checkpoint> {
        self.digest.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_neighbours_from_different_sources_can_be_inverted() {
        let mut tally = Tally::new(&[NodeId(4), NodeId(7)]);
        for (source, issued) in [(0, 10), (0, 5), (1, 7), (0, 6), (1, 20)] {
            tally.deliver(source, Time::from_nanos(issued));
        }
        assert_eq!((tally.delivered(), tally.neighbours(), tally.inversions()), (5, 3, 1));
        assert_eq!(tally.delivered_of(1), 2);
    }
}

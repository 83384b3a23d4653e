//! A digest of a delivered sequence: two replicas that delivered the same commands in the same order have the same one.
//! It guards against mistakes, not against forgery. Cost: one multiplication a command.

use super::report::Checkpoint;
use crate::ids::NodeId;

/// A checkpoint is kept each time that so many further commands were delivered.
pub const CHECKPOINT_COMMANDS: u64 = 65_536;

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A rolling digest of command ids, in order of delivery.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    state: u64,
    commands: u64,
    checkpoints: Vec<Checkpoint>,
}

impl Digest {
    /// The next command delivered: number `number` of `issuer`.
    #[inline]
    pub fn add(&mut self, issuer: NodeId, number: u64) {
        let id = number ^ (u64::from(issuer.0) + 1).wrapping_mul(ODD).rotate_left(32);
        let mixed = (self.state ^ id).wrapping_mul(ODD);
        self.state = mixed ^ (mixed >> 29);
        self.commands += 1;
        if self.commands.is_multiple_of(CHECKPOINT_COMMANDS) {
            self.checkpoints.push(self.checkpoint());
        }
    }

    /// How many commands it covers.
    pub const fn commands(&self) -> u64 {
        self.commands
    }

    /// The checkpoints, the last one at the end.
    pub fn finish(mut self) -> Vec<Checkpoint> {
        let end = self.checkpoint();
        if self.checkpoints.last() != Some(&end) {
            self.checkpoints.push(end);
        }
        self.checkpoints
    }

    const fn checkpoint(&self) -> Checkpoint {
        Checkpoint { commands: self.commands, digest: self.state }
    }
}

/// How far two delivered sequences can be compared, and what came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// The longest common prefix, in commands, that both have a checkpoint for.
    pub commands: u64,
    /// The first checkpoint, in commands, at which they differ.
    pub differ_at: Option<u64>,
}

/// Compares the checkpoints of two replicas, both in order of their counts.
pub fn compare(a: &[Checkpoint], b: &[Checkpoint]) -> Comparison {
    let mut comparison = Comparison { commands: 0, differ_at: None };
    for one in a {
        let Ok(index) = b.binary_search_by_key(&one.commands, |other| other.commands) else { continue };
        if one.digest != b[index].digest {
            comparison.differ_at = Some(one.commands);
            break;
        }
        comparison.commands = one.commands;
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoints(ids: impl Iterator<Item = (u32, u64)>) -> Vec<Checkpoint> {
        let mut digest = Digest::default();
        ids.for_each(|(issuer, number)| digest.add(NodeId(issuer), number));
        digest.finish()
    }

    #[test]
    fn a_swap_of_two_neighbours_changes_it() {
        let one = checkpoints([(0, 0), (1, 0), (0, 1)].into_iter());
        let other = checkpoints([(1, 0), (0, 0), (0, 1)].into_iter());
        assert_eq!(compare(&one, &one), Comparison { commands: 3, differ_at: None });
        assert_eq!(compare(&one, &other), Comparison { commands: 0, differ_at: Some(3) });
    }

    #[test]
    fn replicas_that_stopped_at_different_counts_share_regular_checkpoints() {
        let ids = |count| (0..count).map(|n| ((n % 3) as u32, n / 3));
        let (short, long) = (checkpoints(ids(150_000)), checkpoints(ids(200_000)));
        let counts: Vec<u64> = short.iter().map(|point| point.commands).collect();
        assert_eq!(counts, [65_536, 131_072, 150_000]);
        assert_eq!(compare(&short, &long), Comparison { commands: 131_072, differ_at: None });
        assert_eq!(checkpoints(ids(65_536)).len(), 1, "an end on a checkpoint is not said twice");
        assert_eq!(checkpoints(ids(0)), [Checkpoint { commands: 0, digest: 0 }]);
    }
}

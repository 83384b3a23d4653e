//! True time: each node's declared oscillator, as a map.

use std::collections::BTreeMap;

use super::run::Span;
use crate::affine::Map;
use crate::ids::NodeId;
use crate::model::Oscillator;
use crate::time::{Local, Nanos, Ppb, Time, True};

/// So many pieces all maps together may have, beside four for each entry of the journals: a wander takes one a second,
/// in which a journal gains more entries than that. A short journal that claims to cover years has too many.
const FREE_PIECES: usize = 200_000;
const PIECES_PER_ENTRY: usize = 4;

/// Maps between true time and the local clock of every node.
#[derive(Clone, Debug)]
pub struct Truth(BTreeMap<NodeId, Map<True, Local>>);

impl Truth {
    /// Rebuilds every node's oscillator. `None` if some node declared none, or one whose rate could reach zero, if the
    /// nodes ran on several hosts (then they have no clock in common), or if the journals cover more time than their
    /// entries account for.
    pub fn rebuild(spans: &BTreeMap<NodeId, Span<'_>>) -> Option<Self> {
        let mut hosts = spans.values().map(|span| &span.run.header.host.kernel_boot_id);
        let first = hosts.next()?;
        if hosts.any(|host| host != first) {
            return None;
        }
        if !is_affordable(spans) {
            return None;
        }
        let mut oscillators = BTreeMap::new();
        for (node, span) in spans {
            let declared = span.run.header.oscillator.clone().filter(|declared| declared.slowest().0 > -Ppb::ONE.0)?;
            oscillators.insert(*node, (Oscillator::new(declared, *node), span.run.covers_until));
        }
        let last = oscillators.values_mut().map(|(oscillator, until)| oscillator.true_time(*until)).max();
        let last = last.unwrap_or_default() + Nanos::from_seconds(1);
        let maps = oscillators.into_iter().map(|(node, (mut made, _))| (node, made.map_until(last).clone()));
        Some(Self(maps.collect()))
    }

    /// The map of `node`, if it took part.
    pub fn map(&self, node: NodeId) -> Option<&Map<True, Local>> {
        self.0.get(&node)
    }

    /// The true time at which the local clock of `node` first showed `reading`.
    pub fn at(&self, node: NodeId, reading: Time<Local>) -> Option<Time<True>> {
        self.map(node).map(|map| map.when(reading))
    }

    /// What the local clock of `node` showed at `at`.
    pub fn local(&self, node: NodeId, at: Time<True>) -> Option<Time<Local>> {
        self.map(node).map(|map| map.at(at))
    }
}

fn is_affordable(spans: &BTreeMap<NodeId, Span<'_>>) -> bool {
    let declared =
        || spans.values().filter_map(|span| Some((span.run.header.oscillator.as_ref()?, span.run.covers_until)));
    let last = declared().map(|(declared, until)| declared.latest(until)).max().unwrap_or_default();
    let pieces = declared().map(|(declared, _)| declared.pieces_until(last + Nanos::from_seconds(1)));
    let entries: usize = spans.values().map(|span| span.run.entries.len()).sum();
    pieces.sum::<usize>() <= FREE_PIECES + entries.saturating_mul(PIECES_PER_ENTRY)
}

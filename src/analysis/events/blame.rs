//! Whose clock or which arc it was: what all peers of one node saw at once is that node's.

use std::collections::{BTreeMap, BTreeSet};

use super::levels::What;
use super::streams::{Seen, Shifts};
use super::{Event, Kind, Subject, TOGETHER_S};
use crate::ids::{Arc, NodeId};
use crate::time::{Nanos, Ppb};

/// A delay's change belongs to one direction alone if the other changed by less than a third of it.
const ONE_WAY: f64 = 3.0;

/// Two nodes, the smaller first.
type Pair = (NodeId, NodeId);

/// What several askers saw at about the same time.
struct Cluster<'a> {
    at_s: f64,
    gap_s: f64,
    seen: Vec<&'a Seen>,
}

/// The jumps and rate changes of clocks.
pub fn clocks(shifts: &Shifts) -> Vec<Event> {
    let jumps = clusters(shifts, What::Offset);
    let rates = clusters(shifts, What::Slope);
    // A rate that changes bends the line: a jump at the same time is the better word for it.
    let free = |rate: &&Cluster<'_>| !jumps.iter().any(|jump| (jump.at_s - rate.at_s).abs() <= 2.0 * TOGETHER_S);
    let jumped = jumps.iter().flat_map(|cluster| blamed(cluster, shifts, Kind::RawJump, |seen| seen.offset));
    let turned =
        rates.iter().filter(free).flat_map(|cluster| blamed(cluster, shifts, Kind::RawRate, |seen| seen.slope * 1e9));
    jumped.chain(turned).collect()
}

fn clusters(shifts: &Shifts, what: What) -> Vec<Cluster<'_>> {
    let mut seen: Vec<&Seen> = shifts.seen.iter().filter(|seen| seen.what == what).collect();
    seen.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for seen in seen {
        match clusters.last_mut() {
            Some(last) if seen.at_s - last.at_s <= TOGETHER_S => {
                last.gap_s = last.gap_s.min(seen.gap_s);
                last.seen.push(seen);
            }
            _ => clusters.push(Cluster { at_s: seen.at_s, gap_s: seen.gap_s, seen: vec![seen] }),
        }
    }
    clusters
}

/// The nodes that explain a cluster, each of which is the only one of all its neighbours' pairs that could; what nobody
/// alone explains is said of the pair.
fn blamed(cluster: &Cluster<'_>, shifts: &Shifts, kind: Kind, value: fn(&Seen) -> f64) -> Vec<Event> {
    let mut sizes: BTreeMap<Pair, f64> = BTreeMap::new();
    for seen in &cluster.seen {
        let forward = if seen.asker < seen.peer { value(seen) } else { -value(seen) };
        sizes.entry(pair(seen)).or_insert(forward);
    }
    let mut events = Vec::new();
    while let Some((node, size)) = culprit(&sizes, cluster, shifts) {
        let peers: Vec<NodeId> = sizes.keys().filter_map(|pair| other(*pair, node)).collect();
        sizes.retain(|pair, _| other(*pair, node).is_none());
        events.push(event(cluster, kind, Subject::Node(node), size, peers));
    }
    for (&(from, to), size) in &sizes {
        events.push(event(cluster, kind, Subject::Arc(Arc { from, to }), *size, vec![from, to]));
    }
    events
}

/// The node that the most pairs blame: nearly all that watched it saw it move the same way. None if two are as likely.
fn culprit(sizes: &BTreeMap<Pair, f64>, cluster: &Cluster<'_>, shifts: &Shifts) -> Option<(NodeId, f64)> {
    let nodes: BTreeSet<NodeId> = sizes.keys().flat_map(|(one, other)| [*one, *other]).collect();
    let mut likely: Vec<(usize, NodeId, f64)> = Vec::new();
    for node in nodes {
        let moved: Vec<f64> = sizes
            .iter()
            .filter(|(pair, _)| other(**pair, node).is_some())
            .map(|(pair, size)| as_of(*pair, node, *size))
            .collect();
        let watching = watchers(node, cluster.at_s, shifts).max(moved.len());
        let mean = moved.iter().sum::<f64>() / moved.len() as f64;
        let alike = moved.iter().all(|size| (size - mean).abs() <= mean.abs() / 4.0);
        if alike && moved.len() * 3 >= watching * 2 {
            likely.push((moved.len(), node, mean));
        }
    }
    likely.sort_by_key(|(count, node, _)| (std::cmp::Reverse(*count), *node));
    let (count, node, size) = *likely.first()?;
    let is_unique = likely.get(1).is_none_or(|(next, ..)| *next < count);
    is_unique.then_some((node, size))
}

/// How many others watched a node's clock at that time.
fn watchers(node: NodeId, at_s: f64, shifts: &Shifts) -> usize {
    let covers = |spans: &Vec<(f64, f64)>| spans.iter().any(|(from, until)| (*from..=*until).contains(&at_s));
    let found = shifts.watched.iter().filter(|(_, spans)| covers(spans)).filter_map(|(pair, _)| other(*pair, node));
    found.collect::<BTreeSet<NodeId>>().len()
}

fn pair(seen: &Seen) -> Pair {
    (seen.asker.min(seen.peer), seen.asker.max(seen.peer))
}

fn other((one, two): (NodeId, NodeId), node: NodeId) -> Option<NodeId> {
    [(one, two), (two, one)].into_iter().find(|(first, _)| *first == node).map(|(_, second)| second)
}

/// A pair's change as the node's own: the pair's is that of the second against the first.
fn as_of((_, second): Pair, node: NodeId, size: f64) -> f64 {
    if node == second { size } else { -size }
}

fn event(cluster: &Cluster<'_>, kind: Kind, subject: Subject, size: f64, seen_by: Vec<NodeId>) -> Event {
    let is_rate = kind == Kind::RawRate;
    Event {
        kind,
        subject,
        at_s: cluster.at_s,
        duration_s: cluster.gap_s,
        size: (!is_rate).then_some(Nanos(size as i64)),
        rate: is_rate.then_some(Ppb(size as i64)),
        seen_by,
    }
}

/// The changes of arcs: one arc becomes longer by the half of the round trip's change plus the offset's.
pub fn routes(shifts: &Shifts) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for seen in shifts.seen.iter().filter(|seen| seen.what == What::Delay) {
        let (forth, back) = (seen.delay / 2.0 + seen.offset, seen.delay / 2.0 - seen.offset);
        let (there, home) = (Arc { from: seen.asker, to: seen.peer }, Arc { from: seen.peer, to: seen.asker });
        for (arc, size, opposite) in [(there, forth, back), (home, back, forth)] {
            if size.abs() * ONE_WAY > opposite.abs() {
                add_route(seen, arc, size, &mut events);
            }
        }
    }
    events
}

/// Both ends ask each other and see the same.
fn add_route(seen: &Seen, arc: Arc, size: f64, events: &mut Vec<Event>) {
    let is_same = |event: &&mut Event| {
        event.subject == Subject::Arc(arc) && (event.at_s - seen.at_s).abs() <= seen.gap_s + 2.0 * TOGETHER_S
    };
    if let Some(known) = events.iter_mut().find(is_same) {
        known.seen_by.push(seen.asker);
        known.seen_by.sort_unstable();
        known.seen_by.dedup();
        return;
    }
    events.push(Event {
        kind: Kind::Route,
        subject: Subject::Arc(arc),
        at_s: seen.at_s,
        duration_s: seen.gap_s,
        size: Some(Nanos(size as i64)),
        rate: None,
        seen_by: vec![seen.asker],
    });
}

//! Which premise failed, by name.

use std::collections::BTreeMap;

use super::arcs::ArcRow;
use super::envelope::Stretch;
use super::reading::{GRAIN, Readings};
use super::run::Span;
use super::track::Track;
use crate::ids::{Algorithm, Arc, NodeId};
use crate::journal::RunConfig;
use crate::model::oscillator::{Happening, Turn};
use crate::node::Record;
use crate::time::Nanos;
use crate::topology::Impairment;

/// Messages credited with more than their delay make clocks run away (docs/theory.md §1.4 "What follows").
pub fn credits(arcs: &[ArcRow]) -> Vec<String> {
    let say = |row: &ArcRow| {
        let (arc, count, excess) = (row.arc, row.over_credited, row.largest_excess);
        format!("premise failed: arc {arc}: {count} messages were credited more than their delay, by up to {excess}")
    };
    arcs.iter().filter(|row| row.over_credited > 0).map(say).collect()
}

/// A clock must keep within its own declared limit (PC1).
pub fn rates(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<String> {
    let exceeds = |(node, span): (&NodeId, &Span<'_>)| {
        let (limit, real) = (span.run.header.kappa_ppb, span.run.header.oscillator.as_ref()?.kappa());
        let (real_ppm, limit_ppm) = (real.as_ppm(), limit.as_ppm());
        (real > limit).then(|| {
            format!("premise failed: node {node}: its clock may drift {real_ppm} ppm, declared are {limit_ppm}")
        })
    };
    spans.iter().filter_map(exceeds).collect()
}

/// A clock whose oscillator jumped or stood still did not keep within any limit (PC1).
pub fn unsteady(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<String> {
    let mut notes = Vec::new();
    for (node, span) in spans {
        let turns = span.run.header.oscillator.iter().flat_map(|declared| &declared.turns);
        let voids = turns.filter_map(|Turn { after, what }| match what {
            Happening::Step(by) => Some((after, format!("jumped by {by}"))),
            Happening::Stop => Some((after, "stood still".to_owned())),
            Happening::Drift(_) => None,
        });
        for (after, what) in voids.take(20) {
            notes.push(format!("premise failed: node {node}: its local clock {what} at {:.3} s", after.as_seconds()));
        }
    }
    notes
}

/// Lamport's clocks never go back (IR2').
pub fn set_back(readings: &BTreeMap<NodeId, Readings>) -> Vec<String> {
    let count = |readings: &Readings| readings.set_back(Algorithm::Lamport).count();
    let back = readings.iter().map(|(node, readings)| (node, count(readings))).filter(|(_, count)| *count > 0);
    back.map(|(node, count)| format!("premise failed: node {node}: its lamport clock was set back {count} times"))
        .collect()
}

/// A message lifts the clock at least to T_m + mu_m (IR2'). A node that refuses a claim as implausible does not follow
/// the rule.
pub fn ignored(spans: &BTreeMap<NodeId, Span<'_>>, readings: &BTreeMap<NodeId, Readings>) -> Vec<String> {
    let count = |(node, span): (&NodeId, &Span<'_>)| {
        let lamport = readings.get(node)?.physical(Algorithm::Lamport);
        let behind = |record: &&Record| match record {
            Record::Received(received) if received.at >= span.began && received.at < span.run.covers_until => {
                let claim = received.claims.of(Algorithm::Lamport).map(|claim| claim.reading + received.credit);
                claim.is_some_and(|claim| lamport.at(received.at) + GRAIN < claim)
            }
            _ => false,
        };
        Some((*node, span.run.records().filter(behind).count())).filter(|(_, count)| *count > 0)
    };
    let say = |(node, count)| format!("premise failed: node {node}: {count} messages did not lift its lamport clock");
    spans.iter().filter_map(count).map(say).collect()
}

/// An `l` of a hybrid clock, in ns since the run's start.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lead {
    /// Whose.
    pub node: NodeId,
    /// When it was noted.
    pub at: f64,
    /// What it was.
    pub l: f64,
}

/// Theorems 3 and 4 of hybrid clocks: `l` is a physical reading heard of, so that it never exceeds what every physical
/// clock has shown so far. While none is set back, that says l − pt ≤ eps; stated like this it also holds afterwards.
/// `tracks` are the physical clocks and `skew` their eps since the run's start.
pub fn hybrid(leads: &[Lead], tracks: &[Track], skew: &[Stretch]) -> Vec<String> {
    let Some(ended) = skew.last().map(|stretch| stretch.end) else { return Vec::new() };
    let shown = shown_before(leads, tracks, skew);
    let mut broken: BTreeMap<NodeId, (u64, f64)> = BTreeMap::new();
    for lead in leads.iter().filter(|lead| lead.at > 0.0 && lead.at <= ended) {
        let Some(index) = skew.partition_point(|stretch| stretch.start <= lead.at).checked_sub(1) else { continue };
        let excess = lead.l - shown[index].max(top(tracks, &skew[index], lead.at));
        if excess > GRAIN.0 as f64 {
            let (count, worst) = broken.entry(lead.node).or_insert((0, 0.0));
            (*count, *worst) = (*count + 1, worst.max(excess));
        }
    }
    let say = |(node, (count, worst)): (NodeId, (u64, f64))| {
        let worst = Nanos(worst as i64);
        format!(
            "theorem failed: node {node}: its hybrid l exceeded every physical clock {count} times, by up to {worst}"
        )
    };
    broken.into_iter().map(say).collect()
}

/// The largest reading that any clock has shown before each stretch, in ns since the run's start.
fn shown_before(leads: &[Lead], tracks: &[Track], skew: &[Stretch]) -> Vec<f64> {
    let early = leads.iter().filter(|lead| lead.at <= 0.0).map(|lead| lead.l);
    let mut largest = early.fold(f64::NEG_INFINITY, f64::max);
    let before = |stretch: &Stretch| {
        let before = largest;
        largest = largest.max(top(tracks, stretch, stretch.end));
        before
    };
    skew.iter().map(before).collect()
}

/// The reading of the clock that is ahead of all at `at` in `stretch`, in ns since the run's start.
fn top(tracks: &[Track], stretch: &Stretch, at: f64) -> f64 {
    let track = &tracks[stretch.top];
    track.legs()[track.index_at(stretch.start)].at(at) + at
}

/// The NTP-style clocks may need 30 periods (3 s at 100 ms) for each hop from the reference until they are steady.
pub fn settling(config: &RunConfig, warm_up: Nanos) -> Option<String> {
    let hops = hops_from(config.reference, &config.arcs)?;
    let needed = config.tau.times(30).times(i64::from(hops));
    (hops > 0 && warm_up < needed).then(|| {
        format!("the ntp clocks, up to {hops} hops from node {}, may need {needed} until they are steady: the window starts after {warm_up}", config.reference)
    })
}

/// The largest distance from `from` in arcs.
fn hops_from(from: NodeId, arcs: &[(Arc, Impairment)]) -> Option<u32> {
    let mut next: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    for (arc, _) in arcs {
        next.entry(arc.from).or_default().push(arc.to);
    }
    let mut hops = BTreeMap::from([(from, 0_u32)]);
    let mut queue = std::collections::VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        let beyond = hops[&node] + 1;
        for peer in next.get(&node).into_iter().flatten() {
            hops.entry(*peer).or_insert_with(|| {
                queue.push_back(*peer);
                beyond
            });
        }
    }
    hops.values().copied().max()
}

/// Nodes that were configured and left no journal; at most twenty are named.
pub fn missing(config: &RunConfig, spans: &BTreeMap<NodeId, Span<'_>>) -> Option<String> {
    let missing = u64::from(config.nodes).saturating_sub(spans.len() as u64);
    let names: Vec<String> = (0..config.nodes)
        .map(NodeId)
        .take(spans.len() + 20)
        .filter(|node| !spans.contains_key(node))
        .map(|node| node.to_string())
        .collect();
    let more = if missing > names.len() as u64 { ", …" } else { "" };
    (missing > 0).then(|| format!("{missing} of {} nodes left no journal: {}{more}", config.nodes, names.join(", ")))
}

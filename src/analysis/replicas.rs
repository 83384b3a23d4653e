//! Workloads on hosts of their own: the traces that their agents wrote meet here.

use std::collections::BTreeMap;

use super::run::Span;
use crate::ids::NodeId;
use crate::journal::Note;
use crate::time::{Nanos, Time};
use crate::trial::{Bearings, Judged, MOST_PROCESSES, Part, Played, Terms, Trace, judge_apart};

/// Most trials of a run that are told of.
const MOST_TRIALS: usize = 256;

/// The parts of every scene of a trial, by its place in the trial and by node.
type Scenes<'a> = BTreeMap<u16, BTreeMap<NodeId, Vec<&'a Part>>>;

/// What came of every trial of which a trace is in a journal, among `nodes` agents, by what is known of their clocks.
pub fn played(spans: &BTreeMap<NodeId, Span<'_>>, nodes: u32, bearings: &Bearings) -> Vec<Played> {
    let cores = spans.values().map(|span| span.run.header.host.cores).min();
    let trials = trials(spans).into_values().take(MOST_TRIALS);
    trials.filter_map(|scenes| judge(&scenes, nodes, cores, bearings)).collect()
}

/// The traces, by the number of the first scene of each trial.
fn trials<'a>(spans: &BTreeMap<NodeId, Span<'a>>) -> BTreeMap<u16, Scenes<'a>> {
    let mut trials: BTreeMap<u16, Scenes<'a>> = BTreeMap::new();
    for (node, span) in spans {
        for part in span.run.notes().filter_map(part) {
            let scenes = trials.entry(part.scene.saturating_sub(part.place)).or_default();
            scenes.entry(part.place).or_default().entry(*node).or_default().push(part);
        }
    }
    trials
}

fn part(note: &Note) -> Option<&Part> {
    if let Note::Part(part) = note { Some(part) } else { None }
}

fn judge(scenes: &Scenes<'_>, nodes: u32, cores: Option<u32>, bearings: &Bearings) -> Option<Played> {
    let told = scenes.values().next()?.values().next()?.first()?;
    if !(2..=MOST_PROCESSES).contains(&nodes) {
        return None;
    }
    let same = |part: &&Part| (part.workload, part.clock, part.terms) == (told.workload, told.clock, told.terms);
    let trace = |scene: &BTreeMap<NodeId, Vec<&Part>>, node: u32| {
        let parts: Vec<&Part> = scene.get(&NodeId(node))?.iter().copied().filter(same).collect();
        Some(Trace { bytes: Part::join(&parts)?, began: parts.first()?.began_ns.map(Time::from_nanos) })
    };
    // A scene of which nobody wrote anything down lacks everybody's trace.
    let last = *scenes.keys().next_back()?;
    let of_scene = |place: u16| {
        let scene = scenes.get(&place);
        (0..nodes).map(|node| trace(scene?, node)).collect::<Vec<Option<Trace>>>()
    };
    let traces: Vec<Vec<Option<Trace>>> = (0..=last).map(of_scene).collect();
    // How many take part the configuration says, whatever a journal claims.
    let terms = Terms { nodes, ..told.terms };
    let parts = scenes.values().flat_map(BTreeMap::values).filter_map(|parts| parts.first());
    let cpu = parts.fold(Nanos::ZERO, |sum, part| sum + part.cpu);
    let Judged { row, premises } = judge_apart(told.workload, &traces, &terms, bearings)?;
    Some(Played {
        workload: told.workload,
        clock: told.clock,
        terms,
        seen: None,
        transport: "tcp".to_owned(),
        cores,
        batch: Some(told.batch),
        cpu: Some(cpu),
        premises,
        row: row.owned(),
    })
}

/// Why agents did not order, or not all that they should have.
pub fn not_ordered(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<String> {
    let why = |note: &Note| if let Note::NotOrdered(why) = note { Some(why.clone()) } else { None };
    let told = |(node, span): (&NodeId, &Span<'_>)| {
        let why = span.run.notes().filter_map(why).last()?;
        Some(format!("node {node} ordered nothing more: {why}"))
    };
    spans.iter().filter_map(told).collect()
}

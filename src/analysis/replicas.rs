//! Workloads on hosts of their own: the traces that their agents wrote meet here.

use std::collections::BTreeMap;

use super::run::Span;
use crate::ids::NodeId;
use crate::journal::Note;
use crate::time::Nanos;
use crate::trial::{MOST_PROCESSES, Part, Played, Terms, Workload, replicas_apart};

/// Most scenes of a run that are told of.
const MOST_SCENES: usize = 64;

/// What came of every scene of which a trace is in a journal, among `nodes` agents. Nothing is known of their clocks.
pub fn played(spans: &BTreeMap<NodeId, Span<'_>>, nodes: u32) -> Vec<Played> {
    let mut scenes: BTreeMap<u16, BTreeMap<NodeId, Vec<&Part>>> = BTreeMap::new();
    for (node, span) in spans {
        for part in span.run.notes().filter_map(part) {
            scenes.entry(part.scene).or_default().entry(*node).or_default().push(part);
        }
    }
    let cores = spans.values().map(|span| span.run.header.host.cores).min();
    scenes.into_values().take(MOST_SCENES).filter_map(|scene| judge(&scene, nodes, cores)).collect()
}

fn part(note: &Note) -> Option<&Part> {
    if let Note::Part(part) = note { Some(part) } else { None }
}

fn judge(scene: &BTreeMap<NodeId, Vec<&Part>>, nodes: u32, cores: Option<u32>) -> Option<Played> {
    let told = scene.values().next()?.first()?;
    if told.workload != Workload::StateMachine || !(2..=MOST_PROCESSES).contains(&nodes) {
        return None;
    }
    let same = |part: &&Part| part.terms == told.terms && part.clock == told.clock;
    let trace = |node: u32| {
        let parts = scene.get(&NodeId(node))?;
        Part::join(&parts.iter().copied().filter(same).collect::<Vec<_>>())
    };
    let traces: Vec<Option<Vec<u8>>> = (0..nodes).map(trace).collect();
    // How many take part the configuration says, whatever a journal claims.
    let terms = Terms { nodes, ..told.terms };
    let cpu = scene.values().filter_map(|parts| parts.first()).fold(Nanos::ZERO, |sum, part| sum + part.cpu);
    Some(Played {
        workload: told.workload,
        clock: told.clock,
        terms,
        seen: None,
        transport: "tcp".to_owned(),
        cores,
        batch: Some(told.batch),
        cpu: Some(cpu),
        premises: Vec::new(),
        row: replicas_apart(&traces, &terms).owned(),
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

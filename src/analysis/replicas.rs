//! Workloads on hosts of their own: the traces that their agents wrote meet here.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::run::Span;
use crate::ids::NodeId;
use crate::journal::Note;
use crate::order::report::TRANSPORT;
use crate::time::{Local, Nanos, Time};
use crate::trial::{Bearings, Judged, MOST_PROCESSES, Part, Played, Terms, Trace, judge_apart};

/// Most trials of a run that are told of.
const MOST_TRIALS: usize = 256;

/// What an agent is told is not more than this.
const MOST_DECLARED: Nanos = Nanos::from_seconds(10);
const MOST_LASTING: Nanos = Nanos::from_seconds(3_600);
const MOST_RATE: f64 = 1e7;
/// Most spans of scenes that clocks are looked at for.
const MOST_SPANS: usize = 4_096;
/// What happens in a scene when users want nothing more is over by then, or is looked at less closely.
const TAIL: Nanos = Nanos::from_seconds(2);

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

/// From when to when, on the local clock of its node, each scene took that clocks are looked at for.
pub fn scenes_by_true_time(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<(NodeId, RangeInclusive<Time<Local>>)> {
    let scene = |part: &Part| {
        let began = Time::from_nanos(part.began_ns?);
        Some(began..=began + part.terms.span.max(Nanos::ZERO) + TAIL)
    };
    let of_node = |(node, span): (&NodeId, &Span<'_>)| {
        let parts = span.run.notes().filter_map(part).filter(|part| part.part == 0 && part.workload.declares_eps());
        parts.filter_map(scene).map(|scene| (*node, scene)).collect::<Vec<_>>()
    };
    spans.iter().flat_map(of_node).take(MOST_SPANS).collect()
}

fn part(note: &Note) -> Option<&Part> {
    if let Note::Part(part) = note { Some(part) } else { None }
}

/// Whether an agent may have been told so, as its configuration limits it: a journal can claim anything.
fn is_plausible(terms: &Terms) -> bool {
    let Terms { eps, declared, delay, jitter, slack, span, rate, .. } = *terms;
    let short = |span: &Nanos| (Nanos::ZERO..=MOST_DECLARED).contains(span);
    let lasts = (Nanos::ZERO..=MOST_LASTING).contains(&span);
    [eps, declared, delay, jitter, slack].iter().all(short) && lasts && (0.0..=MOST_RATE).contains(&rate)
}

fn judge(scenes: &Scenes<'_>, nodes: u32, cores: Option<u32>, bearings: &Bearings) -> Option<Played> {
    let told = scenes.values().next()?.values().next()?.first()?;
    if !(2..=MOST_PROCESSES).contains(&nodes) || !is_plausible(&told.terms) {
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
        transport: TRANSPORT.to_owned(),
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

//! What the agents of a run have in common. In a lab one hand configured them all; on real hosts each agent was told its
//! own links only, so that the run's graph is the union of what they say.

use std::collections::BTreeMap;

use super::clocks::ran;
use super::run::Span;
use crate::ids::{Algorithm, Arc, NodeId};
use crate::journal::RunConfig;
use crate::topology::Impairment;

/// The run's configuration: that of the first node, with the links of all of them. `None` without spans.
pub fn config(spans: &BTreeMap<NodeId, Span<'_>>) -> Option<RunConfig> {
    let mut headers = spans.values().map(|span| &span.run.header.run);
    let first = headers.next()?.clone();
    let nodes = headers.map(|run| run.nodes).fold(first.nodes, u32::max);
    let arcs = union(spans);
    let topology = if arcs.len() == first.arcs.len() { first.topology } else { named(nodes, &arcs) };
    Some(RunConfig { nodes, arcs, topology, ..first })
}

/// Every arc that any agent knows of. Its receiver knows best what is configured for it; of two distances the shorter is
/// taken, so that what is certified from it is true if either is.
fn union(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<(Arc, Impairment)> {
    let mut arcs = BTreeMap::new();
    for (node, span) in spans {
        for (arc, settings) in &span.run.header.run.arcs {
            let known: &mut Impairment = arcs.entry(*arc).or_insert(*settings);
            let distance = [known.distance, settings.distance].into_iter().flatten().min();
            let best = if arc.to == *node { *settings } else { *known };
            *known = Impairment { distance, ..best };
        }
    }
    arcs.into_iter().collect()
}

fn named(nodes: u32, arcs: &[(Arc, Impairment)]) -> String {
    let all = u64::from(nodes) * u64::from(nodes.saturating_sub(1));
    if arcs.len() as u64 == all { "full" } else { "declared" }.to_owned()
}

/// Names the nodes that ran with other settings than the first, links aside.
pub fn disagreements(config: &RunConfig, spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<String> {
    let alike = |run: &RunConfig| {
        let RunConfig { nodes, topology, arcs, .. } = config.clone();
        RunConfig { nodes, topology, arcs, ..run.clone() } == *config
    };
    let other = spans.iter().filter(|(_, span)| !alike(&span.run.header.run)).map(|(node, _)| node);
    let first = spans.keys().next();
    let say = |node: &NodeId| {
        first.map(|first| format!("node {node} ran with another configuration: that of node {first} is used"))
    };
    other.filter_map(say).collect()
}

/// Names the clocks that only some of the nodes ran: there is no row for them.
pub fn partly_run(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<String> {
    let say = |algorithm: Algorithm| {
        let ran = spans.iter().filter(|(_, span)| span.run.header.clocks.contains(algorithm));
        let nodes: Vec<String> = ran.map(|(node, _)| node.to_string()).take(20).collect();
        format!("{algorithm} ran on node {} alone: there is no row for it", nodes.join(", "))
    };
    ran(spans).1.iter().map(say).collect()
}

/// Which nodes share a kernel, and with it all its clocks: what no measurement between them can undo.
pub fn kernels(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<String> {
    let mut kernels: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (node, span) in spans {
        let boot_id = span.run.header.host.kernel_boot_id.as_str();
        if !matches!(boot_id, "" | "unknown") {
            kernels.entry(boot_id).or_default().push(node.to_string());
        }
    }
    let shared = kernels.into_iter().filter(|(_, nodes)| nodes.len() > 1);
    let say = |(boot_id, nodes): (&str, Vec<String>)| {
        format!(
            "these agents share one kernel clock: nodes {} (boot id {boot_id}); between them `free` and `system` are one \
             clock read twice and say nothing of synchronisation",
            nodes.join(", ")
        )
    };
    shared.map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::run::{AgentRun, choose};
    use crate::analysis::testing::journal;
    use crate::time::Nanos;

    /// Nodes of a line, each of which was told of its own links only.
    fn line(nodes: u32) -> Vec<AgentRun> {
        let mut runs: Vec<AgentRun> = (0..nodes).map(|node| journal(node, nodes, 0)).collect();
        for run in &mut runs {
            let me = run.header.node;
            run.header.run.nodes = (me.0 + 2).min(nodes);
            run.header.run.topology = "declared".to_owned();
            run.header
                .run
                .arcs
                .retain(|(arc, _)| (arc.from == me || arc.to == me) && arc.from.0.abs_diff(arc.to.0) == 1);
        }
        runs
    }

    #[test]
    fn the_graph_is_the_union_of_what_the_agents_say() {
        let mut runs = line(4);
        runs[1].header.run.arcs.iter_mut().for_each(|(_, settings)| settings.mu = Nanos(7));
        let (spans, _) = choose(&runs);
        let config = config(&spans).unwrap();
        assert_eq!((config.nodes, config.arcs.len(), config.topology.as_str()), (4, 6, "declared"));
        let credited = config.arcs.iter().filter(|(_, settings)| settings.mu == Nanos(7));
        assert!(credited.map(|(arc, _)| arc.to).eq([NodeId(1), NodeId(1)]), "the receiver's word counts");
        assert_eq!(disagreements(&config, &spans), Vec::<String>::new());
    }

    #[test]
    fn a_distance_is_known_if_either_end_tells_it_and_of_two_the_shorter_counts() {
        let mut runs = line(3);
        let mut tell = |node: usize, length: &str| {
            runs[node].header.run.arcs.iter_mut().for_each(|(_, settings)| settings.distance = length.parse().ok());
        };
        tell(0, "120km");
        tell(1, "90km");
        let (spans, _) = choose(&runs);
        let found = config(&spans).unwrap();
        assert!(found.arcs.iter().all(|(_, settings)| settings.distance == "90km".parse().ok()), "{:?}", found.arcs);
        runs[1].header.run.arcs.iter_mut().for_each(|(_, settings)| settings.distance = None);
        let (spans, _) = choose(&runs);
        let known = config(&spans).unwrap().arcs.into_iter().filter(|(_, settings)| settings.distance.is_some());
        assert!(known.map(|(arc, _)| arc.from.0 + arc.to.0).eq([1, 1]), "the link of nodes 0 and 1, both ways");
    }

    #[test]
    fn other_settings_are_named() {
        let mut runs = line(3);
        runs[2].header.run.tau = Nanos(5);
        let (spans, _) = choose(&runs);
        let found = disagreements(&config(&spans).unwrap(), &spans);
        assert_eq!(found, ["node 2 ran with another configuration: that of node 0 is used"]);
    }

    #[test]
    fn clocks_that_only_some_nodes_ran_are_named() {
        let mut runs = line(3);
        runs[1].header.clocks = [Algorithm::Lamport, Algorithm::Ntp].into_iter().collect();
        let (spans, _) = choose(&runs);
        assert_eq!(ran(&spans).0, [Algorithm::Free, Algorithm::Lamport, Algorithm::Ntp]);
        assert_eq!(partly_run(&spans), ["hlc ran on node 0, 2 alone: there is no row for it"]);
    }

    #[test]
    fn agents_of_one_kernel_are_named_and_those_of_unknown_ones_are_not() {
        let mut runs = line(4);
        runs[0].header.host.kernel_boot_id = "unknown".to_owned();
        runs[3].header.host.kernel_boot_id = "other".to_owned();
        let (spans, _) = choose(&runs);
        let found = kernels(&spans);
        assert!(found.len() == 1 && found[0].contains("nodes 1, 2 (boot id b)"), "{found:?}");
    }
}

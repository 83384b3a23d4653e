//! What is known of a run before anything is measured.

use std::collections::BTreeMap;

use super::run::Span;
use super::summary::Facts;
use crate::ids::NodeId;
use crate::journal::RunConfig;
use crate::topology;

/// The facts that the headers state; `config` is that of the first node.
pub fn of(run_id: &str, config: &RunConfig, spans: &BTreeMap<NodeId, Span<'_>>) -> Facts {
    let hosts = || spans.values().map(|span| &span.run.header.host);
    let mut crowds: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for host in hosts() {
        let (agents, cores) = crowds.entry(&host.kernel_boot_id).or_insert((0, u32::MAX));
        (*agents, *cores) = (*agents + 1, host.cores.min(*cores));
    }
    Facts {
        run_id: run_id.to_owned(),
        git_commit: config.git_commit.clone(),
        seed: config.seed,
        nodes: config.nodes,
        agents: spans.len() as u32,
        topology: config.topology.clone(),
        diameter: diameter(config),
        tau: config.tau,
        probe_pairs: config.probe_pairs,
        reference: config.reference,
        hosts: crowds.len() as u32,
        cores: hosts().map(|host| host.cores).min().unwrap_or(0),
        crowded_hosts: crowds.values().filter(|(agents, cores)| *cores > 0 && agents > cores).count() as u32,
        kernel: hosts()
            .next()
            .map(|host| format!("{} {}", host.kernel, host.clock_source).trim().to_owned())
            .unwrap_or_default(),
        kernel_stamped_agents: hosts().filter(|host| host.kernel_stamps).count() as u32,
    }
}

/// The directed diameter, however many nodes and arcs are claimed.
pub fn diameter(config: &RunConfig) -> Option<u32> {
    topology::diameter((0..config.nodes).map(NodeId), config.arcs.iter().map(|(arc, _)| *arc))
}

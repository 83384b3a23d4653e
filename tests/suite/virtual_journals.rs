//! Journals of nodes in virtual time, as agents on real sockets would have written them.

use skewbench::analysis::{AgentRun, Unreadable};
use skewbench::ids::{Algorithms, BootId, NodeId};
use skewbench::journal::{Entry, Header, HostFacts, RunConfig, Writer};
use skewbench::node::{Input, Mark};
use skewbench::time::Nanos;

use crate::virtual_net::{Net, World};

/// Runs a world for so many seconds.
pub fn record(world: World, seconds: i64) -> Vec<AgentRun> {
    let measured = Nanos::from_seconds(seconds);
    let config = config(&world, measured);
    let mut net = Net::new(world);
    mark(&mut net, Mark::ProbingBegan);
    net.run_until(net.now + measured);
    mark(&mut net, Mark::MeasuringEnded);
    net.run_until(net.now + Nanos::from_millis(300));
    (0..net.nodes.len()).map(|index| agent_run(&mut net, index, &config)).collect()
}

/// The bytes of the journal file of one node.
pub fn bytes(run: &AgentRun) -> Vec<u8> {
    let (mut writer, mut out) = (Writer::new(run.header.clone()), Vec::new());
    writer.extend(run.entries.iter().cloned());
    writer.cut(run.covers_until, &mut out);
    out
}

fn config(world: &World, measured: Nanos) -> RunConfig {
    RunConfig {
        cluster: world.seed,
        seed: Some(world.seed),
        nodes: world.topology.nodes(),
        topology: world.topology.name().to_owned(),
        arcs: world.topology.arcs().collect(),
        tau: world.tau,
        measured: Some(measured),
        reference: world.reference,
        plausible: Nanos::from_seconds(1_000),
        git_commit: "virtual".to_owned(),
    }
}

fn mark(net: &mut Net, mark: Mark) {
    for index in 0..net.nodes.len() {
        let at = net.clocks[index].local(net.now);
        net.nodes[index].handle(Input::Mark { at, mark });
    }
}

fn agent_run(net: &mut Net, index: usize, config: &RunConfig) -> AgentRun {
    let declared = net.clocks[index].declared().clone();
    let host = HostFacts { cores: 2, kernel_boot_id: "virtual".into(), kernel_stamps: true, ..HostFacts::default() };
    let header = Header {
        node: NodeId(index as u32),
        boot: BootId(1),
        run: config.clone(),
        oscillator: Some(declared.clone()),
        kappa_ppb: declared.kappa(),
        clocks: Algorithms::USUAL,
        host,
    };
    let entries = std::mem::take(&mut net.records[index]).into_iter().map(Entry::Record).collect();
    let covers_until = net.clocks[index].local(net.now);
    AgentRun { header, entries, covers_until, unreadable: Unreadable::default() }
}

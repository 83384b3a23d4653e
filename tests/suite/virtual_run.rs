//! Journals of a run in virtual time, with ordering phases as agents would report them.

use skewbench::analysis::{AgentRun, Summary, Unreadable, summarise};
use skewbench::ids::{Algorithms, BootId, NodeId};
use skewbench::journal::{Entry, Header, HostFacts, Note, RunConfig};
use skewbench::node::{Mark, Record};
use skewbench::order::report::{Checkpoint, Load, Phase, PhaseReport, StampSource};
use skewbench::time::{Local, Nanos, Time};
use skewbench::topology::Topology;

use crate::virtual_net::{Net, World, delays};

/// How long the clocks are measured.
const MEASURED: Nanos = Nanos::from_seconds(8);

/// The summary of a run of `nodes` nodes.
pub fn summary(nodes: u32, seed: u64) -> Summary {
    let impairment = delays(Nanos::from_micros(200), Nanos::from_micros(60), 0.01);
    let mut net = Net::new(World::new(Topology::full(nodes, impairment), seed));
    let end = net.now + MEASURED;
    net.run_until(end);
    let ends: Vec<Time<Local>> = net.clocks.iter_mut().map(|clock| clock.local(end)).collect();
    let runs: Vec<AgentRun> = ends.into_iter().enumerate().map(|(node, end)| journal(&net, node, end)).collect();
    summarise("0123456789abcdef", &runs)
}

fn journal(net: &Net, node: usize, end: Time<Local>) -> AgentRun {
    let marks = [Mark::MeasuringEnded, Mark::Stopped].map(|mark| Record::Mark(end, mark));
    let records = net.records[node].iter().cloned().chain(marks).map(Entry::Record);
    let phases = phases(end).into_iter().map(|phase| Entry::Note(Note::Phase(Box::new(phase))));
    AgentRun {
        header: header(net, node),
        entries: records.chain(phases).collect(),
        covers_until: end + Nanos::from_seconds(1),
        unreadable: Unreadable::default(),
    }
}

fn header(net: &Net, node: usize) -> Header {
    let declared = net.clocks[node].declared().clone();
    Header {
        node: NodeId(node as u32),
        boot: BootId(1),
        run: RunConfig {
            cluster: 1,
            seed: Some(net.world.seed),
            nodes: net.world.topology.nodes(),
            topology: net.world.topology.name().to_owned(),
            arcs: net.world.topology.arcs().collect(),
            tau: net.world.tau,
            measured: Some(MEASURED),
            reference: net.world.reference,
            plausible: Nanos::from_seconds(1_000),
            git_commit: "virtual".to_owned(),
        },
        oscillator: Some(declared.clone()),
        kappa_ppb: declared.kappa(),
        clocks: Algorithms::USUAL,
        host: HostFacts { cores: 8, kernel_boot_id: "virtual".into(), kernel_stamps: true, ..HostFacts::default() },
    }
}

fn phases(end: Time<Local>) -> Vec<PhaseReport> {
    let loads = [Load::Saturated, Load::Open { commands_per_s: 300_000 }];
    let sources = [StampSource::Floor].into_iter().chain(StampSource::ORDERING);
    let all = sources.flat_map(|source| loads.map(|load| (source, load)));
    all.zip(0..).map(|((source, load), index)| phase(Phase { index, source, load, ..PHASE }, end)).collect()
}

const PHASE: Phase = Phase {
    index: 0,
    source: StampSource::Floor,
    load: Load::Saturated,
    payload_bytes: 64,
    batch: 64,
    duration_ns: 1_000_000_000,
};

fn phase(phase: Phase, end: Time<Local>) -> PhaseReport {
    let delivered = 600_000 * (6 - phase.source as u64) / if phase.load == Load::Saturated { 1 } else { 2 };
    PhaseReport {
        phase,
        began_ns: end.as_nanos(),
        ended_ns: end.as_nanos() + phase.duration_ns,
        issued: delivered / 3,
        delivered_in_time: delivered,
        delivered,
        drained: true,
        cpu_ns: delivered * 80,
        forced: 0,
        neighbours: delivered / 64,
        inversions: Some(delivered / 6_400),
        latency: vec![(300_000, 900), (2_000_000, 95), (9_000_000, 5)],
        checkpoints: vec![Checkpoint { commands: delivered, digest: 7 }],
    }
}

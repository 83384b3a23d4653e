//! Journals of a run in virtual time, with ordering phases as agents would report them.

use skewbench::analysis::{AgentRun, Summary, summarise};
use skewbench::journal::{Entry, HostFacts, Note};
use skewbench::node::Mark;
use skewbench::order::report::{Checkpoint, Load, Phase, PhaseReport, StampSource};
use skewbench::time::{Local, Nanos, Time};

use crate::simulated;

/// The summary of a run of `nodes` nodes.
pub fn summary(nodes: u32, seed: u64) -> Summary {
    let text = format!(
        "duration = \"8s\"\ntau = \"100ms\"\ntopology = {{ shape = \"full\", nodes = {nodes} }}\n\
         stamps = {{ wait_within = \"90us\" }}\n\
         [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 50\nwander_ppb_per_sqrt_s = 100.0\n\
         wander_limit_ppm = 1\n[links]\ndelay = \"200us\"\njitter = {{ kind = \"uniform\", limit = \"60us\" }}\n\
         loss_share = 0.01\n"
    );
    let runs: Vec<AgentRun> = simulated::runs(&text, seed).into_iter().map(ordered).collect();
    let mut summary = summarise("0123456789abcdef", &runs);
    summary.certify(&runs);
    summary.steady();
    summary.measure_loops(&runs);
    summary
}

/// The run with an ordering phase after what was measured.
fn ordered(mut run: AgentRun) -> AgentRun {
    let end = run.marked(Mark::MeasuringEnded).expect("it was measured to the end");
    run.entries.extend(phases(end).into_iter().map(|phase| Entry::Note(Note::Phase(Box::new(phase)))));
    run.covers_until = end + Nanos::from_seconds(1);
    run.header.host =
        HostFacts { cores: 8, kernel_boot_id: "virtual".into(), kernel_stamps: true, ..HostFacts::default() };
    run
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
    let place =
        StampSource::ORDERING.iter().position(|source| *source == phase.source).map_or(0, |place| place as u64 + 1);
    let delivered = 600_000 * (6 - place) / if phase.load == Load::Saturated { 1 } else { 2 };
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
        acknowledged: None,
        holdings: vec![],
        links: vec![],
        stamping: None,
    }
}

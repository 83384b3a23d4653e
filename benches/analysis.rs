//! What analysing costs: the exact eps sweep in breakpoints a second, and a whole run from its records, for meshes of 3
//! and 16 real nodes in virtual time.

use std::collections::BTreeMap;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use skewbench::analysis::clocks::Clocks;
use skewbench::analysis::envelope::sweep;
use skewbench::analysis::horizon::Horizon;
use skewbench::analysis::run::{AgentRun, choose};
use skewbench::analysis::summarise;
use skewbench::analysis::track::Track;
use skewbench::analysis::truth::Truth;
use skewbench::ids::Algorithm;
use skewbench::sim::{self, Scenario};

/// What a full mesh writes down while it probes every 100 ms.
fn mesh(nodes: u32, seconds: i64) -> Vec<AgentRun> {
    let text = format!(
        "duration = \"{seconds}s\"\ntau = \"100ms\"\ntopology = {{ shape = \"full\", nodes = {nodes} }}\n\
         stamps = {{ wait_within = \"90us\" }}\n\
         [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 50\nwander_ppb_per_sqrt_s = 100.0\n\
         wander_limit_ppm = 1\n[links]\ndelay = \"200us\"\njitter = {{ kind = \"uniform\", limit = \"50us\" }}\n"
    );
    let journals = sim::run(&Scenario::parse(&text).expect("a scenario"), 1, |_| ()).expect("a world");
    AgentRun::read(journals.iter().map(|(_, bytes)| &bytes[..]))
}

/// The clocks of `algorithm` in `runs`, and the length of the run in ns.
fn tracks(runs: &[AgentRun], algorithm: Algorithm) -> (Vec<Track>, f64) {
    let (spans, _): (BTreeMap<_, _>, _) = choose(runs);
    let truth = Truth::rebuild(&spans).expect("declared oscillators on one host");
    let horizon = Horizon::of(&spans, &truth).expect("spans");
    let tracks = Clocks::new(&spans, &truth, &horizon).of(algorithm).to_vec();
    (tracks, horizon.length().0 as f64)
}

fn analysis(c: &mut Criterion) {
    for (nodes, seconds) in [(3, 60), (16, 20)] {
        let runs = mesh(nodes, seconds);
        let mut group = c.benchmark_group(format!("analysis_{nodes}_nodes"));
        for algorithm in [Algorithm::Lamport, Algorithm::Ntp] {
            let (tracks, length) = tracks(&runs, algorithm);
            let breakpoints: usize = tracks.iter().map(|track| track.legs().len()).sum();
            group.throughput(Throughput::Elements(breakpoints as u64));
            group.bench_function(format!("sweep_{algorithm}"), |b| b.iter(|| sweep(&tracks, 0.0, length)));
        }
        let records: usize = runs.iter().map(|run| run.entries.len()).sum();
        group.throughput(Throughput::Elements(records as u64)).sample_size(10);
        group.bench_function("summarise", |b| b.iter(|| summarise("bench", &runs)));
        group.finish();
    }
}

criterion_group!(benches, analysis);
criterion_main!(benches);

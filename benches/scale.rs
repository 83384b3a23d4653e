//! What a delivered probe costs in the streamed simulator: ten periods of a thousand nodes of degree 4, with Lamport's clocks
//! alone and with lamport, ntp and hlc. `scripts/scale` goes to a million.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use skewbench::sim::Scenario;
use skewbench::sim::streamed::{Lamport, Mesh, Method, World};

const SCENARIO: &str = r#"
duration = "1s"
tau = "100ms"
topology = { shape = "random-regular", nodes = 1000, degree = 4 }
oscillators = { offset_within = "10ms", drift_within_ppm = 50 }
links = { delay = "100us", jitter = { kind = "uniform", limit = "20us" }, mu = "99us" }
"#;

fn run(world: World, method: Method) -> Lamport {
    let mut network = Lamport::new(world, method);
    while !network.is_over() {
        network.run_window();
    }
    network
}

fn run_all(world: World, method: Method) -> Mesh {
    let mut mesh = Mesh::new(world, method).expect("few nodes");
    while !mesh.is_over() {
        mesh.run_window();
    }
    mesh
}

fn streamed(c: &mut Criterion) {
    let scenario = Scenario::parse(SCENARIO).expect("a scenario");
    let world = World::new(&scenario, 1).expect("a world");
    let mut group = c.benchmark_group("streamed");
    group.sample_size(10);
    for method in [Method::Exact, Method::Outward] {
        let delivered = run(world.clone(), method).counts.delivered;
        group.throughput(Throughput::Elements(delivered));
        let name = format!("lamport_1000_nodes_{}", method.name());
        group.bench_function(name, |b| {
            b.iter_batched(|| world.clone(), |world| black_box(run(world, method)), BatchSize::LargeInput);
        });
    }
    let delivered = run_all(world.clone(), Method::Exact).counts().delivered;
    group.throughput(Throughput::Elements(delivered));
    group.bench_function("all_1000_nodes_exact", |b| {
        b.iter_batched(|| world.clone(), |world| black_box(run_all(world, Method::Exact)), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, streamed);
criterion_main!(benches);

//! What packing and unpacking the journal costs, in entries a second: the entries are those of real nodes in virtual
//! time. Sizes are printed first: bytes an entry in full frames, in frames of four times and an eighth as many.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use skewbench::analysis::AgentRun;
use skewbench::ids::{BootId, NodeId};
use skewbench::journal::Entry;
use skewbench::journal::columns::{self, Layout};
use skewbench::journal::frame::{open, seal};
use skewbench::node::Record;
use skewbench::sim::{self, Scenario};
use skewbench::time::Time;

/// Entries of a full frame, as [`skewbench::journal::Writer`] makes them.
const FULL: usize = 8_192;

/// What one of three nodes writes down in ten minutes of probing every 100 ms.
const LAN: &str = "duration = \"600s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 3 }\n\
    stamps = { wait_within = \"90us\" }\n\
    [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 50\nwander_ppb_per_sqrt_s = 100.0\n\
    wander_limit_ppm = 1\n[links]\ndelay = \"20us\"\njitter = { kind = \"uniform\", limit = \"8us\" }\n";

fn entries() -> Vec<Entry> {
    let scenario = Scenario::parse(LAN).expect("a scenario");
    let journals = sim::run(&scenario, 1, |_| ()).expect("a world");
    AgentRun::read(journals.iter().map(|(_, bytes)| &bytes[..])).swap_remove(1).entries
}

fn sealed(entries: &[Entry]) -> Vec<u8> {
    seal((NodeId(1), BootId(2), 3), Time::ZERO, entries).expect("no more entries than a frame may hold")
}

fn print_sizes(name: &str, entries: &[Entry]) {
    let per = |bytes: usize| bytes as f64 / entries.len() as f64;
    let framed = |size: usize| per(entries.chunks(size).map(|chunk| sealed(chunk).len()).sum());
    let [full, larger, smaller] = [FULL, 4 * FULL, FULL / 8].map(framed);
    let raw = per(columns::encode(Layout::of(entries), entries).len());
    println!(
        "{name}: {} entries of {raw:.1} B, in frames of {FULL}: {full:.2} B each; of four times as many: {larger:.2} B; \
         of an eighth: {smaller:.2} B",
        entries.len()
    );
}

fn journal(c: &mut Criterion) {
    let all = entries();
    let received = |entry: &&Entry| matches!(entry, Entry::Record(Record::Received(_)));
    let received: Vec<Entry> = all.iter().filter(received).cloned().collect();
    let mut group = c.benchmark_group("journal");
    for (name, entries) in [("all", &all), ("received", &received)] {
        print_sizes(name, entries);
        let entries = &entries[..FULL.min(entries.len())];
        group.throughput(Throughput::Elements(entries.len() as u64));
        group.bench_function(format!("seal_{name}"), |b| b.iter(|| sealed(entries)));
        let frame = sealed(entries);
        group.bench_function(format!("open_{name}"), |b| {
            b.iter_batched(|| (), |()| open(&frame).expect("a whole frame"), BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, journal);
criterion_main!(benches);

//! Summaries for the tests of this room.

use crate::analysis::ordering::{OrderRow, StampingCost};
use crate::analysis::testing::{MS, count, end, exchange, mesh, set};
use crate::analysis::{Summary, summarise};
use crate::ids::Algorithm;
use crate::order::report::{Load, Phase, StampSource};
use crate::report::workload::Given;
use crate::time::Nanos;
use crate::trial::Workload;
use crate::trial::testing::TERMS;

/// A note that would break out of a page that does not escape it.
pub const HOSTILE: &str = "<script>alert(\"1\")</script> & 'more' \u{0} <img src=x>";

/// A run of three nodes of which everything is known, with a hostile note.
pub fn full() -> Summary {
    let mut runs = mesh(&[0, 30_000, -20_000]);
    for slot in 0..90 {
        exchange(&mut runs[0], (1, 30_000), slot * 100 * MS + 2 * MS, (30_000, 40_000), Some((10_000, 10_400)));
    }
    for (node, run) in runs.iter_mut().enumerate() {
        set(run, Algorithm::Ntp, 1_000 * MS, node as i64 * 400, 0);
        count(run, "replayed<b>", 3);
        end(run, 10_000 * MS);
    }
    let mut summary = summarise("run-1", &runs);
    summary.steady();
    summary.measure_loops(&runs);
    summary.notes.push(HOSTILE.to_owned());
    summary.ordering =
        StampSource::ORDERING.into_iter().flat_map(|source| [row(source, false), row(source, true)]).collect();
    summary
}

/// A run of which nothing is known but its messages.
pub fn without_truth() -> Summary {
    let mut runs = mesh(&[0, 30_000]);
    runs.iter_mut().for_each(|run| run.header.oscillator = None);
    summarise("run-2", &runs)
}

fn row(source: StampSource, open: bool) -> OrderRow {
    let load = if open { Load::Open { commands_per_s: 500 } } else { Load::Saturated };
    OrderRow {
        phase: Phase { index: 0, source, load, payload_bytes: 64, batch: 64, duration_ns: 2_000_000_000 },
        agents: 3,
        commands: 6_000_000,
        commands_per_s: 3_000_000.0,
        latency: open.then_some([300_000, 2_500_000, 5_000_000]),
        cpu_ns_per_command: Some(71.25),
        floor_ns_per_command: Some(47.5),
        inversions: open.then_some((100, Some(0.05))),
        digest: Some(7),
        agree: true,
        unfinished: 0,
        eps: Some((Nanos(900), Nanos(950))),
        floor_commands_per_s: Some(6_400_000.0),
        issued: 6_100_000,
        acknowledged: Some(6_100_000),
        missing: 0,
        repeated: 0,
        stamping: Some(StampingCost { ns_per_command: 2.5, share: 0.0125 }),
    }
}

/// What a run of a workload in virtual time was given.
pub fn given(workload: &'static str) -> Given<'static> {
    Given {
        workload,
        nodes: 3,
        delay: Some(Nanos(5)),
        jitter: Some(Nanos(0)),
        rate_per_s: Some(10.0),
        span: Nanos::from_seconds(2),
        seed: 7,
        ..Given::told(Workload::Mutex, &TERMS)
    }
}

//! What is compared: every column with its unit, and which direction is better. This is the one place that says so.

use super::bootstrap::Statistic;
use crate::analysis::arcs::{ArcRow, Quantiles};
use crate::analysis::ordering::OrderRow;
use crate::analysis::summary::{Row, Verdict};
use crate::theory::Bounds;
use crate::time::Nanos;

/// Which direction is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither: the value describes, and is never called worse.
    Neither,
}

impl Better {
    /// The word in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Neither => "neither",
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Column {
    /// Its name, as in the table's own file.
    pub name: &'static str,
    /// Its unit; empty for counts and shares.
    pub unit: &'static str,
    /// Which direction is better.
    pub better: Better,
    /// Differences up to this cannot be measured.
    pub resolution: f64,
}

impl Column {
    const fn new(name: &'static str, unit: &'static str, better: Better) -> Self {
        Self { name, unit, better, resolution: 0.0 }
    }
}

/// What makes a spread for a column of a single run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Source {
    /// This statistic of eps over time.
    Eps(Statistic),
    /// Nothing: only repeats tell.
    Repeats,
    /// It is a fact.
    Fact,
}

/// A column, and how to find it in a `T`; `None` where it is unknown.
#[derive(Debug)]
pub struct Measure<T: ?Sized> {
    /// The column.
    pub column: Column,
    /// What makes its spread.
    pub source: Source,
    /// Finds it.
    pub pick: fn(&T) -> Option<f64>,
}

const fn repeats<T: ?Sized>(
    name: &'static str,
    unit: &'static str,
    better: Better,
    pick: fn(&T) -> Option<f64>,
) -> Measure<T> {
    Measure { column: Column::new(name, unit, better), source: Source::Repeats, pick }
}

const fn fact<T: ?Sized>(name: &'static str, pick: fn(&T) -> Option<f64>) -> Measure<T> {
    Measure { column: Column::new(name, "", Higher), source: Source::Fact, pick }
}

/// A quantile of eps, which is exact to 2 ns in each run.
const fn eps(name: &'static str, statistic: Statistic, pick: fn(&Clock) -> Option<f64>) -> Measure<Clock> {
    let column = Column { resolution: 2.0, ..Column::new(name, "ns", Lower) };
    Measure { column, source: Source::Eps(statistic), pick }
}

use Better::{Higher, Lower, Neither};

/// One algorithm's clocks, with what theory promises of them where it does.
#[derive(Clone, Debug)]
pub struct Clock {
    /// What they did.
    pub row: Row,
    /// What was promised, as summary.csv has it.
    pub bounds: Option<Bounds>,
    /// Eps over the tight bound.
    pub tightness: Option<f64>,
    /// Whether the safe bound was kept.
    pub verdict: Verdict,
}

/// Of `summary.csv`. The free-running clock's skew is what a lab injects: there, no direction is better.
pub const SUMMARY: &[Measure<Clock>] = &[
    eps("eps_true_ns_p50", Statistic::P50, |clock| ns(clock.row.skew?.p50)),
    eps("eps_true_ns_p99", Statistic::P99, |clock| ns(clock.row.skew?.p99)),
    eps("eps_true_ns_max", Statistic::Max, |clock| ns(clock.row.skew?.max)),
    fact("within_bound", |clock| match (clock.bounds, clock.verdict) {
        (None, _) | (_, Verdict::Unknown) => None,
        (_, Verdict::Within) => Some(1.0),
        (_, Verdict::Violated) => Some(0.0),
    }),
    repeats("bound_safe_ns", "ns", Lower, |clock| ns(clock.bounds?.safe)),
    repeats("bound_tight_ns", "ns", Lower, |clock| ns(clock.bounds?.tight)),
    repeats("tightness", "", Neither, |clock| clock.tightness),
    repeats("coverage", "", Higher, |clock| clock.row.coverage),
    repeats("claim_ns_p50", "ns", Lower, |clock| ns(clock.row.claim?)),
    repeats("claim_tightness", "", Neither, |clock| clock.row.tightness),
    repeats("bound_coverage", "", Higher, |clock| clock.row.bound_coverage),
    repeats("bias_ns", "ns", Neither, |clock| ns(clock.row.skew?.bias)),
    repeats("convergence_s", "s", Lower, |clock| Some(clock.row.skew?.convergence_s)),
    repeats("steps", "", Neither, |clock| clock.row.steps.map(|steps| steps as f64)),
];

/// Of `arcs.csv`, over all arcs: sums of counts, and the worst arc's quantiles.
pub const ARCS: &[Measure<[ArcRow]>] = &[
    repeats("lost_share", "", Lower, |arcs| {
        let sent = sum(arcs, |arc| arc.sent);
        (sent > 0.0).then(|| sum(arcs, |arc| arc.sent.saturating_sub(arc.received)) / sent)
    }),
    repeats("delay_ns_p50", "ns", Neither, |arcs| worst(arcs, |arc| Some(arc.delay?.p50))),
    repeats("delay_ns_p99", "ns", Neither, |arcs| worst(arcs, |arc| Some(arc.delay?.p99))),
    repeats("offset_error_kernel_ns_p50", "ns", Lower, |arcs| half(worst(arcs, |arc| wire(arc, |q| q.p50)))),
    repeats("offset_error_kernel_ns_p99", "ns", Lower, |arcs| half(worst(arcs, |arc| wire(arc, |q| q.p99)))),
    repeats("offset_error_user_ns_p50", "ns", Lower, |arcs| half(worst(arcs, |arc| user(arc, |q| q.p50)))),
    repeats("offset_error_user_ns_p99", "ns", Lower, |arcs| half(worst(arcs, |arc| user(arc, |q| q.p99)))),
    repeats("send_lateness_ns_p50", "ns", Lower, |arcs| worst(arcs, |arc| Some(arc.lateness?.p50))),
    repeats("send_lateness_ns_p99", "ns", Lower, |arcs| worst(arcs, |arc| Some(arc.lateness?.p99))),
    repeats("slots_missed", "", Lower, |arcs| Some(sum(arcs, |arc| arc.slots_missed))),
    repeats("over_credited", "", Lower, |arcs| Some(sum(arcs, |arc| arc.over_credited))),
];

/// Of `ordering.csv`.
pub const ORDERING: &[Measure<OrderRow>] = &[
    repeats("commands_per_s", "1/s", Higher, |row| Some(row.commands_per_s)),
    repeats("share_of_floor", "", Higher, |row| {
        row.floor_commands_per_s.filter(|floor| *floor > 0.0).map(|floor| row.commands_per_s / floor)
    }),
    repeats("latency_ns_p50", "ns", Lower, |row| Some(row.latency?[0] as f64)),
    repeats("latency_ns_p99", "ns", Lower, |row| Some(row.latency?[1] as f64)),
    repeats("latency_ns_p999", "ns", Lower, |row| Some(row.latency?[2] as f64)),
    repeats("cpu_ns_per_command", "ns", Lower, |row| row.cpu_ns_per_command),
    repeats("inversion_rate", "", Lower, |row| row.inversions?.1),
    fact("agree", |row| Some(if row.agree { 1.0 } else { 0.0 })),
];

/// Of `bench.csv`: the ratio to the clock read of the same run, from which the machine's speed cancels.
pub const BENCH_RATIO: Column = Column::new("ratio_to_clock_read", "", Lower);
/// Of `bench.csv`, beside the ratio: a machine's own speed is nobody's merit.
pub const BENCH_NS: Column = Column::new("ns", "ns", Neither);
/// Of `bench.csv`, where there is no clock read to cancel the machine's speed.
pub const BENCH_NS_ALONE: Column = Column::new("ns", "ns", Lower);

fn ns(span: Nanos) -> Option<f64> {
    Some(span.0 as f64)
}

fn sum(arcs: &[ArcRow], count: fn(&ArcRow) -> u64) -> f64 {
    arcs.iter().map(|arc| count(arc) as f64).sum()
}

fn worst(arcs: &[ArcRow], pick: fn(&ArcRow) -> Option<i64>) -> Option<f64> {
    arcs.iter().filter_map(pick).max().map(|worst| worst as f64)
}

fn half(twice: Option<f64>) -> Option<f64> {
    twice.map(|twice| twice / 2.0)
}

fn wire(arc: &ArcRow, pick: fn(&Quantiles) -> i64) -> Option<i64> {
    arc.twice_error_wire.as_ref().map(pick)
}

fn user(arc: &ArcRow, pick: fn(&Quantiles) -> i64) -> Option<i64> {
    arc.twice_error_user.as_ref().map(pick)
}

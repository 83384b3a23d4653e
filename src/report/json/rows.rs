//! The rows of the tables: one for each clock, arc, ordering phase, and the time series by column.

use serde::Serialize;

use crate::analysis::arcs::{ArcRow, Quantiles};
use crate::analysis::audit::ClaimRow;
use crate::analysis::events::{Event, Subject};
use crate::analysis::loops::Loop;
use crate::analysis::ordering::{COMMANDS_PER_S_IS, OrderRow};
use crate::analysis::parameters::{Parameter, Unit};
use crate::analysis::series::{Cell, Series};
use crate::analysis::stability::Stable;
use crate::analysis::summary::Row;
use crate::ids::{Algorithm, NodeId};
use crate::order::report::TRANSPORT;
use crate::report::text::verdict_of;
use crate::time::Nanos;

/// A number as the CSV files show it, to six decimals; what is not finite is unknown.
pub fn millionths(value: f64) -> Option<f64> {
    as_shown(value, 6)
}

fn tenths(value: f64) -> Option<f64> {
    as_shown(value, 1)
}

/// The very number of the text: rounding by arithmetic differs from it at halves.
fn as_shown(value: f64, decimals: usize) -> Option<f64> {
    format!("{value:.decimals$}").parse().ok().filter(|shown: &f64| shown.is_finite())
}

/// One algorithm.
#[derive(Serialize)]
pub struct Clock<'a> {
    algorithm: &'a str,
    eps_true_ns_p50: Option<i64>,
    eps_true_ns_p99: Option<i64>,
    eps_true_ns_max: Option<i64>,
    eps_low_ns: Option<i64>,
    eps_high_ns: Option<i64>,
    coverage: Option<f64>,
    claim_ns_p50: Option<i64>,
    claim_tightness: Option<f64>,
    bound_coverage: Option<f64>,
    bias_ns: Option<i64>,
    convergence_s: Option<f64>,
    steps: Option<u64>,
    worst_pair: Option<[NodeId; 2]>,
    worst_at_s: Option<f64>,
}

impl Clock<'_> {
    /// The numbers of a row.
    pub fn of(row: &Row) -> Self {
        let skew = row.skew.as_ref();
        Self {
            algorithm: row.algorithm.name(),
            eps_true_ns_p50: skew.map(|skew| skew.p50.0),
            eps_true_ns_p99: skew.map(|skew| skew.p99.0),
            eps_true_ns_max: skew.map(|skew| skew.max.0),
            eps_low_ns: None,
            eps_high_ns: None,
            coverage: row.coverage.and_then(millionths),
            claim_ns_p50: row.claim.map(|claim| claim.0),
            claim_tightness: row.tightness.and_then(millionths),
            bound_coverage: row.bound_coverage.and_then(millionths),
            bias_ns: skew.map(|skew| skew.bias.0),
            convergence_s: skew.and_then(|skew| millionths(skew.convergence_s)),
            steps: row.steps,
            worst_pair: skew.map(|skew| [skew.worst_pair.0, skew.worst_pair.1]),
            worst_at_s: skew.and_then(|skew| millionths(skew.worst_at_s)),
        }
    }
}

/// One arc.
#[derive(Serialize)]
pub struct ArcNumbers {
    from: NodeId,
    to: NodeId,
    sent: u64,
    received: u64,
    lost: u64,
    duplicated: u64,
    reordered: u64,
    late: Option<u64>,
    mu_ns: i64,
    nu_ns: Option<i64>,
    xi_ns: Option<i64>,
    xi_quantile: Option<f64>,
    tau_ns: i64,
    tau_eff_ns: Option<i64>,
    kappa_ppb: i64,
    delay_ns_p50: Option<i64>,
    delay_ns_p99: Option<i64>,
    delay_ns_max: Option<i64>,
    offset_error_kernel_ns_p50: Option<f64>,
    offset_error_kernel_ns_p99: Option<f64>,
    offset_error_user_ns_p50: Option<f64>,
    offset_error_user_ns_p99: Option<f64>,
    exchanges_user: u64,
    exchanges_kernel: u64,
    exchanges_hardware: u64,
    send_lateness_ns_p50: Option<i64>,
    send_lateness_ns_p99: Option<i64>,
    send_lateness_ns_max: Option<i64>,
    slots_missed: u64,
    negative_delays: u64,
    negative_round_trips: u64,
    over_credited: u64,
    largest_excess_ns: i64,
}

impl ArcNumbers {
    /// The numbers of a row.
    pub fn of(row: &ArcRow) -> Self {
        let quantile = |found: Option<Quantiles>, pick: fn(&Quantiles) -> i64| found.as_ref().map(pick);
        let half = |found: Option<Quantiles>, pick: fn(&Quantiles) -> i64| found.map(|found| pick(&found) as f64 / 2.0);
        let [exchanges_user, exchanges_kernel, exchanges_hardware] = row.exchanges;
        Self {
            from: row.arc.from,
            to: row.arc.to,
            sent: row.sent,
            received: row.received,
            lost: row.sent.saturating_sub(row.received),
            duplicated: row.duplicated,
            reordered: row.reordered,
            late: row.late,
            mu_ns: row.mu.0,
            nu_ns: row.xi.map(|xi| (row.mu + xi).0),
            xi_ns: row.xi.map(|xi| xi.0),
            xi_quantile: row.xi_quantile.and_then(millionths),
            tau_ns: row.tau.0,
            tau_eff_ns: row.tau_eff.map(|tau| tau.0),
            kappa_ppb: row.kappa.0,
            delay_ns_p50: quantile(row.delay, |q| q.p50),
            delay_ns_p99: quantile(row.delay, |q| q.p99),
            delay_ns_max: quantile(row.delay, |q| q.max),
            offset_error_kernel_ns_p50: half(row.twice_error_wire, |q| q.p50),
            offset_error_kernel_ns_p99: half(row.twice_error_wire, |q| q.p99),
            offset_error_user_ns_p50: half(row.twice_error_user, |q| q.p50),
            offset_error_user_ns_p99: half(row.twice_error_user, |q| q.p99),
            exchanges_user,
            exchanges_kernel,
            exchanges_hardware,
            send_lateness_ns_p50: quantile(row.lateness, |q| q.p50),
            send_lateness_ns_p99: quantile(row.lateness, |q| q.p99),
            send_lateness_ns_max: quantile(row.lateness, |q| q.max),
            slots_missed: row.slots_missed,
            negative_delays: row.negative_delays,
            negative_round_trips: row.negative_round_trips,
            over_credited: row.over_credited,
            largest_excess_ns: row.largest_excess.0,
        }
    }
}

/// One ordering phase.
#[derive(Serialize)]
pub struct Order<'a> {
    algorithm: &'a str,
    nodes: u32,
    load: &'a str,
    payload_bytes: u32,
    batch: u32,
    duration_s: f64,
    commands: u64,
    commands_per_s: Option<f64>,
    latency_ns_p50: Option<u64>,
    latency_ns_p99: Option<u64>,
    latency_ns_p999: Option<u64>,
    cpu_ns_per_command: Option<f64>,
    floor_ns_per_command: Option<f64>,
    inversions: Option<u64>,
    inversion_rate: Option<f64>,
    order_digest: Option<String>,
    agree: bool,
    eps_true_ns_p50: Option<i64>,
    eps_true_ns_max: Option<i64>,
    floor_commands_per_s: Option<f64>,
    commands_issued: u64,
    commands_acknowledged: Option<u64>,
    commands_per_s_is: &'a str,
    cores: Option<u32>,
    transport: &'a str,
}

impl Order<'_> {
    /// The numbers of a row, measured on hosts of so many cores; zero if that is not known.
    pub fn of(row: &OrderRow, cores: u32) -> Self {
        Self {
            algorithm: row.phase.source.name(),
            nodes: row.agents,
            load: row.phase.load.name(),
            payload_bytes: row.phase.payload_bytes,
            batch: row.phase.batch,
            duration_s: Nanos(row.phase.duration_ns).as_seconds(),
            commands: row.commands,
            commands_per_s: tenths(row.commands_per_s),
            latency_ns_p50: row.latency.map(|latency| latency[0]),
            latency_ns_p99: row.latency.map(|latency| latency[1]),
            latency_ns_p999: row.latency.map(|latency| latency[2]),
            cpu_ns_per_command: row.cpu_ns_per_command.and_then(tenths),
            floor_ns_per_command: row.floor_ns_per_command.and_then(tenths),
            inversions: row.inversions.map(|(count, _)| count),
            inversion_rate: row.inversions.and_then(|(_, rate)| rate).and_then(millionths),
            order_digest: row.digest.map(|digest| format!("{digest:016x}")),
            agree: row.agree,
            eps_true_ns_p50: row.eps.map(|eps| eps.0.0),
            eps_true_ns_max: row.eps.map(|eps| eps.1.0),
            floor_commands_per_s: row.floor_commands_per_s.and_then(tenths),
            commands_issued: row.issued,
            commands_acknowledged: row.acknowledged,
            commands_per_s_is: COMMANDS_PER_S_IS,
            cores: Some(cores).filter(|cores| *cores > 0),
            transport: TRANSPORT,
        }
    }
}

/// One statistic of one clock at one τ.
#[derive(Serialize)]
pub struct Stability<'a> {
    algorithm: &'a str,
    node: NodeId,
    statistic: &'a str,
    tau_s: Option<f64>,
    terms: u64,
    value: f64,
}

impl<'a> Stability<'a> {
    /// The numbers of a clock, none of which is other than finite.
    pub fn of(clock: &'a Stable) -> impl Iterator<Item = Self> {
        clock.curves.rows.iter().map(|row| Self {
            algorithm: clock.algorithm.name(),
            node: clock.node,
            statistic: row.statistic.name(),
            tau_s: millionths(row.tau_s),
            terms: row.estimate.terms as u64,
            value: row.estimate.value,
        })
    }
}

/// The time series, by column.
#[derive(Serialize)]
pub struct Epsilon<'a> {
    pairs: Vec<[NodeId; 2]>,
    clocks: Vec<Columns<'a>>,
}

/// One algorithm over time; element `n` of every column is of one cell of time.
#[derive(Serialize)]
struct Columns<'a> {
    algorithm: &'a str,
    t_s: Vec<Option<f64>>,
    eps_true_ns: Vec<i64>,
    offsets_ns: Vec<Vec<i64>>,
}

impl Epsilon<'_> {
    /// The numbers of a series.
    pub fn of(series: &Series) -> Self {
        let pairs: Vec<(usize, usize)> = series.pairs().collect();
        let named = |(i, j): &(usize, usize)| [series.nodes[*i], series.nodes[*j]];
        let shown = Algorithm::ALL.into_iter().filter(|algorithm| series.of(*algorithm).next().is_some());
        let clocks = shown.map(|algorithm| Columns::of(algorithm, series, &pairs)).collect();
        Self { pairs: pairs.iter().map(named).collect(), clocks }
    }
}

impl Columns<'_> {
    fn of(algorithm: Algorithm, series: &Series, pairs: &[(usize, usize)]) -> Self {
        let cells: Vec<&Cell> = series.of(algorithm).collect();
        let offset = |(i, j): &(usize, usize)| {
            cells.iter().map(|cell| (cell.ahead_ns[*j] - cell.ahead_ns[*i]).round() as i64).collect()
        };
        Self {
            algorithm: algorithm.name(),
            t_s: cells.iter().map(|cell| millionths(cell.t_s)).collect(),
            eps_true_ns: cells.iter().map(|cell| cell.eps_ns.round() as i64).collect(),
            offsets_ns: pairs.iter().map(offset).collect(),
        }
    }
}

/// One event.
#[derive(Serialize)]
pub struct Happened<'a> {
    kind: &'a str,
    node: Option<NodeId>,
    from: Option<NodeId>,
    to: Option<NodeId>,
    t_s: Option<f64>,
    duration_s: Option<f64>,
    size_ns: Option<i64>,
    rate_ppb: Option<i64>,
    seen_by: &'a [NodeId],
}

impl<'a> Happened<'a> {
    /// The numbers of a row.
    pub fn of(event: &'a Event) -> Self {
        let (node, arc) = match event.subject {
            Subject::Node(node) => (Some(node), None),
            Subject::Arc(arc) => (None, Some(arc)),
        };
        Self {
            kind: event.kind.name(),
            node,
            from: arc.map(|arc| arc.from),
            to: arc.map(|arc| arc.to),
            t_s: millionths(event.at_s),
            duration_s: millionths(event.duration_s),
            size_ns: event.size.map(|size| size.0),
            rate_ppb: event.rate.map(|rate| rate.0),
            seen_by: &event.seen_by,
        }
    }
}

/// What a loop of links reveals.
#[derive(Serialize)]
pub struct LoopNumbers<'a> {
    nodes: &'a [NodeId],
    windows: usize,
    asymmetry_ns: i64,
    low_ns: i64,
    high_ns: i64,
    seen: bool,
    surplus_ns: i64,
    closing_correction_ns: i64,
}

impl<'a> LoopNumbers<'a> {
    /// The numbers of a row.
    pub fn of(row: &'a Loop) -> Self {
        Self {
            nodes: &row.nodes,
            windows: row.windows,
            asymmetry_ns: row.asymmetry_ns.round() as i64,
            low_ns: row.low_ns.floor() as i64,
            high_ns: row.high_ns.ceil() as i64,
            seen: row.is_asymmetric(),
            surplus_ns: row.surplus_ns().round() as i64,
            closing_correction_ns: row.correction_ns.round() as i64,
        }
    }
}

/// What one source of one host claims.
#[derive(Serialize)]
pub struct Claimed<'a> {
    node: NodeId,
    source: &'a str,
    readings: u64,
    synchronised_share: Option<f64>,
    error_bound_p50_ns: Option<i64>,
    error_bound_max_ns: Option<i64>,
    offset_p50_ns: Option<i64>,
    offset_max_ns: Option<i64>,
    estimated_error_p50_ns: Option<i64>,
    estimated_error_max_ns: Option<i64>,
    verdict: &'a str,
    judged: Option<u64>,
    refuted: Option<u64>,
    worst_excess_ns: Option<i64>,
}

impl Claimed<'_> {
    /// The numbers of a row.
    pub fn of(row: &ClaimRow) -> Self {
        Self {
            node: row.node,
            source: row.source.name(),
            readings: row.readings,
            synchronised_share: millionths(row.synchronised_share),
            error_bound_p50_ns: row.error_bound.map(|bound| bound.0.0),
            error_bound_max_ns: row.error_bound.map(|bound| bound.1.0),
            offset_p50_ns: row.offset.map(|offset| offset.0.0),
            offset_max_ns: row.offset.map(|offset| offset.1.0),
            estimated_error_p50_ns: row.estimated_error.map(|error| error.0.0),
            estimated_error_max_ns: row.estimated_error.map(|error| error.1.0),
            verdict: verdict_of(row),
            judged: row.audit.map(|audit| audit.judged),
            refuted: row.audit.map(|audit| audit.refuted),
            worst_excess_ns: row.audit.map(|audit| audit.worst_excess.0),
        }
    }
}

/// One number that stamps alone show, and what it rests on.
#[derive(Serialize)]
pub struct ParameterNumbers<'a> {
    symbol: &'a str,
    of: String,
    label: &'a str,
    window: &'a str,
    value_ns: Option<i64>,
    low_ns: Option<i64>,
    high_ns: Option<i64>,
    value_ppb: Option<i64>,
    low_ppb: Option<i64>,
    high_ppb: Option<i64>,
    value_hops: Option<i64>,
    how: &'a str,
}

impl<'a> ParameterNumbers<'a> {
    /// The numbers of a row.
    pub fn of(row: &'a Parameter) -> Self {
        let of = |unit: Unit, number: Option<i64>| number.filter(|_| row.symbol.unit() == unit);
        Self {
            symbol: row.symbol.name(),
            of: row.of.to_string(),
            label: row.label.name(),
            window: row.window.name(),
            value_ns: of(Unit::Ns, row.value),
            low_ns: of(Unit::Ns, row.low),
            high_ns: of(Unit::Ns, row.high),
            value_ppb: of(Unit::Ppb, row.value),
            low_ppb: of(Unit::Ppb, row.low),
            high_ppb: of(Unit::Ppb, row.high),
            value_hops: of(Unit::Hops, row.value),
            how: row.how,
        }
    }
}

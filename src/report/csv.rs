//! The CSV files. The same summary gives the same bytes; what is unknown is empty; units are in the column names.

use std::fmt::Display;

use csv::Writer;

use super::stability::number;
use super::text::verdict_of;
use super::workload;
use crate::analysis::Summary;
use crate::analysis::arcs::{ArcRow, Quantiles};
use crate::analysis::audit::ClaimRow;
use crate::analysis::certificate::Certified;
use crate::analysis::events::{Event, Subject};
use crate::analysis::loops::Loop;
use crate::analysis::ordering::{COMMANDS_PER_S_IS, OrderRow};
use crate::analysis::parameters::{Parameter, Unit};
use crate::analysis::proved::Proved;
use crate::analysis::skew::Skew;
use crate::analysis::summary::Row;
use crate::ids::{Algorithm, NodeId};
use crate::order::report::TRANSPORT;
use crate::theory::{Bounds, TauCeiling};
use crate::time::{NANOS_PER_SECOND, Nanos};

const SUMMARY_COLUMNS: &str = "run_id,git_commit,seed,nodes,diameter,tau_ns,duration_s,warmup_s,algorithm,\
    eps_true_ns_p50,eps_true_ns_p99,eps_true_ns_max,eps_low_ns,eps_high_ns,bound_seed_ns,bound_safe_ns,bound_tight_ns,\
    bound_paper_ns,tightness,coverage,bias_ns,convergence_s,steps,worst_pair,worst_at_s,verdict,tau_max_ns,dominant_term,\
    bound_coverage,claim_ns_p50,claim_tightness";

const ARC_COLUMNS: &str = "from,to,sent,received,lost,duplicated,reordered,late,mu_ns,nu_ns,xi_ns,xi_quantile,tau_ns,\
    tau_eff_ns,kappa_ppb,delay_ns_p50,delay_ns_p99,delay_ns_max,offset_error_kernel_ns_p50,offset_error_kernel_ns_p99,\
    offset_error_user_ns_p50,offset_error_user_ns_p99,exchanges_user,exchanges_kernel,exchanges_hardware,\
    send_lateness_ns_p50,send_lateness_ns_p99,send_lateness_ns_max,slots_missed,negative_delays,negative_round_trips,\
    over_credited";

const ORDERING_COLUMNS: &str = "algorithm,nodes,load,payload_bytes,batch,duration_s,commands,commands_per_s,\
    latency_ns_p50,latency_ns_p99,latency_ns_p999,cpu_ns_per_command,floor_ns_per_command,inversions,inversion_rate,\
    order_digest,agree,eps_true_ns_p50,eps_true_ns_max,floor_commands_per_s,commands_issued,commands_acknowledged,\
    commands_per_s_is,cores,transport";

const CLAIM_COLUMNS: &str = "node,source,readings,synchronised_share,error_bound_p50_ns,error_bound_max_ns,\
    offset_p50_ns,offset_max_ns,estimated_error_p50_ns,estimated_error_max_ns,verdict,judged,refuted,worst_excess_ns";

/// `claims.csv`: one row for each host and source; offsets by their size.
pub fn claims_csv(summary: &Summary) -> Vec<u8> {
    file(columns(CLAIM_COLUMNS), summary.claims.iter().map(claim_row))
}

fn claim_row(row: &ClaimRow) -> Vec<String> {
    let [bound_p50, bound_max] = [row.error_bound.map(|bound| bound.0), row.error_bound.map(|bound| bound.1)];
    let [offset_p50, offset_max] = [row.offset.map(|offset| offset.0), row.offset.map(|offset| offset.1)];
    vec![
        row.node.to_string(),
        row.source.name().to_owned(),
        row.readings.to_string(),
        share(row.synchronised_share),
        ns(bound_p50),
        ns(bound_max),
        ns(offset_p50),
        ns(offset_max),
        ns(row.estimated_error.map(|error| error.0)),
        ns(row.estimated_error.map(|error| error.1)),
        verdict_of(row).to_owned(),
        text(row.audit.map(|audit| audit.judged)),
        text(row.audit.map(|audit| audit.refuted)),
        ns(row.audit.map(|audit| audit.worst_excess)),
    ]
}

const EVENT_COLUMNS: &str = "kind,node,from,to,t_s,duration_s,size_ns,rate_ppb,seen_by";

/// `events.csv`: one row for each event, in order of time; `seen_by` has nodes with spaces between.
pub fn events_csv(summary: &Summary) -> Vec<u8> {
    file(columns(EVENT_COLUMNS), summary.events.iter().map(event_row))
}

fn event_row(event: &Event) -> Vec<String> {
    let [node, from, to] = match event.subject {
        Subject::Node(node) => [Some(node), None, None],
        Subject::Arc(arc) => [None, Some(arc.from), Some(arc.to)],
    };
    let (t_s, duration_s) = (seconds(event.at_s), seconds(event.duration_s));
    let seen_by: Vec<String> = event.seen_by.iter().map(NodeId::to_string).collect();
    let (size, rate) = (ns(event.size), text(event.rate.map(|rate| rate.0)));
    vec![event.kind.name().to_owned(), text(node), text(from), text(to), t_s, duration_s, size, rate, seen_by.join(" ")]
}

const LOOP_COLUMNS: &str = "loop,links,windows,asymmetry_ns,low_ns,high_ns,seen,surplus_ns,closing_correction_ns";

/// `loops.csv`: one row for each independent loop of links; its asymmetry is how much longer the least delays are in the order
/// of the nodes than against it, its surplus half of that.
pub fn loops_csv(summary: &Summary) -> Vec<u8> {
    file(columns(LOOP_COLUMNS), summary.loops.rows.iter().map(loop_row))
}

fn loop_row(row: &Loop) -> Vec<String> {
    vec![
        row.name(),
        row.nodes.len().to_string(),
        row.windows.to_string(),
        rounded(row.asymmetry_ns),
        rounded(row.low_ns.floor()),
        rounded(row.high_ns.ceil()),
        if row.is_asymmetric() { "yes" } else { "no" }.to_owned(),
        rounded(row.surplus_ns()),
        rounded(row.correction_ns),
    ]
}

const PARAMETER_COLUMNS: &str =
    "symbol,of,label,window,value_ns,low_ns,high_ns,value_ppb,low_ppb,high_ppb,value_hops,how";

/// `parameters.csv`: one row for each number that stamps alone show, with what it rests on. An empty end is open.
pub fn parameters_csv(summary: &Summary) -> Vec<u8> {
    file(columns(PARAMETER_COLUMNS), summary.parameters.iter().map(parameter_row))
}

fn parameter_row(row: &Parameter) -> Vec<String> {
    let of = |unit: Unit, number: Option<i64>| text(number.filter(|_| row.symbol.unit() == unit));
    let mut fields =
        [row.symbol.name(), &row.of.to_string(), row.label.name(), row.window.name()].map(str::to_owned).to_vec();
    for unit in [Unit::Ns, Unit::Ppb] {
        fields.extend([row.value, row.low, row.high].map(|number| of(unit, number)));
    }
    fields.extend([of(Unit::Hops, row.value), row.how.to_owned()]);
    fields
}

const LIMIT_COLUMNS: &str = "limit,limit_ns,algorithm,eps_true_ns_max,eps_over_limit";

/// `limits.csv`: one row for each limit and algorithm: what the best algorithm could have promised, and what this one did.
pub fn limits_csv(summary: &Summary) -> Vec<u8> {
    let rows = summary.optimum.limits().flat_map(|(limit, least)| {
        summary.rows.iter().map(move |row| {
            let eps = row.skew.map(|skew| skew.max);
            let over = eps.filter(|_| least > Nanos::ZERO).map(|eps| eps.0 as f64 / least.0 as f64);
            vec![
                limit.name().to_owned(),
                ns(Some(least)),
                row.algorithm.to_string(),
                ns(eps),
                over.map_or_else(String::new, share),
            ]
        })
    });
    file(columns(LIMIT_COLUMNS), rows)
}

const CERTIFICATE_COLUMNS: &str = "algorithm,eps_low_ns,eps_high_ns,eps_grid_ns,worst_pair,worst_at_s";
const PAIR_COLUMNS: &str = "algorithm,own,other,apart_low_ns,apart_high_ns,eps_grid_ns,worst_at_s";
const BAND_COLUMNS: &str = "algorithm,t_s,eps_low_ns,eps_high_ns";

/// `certificate.csv`: one row for each algorithm of which eps is proved to have been between two limits.
pub fn certificate_csv(summary: &Summary) -> Vec<u8> {
    let rows = proved(summary).map(|(proved, certified)| {
        let worst = proved.worst(certified);
        vec![
            certified.algorithm.to_string(),
            ns(Some(certified.eps_low)),
            ns(certified.eps_high),
            ns(certified.eps_high.map(|_| certified.eps_grid)),
            worst.map_or_else(String::new, |(own, other, _)| format!("{own}-{other}")),
            worst.map_or_else(String::new, |(.., at)| seconds(at)),
        ]
    });
    file(columns(CERTIFICATE_COLUMNS), rows)
}

/// `pairs.csv`: the same for each pair of nodes.
pub fn pairs_csv(summary: &Summary) -> Vec<u8> {
    let rows = proved(summary).flat_map(|(proved, certified)| {
        certified.pairs.iter().map(move |pair| {
            vec![
                certified.algorithm.to_string(),
                pair.own.to_string(),
                pair.other.to_string(),
                ns(Some(pair.low)),
                ns(pair.high),
                ns(pair.high.map(|_| pair.grid)),
                proved.at_s.get(pair.worst).map_or_else(String::new, |at| seconds(*at)),
            ]
        })
    });
    file(columns(PAIR_COLUMNS), rows)
}

/// `epsilon_certified.csv`: what eps was proved to be between, from one instant of the grid to the next.
pub fn band_csv(summary: &Summary) -> Vec<u8> {
    let rows = proved(summary).flat_map(|(proved, certified)| {
        certified.over_time.iter().map(move |cell| {
            let at = proved.at_s.get(cell.instant).map_or_else(String::new, |at| seconds(*at));
            vec![certified.algorithm.to_string(), at, ns(Some(cell.low)), ns(cell.high)]
        })
    });
    file(columns(BAND_COLUMNS), rows)
}

fn proved(summary: &Summary) -> impl Iterator<Item = (&Proved, &Certified)> {
    summary.proved.iter().flat_map(|proved| proved.certificate.algorithms.iter().map(move |one| (proved, one)))
}

const STABILITY_COLUMNS: &str = "algorithm,node,statistic,tau_s,terms,value";

/// `stability.csv`: one row for each clock, statistic and τ. Deviations are dimensionless unless their name has a unit.
pub fn stability_csv(summary: &Summary) -> Vec<u8> {
    let rows = summary.stability.iter().flat_map(|clock| {
        clock.curves.rows.iter().map(move |row| {
            vec![
                clock.algorithm.to_string(),
                clock.node.to_string(),
                row.statistic.name().to_owned(),
                seconds(row.tau_s),
                row.estimate.terms.to_string(),
                number(row.estimate.value),
            ]
        })
    });
    file(columns(STABILITY_COLUMNS), rows)
}

/// `summary.csv`: one row for each algorithm.
pub fn summary_csv(summary: &Summary) -> Vec<u8> {
    file(columns(SUMMARY_COLUMNS), summary.rows.iter().map(|row| summary_row(summary, row)))
}

/// `arcs.csv`: one row for each arc.
pub fn arcs_csv(summary: &Summary) -> Vec<u8> {
    file(columns(ARC_COLUMNS), summary.arcs.iter().map(arc_row))
}

/// `epsilon.csv`: the time series; `offset_i_j_ns` is C_j − C_i, positive if j is ahead.
pub fn epsilon_csv(summary: &Summary) -> Vec<u8> {
    let series = &summary.series;
    let pairs: Vec<(usize, usize)> = series.pairs().collect();
    let offset = |(i, j): &(usize, usize)| format!("offset_{}_{}_ns", series.nodes[*i], series.nodes[*j]);
    let header = columns("algorithm,t_s,eps_true_ns").into_iter().chain(pairs.iter().map(offset)).collect();
    let rows = series.cells.iter().map(|cell| {
        let mut row = vec![cell.algorithm.to_string(), seconds(cell.t_s), rounded(cell.eps_ns)];
        row.extend(pairs.iter().map(|(i, j)| rounded(cell.ahead_ns[*j] - cell.ahead_ns[*i])));
        row
    });
    file(header, rows)
}

/// `ordering.csv`: one row for each stamp source and load; where workloads were played, the table of `skewbench order`.
pub fn ordering_csv(summary: &Summary) -> Vec<u8> {
    if !summary.played.is_empty() {
        return workload::csv_of(summary);
    }
    file(columns(ORDERING_COLUMNS), summary.ordering.iter().map(|row| order_row(row, summary.facts.cores)))
}

fn columns(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn file(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    for row in [header].into_iter().chain(rows) {
        // A vector takes every byte, and all rows of a file are built with its columns.
        writer.write_record(&row).expect("rows of one length into memory");
    }
    writer.into_inner().expect("memory")
}

fn summary_row(summary: &Summary, row: &Row) -> Vec<String> {
    let facts = &summary.facts;
    let skew = row.skew.as_ref();
    let lamport = row.algorithm == Algorithm::Lamport;
    let certified = summary.proved.as_ref().and_then(|proved| proved.of(row.algorithm));
    let promise = summary.promise.as_ref().filter(|_| lamport);
    let mut fields = vec![
        facts.run_id.clone(),
        facts.git_commit.clone(),
        text(facts.seed),
        facts.nodes.to_string(),
        text(facts.diameter),
        ns(Some(facts.tau)),
        summary.duration.map_or_else(String::new, exact_seconds),
        summary.warm_up.map_or_else(String::new, exact_seconds),
        row.algorithm.to_string(),
        ns(skew.map(|skew| skew.p50)),
        ns(skew.map(|skew| skew.p99)),
        ns(skew.map(|skew| skew.max)),
        ns(certified.map(|certified| certified.eps_low)),
        ns(certified.and_then(|certified| certified.eps_high)),
    ];
    let tightness = promise.and_then(|promise| promise.tightness);
    fields.extend(promised(summary.bounds().filter(|_| lamport), tightness));
    fields.push(row.coverage.map_or_else(String::new, share));
    fields.extend(observed(row, skew));
    fields.push(if lamport { summary.verdict.name().to_owned() } else { String::new() });
    fields.push(promise.and_then(|promise| promise.tau_ceiling).map_or_else(String::new, tau_max));
    fields.push(text(promise.map(|promise| promise.premises.dominant().name())));
    fields.extend([row.bound_coverage.map_or_else(String::new, share), ns(row.claim)]);
    fields.push(row.tightness.map_or_else(String::new, share));
    fields
}

fn promised(bounds: Option<Bounds>, tightness: Option<f64>) -> [String; 5] {
    [
        ns(bounds.map(|bounds| bounds.seed)),
        ns(bounds.map(|bounds| bounds.safe)),
        ns(bounds.map(|bounds| bounds.tight)),
        ns(bounds.map(|bounds| bounds.paper)),
        tightness.map_or_else(String::new, share),
    ]
}

fn observed(row: &Row, skew: Option<&Skew>) -> [String; 5] {
    [
        ns(skew.map(|skew| skew.bias)),
        skew.map_or_else(String::new, |skew| seconds(skew.convergence_s)),
        text(row.steps),
        skew.map_or_else(String::new, |skew| format!("{}-{}", skew.worst_pair.0, skew.worst_pair.1)),
        skew.map_or_else(String::new, |skew| seconds(skew.worst_at_s)),
    ]
}

fn tau_max(ceiling: TauCeiling) -> String {
    match ceiling {
        TauCeiling::AtMost(tau) => tau.0.to_string(),
        other => other.to_string(),
    }
}

fn arc_row(row: &ArcRow) -> Vec<String> {
    let quantile = |found: Option<Quantiles>, pick: fn(&Quantiles) -> i64| text(found.as_ref().map(pick));
    let half = |found: Option<Quantiles>, pick: fn(&Quantiles) -> i64| {
        found.as_ref().map_or_else(String::new, |found| format!("{:.1}", pick(found) as f64 / 2.0))
    };
    vec![
        row.arc.from.to_string(),
        row.arc.to.to_string(),
        row.sent.to_string(),
        row.received.to_string(),
        row.sent.saturating_sub(row.received).to_string(),
        row.duplicated.to_string(),
        row.reordered.to_string(),
        text(row.late),
        ns(Some(row.mu)),
        ns(row.xi.map(|xi| row.mu + xi)),
        ns(row.xi),
        row.xi_quantile.map_or_else(String::new, share),
        ns(Some(row.tau)),
        ns(row.tau_eff),
        row.kappa.0.to_string(),
        quantile(row.delay, |q| q.p50),
        quantile(row.delay, |q| q.p99),
        quantile(row.delay, |q| q.max),
        half(row.twice_error_wire, |q| q.p50),
        half(row.twice_error_wire, |q| q.p99),
        half(row.twice_error_user, |q| q.p50),
        half(row.twice_error_user, |q| q.p99),
        row.exchanges[0].to_string(),
        row.exchanges[1].to_string(),
        row.exchanges[2].to_string(),
        quantile(row.lateness, |q| q.p50),
        quantile(row.lateness, |q| q.p99),
        quantile(row.lateness, |q| q.max),
        row.slots_missed.to_string(),
        row.negative_delays.to_string(),
        row.negative_round_trips.to_string(),
        row.over_credited.to_string(),
    ]
}

fn order_row(row: &OrderRow, cores: u32) -> Vec<String> {
    let tenths = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
    vec![
        row.phase.source.name().to_owned(),
        row.agents.to_string(),
        row.phase.load.name().to_owned(),
        row.phase.payload_bytes.to_string(),
        row.phase.batch.to_string(),
        exact_seconds(Nanos(row.phase.duration_ns)),
        row.commands.to_string(),
        tenths(Some(row.commands_per_s)),
        text(row.latency.map(|latency| latency[0])),
        text(row.latency.map(|latency| latency[1])),
        text(row.latency.map(|latency| latency[2])),
        tenths(row.cpu_ns_per_command),
        tenths(row.floor_ns_per_command),
        text(row.inversions.map(|(count, _)| count)),
        row.inversions.and_then(|(_, rate)| rate).map_or_else(String::new, share),
        row.digest.map_or_else(String::new, |digest| format!("{digest:016x}")),
        if row.agree { "true" } else { "false" }.to_owned(),
        ns(row.eps.map(|eps| eps.0)),
        ns(row.eps.map(|eps| eps.1)),
        tenths(row.floor_commands_per_s),
        row.issued.to_string(),
        text(row.acknowledged),
        COMMANDS_PER_S_IS.to_owned(),
        text(Some(cores).filter(|cores| *cores > 0)),
        TRANSPORT.to_owned(),
    ]
}

fn text(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn ns(span: Option<Nanos>) -> String {
    text(span.map(|span| span.0))
}

/// Seconds to the nanosecond, without going through a float.
fn exact_seconds(span: Nanos) -> String {
    let sign = if span.0 < 0 { "-" } else { "" };
    let (whole, rest) =
        (span.0.unsigned_abs() / NANOS_PER_SECOND as u64, span.0.unsigned_abs() % NANOS_PER_SECOND as u64);
    format!("{sign}{whole}.{rest:09}")
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.6}")
}

fn share(share: f64) -> String {
    format!("{share:.6}")
}

fn rounded(ns: f64) -> String {
    (ns.round() as i64).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::summarise;
    use crate::analysis::testing::{MS, end, mesh};

    fn summary() -> Summary {
        let mut runs = mesh(&[0, 30_000]);
        runs.iter_mut().for_each(|run| end(run, 10_000 * MS));
        summarise("run-1", &runs)
    }

    fn lines(file: Vec<u8>) -> Vec<String> {
        String::from_utf8(file).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_summary_has_the_promise_on_the_lamport_row_only() {
        let found = lines(summary_csv(&summary()));
        assert_eq!(found[0], SUMMARY_COLUMNS);
        assert_eq!(
            found[1],
            "run-1,abc,7,2,1,100000000,10.000000000,3.000000000,free,30000,30000,30000,,,,,,,,,30000,0.000000,0,0-1,\
             3.000000,,,,,,"
        );
        assert_eq!(
            found[2],
            "run-1,abc,7,2,1,100000000,10.000000000,3.000000000,lamport,30000,30000,30000,,,160022,160024,160014,\
             160001,0.187484,,30000,0.000000,0,0-1,3.000000,WITHIN,499664999,d*xi,1.000000,,"
        );
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn every_file_has_rows_of_its_columns() {
        let summary = summary();
        let arcs = lines(arcs_csv(&summary));
        assert_eq!(
            arcs[1],
            "0,1,100,100,0,0,0,0,50000,200001,150001,1.000000,100000000,100000000,50000,200000,200000,200000,,,,,0,0,0,\
             70,70,70,0,0,0,0"
        );
        let epsilon = lines(epsilon_csv(&summary));
        assert_eq!(epsilon[0], "algorithm,t_s,eps_true_ns,offset_0_1_ns");
        assert_eq!(epsilon[1], "free,0.000000,30000,30000");
        assert_eq!(lines(ordering_csv(&summary)), [ORDERING_COLUMNS]);
        assert_eq!(lines(summary_csv(&Summary::default())).len(), 1);
    }

    #[test]
    fn seconds_are_exact() {
        assert_eq!(exact_seconds(Nanos(-1_500_000_001)), "-1.500000001");
        assert_eq!(exact_seconds(Nanos(i64::MIN)), "-9223372036.854775808");
    }
}

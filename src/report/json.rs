//! `report.json`: every number of the CSV files, and all that is known beside them, for programs.
//!
//! `docs/report.schema.json` says what each member means. The same summary gives the same bytes; what is unknown is
//! `null`; units are last in the names, before a quantile. Names are those of the CSV columns.

mod played;
mod proof;
mod rows;

use std::collections::BTreeMap;

use serde::Serialize;

use self::played::WorkloadNumbers;
use self::proof::Certificate;
use self::rows::{ArcNumbers, Claimed, Clock, Epsilon, Happened, LoopNumbers, Order, ParameterNumbers, Stability};
use super::terminal::sentence;
use crate::analysis::Summary;
use crate::analysis::optimum::Optimum;
use crate::analysis::parameters::CertifiedBound;
use crate::analysis::summary::Promise;
use crate::ids::NodeId;
use crate::theory::{Bounds, Premises, TauCeiling};
use crate::time::Nanos;

/// Version of the schema: it grows whenever a member is renamed, removed, or changes its meaning.
pub const SCHEMA: u32 = 1;

/// The whole report, with a line break at its end.
pub fn report_json(summary: &Summary) -> Vec<u8> {
    // Writing to a vector cannot fail, every map has keys of text, and no number is other than finite.
    let mut bytes = serde_json::to_vec(&Report::of(summary)).expect("a report into memory");
    bytes.push(b'\n');
    bytes
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    verdict: &'a str,
    exit_code: u8,
    sentence: String,
    run: Run<'a>,
    promise: Option<Promised<'a>>,
    certified_bound: Option<BoundNumbers<'a>>,
    residual_bound: Option<BoundNumbers<'a>>,
    parameters: Vec<ParameterNumbers<'a>>,
    limits: Limits,
    certificate: Option<Certificate<'a>>,
    clocks: Vec<Clock<'a>>,
    arcs: Vec<ArcNumbers>,
    ordering: Vec<Order<'a>>,
    workloads: Vec<WorkloadNumbers<'a>>,
    stability: Vec<Stability<'a>>,
    epsilon: Epsilon<'a>,
    claims: Vec<Claimed<'a>>,
    events: Vec<Happened<'a>>,
    loops: Vec<LoopNumbers<'a>>,
    counters: &'a BTreeMap<NodeId, BTreeMap<String, u64>>,
    notes: &'a [String],
}

impl<'a> Report<'a> {
    fn of(summary: &'a Summary) -> Self {
        Self {
            schema: SCHEMA,
            verdict: summary.verdict.name(),
            exit_code: summary.exit_code(),
            sentence: sentence(summary),
            run: Run::of(summary),
            promise: summary.promise.as_ref().map(Promised::of),
            certified_bound: summary.certified_bound.as_ref().map(BoundNumbers::of),
            residual_bound: summary.residual_bound.as_ref().map(BoundNumbers::of),
            parameters: summary.parameters.iter().map(ParameterNumbers::of).collect(),
            limits: Limits::of(&summary.optimum),
            certificate: summary.proved.as_ref().map(Certificate::of),
            clocks: summary.rows.iter().map(Clock::of).collect(),
            arcs: summary.arcs.iter().map(ArcNumbers::of).collect(),
            ordering: summary.ordering.iter().map(|row| Order::of(row, summary.facts.cores)).collect(),
            workloads: summary.played.iter().map(WorkloadNumbers::of).collect(),
            stability: summary.stability.iter().flat_map(Stability::of).collect(),
            epsilon: Epsilon::of(&summary.series),
            claims: summary.claims.iter().map(Claimed::of).collect(),
            events: summary.events.iter().map(Happened::of).collect(),
            loops: summary.loops.rows.iter().map(LoopNumbers::of).collect(),
            counters: &summary.counters,
            notes: &summary.notes,
        }
    }
}

#[derive(Serialize)]
struct Run<'a> {
    run_id: &'a str,
    git_commit: &'a str,
    /// As text: a JSON number of most readers holds no more than 53 bits.
    seed: Option<String>,
    nodes: u32,
    agents: u32,
    topology: &'a str,
    diameter: Option<u32>,
    tau_ns: i64,
    duration_s: Option<f64>,
    warmup_s: Option<f64>,
    reference: NodeId,
    hosts: u32,
    cores: u32,
    crowded_hosts: u32,
    kernel: &'a str,
    kernel_stamped_agents: u32,
    exchanges_user: u64,
    exchanges_kernel: u64,
    exchanges_hardware: u64,
}

impl<'a> Run<'a> {
    fn of(summary: &'a Summary) -> Self {
        let facts = &summary.facts;
        let [exchanges_user, exchanges_kernel, exchanges_hardware] = summary.exchanges();
        Self {
            run_id: &facts.run_id,
            git_commit: &facts.git_commit,
            seed: facts.seed.map(|seed| seed.to_string()),
            nodes: facts.nodes,
            agents: facts.agents,
            topology: &facts.topology,
            diameter: facts.diameter,
            tau_ns: facts.tau.0,
            duration_s: summary.duration.map(|span| span.as_seconds()),
            warmup_s: summary.warm_up.map(|span| span.as_seconds()),
            reference: facts.reference,
            hosts: facts.hosts,
            cores: facts.cores,
            crowded_hosts: facts.crowded_hosts,
            kernel: &facts.kernel,
            kernel_stamped_agents: facts.kernel_stamped_agents,
            exchanges_user,
            exchanges_kernel,
            exchanges_hardware,
        }
    }
}

/// The bound in its four forms.
#[derive(Serialize)]
struct BoundForms {
    bound_seed_ns: i64,
    bound_safe_ns: i64,
    bound_tight_ns: i64,
    bound_paper_ns: i64,
}

impl BoundForms {
    fn of(bounds: &Bounds) -> Self {
        Self {
            bound_seed_ns: bounds.seed.0,
            bound_safe_ns: bounds.safe.0,
            bound_tight_ns: bounds.tight.0,
            bound_paper_ns: bounds.paper.0,
        }
    }
}

#[derive(Serialize)]
struct Promised<'a> {
    #[serde(flatten)]
    forms: BoundForms,
    tightness: Option<f64>,
    dominant_term: &'a str,
    tau_max: Option<&'a str>,
    tau_max_ns: Option<i64>,
    smallest_delay_ns: Option<i64>,
    premises: PremiseNumbers,
}

impl Promised<'_> {
    fn of(promise: &Promise) -> Self {
        Self {
            forms: BoundForms::of(&promise.bounds),
            tightness: promise.tightness.and_then(rows::millionths),
            dominant_term: promise.premises.dominant().name(),
            tau_max: promise.tau_ceiling.map(ceiling_name),
            tau_max_ns: promise.tau_ceiling.and_then(ceiling_ns),
            smallest_delay_ns: promise.smallest_delay.map(|delay| delay.0),
            premises: PremiseNumbers::of(&promise.premises),
        }
    }
}

#[derive(Serialize)]
struct BoundNumbers<'a> {
    #[serde(flatten)]
    forms: BoundForms,
    dominant_term: &'a str,
    holds_from_s: f64,
    run_s: f64,
    premises: PremiseNumbers,
}

impl BoundNumbers<'_> {
    fn of(bound: &CertifiedBound) -> Self {
        Self {
            forms: BoundForms::of(&bound.bounds),
            dominant_term: bound.premises.dominant().name(),
            holds_from_s: bound.holds_from.as_seconds(),
            run_s: bound.run.as_seconds(),
            premises: PremiseNumbers::of(&bound.premises),
        }
    }
}

const fn ceiling_name(ceiling: TauCeiling) -> &'static str {
    match ceiling {
        TauCeiling::AtMost(_) => "at_most",
        TauCeiling::Unlimited => "unlimited",
        TauCeiling::Infeasible => "infeasible",
    }
}

const fn ceiling_ns(ceiling: TauCeiling) -> Option<i64> {
    match ceiling {
        TauCeiling::AtMost(tau) => Some(tau.0),
        TauCeiling::Unlimited | TauCeiling::Infeasible => None,
    }
}

#[derive(Serialize)]
struct Limits {
    complete_graph_ns: Option<i64>,
    half_diameter_ns: Option<i64>,
    execution_ns: Option<i64>,
}

impl Limits {
    fn of(optimum: &Optimum) -> Self {
        let ns = |limit: Option<Nanos>| limit.map(|limit| limit.0);
        Self {
            complete_graph_ns: ns(optimum.complete),
            half_diameter_ns: ns(optimum.half_diameter),
            execution_ns: ns(optimum.execution),
        }
    }
}

#[derive(Serialize)]
struct PremiseNumbers {
    kappa_ppb: i64,
    diameter: u32,
    tau_ns: i64,
    mu_ns: i64,
    xi_ns: i64,
    nu_ns: i64,
}

impl PremiseNumbers {
    fn of(premises: &Premises) -> Self {
        Self {
            kappa_ppb: premises.kappa.0,
            diameter: premises.diameter,
            tau_ns: premises.tau.0,
            mu_ns: premises.mu.0,
            xi_ns: premises.xi.0,
            nu_ns: premises.nu().0,
        }
    }
}

#[cfg(test)]
mod tests;

//! What workloads came to, for programs.

use serde::Serialize;

use crate::trial::{Played, Premise, Terms};
use crate::workload::Check;

/// One workload by one clock.
#[derive(Serialize)]
pub struct WorkloadNumbers<'a> {
    workload: &'a str,
    clock: &'a str,
    premise: Premise,
    nodes: u32,
    eps_ns: Option<i64>,
    declared_eps_ns: Option<i64>,
    delay_ns: Option<i64>,
    jitter_ns: Option<i64>,
    rate_per_s: f64,
    span_s: f64,
    transport: &'a str,
    operation: &'a str,
    operations: u64,
    messages: Option<u64>,
    latency_ns_p50: Option<i64>,
    latency_ns_p99: Option<i64>,
    latency_ns_p999: Option<i64>,
    premises: &'a [String],
    violations: u64,
    never: Vec<Never<'a>>,
    quantities: Vec<Quantity<'a>>,
}

#[derive(Serialize)]
struct Never<'a> {
    quantity: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct Quantity<'a> {
    quantity: &'a str,
    relation: &'a str,
    measured: Option<f64>,
    predicted: Option<f64>,
    chance: Option<f64>,
}

impl<'a> Quantity<'a> {
    fn of(check: &'a Check<String>) -> Self {
        let number = |value: f64| Some(value).filter(|value| value.is_finite());
        Self {
            quantity: &check.quantity,
            relation: check.relation.name(),
            measured: number(check.measured),
            predicted: number(check.predicted),
            chance: number(check.chance),
        }
    }
}

impl<'a> WorkloadNumbers<'a> {
    /// The numbers of a run.
    pub fn of(played: &'a Played) -> Self {
        let Played { workload, clock, terms, row, .. } = played;
        let seen = |of: fn(&Terms) -> i64| played.seen.as_ref().map(of);
        let latency = |index: usize| row.latency.map(|found| found[index].0);
        Self {
            workload: workload.name(),
            clock: clock.name(),
            premise: terms.premise,
            nodes: terms.nodes,
            eps_ns: seen(|terms| terms.eps.0),
            declared_eps_ns: seen(|terms| terms.declared.0),
            delay_ns: seen(|terms| terms.delay.0),
            jitter_ns: seen(|terms| terms.jitter.0),
            rate_per_s: terms.rate,
            span_s: terms.span.as_seconds(),
            transport: &played.transport,
            operation: &row.operation,
            operations: row.operations,
            messages: row.messages,
            latency_ns_p50: latency(0),
            latency_ns_p99: latency(1),
            latency_ns_p999: latency(2),
            premises: &played.premises,
            violations: row.broken(),
            never: row.never().map(|(quantity, count)| Never { quantity, count }).collect(),
            quantities: row.checks.iter().map(Quantity::of).collect(),
        }
    }
}

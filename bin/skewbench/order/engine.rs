//! What the ordering engine reports, as a row like that of any other workload.

use skewbench::analysis::ordering::{OrderRow, by_phase, per_second, rows};
use skewbench::ids::NodeId;
use skewbench::order::report::PhaseReport;
use skewbench::time::Nanos;
use skewbench::workload::{Check, Row};

/// Ordering should carry at least this share of what the same transport carries without order.
const SHARE: f64 = 0.5;

/// The row of one phase of so many agents beside the floor, and the CPU time that it took in all.
pub fn row(reports: &[(NodeId, PhaseReport)], floor: &[(NodeId, PhaseReport)], agents: u32) -> (Row, Nanos) {
    let all = by_phase(reports.iter().chain(floor).map(|(node, report)| (*node, report)));
    let ordered = rows(&all, agents, |_| None).into_iter().next();
    let cpu = reports.iter().map(|(_, report)| Nanos(report.cpu_ns as i64)).fold(Nanos::ZERO, |sum, cpu| sum + cpu);
    let undrained = reports.iter().filter(|(_, report)| !report.drained).count() as u64;
    let missing = u64::from(agents) - (reports.len() as u64).min(u64::from(agents));
    let disagree = ordered.as_ref().is_some_and(|row| undrained + missing == 0 && !row.agree);
    let row = Row {
        operations: ordered.as_ref().map_or(0, |row| row.commands),
        operation: "commands",
        messages: None,
        latency: ordered.as_ref().and_then(|row| row.latency).map(|latency| latency.map(|ns| Nanos(ns as i64))),
        violations: vec![("agents deliver in different orders", u64::from(disagree))],
        unfinished: vec![("agents that did not deliver everything", undrained + missing)],
        checks: ordered.as_ref().map_or_else(Vec::new, checks),
    };
    (row, cpu)
}

/// Commands a second that the slowest agent delivered in time.
pub fn carried(reports: &[(NodeId, PhaseReport)]) -> f64 {
    by_phase(reports.iter().map(|(node, report)| (*node, report))).first().map_or(0.0, per_second)
}

fn checks(row: &OrderRow) -> Vec<Check> {
    let mut checks = vec![Check::alone("commands/s at every agent", row.commands_per_s)];
    if let Some(floor) = row.floor_commands_per_s.filter(|floor| *floor > 0.0 && row.latency.is_none()) {
        checks.push(Check::at_least("the same, share of the transport's", row.commands_per_s / floor, SHARE));
    }
    checks.extend(row.cpu_ns_per_command.map(|cpu| Check::alone("CPU ns per delivery", cpu)));
    checks.extend(row.floor_ns_per_command.map(|cpu| Check::alone("the same without order", cpu)));
    let share = row.inversions.and_then(|(_, share)| share);
    checks.extend(share.map(|share| Check::alone("inversions, share of neighbours", share)));
    checks
}

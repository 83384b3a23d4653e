//! What the ordering engine reports, as a row like that of any other workload.

use skewbench::analysis::ordering::{OrderRow, by_phase, per_second, rows};
use skewbench::ids::NodeId;
use skewbench::order::link::LinkReport;
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
    let count = |of: &dyn Fn(&OrderRow) -> u64| ordered.as_ref().map_or(0, of);
    let row = Row {
        operations: ordered.as_ref().map_or(0, |row| row.commands),
        operation: "commands",
        messages: None,
        latency: ordered.as_ref().and_then(|row| row.latency).map(|latency| latency.map(|ns| Nanos(ns as i64))),
        violations: vec![
            ("agents deliver in different orders", u64::from(disagree)),
            ("acknowledged commands missing at an agent", count(&|row| row.missing)),
            ("commands delivered twice", count(&|row| row.repeated)),
        ],
        unfinished: vec![
            ("agents that did not deliver everything", undrained + missing),
            (
                "commands issued and not acknowledged",
                count(&|row| row.issued - row.acknowledged.unwrap_or(0).min(row.issued)),
            ),
        ],
        checks: ordered.as_ref().map_or_else(Vec::new, checks),
    };
    (row, cpu)
}

/// Commands a second that the slowest agent delivered in time.
pub fn carried(reports: &[(NodeId, PhaseReport)]) -> f64 {
    by_phase(reports.iter().map(|(node, report)| (*node, report))).first().map_or(0.0, per_second)
}

/// What each agent has of its own commands, where that is not all of them: these are its first ones, in the order of issue.
pub fn receipts(reports: &[(NodeId, PhaseReport)]) -> Vec<String> {
    let told = |(node, report): &(NodeId, PhaseReport)| {
        let (issued, acknowledged) = (report.issued, report.acknowledged?);
        let delivered = report.holdings.iter().find(|held| held.source == *node)?.delivered;
        (acknowledged < issued).then(|| {
            format!("of the {issued} commands that agent {node} issued it delivered the first {delivered}, and everybody has the first {acknowledged}")
        })
    };
    reports.iter().filter_map(told).collect()
}

/// What became of the connections.
pub fn links(reports: &[(NodeId, PhaseReport)]) -> Vec<(NodeId, LinkReport)> {
    reports.iter().flat_map(|(node, report)| report.links.iter().map(|link| (*node, *link))).collect()
}

fn checks(row: &OrderRow) -> Vec<Check> {
    let mut checks = vec![
        Check::alone("commands/s at every agent", row.commands_per_s),
        Check::alone("commands issued", row.issued as f64),
    ];
    checks.extend(row.acknowledged.map(|count| Check::alone("commands acknowledged", count as f64)));
    if let Some(floor) = row.floor_commands_per_s.filter(|floor| *floor > 0.0 && row.latency.is_none()) {
        checks.push(Check::at_least("the same, share of the transport's", row.commands_per_s / floor, SHARE));
    }
    checks.extend(row.cpu_ns_per_command.map(|cpu| Check::alone("CPU ns per delivery", cpu)));
    checks.extend(row.floor_ns_per_command.map(|cpu| Check::alone("the same without order", cpu)));
    let share = row.inversions.and_then(|(_, share)| share);
    checks.extend(share.map(|share| Check::alone("inversions, share of neighbours", share)));
    checks
}

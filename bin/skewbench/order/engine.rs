//! What the ordering engine reports, as a row like that of any other workload.

use skewbench::analysis::ordering::{by_phase, per_second, rows};
use skewbench::ids::NodeId;
use skewbench::order::link::LinkReport;
use skewbench::order::report::PhaseReport;
use skewbench::time::Nanos;
use skewbench::workload::Row;

/// The row of one phase of so many agents beside the floor, and the CPU time that it took in all. None without a report.
pub fn row(reports: &[(NodeId, PhaseReport)], floor: &[(NodeId, PhaseReport)], agents: u32) -> Option<(Row, Nanos)> {
    let all = by_phase(reports.iter().chain(floor).map(|(node, report)| (*node, report)));
    let ordered = rows(&all, agents, |_| None).into_iter().next()?;
    let cpu = reports.iter().map(|(_, report)| Nanos(report.cpu_ns as i64)).fold(Nanos::ZERO, |sum, cpu| sum + cpu);
    Some((ordered.as_workload(), cpu))
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

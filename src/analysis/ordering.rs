//! What ordering cost: one row for each stamp source and load, over all agents.

use std::collections::BTreeMap;

use super::quantile::{PerMille, of_counts};
use crate::ids::NodeId;
use crate::order::report::{Checkpoint, Load, Phase, PhaseReport, StampSource};
use crate::time::{NANOS_PER_SECOND, Nanos};
use crate::workload::{self, Check};

/// What [`OrderRow::commands_per_s`] is, for files that are read without these documents.
pub const COMMANDS_PER_S_IS: &str = "delivered in one order a second by the slowest agent";

/// One phase over all agents.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderRow {
    /// The phase.
    pub phase: Phase,
    /// Agents that reported it.
    pub agents: u32,
    /// The least that any agent delivered in time.
    pub commands: u64,
    /// The same a second.
    pub commands_per_s: f64,
    /// Latency from intended issue to own delivery, in ns: p50, p99, p99.9. On half load only.
    pub latency: Option<[u64; 3]>,
    /// CPU time of the ordering threads of all agents over all their deliveries, in ns.
    pub cpu_ns_per_command: Option<f64>,
    /// The same for the transport without ordering.
    pub floor_ns_per_command: Option<f64>,
    /// Neighbouring deliveries from different agents against the order of issue, and their share. On half load only.
    pub inversions: Option<(u64, Option<f64>)>,
    /// Digest of the longest prefix that every agent has one of.
    pub digest: Option<u64>,
    /// Whether every agent drained and delivered that prefix in the same order.
    pub agree: bool,
    /// Agents that did not report it, or not that they delivered everything.
    pub unfinished: u64,
    /// Eps p50 and max of the row's physical clock over the row's span.
    pub eps: Option<(Nanos, Nanos)>,
    /// Commands a second of the transport without ordering.
    pub floor_commands_per_s: Option<f64>,
    /// Commands that the agents issued, until the end of the phase.
    pub issued: u64,
    /// How many of them are acknowledged: delivered at their issuer, and received by every other agent, as each of them said.
    /// None where that was not counted.
    pub acknowledged: Option<u64>,
    /// Acknowledged commands that an agent which reports has not received, counted once for each such agent: must be none.
    pub missing: u64,
    /// Deliveries of commands beyond those that their issuer made: must be none.
    pub repeated: u64,
    /// What stamping cost. None where that was not measured.
    pub stamping: Option<StampingCost>,
}

/// What stamping cost, as agents measured it alone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StampingCost {
    /// CPU time of a command's stamp in ns, over the commands of all agents.
    pub ns_per_command: f64,
    /// The same for each command issued in the phase, over the CPU time of all agents' ordering threads in it: whatever a command
    /// costs anywhere, of which its one stamp is a part.
    pub share: f64,
}

/// Ordering should carry at least this share of what the same transport carries without order.
const SHARE: f64 = 0.5;
/// Stamping a command should take no more than this share of the CPU time that the command takes.
const STAMPING: f64 = 0.1;

impl OrderRow {
    /// The phase as a row like that of any other workload.
    pub fn as_workload(&self) -> workload::Row {
        workload::Row {
            operations: self.commands,
            operation: "commands",
            messages: None,
            latency: self.latency.map(|latency| latency.map(|ns| Nanos(ns as i64))),
            violations: vec![
                ("agents deliver in different orders", u64::from(self.unfinished == 0 && !self.agree)),
                ("acknowledged commands missing at an agent", self.missing),
                ("commands delivered twice", self.repeated),
            ],
            unfinished: vec![
                ("agents that did not deliver everything", self.unfinished),
                (
                    "commands issued and not acknowledged",
                    self.acknowledged.map_or(0, |acknowledged| self.issued.saturating_sub(acknowledged)),
                ),
            ],
            checks: self.checks(),
        }
    }

    fn checks(&self) -> Vec<Check> {
        let mut checks = vec![
            Check::alone("commands/s at every agent", self.commands_per_s),
            Check::alone("commands issued", self.issued as f64),
        ];
        checks.extend(self.acknowledged.map(|count| Check::alone("commands acknowledged", count as f64)));
        if let Some(floor) = self.floor_commands_per_s.filter(|floor| *floor > 0.0 && self.latency.is_none()) {
            let share = self.commands_per_s / floor;
            checks.push(Check::at_least("the same, share of the transport's", share, SHARE));
        }
        checks.extend(self.cpu_ns_per_command.map(|cpu| Check::alone("CPU ns per delivery", cpu)));
        checks.extend(self.floor_ns_per_command.map(|cpu| Check::alone("the same without order", cpu)));
        if let Some(StampingCost { ns_per_command, share }) = self.stamping {
            checks.push(Check::alone("stamping alone, CPU ns per command", ns_per_command));
            checks.push(Check::at_most("stamping alone, share of all CPU per command", share, STAMPING));
        }
        let share = self.inversions.and_then(|(_, share)| share);
        checks.extend(share.map(|share| Check::alone("inversions, share of neighbours", share)));
        checks
    }
}

/// Most phases of a run that are told of; a lab runs ten. For each of them eps is swept over the whole run.
const MAX_PHASES: usize = 64;

/// Every agent's report of one phase.
pub type Reports<'a> = Vec<(NodeId, &'a PhaseReport)>;

/// Reports by phase: one for each agent, the last where there are several. Of too many phases the first ones.
pub fn by_phase<'a>(reports: impl IntoIterator<Item = (NodeId, &'a PhaseReport)>) -> Vec<Reports<'a>> {
    let mut found: BTreeMap<_, BTreeMap<NodeId, &PhaseReport>> = BTreeMap::new();
    for (node, report) in reports {
        let key = (report.phase.source, report.phase.load.name() != "saturated", report.phase.index);
        found.entry(key).or_default().insert(node, report);
    }
    found.into_values().take(MAX_PHASES).map(|agents| agents.into_iter().collect()).collect()
}

/// One row for each phase that orders. `agents` is how many took part in the run; `eps` measures the physical clock of
/// a phase over its span.
pub fn rows<'a>(
    phases: &[Reports<'a>],
    agents: u32,
    eps: impl Fn(&Reports<'a>) -> Option<(Nanos, Nanos)>,
) -> Vec<OrderRow> {
    let is_floor = |reports: &&Reports<'a>| phase(reports).is_some_and(|phase| phase.source == StampSource::Floor);
    let floors: Vec<&Reports<'a>> = phases.iter().filter(is_floor).collect();
    let ordering = phases.iter().filter(|reports| !is_floor(reports));
    ordering.filter_map(|reports| row(reports, &floors, agents, eps(reports))).collect()
}

fn phase(reports: &Reports<'_>) -> Option<Phase> {
    reports.first().map(|(_, report)| report.phase)
}

/// The load of an agent on average: agents that steer themselves need not offer the same.
fn load(reports: &Reports<'_>) -> Option<Load> {
    let rates = reports.iter().filter_map(|(_, report)| match report.phase.load {
        Load::Open { commands_per_s } => Some(u128::from(commands_per_s)),
        Load::Saturated => None,
    });
    let (count, sum) = rates.fold((0_u128, 0_u128), |(count, sum), rate| (count + 1, sum + rate));
    let mean = sum.checked_div(count).map(|mean| Load::Open { commands_per_s: mean as u64 });
    mean.or_else(|| phase(reports).map(|phase| phase.load))
}

fn row(reports: &Reports<'_>, floors: &[&Reports<'_>], agents: u32, eps: Option<(Nanos, Nanos)>) -> Option<OrderRow> {
    let phase = Phase { load: load(reports)?, ..phase(reports)? };
    let same_load = |floor: &&&Reports<'_>| self::phase(floor).is_some_and(|f| f.load.name() == phase.load.name());
    let floor = floors.iter().find(same_load).or(floors.first());
    let open = matches!(phase.load, Load::Open { .. });
    let digest = common(reports);
    let (missing, repeated) = broken_promises(reports);
    let undrained = reports.iter().filter(|(_, report)| !report.drained).count() as u64;
    let unfinished = undrained + u64::from(agents).saturating_sub(reports.len() as u64);
    Some(OrderRow {
        phase,
        agents: reports.len() as u32,
        commands: least(reports),
        commands_per_s: per_second(reports),
        latency: open.then(|| latency(reports)).flatten(),
        cpu_ns_per_command: cpu_per_command(reports),
        floor_ns_per_command: floor.and_then(|floor| cpu_per_command(floor)),
        inversions: open.then(|| inversions(reports)).flatten(),
        digest: digest.and_then(Result::ok),
        unfinished,
        agree: unfinished == 0 && missing + repeated == 0 && digest.is_some_and(|digest| digest.is_ok()),
        eps: eps.filter(|_| phase.source != StampSource::LamportLogical),
        floor_commands_per_s: floor.map(|floor| per_second(floor)),
        issued: reports.iter().fold(0, |sum, (_, report)| sum.saturating_add(report.issued)),
        acknowledged: reports.iter().try_fold(0_u64, |sum, (_, report)| Some(sum.saturating_add(report.acknowledged?))),
        missing,
        repeated,
        stamping: stamping(reports),
    })
}

/// What stamping cost, if every agent measured it.
fn stamping(reports: &Reports<'_>) -> Option<StampingCost> {
    let (mut stamping, mut issued, mut cpu) = (0.0, 0.0, 0.0);
    for (_, report) in reports {
        let alone = report.stamping.filter(|alone| alone.commands > 0)?;
        let commands = report.issued as f64;
        stamping += alone.cpu_ns as f64 / alone.commands as f64 * commands;
        issued += commands;
        cpu += report.cpu_ns as f64;
    }
    (issued > 0.0 && cpu > 0.0).then(|| StampingCost { ns_per_command: stamping / issued, share: stamping / cpu })
}

/// How many acknowledged commands somebody has not received, and how many deliveries there were of commands that nobody
/// issued: commands are numbered, so that one delivered twice shows as one too many.
fn broken_promises(reports: &Reports<'_>) -> (u64, u64) {
    let (mut missing, mut repeated) = (0_u64, 0_u64);
    for (node, issuer) in reports {
        let of_issuer = |report: &&PhaseReport| report.holdings.iter().find(|holding| holding.source == *node).copied();
        for holding in reports.iter().filter_map(|(_, report)| of_issuer(report)) {
            let acknowledged = issuer.acknowledged.unwrap_or(0);
            missing = missing.saturating_add(acknowledged.saturating_sub(holding.received));
            repeated = repeated.saturating_add(holding.delivered.saturating_sub(issuer.issued));
        }
    }
    (missing, repeated)
}

fn least(reports: &Reports<'_>) -> u64 {
    reports.iter().map(|(_, report)| report.delivered_in_time).min().unwrap_or(0)
}

/// Commands a second that the slowest agent delivered in time.
pub fn per_second(reports: &Reports<'_>) -> f64 {
    let duration = phase(reports).map_or(0, |phase| phase.duration_ns).max(1);
    least(reports) as f64 * NANOS_PER_SECOND as f64 / duration as f64
}

fn cpu_per_command(reports: &Reports<'_>) -> Option<f64> {
    let sum = |count: fn(&PhaseReport) -> u64| reports.iter().map(|(_, report)| count(report) as f64).sum::<f64>();
    let delivered = sum(|report| report.delivered);
    (delivered > 0.0).then(|| sum(|report| report.cpu_ns) / delivered)
}

fn latency(reports: &Reports<'_>) -> Option<[u64; 3]> {
    let mut merged: BTreeMap<u64, u64> = BTreeMap::new();
    for (value, count) in reports.iter().flat_map(|(_, report)| &report.latency) {
        let sum = merged.entry(*value).or_default();
        *sum = sum.saturating_add(*count);
    }
    let counts: Vec<(u64, u64)> = merged.into_iter().collect();
    let at = |quantile| of_counts(&counts, quantile);
    Some([at(PerMille::P50)?, at(PerMille::P99)?, at(PerMille::P999)?])
}

fn inversions(reports: &Reports<'_>) -> Option<(u64, Option<f64>)> {
    let counts: Option<Vec<u64>> = reports.iter().map(|(_, report)| report.inversions).collect();
    let inverted = counts?.into_iter().fold(0, u64::saturating_add);
    let neighbours = reports.iter().fold(0_u64, |sum, (_, report)| sum.saturating_add(report.neighbours));
    Some((inverted, (neighbours > 0).then(|| inverted as f64 / neighbours as f64)))
}

/// The digest at the largest count of which every agent has one: `Err` if they differ, `None` without such a count.
fn common(reports: &Reports<'_>) -> Option<Result<u64, ()>> {
    let digests = |report: &PhaseReport| -> BTreeMap<u64, u64> {
        report.checkpoints.iter().map(|Checkpoint { commands, digest }| (*commands, *digest)).collect()
    };
    let all: Vec<BTreeMap<u64, u64>> = reports.iter().map(|(_, report)| digests(report)).collect();
    let shared = |count: &&u64| all.iter().all(|digests| digests.contains_key(count));
    let count = all.first()?.keys().rev().find(shared)?;
    let digest = all[0][count];
    Some(if all.iter().all(|digests| digests[count] == digest) { Ok(digest) } else { Err(()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::report::{Holding, Stamping};

    fn report(source: StampSource, load: Load, delivered: u64, checkpoints: &[(u64, u64)]) -> PhaseReport {
        let phase = Phase { index: 0, source, load, payload_bytes: 64, batch: 64, duration_ns: 2_000_000_000 };
        PhaseReport {
            phase,
            began_ns: 0,
            ended_ns: 2_000_000_000,
            issued: delivered / 2,
            delivered_in_time: delivered,
            delivered: delivered + 10,
            drained: true,
            cpu_ns: (delivered + 10) * 1_000,
            forced: 0,
            neighbours: 100,
            inversions: Some(3),
            latency: vec![(1_000, 98), (5_000, 2)],
            checkpoints: checkpoints
                .iter()
                .map(|(commands, digest)| Checkpoint { commands: *commands, digest: *digest })
                .collect(),
            acknowledged: Some(delivered / 2),
            holdings: vec![],
            links: vec![],
            stamping: None,
        }
    }

    fn one_row(reports: &[PhaseReport]) -> OrderRow {
        let reports = reports.iter().enumerate().map(|(node, report)| (NodeId(node as u32 / 2), report));
        let phases = by_phase(reports);
        rows(&phases, 2, |_| Some((Nanos(1), Nanos(2)))).remove(0)
    }

    #[test]
    fn a_row_is_the_least_agent_beside_the_floor() {
        let open = Load::Open { commands_per_s: 500 };
        let floor = report(StampSource::Floor, Load::Saturated, 8_000, &[]);
        let row = one_row(&[
            report(StampSource::Lamport, open, 1_000, &[(500, 7), (1_000, 8)]),
            floor.clone(),
            report(StampSource::Lamport, open, 900, &[(500, 7), (900, 9)]),
            floor,
        ]);
        assert_eq!((row.commands, row.commands_per_s, row.floor_commands_per_s), (900, 450.0, Some(4_000.0)));
        assert_eq!((row.agree, row.digest), (true, Some(7)), "500 is the largest common prefix");
        assert_eq!(row.latency, Some([1_000, 5_000, 5_000]));
        assert_eq!(row.inversions, Some((6, Some(0.03))));
        assert_eq!((row.cpu_ns_per_command, row.eps), (Some(1_000.0), Some((Nanos(1), Nanos(2)))));
    }

    #[test]
    fn stamping_is_a_share_of_what_a_command_costs_at_all_agents() {
        let make = |stamping| PhaseReport { stamping, ..report(StampSource::Hlc, Load::Saturated, 1_000, &[]) };
        let alone = |cpu_ns| Some(Stamping { commands: 100, batch: 64, cpu_ns });
        // Each issued 500 commands and delivered 1010, which took it 1,010,000 ns: 2020 ns a command at both.
        let floor = report(StampSource::Floor, Load::Saturated, 1, &[]);
        let cost = |first, second| one_row(&[make(first), floor.clone(), make(second), floor.clone()]).stamping;
        let found = cost(alone(3_000), alone(5_000)).unwrap();
        assert!((found.ns_per_command - 40.0).abs() < 1e-9 && (found.share - 40.0 / 2_020.0).abs() < 1e-9, "{found:?}");
        assert_eq!(cost(alone(3_000), None), None, "one of them did not measure it");
        let row = one_row(&[make(alone(50_000)), floor.clone(), make(alone(50_000)), floor.clone()]).as_workload();
        let share = row.check("stamping alone, share of all CPU per command").unwrap();
        assert!(share.predicted == 0.1 && !share.agrees(0.05), "{share:?}");
    }

    #[test]
    fn different_digests_or_a_missing_agent_are_no_agreement() {
        let make = |digest| report(StampSource::LamportLogical, Load::Saturated, 10, &[(10, digest)]);
        let differ = [make(1), make(0), make(2), make(0)];
        let phases = by_phase([(NodeId(0), &differ[0]), (NodeId(1), &differ[2])]);
        let row = &rows(&phases, 2, |_| Some((Nanos(1), Nanos(2))))[0];
        assert_eq!((row.agree, row.digest, row.latency, row.eps), (false, None, None, None));
        let phases = by_phase([(NodeId(0), &differ[0])]);
        assert!(!rows(&phases, 2, |_| None)[0].agree, "one of two agents says nothing");
    }

    #[test]
    fn what_is_acknowledged_and_not_everywhere_is_counted_and_so_is_what_comes_twice() {
        let held = |source, received, delivered| Holding { source: NodeId(source), received, delivered };
        let checked = |other: Holding| {
            let make = |holdings| PhaseReport { holdings, ..report(StampSource::Hlc, Load::Saturated, 10, &[(10, 1)]) };
            let both = [make(vec![held(0, 5, 5), held(1, 5, 5)]), make(vec![other])];
            let phases = by_phase([(NodeId(0), &both[0]), (NodeId(1), &both[1])]);
            let row = rows(&phases, 2, |_| None).remove(0);
            (row.issued, row.acknowledged, row.missing, row.repeated, row.agree)
        };
        assert_eq!(checked(held(0, 5, 5)), (10, Some(10), 0, 0, true));
        assert_eq!(checked(held(0, 3, 3)), (10, Some(10), 2, 0, false));
        assert_eq!(checked(held(0, 5, 6)), (10, Some(10), 0, 1, false));
    }
}

//! The real-time state machine and causal+ visibility.

use super::expect::{self, HEARTBEAT, Own, mean_stability_s, phases};
use super::figure::{mean_ms, ms};
use super::stage::{Delivery, Planned, Scene, Stage};
use super::terms::{Premise, Terms};
use crate::ids::NodeId;
use crate::time::{Nanos, Time, True};
use crate::workload::causal::{self, Centre, Command, Visibility};
use crate::workload::real_time::{self, Bookkeeper, Conduct, Submit, hop};
use crate::workload::{Check, Log, Relation, Row, predict, quantiles};

/// δ: commands are accepted until so long after their issue.
pub(super) const ACCEPT: Nanos = Nanos::from_millis(20);
/// Commands reach a bookkeeper after up to so long, evenly: a fifth comes too late.
pub(super) const OLDEST: Nanos = Nanos::from_millis(25);
/// Keys of the replicated store.
const KEYS: u64 = 10;

/// The real-time state machine, of which a minority is killed half-way.
pub fn real_time(stage: &mut impl Stage, terms: &Terms) -> Row {
    let agreed = agreed(terms);
    let failures = agreed.failures;
    let half = Time::ZERO + terms.span.over(2);
    let crashes = (0..failures).map(|node| (NodeId(node), half)).collect();
    let working: Vec<NodeId> = terms.names().skip(failures as usize).collect();
    let bookkeeper = |me: NodeId, _| {
        let others = terms.names().filter(|other| *other != me).collect();
        Bookkeeper::new(me, others, agreed, Conduct::Honest)
    };
    let commands = terms.arrivals(terms.rate, 0).zip(0_u64..);
    let plan = commands.map(|((at, mut rng), id)| {
        let age = Nanos(rng.below(OLDEST.0 as u64) as i64);
        Planned { at, node: terms.any(&mut rng), command: Submit { id, age } }
    });
    let end = terms.end(agreed.response().times(2));
    let scene = Scene::new(&bookkeeper, plan.collect(), end, Delivery::Unordered);
    let log = stage.play(terms, Scene { crashes, ..scene });
    let found = real_time::check(&log, &working);
    let accepted = (found.accepted, found.submitted);
    let share = ACCEPT.as_seconds() / OLDEST.as_seconds();
    let n = f64::from(terms.nodes);
    Row {
        operations: found.executed,
        operation: "commands",
        messages: Some(log.messages()),
        latency: quantiles(found.latencies.clone()),
        violations: broken(&found),
        unfinished: Vec::new(),
        checks: vec![
            Check::about("from issue to execution, mean ms", mean_ms(&found.latencies), ms(agreed.response())),
            Check::share("accepted in time, share", accepted, Relation::About, share),
            Check::at_most(
                "messages per command",
                log.messages() as f64 / found.executed.max(1) as f64,
                (n - 1.0) * (n - 1.0),
            ),
            Check::alone("killed half-way", f64::from(failures)),
        ],
    }
}

/// What the bookkeepers agree on: that a minority fails is survived.
pub(super) fn agreed(terms: &Terms) -> real_time::Terms {
    let hop = hop(terms.longest_delay(), terms.believed(), 0);
    real_time::Terms { accept: ACCEPT, hop, failures: (terms.nodes - 1) / 2, diameter: 1 }
}

/// What the bookkeepers of the real-time machine must never do.
pub(super) fn broken(found: &real_time::Findings) -> Vec<(&'static str, u64)> {
    vec![
        ("commands that some carried out and others did not", found.disagreements),
        ("accepted commands that nobody carried out", found.forgotten),
        ("commands out of order", found.out_of_order),
    ]
}

/// Causal+ visibility by dependencies, and by stable time on the same plan.
pub fn causal(stage: &mut impl Stage, terms: &Terms) -> Row {
    let (explicit, delivery) = match terms.premise {
        Premise::Kept => (Visibility::Dependencies, Delivery::Unordered),
        Premise::Broken => (Visibility::Eager, Delivery::Unordered),
    };
    let log = store(stage, terms, explicit, delivery);
    let (found, stable) =
        (causal::check(&log), causal::check(&store(stage, terms, Visibility::Stable, Delivery::Fifo)));
    let world = stage.world(terms);
    let puts: Vec<_> = operations(terms)
        .filter(|(.., command)| matches!(command, Command::Put(_)))
        .map(|(at, node, _)| (at, node))
        .collect();
    let mut checks = vec![
        Check::at_least("by dependencies: visible after, mean ms", mean_ms(&found.latencies), ms(world.terms.delay)),
        Check::alone("by dependencies: dependencies per write", found.dependencies as f64 / found.writes.max(1) as f64),
        Check::with(
            "by stable time: visible after, mean ms",
            mean_ms(&stable.latencies),
            expect::relation(terms),
            mean_stability_s(&world, &puts, Own::IsLeftOut) * 1e3,
        ),
    ];
    if !terms.is_lifted() {
        let predicted = predict::inversion_share(&world.offsets, terms.rate / 2.0 / KEYS as f64);
        let count = (found.wrong_winners, found.rivals);
        checks.push(Check::share("writes of a key won by the earlier, share", count, Relation::About, predicted));
    }
    let both = |of: fn(&causal::Findings) -> u64| of(&found) + of(&stable);
    Row {
        operations: found.writes,
        operation: "writes",
        messages: Some(log.messages()),
        latency: quantiles(found.latencies.clone()),
        violations: vec![
            ("visible before what happened before it", both(|found| found.early)),
            ("keys on which the centres differ", both(|found| found.diverged)),
        ],
        unfinished: vec![("writes never visible somewhere", both(|found| found.hidden))],
        checks,
    }
}

fn operations(terms: &Terms) -> impl Iterator<Item = (Time<True>, NodeId, Command)> {
    terms.arrivals(terms.rate, 0).map(|(at, mut rng)| {
        let (node, key) = (terms.any(&mut rng), rng.below(KEYS) as u32);
        (at, node, if rng.below(2) == 0 { Command::Put(key) } else { Command::Get(key) })
    })
}

fn store(stage: &mut impl Stage, terms: &Terms, visibility: Visibility, delivery: Delivery) -> Log<causal::Event> {
    let phases = phases(terms);
    let centre = |me: NodeId, base| {
        let first = base + phases[me.0 as usize];
        Centre::new(me, terms.nodes, terms.stamper(me), visibility, first, HEARTBEAT)
    };
    let plan = operations(terms).map(|(at, node, command)| Planned { at, node, command }).collect();
    let end = terms.end(HEARTBEAT + terms.longest_delay().times(3) + terms.eps);
    stage.play(terms, Scene::new(&centre, plan, end, delivery))
}

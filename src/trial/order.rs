//! Total order, the airline on it, and Schneider's other stability tests.

use super::expect::{self, HEARTBEAT, Own, mean_stability_s, phases};
use super::figure::{mean_ms, ms};
use super::stage::{Delivery, Laws, Planned, SETTING_UP, Scene, Stage, World};
use super::terms::{Premise, Terms};
use crate::ids::NodeId;
use crate::order::report::StampSource;
use crate::time::{Nanos, Time, True};
use crate::workload::airline::{Airline, Answer, Reserve, Voter, most_sold_by_votes, oversold};
use crate::workload::real_time::hop;
use crate::workload::stability_tests::{self, Generating, RealTime, Request};
use crate::workload::state_machine::{self, Event, Replica};
use crate::workload::{Check, Log, Process, Relation, Row, predict, quantiles};

/// Flights that are sold by votes.
const FLIGHTS: u64 = 400;

struct Ordered {
    log: Log<Event>,
    found: state_machine::Findings,
    sends: Vec<(Time<True>, NodeId)>,
    row: Row,
}

/// Total order by stability.
pub fn total_order(stage: &mut impl Stage, terms: &Terms) -> Row {
    ordered(stage, terms, u32::MAX, terms.delivery()).row
}

/// The airline, sold by total order and by votes.
pub fn state_machine(stage: &mut impl Stage, terms: &Terms) -> Row {
    let Ordered { log, mut row, .. } = ordered(stage, terms, seats(terms), Delivery::Fifo);
    let measured = stage.world(terms).laws == Laws::Measured;
    // Three voters cannot meet where there are fewer agents.
    let flights = if measured && terms.nodes < 3 { 0 } else { FLIGHTS };
    let flights = stage.fits(terms, flights, terms.usual_delay().times(4) + SETTING_UP);
    let votes: Vec<u64> = (0..flights).map(|flight| votes(stage, terms, flight)).collect();
    let count = (votes.iter().filter(|sold| **sold > 0).count() as u64, flights);
    let name = "flights oversold by votes, share";
    let most = u64::from(most_sold_by_votes(2, 3) - 2);
    row.violations.push(("seats oversold", oversold_in(&log, terms)));
    if measured {
        row.checks.push(Check::share(name, count, Relation::Unpredicted, f64::NAN));
    } else if terms.jitter > Nanos::ZERO {
        // Each voter's second yes goes to one of the two others, whichever asks first: two of the eight outcomes are circles.
        row.checks.push(Check::share(name, count, Relation::About, 0.25));
    }
    let worst = votes.iter().max().copied().unwrap_or_default();
    row.checks.push(Check::at_most("seats oversold by votes, of 2", worst as f64, most as f64));
    if terms.premise == Premise::Broken {
        row.violations.push(("seats oversold by votes", votes.iter().sum()));
    }
    row
}

/// Seats of the flight that is sold in total order: half of what is wanted.
fn seats(terms: &Terms) -> u32 {
    (terms.rate * terms.span.as_seconds() / 2.0) as u32
}

/// Seats that replicas sold beyond those of the flight.
pub(super) fn oversold_in(log: &Log<Event>, terms: &Terms) -> u64 {
    let by_node = |node: NodeId| {
        let sold = log.events_of(node).filter(|(_, event)| matches!(event, Event::Applied(_, Answer::Seat(_))));
        (sold.count() as u64).saturating_sub(u64::from(seats(terms)))
    };
    terms.names().map(by_node).sum()
}

/// Three users ask at once for the two seats of a flight: how many more are sold by two votes out of three.
fn votes(stage: &mut impl Stage, terms: &Terms, flight: u64) -> u64 {
    let terms = Terms { nodes: 3, seed: terms.seed.wrapping_add(flight << 20), ..*terms };
    let voter = |me, _| Voter::new(me, 3, Airline::new(2));
    let ask = |node: NodeId| Planned { at: Time::ZERO, node, command: Reserve(u64::from(node.0)) };
    let plan = terms.names().map(ask).collect();
    oversold(&stage.play(&terms, Scene::new(&voter, plan, Time::MAX, Delivery::Unordered)), 2)
}

fn ordered(stage: &mut impl Stage, terms: &Terms, seats: u32, delivery: Delivery) -> Ordered {
    let sends: Vec<_> = terms.arrivals(terms.rate, 0).map(|(at, mut rng)| (at, terms.any(&mut rng))).collect();
    let (phases, machine) = (phases(terms), Airline::new(seats));
    let replica = |me: NodeId, base| {
        let first = base + phases[me.0 as usize];
        Replica::new(me, terms.nodes, terms.stamper(me), machine, first, HEARTBEAT)
    };
    let plan = sends.iter().zip(0..).map(|((at, node), id)| Planned { at: *at, node: *node, command: Reserve(id) });
    let end = terms.end(HEARTBEAT + terms.longest_delay().times(2) + terms.eps);
    let log = stage.play(terms, Scene::new(&replica, plan.collect(), end, delivery));
    let found = state_machine::check(&log);
    let row = row(&stage.world(terms), &log, &found, &sends);
    Ordered { log, found, sends, row }
}

fn row(world: &World, log: &Log<Event>, found: &state_machine::Findings, sends: &[(Time<True>, NodeId)]) -> Row {
    let terms = &world.terms;
    let (n, commands) = (f64::from(terms.nodes), sends.len().max(1) as f64);
    let beats = log.span().as_seconds() / HEARTBEAT.as_seconds() * n * (n - 1.0);
    let mut checks = vec![
        Check::about("messages per command", log.messages() as f64 / commands, n - 1.0 + beats / commands),
        Check::with(
            "latency, mean ms",
            mean_ms(&found.latencies),
            expect::relation(terms),
            mean_stability_s(world, sends, Own::Counts) * 1e3,
        ),
    ];
    checks.push(Check::alone("acknowledged after, mean ms", mean_ms(&found.acknowledgements)));
    if !terms.is_lifted() {
        let predicted = predict::inversion_share(&world.offsets, terms.rate);
        let count = (found.inversions, found.neighbours);
        checks.push(Check::share("inversions, share of neighbours", count, Relation::About, predicted));
    }
    Row {
        operations: found.everywhere,
        operation: "commands",
        messages: Some(log.messages()),
        latency: quantiles(found.latencies.clone()),
        violations: broken(found),
        unfinished: unfinished(found),
        checks,
    }
}

/// What must never happen to replicas.
pub(super) fn broken(found: &state_machine::Findings) -> Vec<(&'static str, u64)> {
    vec![
        ("replicas disagree", found.disagreements),
        ("messages out of order", found.refused),
        ("acknowledged commands lost", found.lost),
        ("commands carried out twice", found.repeated),
    ]
}

/// What should have ended.
pub(super) fn unfinished(found: &state_machine::Findings) -> Vec<(&'static str, u64)> {
    vec![
        ("commands not delivered everywhere", found.issued.saturating_sub(found.everywhere)),
        ("commands never acknowledged", found.issued.saturating_sub(found.acknowledged)),
    ]
}

/// Three ways to know that nothing earlier can still come.
pub fn stability_tests(stage: &mut impl Stage, terms: &Terms) -> Row {
    let Ordered { found, sends, mut row, .. } = ordered(stage, terms, u32::MAX, Delivery::Fifo);
    let delta = delta(terms);
    // A count of events is no time to wait after.
    let physical = match terms.stamps {
        StampSource::LamportLogical => Terms { stamps: StampSource::Ntp, ..*terms },
        _ => *terms,
    };
    let waiting = |me| RealTime::new(me, terms.nodes, physical.stamper(me), delta);
    let by_time = requests(stage, terms, &sends, waiting, delta.times(2));
    let generating = |me| Generating::new(me, terms.nodes);
    let by_agreement = requests(stage, terms, &sends, generating, terms.longest_delay().times(20));
    let (timed, agreed) = (stability_tests::check(&by_time), stability_tests::check(&by_agreement));
    let (per, others) = (sends.len().max(1) as f64, f64::from(terms.nodes - 1));
    let least = ms(stage.world(terms).terms.delay) * (2.0 + others / f64::from(terms.nodes));
    row.checks.retain(|check| check.quantity.starts_with("latency"));
    row.checks[0].quantity = "by later stamps: latency, mean ms";
    row.checks.extend([
        Check::about("by real time: latency, mean ms", mean_ms(&timed.latencies), ms(delta)),
        Check::about("by real time: messages per request", by_time.messages() as f64 / per, others),
        Check::at_least("by agreement: latency, mean ms", mean_ms(&agreed.latencies), least),
        Check::about("by agreement: messages per request", by_agreement.messages() as f64 / per, 3.0 * others),
    ]);
    row.operations = found.everywhere + timed.everywhere + agreed.everywhere;
    row.operation = "requests";
    row.messages = row.messages.map(|messages| messages + by_time.messages() + by_agreement.messages());
    row.latency = quantiles([found.latencies, timed.latencies.clone(), agreed.latencies.clone()].concat());
    row.violations.extend([
        ("by real time: replicas disagree", timed.disagreements),
        ("by real time: requests too late", timed.too_late),
        ("by agreement: replicas disagree", agreed.disagreements),
    ]);
    let open = agreed.issued.saturating_sub(agreed.everywhere);
    row.unfinished.push(("by agreement: requests not carried out everywhere", open));
    row
}

/// What the real-time test waits after a stamp.
pub(super) fn delta(terms: &Terms) -> Nanos {
    hop(terms.longest_delay(), terms.believed(), 0)
}

fn requests<P: Process<Command = Request, Event = stability_tests::Event>>(
    stage: &mut impl Stage,
    terms: &Terms,
    sends: &[(Time<True>, NodeId)],
    process: impl Fn(NodeId) -> P,
    slowest: Nanos,
) -> Log<stability_tests::Event> {
    let plan = sends.iter().zip(0..).map(|((at, node), id)| Planned { at: *at, node: *node, command: Request(id) });
    stage.play(terms, Scene::new(&|me, _| process(me), plan.collect(), terms.end(slowest), Delivery::Unordered))
}

//! Mutual exclusion: a run at the stated rate, one in which everybody wants the resource always, and one in
//! which nobody competes.

use super::expect;
use super::figure::{mean_ms, ms};
use super::stage::{Delivery, Laws, Planned, Scene, Stage, World};
use super::terms::{Premise, Terms};
use crate::ids::NodeId;
use crate::order::report::StampSource;
use crate::time::{Nanos, Time, True};
use crate::workload::exclusion::{Demand, Event, Findings, check};
use crate::workload::fairness::{jain, least_jain, turns};
use crate::workload::mutex::Mutex;
use crate::workload::predict;
use crate::workload::ricart_agrawala::{Patience, RicartAgrawala};
use crate::workload::{Check, Log, Process, Relation, Row, quantiles};

/// How long a process holds the resource.
const HOLD: Nanos = Nanos::from_millis(1);
/// Entries of each process in the run where everybody competes.
const EACH: u64 = 200;

/// Whose predictions are to be made.
#[derive(Clone, Copy)]
enum Algorithm {
    Mutex,
    RicartAgrawala,
}

impl Algorithm {
    const fn messages_per_other(self) -> f64 {
        match self {
            Self::Mutex => 3.0,
            Self::RicartAgrawala => 2.0,
        }
    }

    /// How long after a request, made on releasing the resource, another process can still make one with an earlier stamp,
    /// if its clock is so far behind.
    fn window(self, world: &Terms, behind: Nanos) -> Nanos {
        // It ends before the request is heard, which lifts the clock.
        let unheard = world.longest_delay() - Nanos(1);
        match (world.stamps, self) {
            // A release has an earlier stamp than the request that follows it on its channel, and lifts clocks above both:
            // nobody else is granted anything before hearing it.
            (StampSource::Hlc | StampSource::LamportLogical, Self::Mutex) => Nanos::ZERO,
            (StampSource::LamportLogical, Self::RicartAgrawala) => unheard,
            (StampSource::Hlc, Self::RicartAgrawala) => unheard.min(world.eps),
            _ => behind,
        }
    }

    /// The most grants of one process, whose clock is so far behind, while another one that wants the resource always waits.
    /// It is granted nothing until it hears of the other one's release, so that it asks again after a delay and a hold.
    fn turns(self, world: &Terms, hold: Nanos, behind: Nanos) -> u64 {
        let cycle = match self {
            // What was heard of the others' clocks may do for several requests.
            Self::Mutex => hold,
            // Each request needs replies of its own.
            Self::RicartAgrawala => hold + world.delay.times(2),
        };
        turns(self.window(world, behind), world.delay + hold, cycle)
    }
}

/// Lamport's mutual exclusion.
pub fn mutex(stage: &mut impl Stage, terms: &Terms) -> Row {
    let process = |me| Mutex::new(me, terms.nodes, terms.stamper(me), HOLD);
    exclude(stage, terms, terms.delivery(), Algorithm::Mutex, process)
}

/// Mutual exclusion by deferred replies.
pub fn ricart_agrawala(stage: &mut impl Stage, terms: &Terms) -> Row {
    let patience = match terms.premise {
        Premise::Kept => Patience::Passed,
        Premise::Broken => Patience::None,
    };
    let process = |me| RicartAgrawala::new(me, terms.nodes, terms.stamper(me), HOLD, patience);
    exclude(stage, terms, Delivery::Unordered, Algorithm::RicartAgrawala, process)
}

/// Runs, and what of a run counts as broken.
fn exclude<P: Process<Command = Demand, Event = Event>>(
    stage: &mut impl Stage,
    terms: &Terms,
    delivery: Delivery,
    algorithm: Algorithm,
    process: impl Fn(NodeId) -> P,
) -> Row {
    let paced: Vec<_> = terms.arrivals(terms.rate, 0).map(|(at, mut rng)| (at, terms.any(&mut rng))).collect();
    let log = ask(stage, terms, delivery, &process, paced);
    let found = check(&log);
    let each = stage.fits(terms, EACH, (HOLD + terms.usual_delay()).times(i64::from(terms.nodes)));
    let crowd: Vec<_> = terms.names().flat_map(|node| (0..each).map(move |_| (Time::ZERO, node))).collect();
    let crowded = ask(stage, terms, delivery, &process, crowd);
    let alone = apart(stage, terms);
    let idle = check(&ask(stage, terms, delivery, &process, alone));
    let world = stage.world(terms);
    let jammed = check(&crowded);
    let entries = found.waits.len() as u64;
    let others = f64::from(terms.nodes - 1);
    let per_s = jammed.waits.len() as f64 / crowded.span().as_seconds();
    let mut checks = vec![
        Check::about(
            "messages per entry",
            log.messages() as f64 / entries.max(1) as f64,
            algorithm.messages_per_other() * others,
        ),
        Check::about("wait when idle, mean ms", mean_ms(&idle.waits), expect::mean_round_trip_s(&world) * 1e3),
        Check::at_most("entries/s when crowded", per_s, (HOLD + world.terms.delay).as_seconds().recip()),
    ];
    checks.extend(fairness(&jammed, &world, algorithm));
    if !terms.is_lifted() {
        let most = predict::inversion_share(&world.offsets, terms.rate);
        let count = (found.inverted, found.neighbours);
        checks.push(Check::share("grants against the real order, share", count, Relation::AtMost, most));
        checks.push(Check::at_most(
            "largest such distance of requests, ms",
            ms(found.largest_inversion),
            ms(world.terms.eps),
        ));
    }
    if terms.is_lifted() || world.terms.eps <= world.terms.delay {
        let against = (found.against_causality + jammed.against_causality) as f64;
        checks.push(Check::at_most("grants against happened-before", against, 0.0));
    }
    Row {
        operations: entries,
        operation: "entries",
        messages: Some(log.messages()),
        latency: quantiles(found.latencies.clone()),
        unfinished: vec![("requests never granted", sum(&[&found, &jammed, &idle], Findings::ungranted))],
        violations: violations(&[&found, &jammed, &idle]),
        checks,
    }
}

/// How evenly the resource goes round in the crowd, and how evenly it should.
fn fairness(crowd: &Findings, world: &World, algorithm: Algorithm) -> Vec<Check> {
    let World { terms, offsets, laws } = world;
    let turns = |behind| match laws {
        Laws::Declared => algorithm.turns(terms, HOLD, behind),
        // Clocks that change are behind by eps at most, and hosts hold the resource for as long as they did.
        Laws::Measured => algorithm.turns(terms, crowd.shortest_hold.unwrap_or(HOLD), terms.eps),
    };
    // Of the one that waits, what all others may have meanwhile, and what one of them may.
    let waiting = |own: &Nanos| {
        let each: Vec<u64> = offsets.iter().map(|other| turns(*own - *other)).collect();
        (each.iter().sum::<u64>() - turns(Nanos::ZERO), each.into_iter().max().unwrap_or(1))
    };
    let (passed, most) = offsets.iter().map(waiting).fold((0, 1), |(a, b), (c, d)| (a.max(c), b.max(d)));
    let least = least_jain(crowd.shares.iter().sum(), terms.nodes, most);
    let index = Check::at_least("fairness when crowded, Jain's index", jain(&crowd.shares), least);
    let wait = |wait: u64| Check::at_most("longest wait when crowded, grants of others", wait as f64, passed as f64);
    std::iter::once(index).chain(crowd.bypasses.map(wait)).collect()
}

fn violations(runs: &[&Findings]) -> Vec<(&'static str, u64)> {
    vec![
        ("two holders", sum(runs, |found| found.shared)),
        ("grants out of the order of stamps", sum(runs, |found| found.out_of_order)),
    ]
}

fn sum(runs: &[&Findings], of: fn(&Findings) -> u64) -> u64 {
    runs.iter().map(|found| of(found)).sum()
}

fn ask<P: Process<Command = Demand, Event = Event>>(
    stage: &mut impl Stage,
    terms: &Terms,
    delivery: Delivery,
    process: &impl Fn(NodeId) -> P,
    demands: Vec<(Time<True>, NodeId)>,
) -> Log<Event> {
    let slowest = HOLD + terms.longest_delay().times(4) + terms.eps.times(2);
    let last = demands.last().map_or(Time::ZERO, |(at, _)| *at);
    let end = last + slowest.times(demands.len() as i64 + 10);
    let plan = demands.into_iter().map(|(at, node)| Planned { at, node, command: Demand }).collect();
    stage.play(terms, Scene::new(&|me, _| process(me), plan, end, delivery))
}

/// Requests so far apart that none waits for another.
fn apart(stage: &impl Stage, terms: &Terms) -> Vec<(Time<True>, NodeId)> {
    let gap = HOLD + terms.usual_delay().times(6) + terms.eps.times(3);
    let count = stage.fits(terms, u64::from(terms.nodes) * 100, gap) as u32;
    let demand = |number: u32| (Time::ZERO + gap.times(i64::from(number)), NodeId(number % terms.nodes));
    (0..count).map(demand).collect()
}

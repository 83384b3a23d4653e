//! Laws on whole executions of the pure node in virtual time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use skewbench::affine::Line;
use skewbench::analysis::AgentRun;
use skewbench::ids::{Algorithm, Arc};
use skewbench::model::{Jitter, Oscillator};
use skewbench::node::{Counter, Record};
use skewbench::sim::scenario::{Link, Oscillators, Stamps};
use skewbench::sim::shapes::Shape;
use skewbench::sim::{Network, Scenario, World};
use skewbench::theory::Premises;
use skewbench::time::{Local, Nanos, Ppb, Synced, Time, True};
use skewbench::topology;

use crate::simulated::read;

/// The length of each execution.
const LENGTH: Nanos = Nanos::from_seconds(6);

/// A message that was received, in true time.
struct Delivery {
    arc: Arc,
    sent: Time<True>,
    received: Time<True>,
    credit: Nanos,
}

fn deliveries(runs: &[AgentRun]) -> Vec<Delivery> {
    let clock = |run: &AgentRun| Oscillator::new(run.header.oscillator.clone().expect("simulated"), run.header.node);
    let mut clocks: Vec<Oscillator> = runs.iter().map(clock).collect();
    let mut found = Vec::new();
    for run in runs {
        let to = run.header.node;
        for record in run.records() {
            let Record::Received(received) = record else { continue };
            found.push(Delivery {
                arc: Arc { from: received.from, to },
                sent: clocks[received.from.0 as usize].true_time(received.sent),
                received: clocks[to.0 as usize].true_time(received.at),
                credit: received.credit,
            });
        }
    }
    found.sort_by_key(|delivery| (delivery.sent, delivery.arc));
    found
}

/// The premises that an execution met, with xi just above the largest unpredictable delay.
fn premises(world: &World, runs: &[AgentRun]) -> Premises {
    let deliveries = deliveries(runs);
    let unpredictable = |d: &Delivery| d.received - d.sent - d.credit;
    let xi = deliveries.iter().map(unpredictable).max().unwrap_or(Nanos::ZERO) + Nanos(1);
    let mut last: BTreeMap<Arc, Time<True>> = world.paths.keys().map(|arc| (*arc, Time::ZERO)).collect();
    let mut tau = Nanos::ZERO;
    for delivery in &deliveries {
        let before = last.insert(delivery.arc, delivery.sent).expect("an arc of the topology");
        tau = tau.max(delivery.sent - before);
    }
    Premises {
        kappa: world.hosts.iter().map(|host| host.kappa).max().unwrap_or(Ppb(0)),
        diameter: topology::diameter(runs.iter().map(|run| run.header.node), world.paths.keys().copied())
            .expect("connected"),
        tau: last.values().map(|at| Time::ZERO + LENGTH - *at).fold(tau, Nanos::max),
        mu: deliveries.iter().map(|d| d.credit).max().unwrap_or(Nanos::ZERO),
        xi,
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    (2..6_u32, 0..6).prop_map(|(nodes, shape)| match shape {
        0 => Shape::Full { nodes },
        1 => Shape::Ring { nodes },
        2 => Shape::Line { nodes },
        3 => Shape::Star { nodes },
        4 => Shape::Tree { nodes, branches: 2 },
        _ => Shape::Grid { rows: 2, columns: 2 },
    })
}

fn scenario(topology: Shape, oscillators: Oscillators, links: Link) -> Scenario {
    let least = "duration = \"6s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 2 }";
    let stamps = Stamps { wait_within: Nanos::from_micros(90), noise: Nanos(200), ..Stamps::default() };
    Scenario { topology, oscillators, links, stamps, ..Scenario::parse(least).expect("a scenario") }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// theory: eps <= B_safe at every instant from d(tau + nu) + mu / (1 - kappa) on, whatever is lost, late, doubled or
    /// reordered; and every Lamport clock follows its rule.
    #[test]
    fn the_spread_of_lamport_clocks_stays_within_the_safe_bound(
        shape in shapes(), seed in any::<u64>(), delay_us in 1..20_000_i64, jitter_us in 0..20_000_i64,
        loss_share in 0.0..0.4_f64, drift_ppm in 0..200_i64, credit in 0.0..1.0_f64, duplicate_share in 0.0..0.3_f64,
    ) {
        let delay = Nanos::from_micros(delay_us);
        let oscillators = Oscillators {
            offset_within: Nanos::from_millis(10),
            drift_within_ppm: drift_ppm as f64,
            wander_ppb_per_sqrt_s: 100.0,
            wander_limit_ppm: 1.0,
            ..Oscillators::default()
        };
        // The credit is in local units: a hair less than the true minimum, for a receiver that runs slow.
        let mu = Nanos((delay.0 as f64 * credit * 0.999) as i64);
        let jitter = Jitter::Uniform { limit: Nanos::from_micros(jitter_us) };
        let links = Link { delay, jitter, loss_share, duplicate_share, mu, ..Link::default() };
        let world = World::new(&scenario(shape, oscillators, links), seed).expect("a world");
        let mut network = Network::new(world.clone());
        let mut spreads = Vec::new();
        while network.now() < Time::ZERO + LENGTH {
            // Between events and whole seconds (where the wander may turn) every clock runs at a constant rate, so the
            // spread is largest at one of these, on one of its two sides.
            let (now, next) = (network.now(), network.next_at().min(Time::ZERO + LENGTH));
            let second = Time::from_nanos((now.as_nanos() / 1_000_000_000 + 1) * 1_000_000_000).min(next);
            for at in [second, next] {
                spreads.push((at, network.spread(Algorithm::Lamport, at)));
            }
            network.run_until(next);
            if network.next_at() == next {
                network.step();
            }
            spreads.push((next, network.spread(Algorithm::Lamport, next)));
        }
        let journals = network.finish();
        let runs = read(&journals);
        let met = premises(&world, &runs);
        for (at, spread) in spreads.into_iter().filter(|(at, _)| *at >= Time::ZERO + met.warm_up()) {
            prop_assert!(spread <= met.bounds().safe + Nanos(2), "{spread:?} at {at:?} with {met:?}");
        }
        for run in &runs {
            prop_assert!(!run.counters().contains_key(Counter::HlcBroken.name()));
            prop_assert_eq!(broken_rule(run, mu), None);
        }
    }
}

/// The lamport clock's readings, in order of their instants.
fn lines(run: &AgentRun) -> Vec<Line<Local, Synced>> {
    let changes = run.records().filter_map(|record| match record {
        Record::Changed(Algorithm::Lamport, change) => Some(change.reading.line),
        _ => None,
    });
    [Line::IDENTITY].into_iter().chain(changes).collect()
}

/// IR2' (b), to the nanosecond: a message sets the clock to the larger of what it shows and T_m + mu_m, where mu_m is the link's
/// and what the message waited at its receiver, by the kernel's stamp, (1 - kappa) of it; nothing else sets it, and it never
/// goes back. What is wrong, in words.
fn broken_rule(run: &AgentRun, mu: Nanos) -> Option<String> {
    let lines = lines(run);
    let mut claims: BTreeMap<Time<Local>, Time<Synced>> = BTreeMap::new();
    for record in run.records() {
        let Record::Received(received) = record else { continue };
        let waited = received.arrived.map_or(Nanos::ZERO, |stamp| received.at - stamp.at - stamp.error);
        let least = i128::from(waited.0.max(0)) * i128::from(1_000_000_000 - run.header.kappa_ppb.0) / 1_000_000_000;
        if received.credit != mu + Nanos(least as i64) {
            return Some(format!("credited {} for {mu} and a wait of {waited}", received.credit));
        }
        let claim = received.claims.of(Algorithm::Lamport)?.reading + received.credit;
        let latest = claims.entry(received.at).or_insert(claim);
        *latest = claim.max(*latest);
    }
    let of = |at: Time<Local>, count: usize| lines[count.max(1) - 1].at(at);
    for (at, claim) in &claims {
        let before = of(*at, lines.partition_point(|line| line.start < *at));
        let after = of(*at, lines.partition_point(|line| line.start <= *at));
        if after != before.max(*claim) {
            return Some(format!("{after:?} at {at:?}, where {before:?} was shown and {claim:?} was claimed"));
        }
    }
    let unasked = |pair: &&[Line<Local, Synced>]| {
        pair[1].value != pair[0].at(pair[1].start) && !claims.contains_key(&pair[1].start)
    };
    lines.windows(2).find(unasked).map(|pair| format!("{pair:?}: set, and no message came"))
}

//! Laws on whole executions of the pure node in virtual time.

use proptest::prelude::*;
use skewbench::clock::ClockEvent;
use skewbench::ids::{Algorithm, Arc, NodeId};
use skewbench::node::{Counter, Record};
use skewbench::theory::Premises;
use skewbench::time::{Nanos, Ppb, Time, True};
use skewbench::topology::Topology;

use crate::virtual_net::{Delivery, Net, World, delays};
use std::collections::BTreeMap;

/// The premises that an execution met, with xi just above the largest unpredictable delay.
fn premises(net: &Net, start: Time<True>, end: Time<True>) -> Premises {
    let unpredictable = |d: &Delivery| d.received - d.sent - d.credit;
    let xi = net.deliveries.iter().map(unpredictable).max().unwrap_or(Nanos::ZERO) + Nanos(1);
    let mut last: BTreeMap<Arc, Time<True>> = net.world.topology.arcs().map(|(arc, _)| (arc, start)).collect();
    let mut tau = Nanos::ZERO;
    let mut sends: Vec<_> = net.deliveries.iter().map(|d| (d.sent, d.arc)).collect();
    sends.sort();
    for (sent, arc) in sends {
        let before = last.insert(arc, sent).expect("an arc of the topology");
        tau = tau.max(sent - before);
    }
    tau = last.values().map(|at| end - *at).fold(tau, Nanos::max);
    Premises {
        kappa: net.clocks.iter().map(|clock| clock.declared().kappa()).max().expect("a clock"),
        diameter: net.world.topology.diameter().expect("connected"),
        tau,
        mu: net.deliveries.iter().map(|d| d.credit).max().unwrap_or(Nanos::ZERO),
        xi,
    }
}

fn shapes() -> impl Strategy<Value = Topology> {
    let none = delays(Nanos::ZERO, Nanos::ZERO, 0.0);
    (2..6_u32, 0..3).prop_map(move |(nodes, shape)| match shape {
        0 => Topology::full(nodes, none),
        1 => Topology::ring(nodes, none),
        _ => Topology::line(nodes, none),
    })
}

/// A topology of the same shape whose arcs are all impaired alike.
fn impaired(shape: &Topology, delay: Nanos, jitter: Nanos, loss: f64) -> Topology {
    let make = match shape.name() {
        "full" => Topology::full,
        "ring" => Topology::ring,
        _ => Topology::line,
    };
    make(shape.nodes(), delays(delay, jitter, loss))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// theory: eps <= B_safe at every instant from d(tau + nu) + mu / (1 - kappa) on, whatever is lost, late, doubled or
    /// reordered; and no Lamport clock ever goes back.
    #[test]
    fn the_spread_of_lamport_clocks_stays_within_the_safe_bound(
        shape in shapes(), seed in any::<u64>(), delay_us in 0..20_000_i64, jitter_us in 0..20_000_i64,
        loss in 0.0..0.4_f64, drift_ppm in 0..200_i64, credit in 0.0..1.0_f64, duplication in 0.0..0.3_f64,
    ) {
        let (delay, jitter) = (Nanos::from_micros(delay_us), Nanos::from_micros(jitter_us));
        let mut world = World::new(impaired(&shape, delay, jitter, loss), seed);
        world.drift = Ppb(drift_ppm * 1_000);
        world.duplication = duplication;
        // The credit is in local units: a hair less than the true minimum, for a receiver that runs slow.
        world.base_mu = Nanos((delay.0 as f64 * credit * 0.999) as i64);
        let mut net = Net::new(world);
        let (start, end) = (net.now, net.now + Nanos::from_seconds(6));
        let mut spreads = Vec::new();
        while net.now < end {
            // Between events and whole seconds (where the wander may turn) every clock runs at a constant rate, so the
            // spread is largest at one of these, on one of its two sides.
            let (now, next) = (net.now, net.next_at());
            let second = Time::from_nanos((now.as_nanos() / 1_000_000_000 + 1) * 1_000_000_000).min(next);
            for at in [second, next] {
                spreads.push((at, net.spread(Algorithm::Lamport, at)));
            }
            net.step();
            spreads.push((next, net.spread(Algorithm::Lamport, next)));
        }
        let met = premises(&net, start, end);
        let from = start + met.warm_up();
        for (at, spread) in spreads.into_iter().filter(|(at, _)| *at >= from) {
            prop_assert!(spread <= met.bounds().safe + Nanos(2), "{spread:?} at {at:?} with {met:?}");
        }
        for records in &net.records {
            for record in records {
                if let Record::Changed(Algorithm::Lamport, change) = record {
                    prop_assert!(change.stepped);
                }
            }
        }
        prop_assert!(net.nodes.iter().all(|node| node.counters().count(Counter::HlcBroken) == 0));
    }
}

/// The NTP-style clocks of whole nodes: one step, steady after three seconds, and so are the hybrid clocks on them.
#[test]
fn ntp_clocks_step_once_and_are_steady_after_three_seconds() {
    for seed in 0..8 {
        let shape = Topology::full(3, delays(Nanos::from_micros(20), Nanos::from_micros(30), 0.0));
        let mut net = Net::new(World::new(shape, seed));
        let start = net.now;
        net.run_until(start + Nanos::from_seconds(3));
        for _ in 0..300 {
            let next = net.now + Nanos::from_millis(10);
            net.run_until(next);
            let worst = (1..3).map(|node| net.error(Algorithm::Ntp, node).abs()).max().expect("two followers");
            assert!(worst < Nanos::from_micros(40), "{worst} at {:?}, seed {seed}", net.now);
        }
        for node in 1..3 {
            let stepped =
                |record: &&Record| matches!(record, Record::Changed(Algorithm::Ntp, change) if change.stepped);
            assert_eq!(net.records[node].iter().filter(stepped).count(), 1, "node {node}, seed {seed}");
        }
    }
}

/// Orphan mode: the reference dies, the lowest node alive takes over once, and the other follows it.
#[test]
fn when_the_reference_falls_silent_the_lowest_node_alive_takes_over() {
    let shape = Topology::full(4, delays(Nanos::from_micros(20), Nanos::from_micros(30), 0.05));
    let mut world = World::new(shape, 5);
    let death = Time::from_nanos(6_000_000_000);
    world.deaths.insert(NodeId(0), death);
    let mut net = Net::new(world);
    net.run_until(death + Nanos::from_seconds(6));
    let took_over = |node: usize| {
        let events = net.records[node].iter().filter_map(|record| match record {
            Record::Changed(Algorithm::Ntp, change) => change.event,
            _ => None,
        });
        events.filter(|(event, _)| *event == ClockEvent::TookOver).count()
    };
    assert_eq!([took_over(1), took_over(2), took_over(3)], [1, 0, 0]);
    let at = net.now;
    let shown: Vec<_> = (1..4).map(|node| net.nodes[node].shows(Algorithm::Ntp, net.clocks[node].local(at))).collect();
    let spread = *shown.iter().max().expect("three") - *shown.iter().min().expect("three");
    assert!(spread < Nanos::from_micros(60), "{spread}");
}

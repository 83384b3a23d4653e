//! The NTP-style clocks of whole nodes in virtual time: their start, and what they do without their reference.

use skewbench::clock::ClockEvent;
use skewbench::ids::{Algorithm, NodeId};
use skewbench::node::Record;
use skewbench::time::{Nanos, Time};
use skewbench::topology::Topology;

use crate::virtual_net::{Net, World, delays};

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

use proptest::prelude::*;

use super::world::{Delays, POLL, World, full, line};
use crate::clock::ntp::{Ntp, Settings};
use crate::clock::{Clock, ClockEvent, Message};
use crate::ids::NodeId;
use crate::probe::{Claim, Claims, Exchange, Point};
use crate::time::{Nanos, Rate, Time};

const LOOK: Nanos = Nanos::from_millis(10);
const START_UP: Nanos = Nanos::from_seconds(3);

fn run(world: &mut World, span: Nanos) {
    world.run(span, |_| ());
}

/// |error| and bound of a node every 10 ms over `span`.
fn watch(world: &mut World, node: usize, reference: usize, span: Nanos) -> Vec<(Nanos, Nanos)> {
    let look = |_| {
        run(world, LOOK);
        (world.error(node, reference).abs(), world.bound(node))
    };
    (0..span.0 / LOOK.0).map(look).collect()
}

fn worst(seen: &[(Nanos, Nanos)]) -> Nanos {
    seen.iter().map(|(error, _)| *error).max().unwrap_or(Nanos::ZERO)
}

fn mean(seen: &[(Nanos, Nanos)]) -> i64 {
    seen.iter().map(|(error, _)| error.0).sum::<i64>() / seen.len() as i64
}

fn share_covered(seen: &[(Nanos, Nanos)]) -> f64 {
    seen.iter().filter(|(error, bound)| error <= bound).count() as f64 / seen.len() as f64
}

#[test]
fn a_full_mesh_steps_once_and_is_steady_three_seconds_after_the_start() {
    for nodes in [2, 3, 5] {
        for seed in 0..12 {
            let mut world = World::new(seed, nodes as u32, 0, &full(nodes), Delays::Loopback);
            run(&mut world, START_UP);
            for node in 1..nodes {
                let error = world.error(node, 0).abs();
                assert!(error < Nanos::from_micros(30), "seed {seed}, node {node}: {error}");
            }
            for node in 1..nodes {
                let (stratum, steps) = (world.stratum(node), world.nodes[node].steps);
                assert_eq!((stratum, steps), (2, 1), "seed {seed}, node {node}");
            }
            let seen = watch(&mut world, 1, 0, Nanos::from_seconds(27));
            assert!(worst(&seen) < Nanos::from_micros(45) && mean(&seen) < 15_000, "seed {seed}: {}", worst(&seen));
            assert!(share_covered(&seen) >= 0.99, "seed {seed}: {}", share_covered(&seen));
            assert!(world.rate_error_ppm(1, 0).abs() < 20.0, "seed {seed}");
            assert!(world.nodes.iter().skip(1).all(|node| node.steps == 1));
        }
    }
}

#[test]
fn the_reference_never_changes_and_says_that_its_error_is_nothing() {
    let mut world = World::new(1, 3, 2, &full(3), Delays::Loopback);
    run(&mut world, START_UP);
    assert_eq!((world.stratum(2), world.nodes[2].steps, world.bound(2)), (1, 0, Nanos::ZERO));
    assert_eq!(world.nodes[2].clock.reading().line.rate, Rate::ZERO);
    let (local, reading) = (world.local(2), world.reading(2));
    assert_eq!(local.as_nanos(), reading.as_nanos());
}

#[test]
fn in_a_line_each_hop_is_one_stratum_more() {
    for seed in 0..8 {
        let mut world = World::new(seed, 4, 3, &line(&[3, 2, 0, 1]), Delays::Loopback);
        run(&mut world, START_UP.times(3) + POLL.times(3));
        assert_eq!([2, 0, 1].map(|node| world.stratum(node)), [2, 3, 4], "seed {seed}");
        assert_eq!([2, 0, 1].map(|node| world.nodes[node].steps), [1, 1, 1]);
        assert!(
            world.events(ClockEvent::TookOver).is_empty(),
            "news passes through nodes that are not yet disciplined"
        );
        for (node, limit) in [(2, 45), (0, 70), (1, 95)] {
            let seen = watch(&mut world, node, 3, Nanos::from_seconds(10));
            assert!(worst(&seen) < Nanos::from_micros(limit), "seed {seed}, node {node}: {}", worst(&seen));
            assert!(share_covered(&seen) >= 0.99);
        }
    }
}

/// Four nodes next to the root, and one next to those: its claim holds for the average as for one of them.
#[test]
fn a_node_below_four_equals_keeps_its_claim() {
    let links: Vec<(usize, usize)> = (1..5).flat_map(|parent| [(0, parent), (parent, 5)]).collect();
    for seed in 0..6 {
        let mut world = World::new(seed, 6, 0, &links, Delays::Jittery);
        run(&mut world, START_UP.times(4));
        assert_eq!(world.stratum(5), 3, "seed {seed}");
        let seen = watch(&mut world, 5, 0, Nanos::from_seconds(30));
        assert!(share_covered(&seen) >= 0.99, "seed {seed}: {}", share_covered(&seen));
        assert!(mean(&seen) < 250_000 && world.nodes[5].steps == 1, "seed {seed}: {}", mean(&seen));
    }
}

#[test]
fn on_a_jittery_network_it_still_converges_and_never_steps_twice() {
    for seed in 0..8 {
        let mut world = World::new(seed, 3, 0, &full(3), Delays::Jittery);
        run(&mut world, START_UP);
        let seen = watch(&mut world, 1, 0, Nanos::from_seconds(60));
        assert!(worst(&seen) < Nanos::from_millis(1) && mean(&seen) < 200_000, "seed {seed}: {}", worst(&seen));
        assert!(share_covered(&seen) >= 0.99);
        assert_eq!((world.nodes[1].steps, world.nodes[2].steps), (1, 1));
    }
}

#[test]
fn the_lowest_alive_stands_in_for_a_silent_reference_until_it_returns() {
    for seed in 0..6 {
        let mut world = World::new(seed, 4, 3, &full(4), Delays::Loopback);
        run(&mut world, Nanos::from_seconds(5));
        world.silent.insert(3);
        let fell_silent = world.now;
        run(&mut world, POLL.times(30));
        let took_over = world.events(ClockEvent::TookOver);
        assert_eq!(took_over.iter().map(|(id, who, _)| (*id, *who)).collect::<Vec<_>>(), [(0, NodeId(0))]);
        assert!(took_over[0].2 - fell_silent < POLL.times(18), "seed {seed}: {:?}", took_over[0].2 - fell_silent);
        assert!(!world.events(ClockEvent::LostReference).is_empty());
        assert_eq!([0, 1, 2].map(|node| world.stratum(node)), [1, 2, 2], "within 30 polls all follow the stand-in");
        let seen = watch(&mut world, 1, 0, Nanos::from_seconds(10));
        assert!(worst(&seen) < Nanos::from_micros(60), "seed {seed}: {}", worst(&seen));
        world.silent.remove(&3);
        run(&mut world, POLL.times(12));
        assert_eq!([0, 1, 2, 3].map(|node| world.stratum(node)), [2, 2, 2, 1], "twelve polls after its return");
        run(&mut world, Nanos::from_seconds(10));
        let seen = watch(&mut world, 2, 3, Nanos::from_seconds(10));
        assert!(worst(&seen) < Nanos::from_micros(60), "seed {seed}: {}", worst(&seen));
        assert_eq!(world.events(ClockEvent::TookOver).len(), 1);
        assert_eq!([0, 1, 2, 3].map(|node| world.nodes[node].steps), [1, 1, 1, 0]);
    }
}

#[test]
fn a_line_elects_one_stand_in_even_where_the_lowest_is_out_of_sight() {
    let mut world = World::new(5, 4, 0, &line(&[0, 1, 3, 2]), Delays::Loopback);
    run(&mut world, Nanos::from_seconds(12));
    world.silent.insert(0);
    run(&mut world, POLL.times(60));
    assert_eq!(world.events(ClockEvent::TookOver).iter().map(|e| e.0).collect::<Vec<_>>(), [1]);
    assert_eq!([1, 3, 2].map(|node| world.stratum(node)), [1, 2, 3]);
}

#[test]
fn without_a_reference_from_the_start_the_lowest_leads_unstepped() {
    let mut world = World::new(2, 3, 0, &full(3), Delays::Loopback);
    world.silent.insert(0);
    run(&mut world, START_UP.times(3));
    assert_eq!([1, 2].map(|node| (world.stratum(node), world.nodes[node].steps)), [(1, 0), (2, 1)]);
    assert_eq!(world.bound(1), Nanos::ZERO, "it is the definition of time");
}

/// Whether some node is, by way of system peers, its own ancestor.
fn has_loop(world: &World) -> bool {
    let parent = |id: usize| world.nodes[id].clock.system_peer().map(|peer| peer.0 as usize);
    (0..world.nodes.len()).any(|start| {
        let ancestors = std::iter::successors(parent(start), |id| parent(*id));
        ancestors.take(world.nodes.len()).any(|id| id == start)
    })
}

fn never_follow_each_other(seed: u64, loss: f64, outage: usize) {
    let mut world = World::new(seed, 4, 0, &full(4), Delays::Loopback);
    let check = |world: &World| assert!(!has_loop(world), "{:?}", world.now);
    world.run(Nanos::from_seconds(4), check);
    world.loss = loss;
    world.run(Nanos::from_seconds(6), check);
    world.silent.insert(outage);
    world.run(Nanos::from_seconds(5), check);
    world.silent.remove(&outage);
    world.run(Nanos::from_seconds(5), check);
}

#[test]
fn a_root_that_falls_silent_while_another_yields_closes_no_loop() {
    never_follow_each_other(14_444_336_676_726_365_584, 0.769_247_689_206_914_4, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nodes_never_follow_each_other_whatever_is_lost(seed: u64, loss in 0.0..0.8, outage in 0..4_usize) {
        never_follow_each_other(seed, loss, outage);
    }
}

fn any_claim() -> impl Strategy<Value = Claim> {
    let span = || any::<i64>().prop_map(Nanos);
    let few = || prop_oneof![0..4_u32, any::<u32>()].prop_map(NodeId);
    let root = (any::<i64>(), any::<i64>(), any::<u8>(), few(), few());
    (root, prop_oneof![span(), (0..9_i64).prop_map(Nanos)], span(), span()).prop_map(
        |(head, age, delay, dispersion)| {
            let (reading, rate, stratum, root, parent) = head;
            let (reading, rate) = (Time::from_nanos(reading), Rate(rate));
            let spans = Claim { root_age: age, root_delay: delay, root_dispersion: dispersion, ..Claim::default() };
            Claim { reading, rate, stratum: stratum % 20, root, parent, ..spans }
        },
    )
}

proptest! {
    #[test]
    fn hostile_claims_never_make_it_panic(node in 0..3_u32, poll in prop_oneof![any::<i64>(), 0..1_000_i64, Just(100_000_000)],
        inputs in prop::collection::vec((any_claim(), 0..5_u32, any::<[i64; 5]>(), 0..4_u8), 1..60)) {
        let settings = Settings { node: NodeId(node), reference: NodeId(0), poll: Nanos(poll) };
        let mut clock = Ntp::new(settings);
        for (claim, from, [t1, t2, t3, t4, at], what) in inputs {
            let from = NodeId(from);
            let at = Time::from_nanos(at);
            let change = match what {
                0 => clock.on_slot(at),
                1 => clock.on_message(&Message { from, at, credit: Nanos::ZERO, claim: &claim }),
                _ => {
                    clock.on_message(&Message { from, at, credit: Nanos::ZERO, claim: &claim });
                    let [t1, t2, t3, t4] =
                        [t1, t2, t3, t4].map(|ns| Point { user: Time::from_nanos(ns), wire: None });
                    let claims = Claims::from_fn(|_| claim);
                    clock.on_exchange(at, &Exchange { peer: from, t1, t2, t3, t4, claims })
                }
            };
            if let Some(change) = change {
                prop_assert_eq!(change.reading, *clock.reading());
            }
            let rate = clock.reading().line.rate.as_ratio().abs();
            prop_assert!(rate <= 500e-6, "{rate}");
            clock.claim(at);
        }
    }
}

//! Hostile datagrams against a node, one test for each promise: what is refused is counted by name, moves no clock and
//! is not answered.

use skewbench::host::ordering::{MeshConfig, RawClock};
use skewbench::host::ship::Shipment;
use skewbench::ids::{Algorithm, Algorithms, BootId, NodeId};
use skewbench::node::{Config, Counter, Input, Node, Output};
use skewbench::probe::Key;
use skewbench::probe::wire::{Codec, Datagram};
use skewbench::probe::{Answer, Claim, Claims, Kind, Probe, Source, Stamp};
use skewbench::time::{Local, Nanos, Ppb, Rate, Synced, Time};

const CLUSTER: u64 = 7;
const KEY: Key = Key::new([0xa7; 32]);
const PLAUSIBLE: Nanos = Nanos::from_seconds(1);
const TAU: Nanos = Nanos::from_millis(100);

fn codec() -> Codec {
    Codec::new(CLUSTER, &KEY)
}

fn node(id: u32, peer: u32) -> Node {
    running(id, peer, Algorithms::USUAL)
}

fn running(id: u32, peer: u32, clocks: Algorithms) -> Node {
    let config = Config {
        node: NodeId(id),
        nodes: 2,
        boot: BootId(5),
        peers: vec![(NodeId(peer), Nanos::ZERO)],
        tau: TAU,
        pair_gap: None,
        phase: Nanos(1),
        reference: NodeId(1),
        kappa: Ppb(50_000),
        clocks,
        plausible: PLAUSIBLE,
        stamps_departures: false,
    };
    let mut node = Node::new(config, Time::ZERO);
    drain(&mut node);
    node
}

/// What the node sends, each as the bytes on the wire.
fn drain(node: &mut Node) -> Vec<(Probe, Datagram)> {
    let sent = std::iter::from_fn(|| node.poll()).filter_map(|output| match output {
        Output::Send(probe) => {
            let bytes = codec().encode(&probe);
            Some((probe, bytes))
        }
        Output::Record(_) => None,
    });
    sent.collect()
}

/// Hands a datagram to the node as its driver does; gives what it sends in return.
fn deliver(node: &mut Node, at: Time<Local>, datagram: &[u8]) -> Vec<(Probe, Datagram)> {
    match codec().decode(datagram) {
        Ok(probe) => node.handle(Input::Received { at, arrived: None, probe: &probe }),
        Err(why) => node.handle(Input::Rejected(why)),
    }
    drain(node)
}

fn at(ns: i64) -> Time<Local> {
    Time::from_nanos(ns)
}

fn readings(node: &Node) -> [Time<Synced>; 4] {
    Algorithm::OWN.map(|algorithm| node.shows(algorithm, at(900_000_000)))
}

/// A request from node 1 to node 0, sent at `sent`, with claims of `reading` by every clock.
fn request(boot: u64, sequence: u64, sent: i64, reading: i64) -> Probe {
    let claim = |algorithm| Claim {
        reading: Time::from_nanos(reading),
        stratum: u8::from(algorithm == Algorithm::Ntp),
        root: NodeId(1),
        parent: NodeId(1),
        ..Claim::default()
    };
    Probe {
        from: NodeId(1),
        to: NodeId(0),
        boot: BootId(boot),
        sequence,
        sent: at(sent),
        kind: Kind::Request,
        departed: None,
        stamps_departures: false,
        claims: Claims::from_fn(claim),
    }
}

/// The datagram is counted as `counter`, once; nothing is sent and no clock moves.
fn refused(node: &mut Node, datagram: &[u8], counter: Counter) {
    let (before, readings_before) = (node.counters().count(counter), readings(node));
    let sent = deliver(node, at(2_000), datagram);
    assert!(sent.is_empty(), "{counter:?} is answered");
    assert_eq!(node.counters().count(counter), before + 1, "{counter:?}");
    assert_eq!(readings(node), readings_before, "{counter:?} moves a clock");
    assert!(node.counters().named().contains_key(counter.name()));
}

#[test]
fn whoever_has_another_key_or_cluster_or_half_a_datagram_is_refused() {
    let mut node = node(0, 1);
    let probe = request(1, 1, 1_000, 500_000_000);
    let wrong_key = Codec::new(CLUSTER, &Key::new([0xa8; 32])).encode(&probe);
    let foreign = Codec::new(CLUSTER + 1, &KEY).encode(&probe);
    let right = codec().encode(&probe);
    refused(&mut node, &wrong_key, Counter::BadMac);
    refused(&mut node, &foreign, Counter::ForeignCluster);
    for length in [0, 1, right.len() / 2, right.len() - 1] {
        refused(&mut node, &right[..length], Counter::BadLength);
    }
    refused(&mut node, &[&right[..], &[0]].concat(), Counter::BadLength);
    assert_eq!(deliver(&mut node, at(3_000), &right).len(), 1, "the right one is answered");
}

#[test]
fn a_replayed_message_is_taken_once() {
    let mut node = node(0, 1);
    let datagram = codec().encode(&request(1, 1, 1_000, 1_500));
    assert_eq!(deliver(&mut node, at(1_900), &datagram).len(), 1);
    for _ in 0..3 {
        refused(&mut node, &datagram, Counter::Replayed);
    }
    deliver(&mut node, at(2_000), &codec().encode(&request(1, 500, 2_000, 2_000)));
    refused(&mut node, &codec().encode(&request(1, 2, 1_000, 500_000_000)), Counter::TooOld);
}

#[test]
fn a_message_of_an_older_boot_is_refused() {
    let mut node = node(0, 1);
    deliver(&mut node, at(1_900), &codec().encode(&request(9, 1, 1_000, 1_500)));
    refused(&mut node, &codec().encode(&request(8, 77, 1_000, 500_000_000)), Counter::OldBoot);
}

#[test]
fn what_is_reflected_to_its_sender_is_refused() {
    let (mut one, mut other) = (node(0, 1), node(1, 0));
    one.handle(Input::Timer { at: at(1_000) });
    let (_, asked) = drain(&mut one)[0];
    refused(&mut one, &asked, Counter::NotForMe);
    let (_, reply) = deliver(&mut other, at(1_100), &asked)[0];
    refused(&mut other, &reply, Counter::NotForMe);
    assert!(deliver(&mut one, at(1_200), &reply).is_empty(), "a reply is not answered");
    refused(&mut one, &reply, Counter::Replayed);
    // Not even with the key can a message be turned round: nobody is its own peer.
    let turned = Probe { from: NodeId(0), ..request(1, 1, 1_000, 500_000_000) };
    refused(&mut one, &codec().encode(&turned), Counter::UnknownPeer);
}

#[test]
fn a_claim_beyond_the_limit_is_counted_and_moves_no_clock() {
    let beyond = PLAUSIBLE.0 + 10_000;
    for reading in [beyond, -beyond, i64::MIN, i64::MAX] {
        let mut node = node(0, 1);
        let before = readings(&node);
        deliver(&mut node, at(2_000), &codec().encode(&request(1, 1, 1_000, reading)));
        assert_eq!(readings(&node), before, "claims of {reading} ns");
        assert_eq!(node.counters().count(Counter::Implausible), 3, "one for each clock that claims");
        assert_eq!(node.counters().named()["implausible_claim"], 3);
    }
}

#[test]
fn a_claim_within_the_limit_moves_clocks() {
    let mut node = node(0, 1);
    let before = readings(&node);
    deliver(&mut node, at(2_000), &codec().encode(&request(1, 1, 1_000, PLAUSIBLE.0 / 4)));
    assert!(readings(&node)[Algorithm::Lamport as usize] > before[Algorithm::Lamport as usize]);
    assert_eq!(node.counters().count(Counter::Implausible), 0);
}

/// Forty polls of a reference whose stamps say `ahead`, while its claims are as right as can be.
fn polled(ahead: i64, rate: Rate) -> Node {
    let (mut node, mut departed) = (node(0, 1), None);
    let stamp = |ns: i64| Stamp { at: at(ns), error: Nanos(1), source: Source::Kernel };
    for poll in 0..40 {
        let now = 1_000 + poll * TAU.0;
        node.handle(Input::Timer { at: at(now) });
        let asked = drain(&mut node).remove(0).0;
        node.handle(Input::Departed { to: NodeId(1), sequence: asked.sequence, stamp: stamp(now) });
        let [received, sent] = [now + 1_000, now + 2_000].map(|ns| ns.saturating_add(ahead));
        let kind = Kind::Reply(Answer {
            boot: asked.boot,
            sequence: asked.sequence,
            received: at(received),
            arrived: Some(stamp(received)),
        });
        let right = request(1, 1 + poll as u64, now + 2_000, now + 2_000);
        let claims = Claims::from_fn(|algorithm| Claim { rate, ..*right.claims.of(algorithm).expect("it claims") });
        let reply = Probe { kind, departed, stamps_departures: true, claims, ..right };
        // When the reply left is told with the next one.
        departed = Some((reply.sequence, stamp(sent)));
        let reply = codec().decode(&codec().encode(&reply)).expect("authentic");
        node.handle(Input::Received { at: at(now + 3_000), arrived: Some(stamp(now + 3_000)), probe: &reply });
        drain(&mut node);
    }
    node
}

/// How far the ntp clock is from the local clock.
fn moved(node: &Node) -> Nanos {
    let now = at(40 * TAU.0);
    skewbench::affine::offset(node.shows(Algorithm::Ntp, now), now).abs()
}

#[test]
fn stamps_that_carry_a_plausible_claim_beyond_the_limit_move_no_clock() {
    let honest = polled(0, Rate::ZERO);
    assert!(moved(&honest) < Nanos::from_micros(10));
    assert_eq!(honest.counters().count(Counter::Implausible), 0);
    for (ahead, rate) in [(10 * PLAUSIBLE.0, 0), (-10 * PLAUSIBLE.0, 0), (1_000_000, i64::MAX), (i64::MAX / 4, 0)] {
        let node = polled(ahead, Rate(rate));
        assert!(moved(&node) <= PLAUSIBLE, "stamps {ahead} ns ahead move the ntp clock by {}", moved(&node));
        assert!(node.counters().count(Counter::Implausible) > 0, "{ahead}");
    }
}

#[test]
fn a_reply_is_no_longer_than_its_request_and_nothing_else_is_answered() {
    let (mut one, mut other) = (node(0, 1), node(1, 0));
    for poll in 0..50 {
        let now = 1_000 + poll * TAU.0;
        one.handle(Input::Timer { at: at(now) });
        for (_, asked) in drain(&mut one) {
            let replies = deliver(&mut other, at(now + 100), &asked);
            assert_eq!(replies.len(), 1);
            for (_, reply) in replies {
                assert!(reply.len() <= asked.len());
                assert!(deliver(&mut one, at(now + 200), &reply).is_empty(), "a reply causes nothing");
            }
        }
    }
}

/// Two nodes that run other clocks are no strangers: each hears what it has a clock for, and no reply is longer than its
/// request.
#[test]
fn nodes_that_run_other_clocks_share_what_both_run_and_never_answer_with_more() {
    let sets = ["lamport", "lamport,ntp,hlc", "interval,convergence", "ntp,largest", "all"];
    for (mine, theirs) in sets.iter().flat_map(|mine| sets.map(|theirs| (*mine, theirs))) {
        let [mine, theirs] = [mine, theirs].map(|names| names.parse::<Algorithms>().expect("clocks"));
        let (mut one, mut other) = (running(0, 1, mine), running(1, 0, theirs));
        for poll in 0..12 {
            let now = 1_000 + poll * TAU.0;
            one.handle(Input::Timer { at: at(now) });
            for (request, asked) in drain(&mut one) {
                assert_eq!(request.claims.by(), mine);
                let (reply, bytes) = deliver(&mut other, at(now + 100), &asked).remove(0);
                assert_eq!(reply.claims.by(), mine.and(theirs));
                assert!(bytes.len() <= asked.len(), "{mine} asked {theirs}");
                deliver(&mut one, at(now + 200), &bytes);
            }
        }
        let refusals = [Counter::BadLength, Counter::BadVersion, Counter::BadField, Counter::Implausible];
        for counter in refusals.into_iter().chain([Counter::HlcRefused, Counter::HlcBroken, Counter::Unasked]) {
            assert_eq!(
                [&one, &other].map(|node| node.counters().count(counter)),
                [0, 0],
                "{counter:?}: {mine}, {theirs}"
            );
        }
    }
}

#[test]
fn no_debug_output_shows_the_key() {
    let mesh = MeshConfig {
        me: NodeId(0),
        peers: vec![],
        cluster: CLUSTER,
        key: KEY,
        seed: 1,
        plausible: PLAUSIBLE,
        raw_clock: RawClock::Shared,
        patience: TAU,
        mending: TAU,
        changes: None,
    };
    let shipment = Shipment {
        collector: "127.0.0.1:1".to_owned(),
        key: KEY,
        cluster: CLUSTER,
        node: NodeId(0),
        boot: BootId(0),
        spool: "spool".into(),
        close_deadline: std::time::Duration::ZERO,
        welcomed: tokio::sync::watch::channel(false).0,
        meter: std::sync::Arc::default(),
    };
    for said in [format!("{KEY:?}"), format!("{:?}", codec()), format!("{mesh:?}"), format!("{shipment:#?}")] {
        let said = said.to_lowercase();
        assert!(!said.contains("a7a7") && !said.contains("167, 167") && !said.contains("0xa7"), "{said}");
    }
}

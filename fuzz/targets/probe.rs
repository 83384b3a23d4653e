//! Datagrams into a node: as they are, with a right MAC, and as its own program would decode them. Whatever comes, the
//! node neither fails nor sends more bytes than it received, nor keeps more than its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skewbench::ids::{Algorithm, Algorithms, BootId, NodeId};
use skewbench::node::{Config, Input, Mark, Node, Output};
use skewbench::probe::wire::{Codec, MAX_PROBE_BYTES, PROBE_BYTES};
use skewbench::probe::{Answer, Claim, Claims, Kind, Probe, Source, Stamp};
use skewbench::time::{Nanos, Ppb, Rate, Time};
use skewbench_fuzz::frames::{CLUSTER, KEY, authentic};
use skewbench_fuzz::{Bytes, seeds};

fuzz_target!(init: seeds::write("probe"), |data: &[u8]| {
    let _ = codec().decode(data);
    let mut driver = Driver { node: Node::new(config(), Time::ZERO), now: 0, asked: [0; 2], sequences: [0; 2] };
    let mut bytes = Bytes(data);
    while !bytes.is_empty() {
        driver.now = driver.now.saturating_add(i64::from(bytes.byte()) * 100_000);
        let (answers, length) = driver.step(&mut bytes);
        assert!(driver.drain(length) <= answers, "more sent than received");
    }
    for algorithm in Algorithm::ALL {
        let _ = driver.node.shows(algorithm, Time::from_nanos(driver.now));
    }
});

fn codec() -> Codec {
    Codec::new(CLUSTER, &KEY)
}

fn config() -> Config {
    Config {
        node: NodeId(0),
        nodes: 3,
        boot: BootId(1),
        peers: vec![(NodeId(1), Nanos(0)), (NodeId(2), Nanos(1_000))],
        tau: Nanos::from_millis(10),
        pair_gap: Some(Nanos::from_micros(20)),
        phase: Nanos(7),
        reference: NodeId(1),
        kappa: Ppb(50_000),
        clocks: Algorithms::ALL,
        plausible: Nanos::from_seconds(1),
        stamps_departures: true,
    }
}

struct Driver {
    node: Node,
    now: i64,
    /// The last request to each peer.
    asked: [u64; 2],
    /// The last number of each peer.
    sequences: [u64; 2],
}

impl Driver {
    /// One input; gives the number of messages that it may cause, and how long an answer may be.
    fn step(&mut self, bytes: &mut Bytes<'_>) -> (usize, usize) {
        let at = Time::from_nanos(self.now);
        match bytes.pick(8) {
            0..=1 => self.node.handle(Input::Timer { at }),
            2 => {
                let (stamp, to) = (self.stamp(bytes), bytes.pick(2));
                let sequence = if bytes.coin() { self.asked[usize::from(to)] } else { bytes.whole() as u64 };
                self.node.handle(Input::Departed { to: NodeId(1 + u32::from(to)), sequence, stamp });
                return (0, 0);
            }
            3 => self.node.handle(Input::Mark { at, mark: Mark::Stopped }),
            4 => {
                let datagram = authentic(bytes.array::<PROBE_BYTES>().to_vec());
                return (self.receive(&datagram, bytes), datagram.len());
            }
            5 => {
                let length = usize::from(u16::from_le_bytes(bytes.array())) % (MAX_PROBE_BYTES + 8);
                let datagram = authentic(bytes.array::<{ MAX_PROBE_BYTES + 8 }>()[..length].to_vec());
                return (self.receive(&datagram, bytes), datagram.len());
            }
            _ => {
                let datagram = codec().encode(&self.probe(bytes));
                return (self.receive(&datagram, bytes), datagram.len());
            }
        }
        (1, 0)
    }

    fn receive(&mut self, datagram: &[u8], bytes: &mut Bytes<'_>) -> usize {
        let arrived = bytes.coin().then(|| self.stamp(bytes));
        match codec().decode(datagram) {
            Ok(probe) => {
                assert_eq!(codec().decode(&codec().encode(&probe)), Ok(probe.clone()), "a probe survives the wire");
                self.node.handle(Input::Received { at: Time::from_nanos(self.now), arrived, probe: &probe });
                usize::from(probe.kind == Kind::Request)
            }
            Err(why) => {
                self.node.handle(Input::Rejected(why));
                0
            }
        }
    }

    fn stamp(&self, bytes: &mut Bytes<'_>) -> Stamp {
        Stamp { at: Time::from_nanos(bytes.likely(self.now)), error: Nanos(bytes.likely(30)), source: Source::Kernel }
    }

    /// A message as a peer could have sent it that goes mad now and then.
    fn probe(&mut self, bytes: &mut Bytes<'_>) -> Probe {
        let peer = usize::from(bytes.pick(2));
        let from = NodeId(1 + peer as u32);
        self.sequences[peer] += 1;
        let sequence = if bytes.pick(16) > 0 { self.sequences[peer] } else { bytes.whole() as u64 };
        let time = |bytes: &mut Bytes<'_>| Time::from_nanos(bytes.likely(self.now));
        let answer = Answer {
            boot: BootId(1),
            sequence: self.asked[peer],
            received: time(bytes),
            arrived: bytes.coin().then(|| self.stamp(bytes)),
        };
        let kind = if bytes.pick(4) > 0 { Kind::Reply(answer) } else { Kind::Request };
        let departed = bytes.coin().then(|| (sequence.wrapping_sub(1), self.stamp(bytes)));
        let (boot, sent, stamps_departures) = (BootId(1 + u64::from(bytes.byte() / 255)), time(bytes), bytes.coin());
        let claims = self.claims(from, bytes);
        Probe { from, to: NodeId(0), boot, sequence, sent, kind, departed, stamps_departures, claims }
    }

    fn claims(&self, from: NodeId, bytes: &mut Bytes<'_>) -> Claims {
        let bits = if bytes.coin() { Algorithms::USUAL.bits() } else { bytes.id() & Algorithms::ALL.bits() };
        Claims::made_by(Algorithms::from_bits(bits).unwrap_or_default(), |_| match bytes.pick(8) {
            0 => Claim {
                reading: Time::from_nanos(bytes.number(self.now)),
                rate: Rate(bytes.number(0)),
                counter: bytes.id(),
                stratum: bytes.byte(),
                root: NodeId(bytes.id()),
                parent: NodeId(bytes.id()),
                root_age: bytes.span(0),
                root_delay: bytes.span(0),
                root_dispersion: bytes.span(0),
            },
            1 => Claim { reading: Time::from_nanos(self.now), root: from, parent: from, ..Claim::default() },
            root => Claim {
                reading: Time::from_nanos(bytes.likely(self.now)),
                stratum: if root == 7 { 2 } else { 1 },
                root: NodeId(1),
                parent: NodeId(1),
                root_age: Nanos(i64::from(root == 7)),
                ..Claim::default()
            },
        })
    }

    /// How many messages it sends; no answer is longer than what was received.
    fn drain(&mut self, received: usize) -> usize {
        let (mut sent, mut outputs) = (0, 0);
        while let Some(output) = self.node.poll() {
            outputs += 1;
            if let Output::Send(probe) = output {
                let length = codec().encode(&probe).len();
                assert!(length <= if probe.kind == Kind::Request { MAX_PROBE_BYTES } else { received });
                if probe.kind == Kind::Request {
                    self.asked[probe.to.0 as usize - 1] = probe.sequence;
                }
                sent += 1;
            }
        }
        // At most every open request may be closed at once.
        assert!(outputs <= 20_000, "{outputs} outputs of one input");
        sent
    }
}

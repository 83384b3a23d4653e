//! Datagrams into a node: as they are, with a right MAC, and as its own program would decode them. Whatever comes, the
//! node neither fails nor sends more bytes than it received, nor keeps more than its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skewbench::ids::{Algorithm, BootId, NodeId};
use skewbench::node::{Config, Input, Mark, Node, Output};
use skewbench::probe::wire::{Codec, PROBE_BYTES};
use skewbench::probe::{Source, Stamp};
use skewbench::time::{Local, Nanos, Ppb, Time};
use skewbench_fuzz::frames::{CLUSTER, KEY, authentic};
use skewbench_fuzz::{Bytes, seeds};

fuzz_target!(init: seeds::write("probe"), |data: &[u8]| {
    let (codec, mut bytes) = (Codec::new(CLUSTER, &KEY), Bytes(data));
    let _ = codec.decode(data);
    let mut node = Node::new(config(), Time::ZERO);
    let mut now = 0_i64;
    while !bytes.is_empty() {
        now = now.saturating_add(i64::from(bytes.byte()) * 1_000_000);
        let at = Time::from_nanos(now);
        let answers = step(&mut node, at, &codec, &mut bytes);
        assert!(drain(&mut node, &codec) <= answers, "more sent than received");
    }
    for algorithm in Algorithm::ALL {
        let _ = node.shows(algorithm, Time::from_nanos(now));
    }
});

fn config() -> Config {
    Config {
        node: NodeId(0),
        boot: BootId(1),
        peers: vec![(NodeId(1), Nanos(0)), (NodeId(2), Nanos(1_000))],
        tau: Nanos::from_millis(10),
        phase: Nanos(7),
        reference: NodeId(1),
        kappa: Ppb(50_000),
        plausible: Nanos::from_seconds(1),
        stamps_departures: true,
    }
}

/// One input; gives the number of messages that it may cause.
fn step(node: &mut Node, at: Time<Local>, codec: &Codec, bytes: &mut Bytes<'_>) -> usize {
    match bytes.pick(8) {
        0 => node.handle(Input::Timer { at }),
        1 => {
            let stamp = stamp(bytes, at);
            node.handle(Input::Departed { to: NodeId(bytes.id()), sequence: bytes.whole() as u64, stamp });
            return 0;
        }
        2..=6 => {
            let arrived = bytes.coin().then(|| stamp(bytes, at));
            let datagram = authentic(bytes.array::<PROBE_BYTES>());
            match codec.decode(&datagram) {
                Ok(probe) => {
                    assert_eq!(codec.decode(&codec.encode(&probe)), Ok(probe), "a probe survives the wire");
                    node.handle(Input::Received { at, arrived, probe: &probe });
                }
                Err(why) => {
                    node.handle(Input::Rejected(why));
                    return 0;
                }
            }
        }
        _ => {
            node.handle(Input::Mark { at, mark: Mark::Stopped });
            return 0;
        }
    }
    1
}

fn stamp(bytes: &mut Bytes<'_>, at: Time<Local>) -> Stamp {
    Stamp { at: bytes.time(at.as_nanos()), error: bytes.span(0), source: Source::Kernel }
}

/// How many messages it sends.
fn drain(node: &mut Node, codec: &Codec) -> usize {
    let (mut sent, mut outputs) = (0, 0);
    while let Some(output) = node.poll() {
        outputs += 1;
        if let Output::Send(probe) = output {
            assert_eq!(codec.encode(&probe).len(), PROBE_BYTES);
            sent += 1;
        }
    }
    // At most every open request may be closed at once.
    assert!(outputs <= 20_000, "{outputs} outputs of one input");
    sent
}

//! The NTP-style clocks of whole nodes in virtual time: their start, and what they do without their reference.

use skewbench::clock::ClockEvent;
use skewbench::ids::Algorithm;
use skewbench::node::Record;
use skewbench::time::{Nanos, Time};

use crate::simulated::{network, read};

/// Nodes on a LAN with a little jitter, and what is special.
fn lan(nodes: u32, special: &str) -> String {
    format!(
        "duration = \"12s\"\ntau = \"100ms\"\ntopology = {{ shape = \"full\", nodes = {nodes} }}\n\
         stamps = {{ wait_within = \"90us\" }}\n\
         [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 50\nwander_ppb_per_sqrt_s = 100.0\n\
         wander_limit_ppm = 1\n[links]\ndelay = \"20us\"\njitter = {{ kind = \"uniform\", limit = \"30us\" }}\n{special}"
    )
}

/// The NTP-style clocks of whole nodes: one step, steady after three seconds, and so are the hybrid clocks on them.
#[test]
fn ntp_clocks_step_once_and_are_steady_after_three_seconds() {
    for seed in 0..8 {
        let mut net = network(&lan(3, ""), seed);
        for at in (3_000..6_000).step_by(10).map(|ms| Time::ZERO + Nanos::from_millis(ms)) {
            net.run_until(at);
            let reference = net.shown(Algorithm::Ntp, at)[0];
            for algorithm in [Algorithm::Ntp, Algorithm::Hlc] {
                let errors = net.shown(algorithm, at).into_iter().map(|shown| (shown - reference).abs());
                let worst = errors.max().expect("three clocks");
                assert!(worst < Nanos::from_micros(40), "{algorithm} {worst} at {at:?}, seed {seed}");
            }
        }
        for run in read(&net.finish()).iter().skip(1) {
            let stepped =
                |record: &&Record| matches!(record, Record::Changed(Algorithm::Ntp, change) if change.stepped);
            assert_eq!(run.records().filter(stepped).count(), 1, "node {}, seed {seed}", run.header.node);
        }
    }
}

/// Orphan mode: the reference dies, the lowest node alive takes over once, and the other follows it.
#[test]
fn when_the_reference_falls_silent_the_lowest_node_alive_takes_over() {
    let death = "loss_share = 0.05\n[[event]]\nkind = \"crash\"\nnode = 0\nat = \"5s\"\n";
    let mut net = network(&lan(4, death), 5);
    net.run_until(Time::ZERO + Nanos::from_seconds(11));
    let spread = net.spread(Algorithm::Ntp, net.now());
    assert!(spread < Nanos::from_micros(60), "{spread}");
    let took_over = |run: &skewbench::analysis::AgentRun| {
        let events = run.records().filter_map(|record| match record {
            Record::Changed(Algorithm::Ntp, change) => change.event,
            _ => None,
        });
        events.filter(|(event, _)| *event == ClockEvent::TookOver).count()
    };
    let runs = read(&net.finish());
    assert_eq!(runs.iter().map(took_over).collect::<Vec<_>>(), [0, 1, 0, 0]);
}

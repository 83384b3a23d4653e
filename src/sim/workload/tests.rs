use super::driver::run;
use super::{BASE, Virtual, setting};
use crate::ids::{Arc, NodeId};
use crate::model::{Purpose, Rng};
use crate::order::report::StampSource;
use crate::time::{Nanos, Time};
use crate::trial::generals::fight;
use crate::trial::{Delivery, Planned, Premise, Terms, Workload};
use crate::workload::airline::{Airline, Reserve};
use crate::workload::byzantine::{self, Findings, Order, Scheme};
use crate::workload::deadlock::{self, Ask, Evidence, Lender};
use crate::workload::real_time::{self, Bookkeeper, Conduct, Submit};
use crate::workload::state_machine::{self, Replica};
use crate::workload::{Row, What};

fn ms(ms: i64) -> Nanos {
    Nanos::from_millis(ms)
}

fn terms() -> Terms {
    Terms {
        nodes: 3,
        eps: ms(12),
        declared: ms(12),
        delay: ms(5),
        jitter: ms(2),
        slack: ms(0),
        rate: 60.0,
        span: ms(20_000),
        seed: 5,
        stamps: StampSource::Ntp,
        premise: Premise::Kept,
    }
}

trait Simulated {
    fn run(self, terms: &Terms) -> Row;
}

impl Simulated for Workload {
    fn run(self, terms: &Terms) -> Row {
        self.play(&mut Virtual, terms)
    }
}

fn times(row: &Row, violation: &str) -> u64 {
    let found = row.never().find(|(name, _)| *name == violation);
    found.map_or_else(|| panic!("{violation}: {row:?}"), |(_, count)| count)
}

fn agree(workload: Workload, terms: &Terms, slack: f64) -> Row {
    let row = workload.run(terms);
    for check in &row.checks {
        assert!(check.agrees(slack), "{workload}, {terms:?}: {check:?}");
    }
    assert_eq!(row.broken(), 0, "{workload}, {terms:?}: {:?}", row.violations);
    assert!(row.operations > 100, "{workload}: {row:?}");
    row
}

#[test]
fn every_workload_keeps_its_invariants_and_costs_what_is_predicted() {
    for workload in Workload::ALL {
        for stamps in [StampSource::Ntp, StampSource::Hlc] {
            agree(workload, &Terms { stamps, ..terms() }, 0.06);
        }
    }
}

#[test]
fn other_numbers_of_processes_and_clocks_that_agree_change_no_promise() {
    for workload in Workload::ALL {
        agree(workload, &Terms { nodes: 5, eps: ms(3), declared: ms(3), rate: 40.0, span: ms(8_000), ..terms() }, 0.08);
        agree(
            workload,
            &Terms { nodes: 2, eps: ms(0), declared: ms(0), rate: 40.0, span: ms(10_000), ..terms() },
            0.08,
        );
        agree(workload, &Terms { stamps: StampSource::LamportLogical, span: ms(10_000), ..terms() }, 0.3);
    }
}

#[test]
fn the_same_terms_give_the_same_row() {
    for workload in [Workload::Mutex, Workload::Snapshot, Workload::Anomaly] {
        let terms = Terms { span: ms(2_000), ..terms() };
        assert_eq!(format!("{:?}", workload.run(&terms)), format!("{:?}", workload.run(&terms)));
        let other = Terms { seed: 6, ..terms };
        assert_ne!(format!("{:?}", workload.run(&terms)), format!("{:?}", workload.run(&other)));
    }
}

#[test]
fn every_ablation_breaks_an_invariant() {
    for workload in Workload::ALL {
        let row = workload.run(&Terms { premise: Premise::Broken, rate: 300.0, span: ms(10_000), ..terms() });
        assert!(row.broken() > 0, "{workload}: {row:?}");
    }
}

#[test]
fn channels_that_do_not_keep_their_order_break_mutual_exclusion_and_snapshots() {
    let terms = Terms { premise: Premise::Broken, jitter: ms(20), rate: 200.0, ..terms() };
    assert!(times(&Workload::Mutex.run(&terms), "two holders") > 0);
    let row = Workload::Snapshot.run(&terms);
    assert!(times(&row, "snapshots by markers that are not closed") > 0);
    // Money out of a channel's state, or counted twice: the oracle and the accounts find the same snapshots, or nearly.
    assert!(times(&row, "snapshots by markers without all the money") > 0);
}

#[test]
fn violations_of_commit_wait_begin_at_half_the_skew() {
    let stale = |declared: i64| {
        let terms = Terms { eps: Nanos(1_000_000), declared: Nanos(declared), ..terms() };
        times(&Workload::CommitWait.run(&terms), "external consistency")
    };
    // The half-width is half of what is declared, so that a declared eps of the real one is enough, and no less is.
    assert_eq!(stale(1_000_000), 0);
    assert_eq!(stale(1_200_000), 0);
    assert!(stale(980_000) > 0);
}

#[test]
fn too_small_an_offset_makes_reads_stale_and_a_larger_one_makes_them_restart() {
    let of = |declared| Workload::Restart.run(&Terms { declared, rate: 300.0, ..terms() });
    assert_eq!(times(&of(ms(12)), "stale reads"), 0);
    assert!(times(&of(ms(2)), "stale reads") > 0);
    let share = |declared| of(declared).check("reads restarted, share").map_or(0.0, |check| check.measured);
    let (small, enough, cap) = (share(ms(1)), share(ms(12)), share(ms(400)));
    assert!(small < enough, "{small} {enough}");
    assert!(cap < enough * 2.5, "max_offset is only the cap: {enough} {cap}");
}

#[test]
fn cuts_by_physical_stamps_lose_consistency_when_clocks_differ_by_more_than_messages_take() {
    let of = |eps, stamps| {
        let row = Workload::Snapshot.run(&Terms { eps, declared: eps, stamps, rate: 300.0, ..terms() });
        let share = |name| row.check(name).map_or(f64::NAN, |check| check.measured);
        [
            share("cuts by stamps not closed, share"),
            share("cuts by stamps without all the money, share"),
            share("jobs found to be over too early, share"),
            share("phantom deadlocks by states alone, share of cuts"),
        ]
    };
    // Phantoms by states alone need no clocks that differ: a grant under way is enough.
    assert_eq!(of(ms(4), StampSource::Ntp)[..3], [0.0; 3]);
    assert_eq!(of(ms(60), StampSource::Hlc)[..3], [0.0; 3]);
    let found = of(ms(60), StampSource::Ntp);
    assert!(found.iter().all(|share| *share > 0.0), "{found:?}");
    assert!(found[0] >= found[1], "the vector clocks find every cut that has too much money");
}

#[test]
fn a_real_deadlock_is_found_and_is_no_phantom() {
    let terms = terms();
    let lenders = terms.names().map(|me| Lender::new(me, 3, terms.stamper(me))).collect();
    let ask = |node: u32| Planned { at: Time::ZERO, node: NodeId(node), command: Ask(NodeId((node + 1) % 3)) };
    let log = run(&setting(&terms, Delivery::Fifo), lenders, (0..3).map(ask).collect(), terms.end(ms(100)));
    let found = deadlock::check(&log, Evidence::Counted, [i64::MAX / 4]);
    assert_eq!((found.detected, found.phantoms), (1, 0));
}

#[test]
fn the_slowest_anomaly_proves_almost_the_whole_spread() {
    let row = Workload::Anomaly.run(&Terms { rate: 300.0, ..terms() });
    let check = row.check("eps proved by the slowest anomaly, ms").unwrap();
    assert!(check.measured > 0.85 * check.predicted && check.measured <= check.predicted, "{check:?}");
}

#[test]
fn a_killed_minority_stops_nobody_and_the_response_time_is_as_constructed() {
    for nodes in [3, 5] {
        let row = agree(Workload::RealTime, &Terms { nodes, ..terms() }, 0.05);
        assert_eq!(row.check("killed half-way").unwrap().measured, f64::from((nodes - 1) / 2));
        // Δ = δ + (f + 1)σ with σ = 5 + 2 + 12 ms.
        let delta = 20 + i64::from(nodes.div_ceil(2)) * 19;
        assert_eq!(row.latency.unwrap()[0], ms(delta));
    }
}

/// A ring of eight, one of them a traitor who gives its user's command to one neighbour alone at the last moment.
fn ring(hops: u32) -> real_time::Findings {
    let terms = Terms { nodes: 8, eps: ms(0), jitter: ms(0), ..terms() };
    let agreed = real_time::Terms { accept: ms(20), hop: ms(5) + Nanos(1), failures: 1, diameter: hops - 1 };
    let bookkeeper = |me: NodeId| {
        let neighbours = vec![NodeId((me.0 + 1) % 8), NodeId((me.0 + 7) % 8)];
        let last = Conduct::LastMoment { to: NodeId(1), after: agreed.accept + Nanos(0) };
        let conduct = if me.0 == 0 { last } else { Conduct::Honest };
        Bookkeeper::new(me, neighbours, agreed, conduct)
    };
    let plan = vec![Planned { at: Time::ZERO, node: NodeId(0), command: Submit { id: 1, age: ms(0) } }];
    let log =
        run(&setting(&terms, Delivery::Fifo), terms.names().map(bookkeeper).collect(), plan, terms.end(ms(1_000)));
    let honest: Vec<NodeId> = (1..8).map(NodeId).collect();
    real_time::check(&log, &honest)
}

#[test]
fn a_ring_of_eight_needs_the_diameter_that_is_left_after_a_failure() {
    let found = ring(7);
    assert_eq!((found.executed, found.disagreements), (1, 0), "f + d_f = 7");
    assert_eq!(ring(6).disagreements, 1, "f + 1 + d = 6 is too little");
}

/// Every conduct of every traitor against either order: the worst that came of it.
fn all_battles(generals: u32, scheme: Scheme, conducts: u64) -> Vec<Findings> {
    let world = Terms { nodes: generals, eps: ms(1), ..terms() };
    let round = byzantine::round(world.longest_delay(), world.eps, 0);
    let agreed = byzantine::Terms { generals, traitors: 1, scheme, start: Time::ZERO, round };
    let mut found = Vec::new();
    for order in [Order::Attack, Order::Retreat] {
        for traitor in (0..generals).map(NodeId) {
            found.extend((0..conducts).map(|conduct| fight(&mut Virtual, &world, agreed, order, (traitor, conduct)).1));
        }
    }
    assert!(found.iter().all(|found| found.wrong_round == 0 && found.decided == u64::from(generals) - 1));
    found
}

#[test]
fn three_generals_need_signatures_and_four_do_not() {
    // Two bits for each of up to three messages of a traitor.
    let four = all_battles(4, Scheme::Oral, 64);
    assert!(four.iter().all(|found| !found.ic1 && !found.ic2));
    let three = all_battles(3, Scheme::Oral, 16);
    assert!(three.iter().any(|found| found.ic2) && three.iter().any(|found| found.ic1 || found.ic2));
    let signed = all_battles(3, Scheme::Signed, 16);
    assert!(signed.iter().all(|found| !found.ic1 && !found.ic2));
}

#[test]
fn a_round_too_short_for_the_clocks_loses_messages() {
    let late = |declared| {
        let row = Workload::Byzantine.run(&Terms { nodes: 4, declared, rate: 10.0, ..terms() });
        times(&row, "messages after their round")
    };
    assert_eq!(late(ms(12)), 0);
    assert!(late(ms(2)) > 0);
    assert_eq!([byzantine::oral_messages(4, 1), byzantine::oral_messages(7, 2)], [9, 156]);
}

#[test]
fn a_response_time_for_too_small_an_eps_breaks_agreement() {
    // With one killed there is nobody to relay; the last two disagree as soon as a hop takes more than was declared.
    let of = |declared| {
        let row = Workload::RealTime.run(&Terms { declared, eps: ms(40), rate: 200.0, ..terms() });
        times(&row, "commands that some carried out and others did not")
    };
    assert_eq!(of(ms(40)), 0);
    assert!(of(ms(2)) > 0);
}

#[test]
fn a_crash_stops_the_order_and_loses_nothing_that_was_acknowledged() {
    let terms = Terms { span: ms(1_000), ..terms() };
    let mut setting = setting(&terms, Delivery::Fifo);
    setting.crashes = vec![(NodeId(2), Time::ZERO + ms(500))];
    let replica = |me| Replica::new(me, 3, terms.stamper(me), Airline::new(u32::MAX), BASE, ms(20));
    let reserve =
        |number: i64| Planned { at: Time::ZERO + ms(number), node: NodeId(number as u32 % 3), command: Reserve(1) };
    let log =
        run(&setting, terms.names().map(replica).collect(), (0..1_000).map(reserve).collect(), terms.end(ms(100)));
    let found = state_machine::check(&log);
    assert!(found.acknowledged > 300 && found.acknowledged < 500, "{}", found.acknowledged);
    assert_eq!((found.lost, found.repeated, found.disagreements), (0, 0, 0));
    assert!(found.issued > 800, "users go on");
}

#[test]
fn the_driver_keeps_channels_cuts_and_crashes_as_stated_and_its_vector_clocks_are_right() {
    let terms = Terms { jitter: ms(4), span: ms(1_000), ..terms() };
    let mut setting = setting(&terms, Delivery::Fifo);
    let cut = Arc { from: NodeId(0), to: NodeId(1) };
    setting.paths.get_mut(&cut).unwrap().cuts = vec![(ms(0), ms(500))];
    setting.crashes = vec![(NodeId(2), Time::ZERO + ms(700))];
    let bank = |me| crate::workload::snapshot::Branch::new(me, 3, terms.stamper(me), 1_000);
    let pay = |number: i64| Planned {
        at: Time::ZERO + ms(number),
        node: NodeId((number % 3) as u32),
        command: crate::workload::snapshot::Command::Pay(NodeId(((number + 1 + number / 3 % 2) % 3) as u32), 1),
    };
    let log = run(&setting, terms.names().map(bank).collect(), (0..1_000).map(pay).collect(), terms.end(ms(50)));
    let mut sent = std::collections::BTreeMap::new();
    let mut last = std::collections::BTreeMap::new();
    let mut received = 0;
    for entry in &log.entries {
        assert!(entry.node != NodeId(2) || entry.at <= Time::ZERO + ms(700));
        match entry.what {
            What::Sent { message, .. } => drop(sent.insert(message, entry)),
            What::Received { from, message } => {
                received += 1;
                let source = sent[&message];
                assert!(source.is_before(entry) && !entry.is_before(source));
                assert!(entry.at - source.at >= ms(5));
                assert!(from != NodeId(0) || entry.node != NodeId(1) || source.at >= Time::ZERO + ms(500), "the cut");
                assert!(last.insert((from, entry.node), message) < Some(message), "the order of the channel");
            }
            _ => {}
        }
    }
    assert!(received > 400, "{received}");
    // Two sends of different processes at the start know nothing of each other.
    let first = |node| sent.values().find(|entry| entry.node == NodeId(node)).copied().unwrap();
    assert!(!first(0).is_before(first(1)) && !first(1).is_before(first(0)));
}

#[test]
fn reads_restart_as_often_as_writes_fall_into_latency_and_skew() {
    for (eps, stamps) in [(2, StampSource::Ntp), (12, StampSource::Ntp), (12, StampSource::Hlc)] {
        for declared in [eps, 400] {
            let terms =
                Terms { eps: ms(eps), declared: ms(declared), rate: 400.0, stamps, span: ms(40_000), ..terms() };
            let row = Workload::Restart.run(&terms);
            assert!(row.checks.iter().all(|check| check.agrees(0.02)), "{terms:?}: {:?}", row.checks);
        }
    }
}

/// The crowd of a run: what it measured of fairness, after it is held to its prediction.
fn crowd(workload: Workload, terms: &Terms) -> (f64, f64, f64) {
    let row = workload.run(terms);
    let of = |name| row.check(name).unwrap_or_else(|| panic!("{name}: {row:?}"));
    let (jain, wait) = (of("fairness when crowded, Jain's index"), of("longest wait when crowded, grants of others"));
    assert!(jain.measured >= jain.predicted - 1e-12 && jain.measured <= 1.0, "{workload}, {terms:?}: {jain:?}");
    assert!(wait.measured <= wait.predicted, "{workload}, {terms:?}: {wait:?}");
    (jain.measured, wait.measured, wait.predicted)
}

#[test]
fn a_crowd_takes_turns_where_stamps_follow_the_real_order() {
    for workload in [Workload::Mutex, Workload::RicartAgrawala] {
        for nodes in [2, 3, 5] {
            // The next request is made a delay and a hold after one that waits: 6 ms.
            let terms = Terms { nodes, eps: ms(5), jitter: Nanos(900_000), span: ms(500), ..terms() };
            for stamps in [StampSource::Ntp, StampSource::Hlc, StampSource::LamportLogical] {
                let (jain, wait, most) = crowd(workload, &Terms { stamps, ..terms });
                // Who has had all of its 200 grants ends the window: nobody else has fewer than 199 by then.
                assert!(jain > 0.99999, "{workload}, {nodes}, {stamps:?}: {jain}");
                assert_eq!((wait, most), (f64::from(nodes - 1), f64::from(nodes - 1)), "{workload}, {stamps:?}");
            }
        }
    }
}

#[test]
fn clocks_that_differ_by_more_than_a_handover_let_the_slow_one_in_again_as_often_as_predicted() {
    for (workload, eps, fewest) in [
        (Workload::Mutex, 8, 3.0),
        (Workload::Mutex, 30, 24.0),
        (Workload::RicartAgrawala, 8, 2.0),
        (Workload::RicartAgrawala, 30, 4.0),
    ] {
        let (jain, wait, most) = crowd(workload, &Terms { nodes: 2, eps: ms(eps), span: ms(500), ..terms() });
        assert!(jain < 0.95 && wait >= fewest && most - wait <= 2.0, "{workload}, {eps}: {jain} {wait} {most}");
    }
    // Hearing of a release lifts a clock above the request that comes with it, and there is no gain in being slow.
    let lifted = Terms { nodes: 3, eps: ms(60), stamps: StampSource::Hlc, span: ms(500), ..terms() };
    assert_eq!(crowd(Workload::Mutex, &lifted).1, 2.0);
}

#[test]
fn fairness_is_as_predicted_whatever_the_clocks_and_the_channels() {
    for seed in 0..12 {
        let mut rng = Rng::stream(seed, Purpose::Users, 99);
        let mut any = |most: u64| rng.below(most) as i64;
        let terms = Terms {
            nodes: 2 + any(4) as u32,
            eps: Nanos(any(20_000_000)),
            delay: Nanos(100_000 + any(5_000_000)),
            jitter: Nanos(any(5_000_000)),
            stamps: [StampSource::Ntp, StampSource::Hlc, StampSource::LamportLogical][any(3) as usize],
            span: ms(200),
            seed,
            ..terms()
        };
        for workload in [Workload::Mutex, Workload::RicartAgrawala] {
            crowd(workload, &Terms { declared: terms.eps, ..terms });
        }
    }
}

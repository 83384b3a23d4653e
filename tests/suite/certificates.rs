//! Certificates against truth and against an independent solver, on thousands of small random executions.

use std::collections::BTreeMap;

use skewbench::certify::proof;
use skewbench::certify::{Delay, Feasible, Graph, Interval, Message, Observation, Queries, Reach, feasible};
use skewbench::checker::{Flaw, Statement, check};
use skewbench::ids::{Arc, NodeId};
use skewbench::model::{Purpose, Rng};
use skewbench::time::{Local, Nanos, Ppb, Time};

use crate::difference_system::System;

/// Parts of a nanosecond in which clocks are exact.
const PARTS: i128 = 1_000_000_000;
/// Limits on rates whose exact sums share a small denominator: a thousandth, a two-thousandth and a four-thousandth.
const KAPPAS: [i64; 3] = [1_000_000, 500_000, 250_000];

/// A clock: from each instant of true time on, its reading in parts and its rate minus one.
pub struct Hands {
    legs: Vec<(i64, i128, i64)>,
}

impl Hands {
    fn draw(rng: &mut Rng, kappa: i64, length: i64) -> Self {
        let mut legs = Vec::new();
        let (mut at, mut reading) = (0, i128::from(rng.below(1_000_000_000)) * PARTS);
        while at < length {
            let rate = rng.below(2 * kappa as u64 + 1) as i64 - kappa;
            legs.push((at, reading, rate));
            let span = 1 + rng.below(length as u64) as i64;
            reading += i128::from(span) * (PARTS + i128::from(rate));
            at += span;
        }
        Self { legs }
    }

    /// A clock that runs as fast or as slow as it may.
    fn at_limits(rng: &mut Rng, kappa: i64, length: i64) -> Self {
        let mut hands = Self::draw(rng, 0, length);
        hands.legs.truncate(1);
        hands.legs[0].2 = if rng.below(2) == 0 { kappa } else { -kappa };
        hands
    }

    fn stamp(&self, at: i64) -> Time<Local> {
        let leg = &self.legs[self.legs.partition_point(|leg| leg.0 <= at) - 1];
        let reading = leg.1 + i128::from(at - leg.0) * (PARTS + i128::from(leg.2));
        Time::from_nanos(reading.div_euclid(PARTS) as i64)
    }

    /// The instant at which the clock turned to `reading`, as a fraction.
    fn turned(&self, reading: Time<Local>) -> (i128, i128) {
        let reading = i128::from(reading.as_nanos()) * PARTS;
        let leg = &self.legs[self.legs.partition_point(|leg| leg.1 <= reading).max(1) - 1];
        let rate = PARTS + i128::from(leg.2);
        (i128::from(leg.0) * rate + reading - leg.1, rate)
    }

    /// The reading in parts at an instant that is a fraction, times its denominator.
    fn reading(&self, (instant, rate): (i128, i128)) -> i128 {
        let leg = &self.legs[self.legs.partition_point(|leg| i128::from(leg.0) * rate <= instant).max(1) - 1];
        leg.1 * rate + (instant - i128::from(leg.0) * rate) * (PARTS + i128::from(leg.2))
    }
}

/// A random execution of few nodes and tens of messages, with losses and reorderings.
pub struct Case {
    pub hands: Vec<Hands>,
    pub kappas: BTreeMap<NodeId, Ppb>,
    pub delays: BTreeMap<Arc, Delay>,
    pub messages: Vec<(Arc, Message)>,
    pub length: i64,
}

impl Case {
    pub fn draw(seed: u64, most_messages: u64) -> Self {
        let mut rng = Rng::stream(seed, Purpose::Scenario, 7);
        let nodes = 2 + rng.below(3) as u32;
        let length = 1_000_000 + rng.below(2_000_000_000) as i64;
        let kappas: BTreeMap<NodeId, Ppb> =
            (0..nodes).map(|node| (NodeId(node), Ppb(KAPPAS[rng.below(3) as usize]))).collect();
        let hands: Vec<Hands> = kappas.values().map(|kappa| Hands::draw(&mut rng, kappa.0, length)).collect();
        let (least, spread) = (rng.below(3_000_000) as i64, 1 + rng.below(5_000_000) as i64);
        let known = [0, least / 2, least][rng.below(3) as usize];
        let most = (rng.below(3) == 0).then_some(Nanos(least + spread));
        let delay = Delay { least: Nanos(known), most };
        let mut case = Self { hands, kappas, delays: BTreeMap::new(), messages: Vec::new(), length };
        for sequence in 0..3 + rng.below(most_messages - 2) {
            let from = rng.below(u64::from(nodes)) as u32;
            let to = (from + 1 + rng.below(u64::from(nodes) - 1) as u32) % nodes;
            let sent = rng.below(length as u64) as i64;
            let received = sent + least + rng.below(spread as u64 + 1) as i64;
            if received >= length || rng.below(10) == 0 {
                continue;
            }
            let arc = Arc { from: NodeId(from), to: NodeId(to) };
            case.delays.insert(arc, delay);
            let stamp = |node: u32, at: i64| case.hands[node as usize].stamp(at);
            case.messages.push((arc, Message { sent: stamp(from, sent), received: stamp(to, received), sequence }));
        }
        case
    }

    pub fn observation(&self) -> Observation {
        Observation::new(&self.kappas, &self.delays, self.messages.iter().copied(), Nanos(1))
    }

    fn contains_truth(&self, node: usize, at: Time<Local>, of: usize, found: Interval) -> bool {
        let instant = self.hands[node].turned(at);
        let truth = self.hands[of].reading(instant);
        let of_end = |end: Time<Local>| i128::from(end.as_nanos()) * PARTS * instant.1;
        (found.low == Time::MIN || of_end(found.low) <= truth)
            && (found.high == Time::MAX || truth <= of_end(found.high))
    }
}

fn executions(default: u64) -> u64 {
    std::env::var("SKEWBENCH_EXECUTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn truth_is_inside_every_interval() {
    let (mut bounded, mut reach) = (0_u64, Reach::default());
    for seed in 0..executions(10_000) {
        let case = Case::draw(seed, 40);
        let observation = case.observation();
        let graph = Graph::new(&observation, &observation.whole()).expect("a short window");
        assert!(matches!(feasible(&graph), Feasible::Times(_)), "seed {seed} is consistent");
        let queries = Queries::new(&graph);
        let node = (seed % case.hands.len() as u64) as usize;
        let at = case.hands[node].stamp(case.length * (1 + (seed % 7) as i64) / 8) + Nanos(1);
        queries.reach(node, at, &mut reach);
        for of in 0..case.hands.len() {
            let found = queries.interval(&reach, of);
            bounded += u64::from(of != node && found.is_bounded());
            assert!(case.contains_truth(node, at, of, found), "seed {seed}: {node} at {at:?} of {of}: {found:?}");
        }
    }
    assert!(bounded > 5_000, "most intervals are limited: {bounded}");
}

#[test]
fn the_interval_is_the_optimum_of_the_linear_program() {
    let mut reach = Reach::default();
    for seed in 0..200 {
        let case = Case::draw(seed, 14);
        let observation = case.observation();
        let graph = Graph::new(&observation, &observation.whole()).expect("a short window");
        let queries = Queries::new(&graph);
        let node = (seed % case.hands.len() as u64) as usize;
        let at = case.hands[node].stamp(case.length / 2) + Nanos(1);
        queries.reach(node, at, &mut reach);
        for of in (0..case.hands.len()).filter(|of| *of != node) {
            let found = queries.interval(&reach, of);
            let system = System::new(&case, node, at);
            let (low, high) = system.interval(of);
            let (unit, hair) = (system.unit(), system.unit() / 1_000);
            match high {
                Some(high) => {
                    let over = i128::from(found.high.as_nanos()) * unit - high;
                    assert!((0..unit + hair).contains(&over), "seed {seed}: high {found:?} for {}", high / unit);
                    let event = |by: i64| system.with_event(of, found.high + Nanos(by)).is_consistent();
                    assert!(event(-1) || found.width() < Nanos(2), "seed {seed}: one less is possible");
                    assert!(!event(1), "seed {seed}: one more is not");
                }
                None => assert_eq!(found.high, Time::MAX, "seed {seed}"),
            }
            match low {
                Some(low) => {
                    let under = low - i128::from(found.low.as_nanos()) * unit;
                    assert!((0..unit + hair).contains(&under), "seed {seed}: low {found:?} for {}", low / unit);
                    let event = |by: i64| system.with_event(of, found.low + Nanos(by)).is_consistent();
                    assert!(event(1) || found.width() < Nanos(2), "seed {seed}: one more is possible");
                    assert!(!event(-1), "seed {seed}: one less is not");
                }
                None => assert_eq!(found.low, Time::MIN, "seed {seed}"),
            }
        }
    }
}

#[test]
fn a_wider_window_never_widens_an_interval() {
    use skewbench::certify::Window;
    let (mut narrow, mut wide, mut narrower) = (Reach::default(), Reach::default(), 0);
    for seed in 0..2_000 {
        let case = Case::draw(seed, 60);
        let observation = case.observation();
        let stamps =
            |from: i64, to: i64| Window(case.hands.iter().map(|hands| hands.stamp(from)..=hands.stamp(to)).collect());
        let small = Graph::new(&observation, &stamps(case.length / 4, case.length / 4 * 3)).expect("short");
        let large = Graph::new(&observation, &stamps(case.length / 8, case.length / 8 * 7)).expect("short");
        let (small, large) = (Queries::new(&small), Queries::new(&large));
        let at = case.hands[0].stamp(case.length / 2);
        small.reach(0, at, &mut narrow);
        large.reach(0, at, &mut wide);
        for of in 0..case.hands.len() {
            let (a, b) = (small.interval(&narrow, of), large.interval(&wide, of));
            assert!(a.low <= b.low && b.high <= a.high, "seed {seed} of {of}: {a:?} {b:?}");
            narrower += u64::from(a != b);
        }
    }
    assert!(narrower > 500, "{narrower}");
}

#[test]
fn two_nodes_need_no_graph() {
    use skewbench::certify::pairwise::Pair;
    let (mut reach, mut compared) = (Reach::default(), 0);
    for seed in 0..1_500 {
        let mut case = Case::draw(seed, 40);
        case.kappas.retain(|node, _| node.0 < 2);
        case.messages.retain(|(arc, _)| arc.from.0 < 2 && arc.to.0 < 2);
        let arc = Arc { from: NodeId(0), to: NodeId(1) };
        let least = |arc: Arc| Delay { most: None, ..case.delays.get(&arc).copied().unwrap_or_default() };
        let (there_delay, back_delay) = (least(arc), least(arc.reversed()));
        case.delays = [(arc, there_delay), (arc.reversed(), back_delay)].into();
        let of = |wanted: Arc| case.messages.iter().filter(move |(arc, _)| *arc == wanted).map(|(_, message)| *message);
        let (mut there, mut back): (Vec<_>, Vec<_>) = (of(arc).collect(), of(arc.reversed()).collect());
        there.sort_by_key(|message| message.sent);
        back.sort_by_key(|message| message.received);
        let pair = Pair {
            own_kappa: case.kappas[&NodeId(0)],
            other_kappa: case.kappas[&NodeId(1)],
            there: there_delay,
            back: back_delay,
            tick: Nanos(1),
        };
        let instants: Vec<_> = (0..9).map(|part| case.hands[0].stamp(case.length / 9 * part)).collect();
        let observation = case.observation();
        let graph = Graph::new(&observation, &observation.whole()).expect("short");
        let queries = Queries::new(&graph);
        for (at, found) in instants.iter().zip(pair.intervals(&there, &back, &instants)) {
            queries.reach(0, *at, &mut reach);
            let known = queries.interval(&reach, 1);
            let near = |a: Time<Local>, b: Time<Local>| a == b || (a - b).abs() <= Nanos(1);
            assert!(near(found.low, known.low) && near(found.high, known.high), "seed {seed}: {found:?} {known:?}");
            assert!(case.contains_truth(0, *at, 1, found), "seed {seed} at {at:?}: {found:?}");
            compared += u64::from(known.is_bounded());
        }
    }
    assert!(compared > 5_000, "{compared}");
}

/// What the table of docs/theory.md §10 says of one assumption on delays, in us: mean width, and that of the best single
/// exchange.
const TABLE: [(Delay, f64, f64); 3] = [
    (Delay { least: Nanos::ZERO, most: None }, 2_297.0, 2_717.0),
    (Delay { least: Nanos::from_micros(900), most: None }, 444.0, 917.0),
    (Delay { least: Nanos::from_millis(1), most: Some(Nanos::from_millis(3)) }, 190.0, 717.0),
];
/// Runs that the table is a mean of.
const BATCH: u64 = 12;
const BATCHES: u64 = 10;

/// The table is the mean of one batch of runs: each of its figures lies between the least and the largest mean of ten
/// batches of ours, the quantiles 1/11 and 10/11.
#[test]
fn widths_are_those_of_the_theory() {
    for (delay, optimal_us, single_us) in TABLE {
        let batches: Vec<[f64; 2]> = (0..BATCHES).map(|batch| widths(batch, delay)).collect();
        for (column, expected) in [optimal_us, single_us].into_iter().enumerate() {
            let mut means: Vec<f64> = batches.iter().map(|batch| batch[column]).collect();
            means.sort_by(f64::total_cmp);
            let (low, high) = (means[0], means[means.len() - 1]);
            let mean = means.iter().sum::<f64>() / means.len() as f64;
            println!("{delay:?}, column {column}: {mean:.0} us of {low:.0} to {high:.0}, table {expected}");
            assert!((low..=high).contains(&expected), "{delay:?}: {expected} is not in {low:.0} to {high:.0}");
        }
        assert!(batches.iter().all(|[optimal, single]| optimal < single), "a graph knows more than its best edge pair");
    }
}

/// Mean widths over a batch of runs, in us: of the certificate, and of the best single exchange, offset ± delay/2 less what
/// is known of delays, aged at 2 kappa.
fn widths(batch: u64, delay: Delay) -> [f64; 2] {
    let (mut sums, mut count, mut reach) = ([0.0; 2], 0.0, Reach::default());
    for seed in batch * BATCH..(batch + 1) * BATCH {
        let case = theory_case(seed, delay);
        let observation = case.observation();
        let graph = Graph::new(&observation, &observation.whole()).expect("short");
        let queries = Queries::new(&graph);
        // Every fifth receipt of the run.
        for (arc, message) in case.messages.iter().step_by(5) {
            let node = arc.to.0 as usize;
            queries.reach(node, message.received, &mut reach);
            for of in (0..3).filter(|of| *of != node) {
                let best = exchanges(&case, node, of).map(|(width, at)| {
                    (width - delay.least.times(2)).0 as f64 + 4e-4 * (message.received - at).abs().0 as f64
                });
                sums[0] += queries.interval(&reach, of).width().0 as f64;
                sums[1] += best.fold(f64::INFINITY, f64::min);
                count += 1.0;
            }
        }
    }
    sums.map(|sum| sum / count / 1e3)
}

/// The delay of every exchange between two nodes, and when it was, on the first one's clock.
fn exchanges(case: &Case, node: usize, of: usize) -> impl Iterator<Item = (Nanos, Time<Local>)> + '_ {
    let pairs = case.messages.chunks(2).filter(move |pair| {
        let ends = [pair[0].0.from.0 as usize, pair[0].0.to.0 as usize];
        ends == [node, of] || ends == [of, node]
    });
    pairs.map(move |pair| {
        let [(there, request), (_, answer)] = [pair[0], pair[1]];
        let delay = (answer.received - request.sent) - (answer.sent - request.received);
        let asks = there.from.0 as usize == node;
        let ends = if asks { [request.sent, answer.received] } else { [request.received, answer.sent] };
        (delay, ends[0] + (ends[1] - ends[0]).over(2))
    })
}

/// Each pair makes an exchange a second for 30 s, at a phase of its own, the answer coming at once; clocks run as fast or as
/// slow as they may; delays are 1 ms and an exponential of mean 0.5 ms, cut off at 2 ms.
fn theory_case(seed: u64, delay: Delay) -> Case {
    let mut rng = Rng::stream(seed, Purpose::Scenario, 8);
    let length = 30_000_000_000;
    let kappas: BTreeMap<NodeId, Ppb> = (0..3).map(|node| (NodeId(node), Ppb(100_000))).collect();
    let hands = kappas.values().map(|kappa| Hands::at_limits(&mut rng, kappa.0, length)).collect();
    let mut case = Case { hands, kappas, delays: BTreeMap::new(), messages: Vec::new(), length };
    for (from, to) in [(0, 1), (0, 2), (1, 2)] {
        let arc = Arc { from: NodeId(from), to: NodeId(to) };
        case.delays.extend([(arc, delay), (arc.reversed(), delay)]);
        let mut sent = rng.below(1_000_000_000) as i64;
        while sent < length - 6_000_001 {
            let asked = sent + theory_delay(&mut rng);
            let answered = asked + theory_delay(&mut rng);
            let stamp = |node: u32, at: i64| case.hands[node as usize].stamp(at);
            let message = |from: (u32, i64), to: (u32, i64)| Message {
                sent: stamp(from.0, from.1),
                received: stamp(to.0, to.1),
                sequence: sent as u64,
            };
            case.messages.push((arc, message((from, sent), (to, asked))));
            case.messages.push((arc.reversed(), message((to, asked), (from, answered))));
            sent += 1_000_000_000;
        }
    }
    case
}

fn theory_delay(rng: &mut Rng) -> i64 {
    let uniform = (rng.below(1 << 52) + 1) as f64 / (1_u64 << 52) as f64;
    1_000_000 + (-uniform.ln() * 5e5).min(2e6) as i64
}

/// The certificate of one query on a case, as text.
fn proof_of(case: &Case, node: usize, of: usize) -> Option<String> {
    let observation = case.observation();
    let graph = Graph::complete(&observation, &observation.whole()).expect("short");
    let queries = Queries::new(&graph);
    let mut reach = Reach::default();
    queries.reach(node, case.hands[node].stamp(case.length / 2) + Nanos(1), &mut reach);
    Some(proof::evidence(&observation, &observation.whole()) + &proof::claim(&queries, &reach, of)?)
}

fn opinion(text: &str) -> Result<Vec<String>, Flaw> {
    check(&Statement::parse(text).expect("a certificate"))
}

#[test]
fn a_stranger_can_check_every_certificate() {
    let mut checked = 0;
    for seed in 0..600 {
        let case = Case::draw(seed, 30);
        // Without messages in both ways some events have no limit: such a case has no execution to show.
        let Some(text) = proof_of(&case, 0, 1) else { continue };
        match opinion(&text) {
            Ok(told) => {
                assert!(told[0].contains("ns at least, by") && told[0].contains('#'), "{told:?}");
                checked += 1;
            }
            Err(Flaw::Unknown(what)) if what.starts_with("the time of node") => {}
            Err(flaw) => panic!("seed {seed}: {flaw}\n{text}"),
        }
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn the_checker_refuses_what_is_off_by_two_nanoseconds() {
    let text = (0..).find_map(|seed| proof_of(&Case::draw(seed, 30), 0, 1).filter(|text| opinion(text).is_ok()));
    let text = text.expect("a certificate");
    let claim = text.lines().find(|line| line.starts_with("claim")).expect("a claim");
    let words: Vec<&str> = claim.split(' ').collect();
    let with = |index: usize, by: i64| {
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        words[index] = (words[index].parse::<i64>().expect("a number") + by).to_string();
        opinion(&text.replace(claim, &words.join(" ")))
    };
    assert!(matches!(with(4, 2), Err(Flaw::TooNarrow(..))) && matches!(with(5, -2), Err(Flaw::TooNarrow(..))));
    assert!(matches!(with(4, -2), Err(Flaw::TooWide(..))) && matches!(with(5, 2), Err(Flaw::TooWide(..))));
    assert!(with(1, 7).is_err() && with(2, 1_000_000).is_err());
    assert!(Statement::parse("node 1").is_err() && Statement::parse("least 0 1 2").is_err());
}

#[test]
fn a_stranger_can_check_a_contradiction() {
    let mut case = Case::draw(1, 30);
    case.delays.values_mut().for_each(|delay| delay.least = Nanos::from_millis(100));
    let observation = case.observation();
    let graph = Graph::complete(&observation, &observation.whole()).expect("short");
    let Feasible::Cycle(edges) = feasible(&graph) else { panic!("no message took 100 ms") };
    let evidence = proof::evidence(&observation, &observation.whole());
    let told = opinion(&(evidence.clone() + &proof::cycle(&graph, &edges))).expect("a negative cycle");
    assert!(told[0].contains("is short by"), "{told:?}");
    let harmless = evidence.replace(" 100000000 ", " 0 ") + &proof::cycle(&graph, &edges);
    assert!(matches!(opinion(&harmless), Err(Flaw::NotNegative(_))));
}

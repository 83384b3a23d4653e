//! What stamps alone say of a run's parameters, against the truth that its journals declare.

use std::cell::Cell;
use std::collections::BTreeMap;

use skewbench::analysis::parameters::{Label, Measured, Of, Parameter, Symbol, Window, heard, judged, measure};
use skewbench::analysis::run::{AgentRun, choose};
use skewbench::analysis::truth::Truth;
use skewbench::analysis::{shared, summarise};
use skewbench::ids::{Algorithm, Arc, NodeId};
use skewbench::length::Length;
use skewbench::node::Record;
use skewbench::time::{Local, Nanos, Time};
use skewbench::topology::Impairment;

use crate::simulated::runs;

/// Networks of every kind of jitter, with loss, asymmetry, credits, distances, and rates that are constant or wander.
const NETWORKS: [&str; 7] = [
    "jitter = { kind = \"uniform\", limit = \"300us\" }\nloss_share = 0.1\n",
    "asymmetry = \"800us\"\njitter = { kind = \"exponential\", mean = \"20us\" }\n",
    "jitter = { kind = \"gamma\", mean = \"100us\", shape = 2.0 }\nmu = \"199us\"\n",
    "jitter = { kind = \"log-normal\", median = \"100us\", sigma = 1.0 }\nloss_share = 0.05\nduplicate_share = 0.1\n",
    "jitter = { kind = \"pareto\", scale = \"200us\", alpha = 1.5 }\nmu = \"100us\"\n",
    "jitter = { kind = \"constant\", span = \"5us\" }\nloss_share = 0.3\n",
    "jitter = { kind = \"uniform\", limit = \"300us\" }\nmu = \"50us\"\ndistance = \"59km\"\n",
];

const STEADY: &str = "";
const WANDER: &str = "wander_ppb_per_sqrt_s = 20.0\nwander_limit_ppm = 2\n\
                      [oscillators.temperature]\nevery = \"300ms\"\nstep_ppm = 1.0\nlimit_ppm = 3.0\n";

fn network(links: &str, oscillators: &str, nodes: u32, shape: &str, seed: u64) -> Vec<AgentRun> {
    let text = format!(
        "duration = \"4s\"\ntau = \"50ms\"\ntopology = {{ shape = \"{shape}\", nodes = {nodes} }}\n\
         [links]\ndelay = \"200us\"\n{links}[stamps]\nwait_within = \"50us\"\n\
         [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 50\n{oscillators}"
    );
    runs(&text, seed)
}

/// Every network, under two seeds or more, and steady or not.
fn every(look: impl Fn(&[AgentRun], bool)) {
    for (index, links) in NETWORKS.into_iter().enumerate() {
        for seed in 0..4_u64 {
            let shape = if seed % 2 == 0 { "full" } else { "line" };
            let steady = seed < 2;
            let oscillators = if steady { STEADY } else { WANDER };
            look(&network(links, oscillators, 2 + (index as u32 + seed as u32) % 2, shape, seed), steady);
        }
    }
}

fn rows(measured: &Measured, symbol: Symbol, label: Label) -> impl Iterator<Item = &Parameter> {
    measured.parameters.iter().filter(move |row| row.symbol == symbol && row.label == label)
}

#[test]
fn the_bound_without_truth_is_never_below_the_one_with_it() {
    let compared = Cell::new(0);
    every(|runs, _| {
        let summary = summarise("run", runs);
        let Some(certified) = summary.certified_bound else { return };
        let promise = summary.promise.expect("what holds without truth holds with it");
        assert!(certified.bounds.safe >= promise.bounds.safe, "{certified:?} {promise:?}");
        let eps = summary.eps(Algorithm::Lamport).expect("a window");
        assert!(eps <= certified.bounds.safe, "{eps} {certified:?}");
        compared.set(compared.get() + 1);
    });
    assert!(compared.get() >= 20, "{} runs have a bound", compared.get());
}

/// True delay and true send of each message of an arc, by its stamps.
fn true_messages(runs: &[AgentRun]) -> (BTreeMap<Arc, heard::Course>, Truth, Measured) {
    let (spans, _) = choose(runs);
    let config = shared::config(&spans).expect("journals");
    let light = |(arc, link): &(Arc, Impairment)| (*arc, link.distance.map_or(Nanos::ZERO, Length::in_vacuum));
    let traffic = heard::read(&spans, config.arcs.iter().map(light), judged(&spans, &config));
    (traffic.courses, Truth::rebuild(&spans).expect("declared"), measure(&config, &spans))
}

#[test]
fn what_is_certified_of_delays_and_gaps_is_never_below_the_truth() {
    every(|runs, _| {
        let (courses, truth, measured) = true_messages(runs);
        let mut bounded = 0;
        for (arc, course) in &courses {
            let when = |node: NodeId, at: Time<Local>| truth.at(node, at).expect("a map");
            for message in &course.heard {
                let delay = when(arc.to, message.at) - when(arc.from, message.sent);
                if let (Some(most), Some(unpredictable)) = (message.most, message.unpredictable) {
                    bounded += 1;
                    assert!(delay <= most, "{arc}: {delay} {message:?}");
                    assert!(delay - message.credit <= unpredictable, "{arc}: {delay} {message:?}");
                }
            }
            let (start, end) = (when(arc.from, *course.judged.start()), when(arc.from, *course.judged.end()));
            let sends = course.heard.iter().map(|message| when(arc.from, message.sent));
            let times: Vec<_> = [start].into_iter().chain(sends).chain([end]).collect();
            let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("two ends");
            let said = rows(&measured, Symbol::TauReceived, Label::Certified).find(|row| row.of == Of::Arc(*arc));
            let said = said.and_then(|row| row.high).expect("a gap");
            assert!(gap.0 <= said && said <= gap.0 + gap.0 / 5_000 + 10, "{arc}: {gap} {said}");
        }
        assert!(bounded > 50, "{bounded}");
    });
}

#[test]
fn the_certified_relative_rate_holds_the_true_one_where_rates_are_constant() {
    every(|runs, steady| {
        let (courses, truth, measured) = true_messages(runs);
        if !steady {
            return;
        }
        assert!(courses.len() > 1);
        let pairs: Vec<_> = rows(&measured, Symbol::RelativeRate, Label::Certified).collect();
        assert!(pairs.len() >= 2 && pairs.iter().any(|row| row.window == Window::Test), "{pairs:?}");
        for row in pairs {
            let Of::Pair(one, other) = row.of else { panic!("{row:?}") };
            let rate = |node| truth.map(node).expect("a map").piece_at(Time::from_nanos(0)).rate.as_ratio();
            let relative = ((1.0 + rate(other)) / (1.0 + rate(one)) - 1.0) * 1e9;
            let (low, high) = row.low.zip(row.high).expect("both directions were heard");
            assert!(low as f64 <= relative && relative <= high as f64, "{row:?} without {relative}");
            assert!(high - low < 5_000_000, "it says something: {row:?}");
        }
    });
}

/// Bursts leave most messages with the minimum delay: the floor under them is met.
#[test]
fn the_estimated_xi_is_the_true_jitter_where_the_minimum_delay_is_met() {
    let text = "duration = \"9s\"\ntau = \"50ms\"\ntopology = { shape = \"full\", nodes = 2 }\n\
                [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 50\n[links]\ndelay = \"200us\"\n\
                bursts = { every = \"1s\", lasting = \"200ms\", extra = \"2ms\" }\n";
    for seed in 0..4 {
        let (courses, truth, measured) = true_messages(&runs(text, seed));
        for row in rows(&measured, Symbol::Xi, Label::Estimated).filter(|row| row.window == Window::Test) {
            let Of::Arc(arc) = row.of else { panic!("{row:?}") };
            let course = &courses[&arc];
            let test = |at: Time<Local>| {
                *course.judged.start() + (*course.judged.end() - *course.judged.start()).over(3) <= at
            };
            let delay = |message: &heard::Heard| {
                truth.at(arc.to, message.at).expect("a map") - truth.at(arc.from, message.sent).expect("a map")
            };
            let most = course.heard.iter().filter(|message| test(message.sent)).map(delay).max().expect("messages");
            let jitter = (most - Nanos::from_micros(200)).0;
            assert!(jitter > 100_000, "a burst fell into the test: {jitter}");
            let (low, high) = row.low.zip(row.high).expect("an estimate");
            assert!((high - jitter).abs() <= 250 && low.abs() <= 100, "{row:?} for {jitter}");
        }
    }
}

#[test]
fn residual_kappa_of_a_long_quiet_run_is_far_below_the_raw_one_and_holds_the_true_rate() {
    let text = "duration = \"300s\"\ntau = \"500ms\"\ntopology = { shape = \"full\", nodes = 2 }\n\
                [oscillators]\ndrift_within_ppm = 50\noffset_within = \"1ms\"\n\
                [links]\ndelay = \"50us\"\njitter = { kind = \"exponential\", mean = \"2us\" }\n";
    for seed in 0..2 {
        let runs = runs(text, seed);
        let summary = summarise("run", &runs);
        let (raw, residual) = (summary.certified_bound.expect("a bound"), summary.residual_bound.expect("a bound"));
        assert!(residual.premises.kappa.0 * 4 < raw.premises.kappa.0, "{residual:?} {raw:?}");
        assert!(residual.bounds.safe < raw.bounds.safe);
        let (_, truth, measured) = true_messages(&runs);
        let rate =
            |node: u32| 1.0 + truth.map(NodeId(node)).expect("a map").piece_at(Time::from_nanos(0)).rate.as_ratio();
        let row = rows(&measured, Symbol::ResidualRate, Label::Estimated).find(|row| row.of == Of::Node(NodeId(1)));
        let (low, high) = row.and_then(|row| row.low.zip(row.high)).expect("a disciplined clock");
        let last = runs[1].records().filter_map(|record| match record {
            Record::Changed(Algorithm::Ntp, change) => Some(change.reading.then.unwrap_or(change.reading.line).rate),
            _ => None,
        });
        let frequency = last.last().expect("a frequency").as_ratio();
        let corrected = (rate(1) * (1.0 + frequency) / rate(0) - 1.0) * 1e9;
        assert!(low as f64 <= corrected && corrected <= high as f64, "{low} to {high} without {corrected}");
        assert!(summary.promise.is_some_and(|promise| promise.bounds.safe <= raw.bounds.safe));
    }
}

//! Events that were arranged are found, told apart, and put to the right node or arc; quiet worlds have none.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skewbench::analysis::events::{Event, Kind, Subject};
use skewbench::analysis::{AgentRun, summarise};
use skewbench::ids::{Arc, NodeId};
use skewbench::sim::{self, Scenario};

use crate::folder::Folder;
use crate::lab::{skewbench, table, text};

fn events(text: &str, seed: u64) -> Vec<Event> {
    let scenario = Scenario::parse(text).unwrap_or_else(|why| panic!("{why}: {text}"));
    let journals = sim::run(&scenario, seed, |_| ()).expect("a run");
    summarise("r", &AgentRun::read(journals.iter().map(|(_, bytes)| &bytes[..]))).events
}

fn world(rest: &str) -> String {
    format!(
        "duration = \"14s\"\ntau = \"100ms\"\ntopology = {{ shape = \"full\", nodes = 4 }}\n[oscillators]\n\
         offset_within = \"10ms\"\ndrift_within_ppm = 50\nwander_ppb_per_sqrt_s = 5.0\nwander_limit_ppm = 1\n[links]\n{rest}"
    )
}

const QUIET: &str = "delay = \"200us\"\njitter = { kind = \"gamma\", mean = \"20us\", shape = 2.0 }\n";
const WILD: &str = "delay = \"1ms\"\njitter = { kind = \"pareto\", scale = \"300us\", alpha = 1.5 }\nloss_share = 0.1\n\
    duplicate_share = 0.05\n";

/// The one event of a run, as kind and subject; its time is within a third of a second of `at_s`.
fn only(text: &str, seed: u64, at_s: f64) -> (Kind, Subject, Event) {
    let found = events(text, seed);
    assert_eq!(found.len(), 1, "seed {seed}: {found:#?}");
    let event = found[0].clone();
    assert!((event.at_s - at_s).abs() < 0.35, "seed {seed}: {event:?}");
    (event.kind, event.subject, event)
}

#[test]
fn a_clock_that_jumps_is_named_and_by_how_much() {
    for seed in 0..4 {
        let step = "[[event]]\nkind = \"clock-step\"\nnode = 2\nat = \"7s\"\nby = \"3ms\"\n";
        let (kind, subject, event) = only(&world(&format!("{QUIET}{step}")), seed, 7.0);
        assert_eq!((kind, subject), (Kind::RawJump, Subject::Node(NodeId(2))));
        assert!((event.size.unwrap().0 - 3_000_000).abs() < 50_000, "{event:?}");
        assert_eq!(event.seen_by, [NodeId(0), NodeId(1), NodeId(3)]);
    }
}

#[test]
fn a_jump_so_long_that_it_looks_like_a_pause_is_no_stall() {
    let step = "[[event]]\nkind = \"clock-step\"\nnode = 1\nat = \"7s\"\nby = \"2s\"\n";
    let (kind, subject, _) = only(&world(&format!("{QUIET}{step}")), 3, 7.0);
    assert_eq!((kind, subject), (Kind::RawJump, Subject::Node(NodeId(1))));
}

#[test]
fn a_host_that_sleeps_is_told_from_a_clock_that_jumps() {
    for seed in 0..4 {
        let nap = "[[event]]\nkind = \"suspend\"\nnode = 1\nat = \"6s\"\nuntil = \"8s\"\n";
        let (kind, subject, event) = only(&world(&format!("{QUIET}{nap}")), seed, 6.0);
        assert_eq!((kind, subject), (Kind::Suspend, Subject::Node(NodeId(1))));
        assert!((event.duration_s - 2.0).abs() < 0.001, "{event:?}");
        assert_eq!(event.seen_by, [NodeId(0), NodeId(2), NodeId(3)]);
    }
}

#[test]
fn a_route_is_told_from_a_clock_and_its_direction_is_right() {
    for seed in 0..4 {
        let route = "[[event]]\nkind = \"route\"\nfrom = 3\nto = 0\nat = \"7s\"\ndelay = \"1.2ms\"\n";
        let (kind, subject, event) = only(&world(&format!("{QUIET}{route}")), seed, 7.0);
        assert_eq!((kind, subject), (Kind::Route, Subject::Arc(Arc { from: NodeId(3), to: NodeId(0) })));
        assert!((event.size.unwrap().0 - 1_000_000).abs() < 100_000, "{event:?}");
        assert_eq!(event.seen_by, [NodeId(0), NodeId(3)]);
    }
}

#[test]
fn a_clock_that_begins_to_race_is_named_with_its_rate() {
    for seed in 0..4 {
        let race = "[[event]]\nkind = \"racing-clock\"\nnode = 0\nat = \"7s\"\nby_ppm = 2000.0\n";
        let (kind, subject, event) = only(&world(&format!("{QUIET}{race}")), seed, 7.0);
        assert_eq!((kind, subject), (Kind::RawRate, Subject::Node(NodeId(0))));
        assert!((event.rate.unwrap().0 - 2_000_000).abs() < 100_000, "{event:?}");
    }
}

#[test]
fn of_two_nodes_nobody_can_tell_whose_clock_jumped() {
    let two = world(QUIET).replace("nodes = 4", "nodes = 2");
    let step = "[[event]]\nkind = \"clock-step\"\nnode = 0\nat = \"7s\"\nby = \"3ms\"\n";
    let (kind, subject, event) = only(&format!("{two}{step}"), 1, 7.0);
    assert_eq!((kind, subject), (Kind::RawJump, Subject::Arc(Arc { from: NodeId(0), to: NodeId(1) })));
    assert!(event.size.unwrap().0 < -2_900_000, "node 1 falls behind node 0: {event:?}");
}

#[test]
fn quiet_worlds_have_no_events_and_wild_ones_neither() {
    let partition = "[[event]]\nkind = \"partition\"\nnodes = [0, 1]\nat = \"5s\"\nuntil = \"9s\"\n";
    let bursts = "bursts = { every = \"1s\", lasting = \"50ms\", extra = \"5ms\" }\n";
    for seed in 0..3 {
        for rest in
            [QUIET, WILD, &format!("{QUIET}{bursts}"), &format!("{QUIET}{partition}"), &format!("{WILD}{partition}")]
        {
            let found = events(&world(rest), seed);
            assert!(found.is_empty(), "seed {seed}: {rest}: {found:#?}");
        }
    }
}

/// The processes that a process started.
fn children(parent: u32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[test]
fn an_agent_that_is_stopped_for_a_second_stalls_and_its_clock_does_not_jump() {
    let folder = Folder::new("stalled");
    let args = ["lab", "--seconds", "8", "--ordering", "off", "--seed", "1", "-q", "--out"];
    let mut lab = skewbench().args(args).arg(folder.path()).stdout(Stdio::piped()).spawn().expect("the lab starts");
    let journals = folder.path().join("spool");
    let began = Instant::now();
    while !(journals.is_dir() && children(lab.id()).len() >= 4) {
        assert!(began.elapsed() < Duration::from_secs(20), "the lab has agents");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(3_500));
    let agent = *children(lab.id()).last().expect("an agent");
    kill(Pid::from_raw(agent), Signal::SIGSTOP).expect("stopped");
    std::thread::sleep(Duration::from_secs(1));
    kill(Pid::from_raw(agent), Signal::SIGCONT).expect("goes on");
    let done = lab.wait().expect("ended");
    assert!(done.code().is_some());
    let found = table(&folder.path().join("events.csv"));
    let stalls: Vec<_> = found.iter().filter(|row| row["kind"] == "stall").collect();
    let long = stalls.iter().find(|row| row["duration_s"].parse::<f64>().expect("seconds") > 0.9);
    let long = long.unwrap_or_else(|| panic!("a stall of a second: {found:?}"));
    assert_eq!(long["seen_by"].split(' ').count(), 2, "both peers' packets were queued: {long:?}");
    assert!(found.iter().all(|row| row["kind"] != "raw-jump" && row["kind"] != "suspend"), "{found:?}");
}

#[test]
fn events_are_told_in_every_form() {
    let folder = Folder::new("told");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/scenarios/suspend.toml");
    let done = skewbench().arg("sim").arg(scenario).arg("--out").arg(folder.path()).output().expect("sim starts");
    assert!(text(&done.stdout).contains("event    suspend of node 2 at "), "{}", text(&done.stdout));
    let rows = table(&folder.path().join("events.csv"));
    assert_eq!((rows.len(), rows[0]["kind"].as_str(), rows[0]["node"].as_str()), (1, "suspend", "2"), "{rows:?}");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("report.json")).expect("a report")).expect("JSON");
    assert_eq!(report["events"][0]["kind"], "suspend");
    let page = fs::read_to_string(folder.path().join("report.html")).expect("a page");
    assert!(page.contains("What happened") && page.contains("class=\"event\""));
}

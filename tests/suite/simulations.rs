//! Scenarios as a person runs them: the same bytes each time, streams that do not disturb each other, and a library that
//! shows what it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use skewbench::analysis::{AgentRun, Verdict, summarise};
use skewbench::ids::{Algorithm, Arc, NodeId};
use skewbench::model::Oscillator;
use skewbench::node::Record;
use skewbench::time::{Local, Nanos, Time};

use crate::folder::Folder;
use crate::simulated::runs;

/// What the library's scenarios come to.
const LIBRARY: &[(&str, i32)] = &[
    ("asymmetric", 0),
    ("bursts", 0),
    ("busy", 0),
    ("byzantine", 1),
    ("chain", 0),
    ("contagion", 1),
    ("crash", 0),
    ("islands", 0),
    ("lan", 0),
    ("loss", 0),
    ("partition", 0),
    ("price", 0),
    ("racing", 1),
    ("random", 0),
    ("route", 0),
    ("runaway", 1),
    ("stuck", 1),
    ("suspend", 1),
    ("temperature", 0),
    ("tree", 0),
    ("two-faced", 1),
    ("wan", 0),
];

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/scenarios")
}

fn skewbench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skewbench")).args(args).output().expect("the program runs")
}

/// Every file below `dir` with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below").to_owned();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

#[test]
fn the_same_scenario_and_seed_give_the_same_bytes_in_every_file() {
    let run = |name: &str, seed: &str| {
        let (folder, scenario) = (Folder::new(name), library().join("lan.toml"));
        let dir = folder.path();
        let output = skewbench(&["sim", scenario.to_str().unwrap(), "--seed", seed, "--out", dir.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let first = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
        (first, files(dir))
    };
    let (first, one) = run("one", "7");
    assert!(first.starts_with("seed 7, scenario "), "{first}");
    assert_eq!(one.len(), 3 + 17, "{:?}", one.keys());
    assert!(one == run("two", "7").1, "the same");
    assert!(one != run("three", "8").1, "another seed");
}

#[test]
fn every_scenario_of_the_library_says_what_it_shows_and_comes_to_it() {
    let names: Vec<String> = {
        let mut names: Vec<_> = fs::read_dir(library()).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort();
        names.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names, LIBRARY.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, code) in LIBRARY {
        let scenario = library().join(format!("{name}.toml"));
        let text = fs::read_to_string(&scenario).unwrap();
        assert!(text.starts_with("# ") && text.matches("# ").count() == 1, "{name}: one line says what it shows");
        let folder = Folder::new(name);
        let dir = folder.path();
        let output = skewbench(&["sim", scenario.to_str().unwrap(), "--out", dir.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(*code), "{name}: {told}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!told.contains("this program is wrong"), "{name}: {told}");
    }
}

#[test]
fn bad_scenarios_are_refused_with_code_2_and_missing_ones_with_3() {
    let dir = Folder::new("bad");
    let file = dir.join("bad.toml");
    for (text, word) in [
        (
            "duration = \"1s\"\ntau = \"10ms\"\ntopology = { shape = \"edges\", nodes = 3, edges = [[0, 1]] }",
            "add links",
        ),
        (
            "duration = \"1s\"\ntau = \"10ms\"\n[topology]\nshape = \"ring\"\nnodes = 3\n[links]\ndelay = \"1ms\"\nmu = \"2ms\"",
            "run away",
        ),
        (
            "duration = \"1s\"\ntau = \"10ms\"\n[topology]\nshape = \"line\"\nnodes = 3\n[[link]]\nfrom = 0\nto = 2",
            "0->2",
        ),
        ("duration =", "duration"),
    ] {
        fs::write(&file, text).unwrap();
        let output = skewbench(&["sim", file.to_str().unwrap(), "--out", dir.join("out").to_str().unwrap()]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), error.contains(word)), (Some(2), true), "{text}: {error}");
    }
    assert_eq!(skewbench(&["sim", dir.join("none.toml").to_str().unwrap()]).status.code(), Some(3));
}

#[test]
fn adversaries_reach_the_bound_and_say_which_one_they_exceed() {
    for (name, reached, counterexample) in [
        ("chain", 900_330, false),
        ("two-source", 900_430, false),
        ("ring", 600_700, true),
        ("mixed-mu", 300_310, true),
    ] {
        let folder = Folder::new(name);
        let dir = folder.path();
        let output = skewbench(&["sim", "--adversary", name, "--out", dir.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!((output.status.code(), told.contains("counterexample")), (Some(0), counterexample), "{told}");
        assert!(told.contains(&format!("{reached} ns of eps")), "{told}");
        let row = fs::read_to_string(dir.join("adversary.csv")).unwrap();
        assert!(row.lines().nth(1).unwrap().starts_with(name) && row.contains(&format!(",{reached},")), "{row}");
    }
    let bad = [
        ["sim", "--adversary", "squid"],
        ["sim", "--diameter", "3"],
        ["sim", "--adversary=ring", "--xi=5us"],
        ["sim", "--adversary=mixed-mu", "--diameter=2"],
        ["sim", "--adversary=chain", "--tau=1ns"],
        ["sim", "x.toml", "--mu=1ms"],
    ];
    bad.iter().for_each(|args| assert_eq!(skewbench(args).status.code(), Some(2), "{args:?}"));
}

#[test]
fn what_an_adversary_has_no_use_for_is_refused_with_the_reason() {
    for (flag, words) in [
        ("--json", "--json: an adversary's result has no JSON form: leave it out; --out DIR writes adversary.csv"),
        ("--streamed", "--streamed: an adversary's execution keeps nothing anyway: leave it out"),
        ("--tau=-1s", "--tau -1s: choose from 1us to 1000s"),
    ] {
        let output = skewbench(&["sim", "--adversary", "chain", flag]);
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && why.contains(words), "{why}");
    }
    let output = skewbench(&["sim", "--adversary", "chain", "--tau", "-1s"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--tau -1s: choose from 1us to 1000s"));
}

/// True delays of all messages, by arc and number, rounded to what integer clocks leave open.
fn delays(runs: &[AgentRun]) -> BTreeMap<(Arc, u64), Nanos> {
    let clock = |run: &AgentRun| Oscillator::new(run.header.oscillator.clone().unwrap(), run.header.node);
    let mut clocks: Vec<Oscillator> = runs.iter().map(clock).collect();
    let mut found = BTreeMap::new();
    for run in runs {
        for record in run.records() {
            let Record::Received(m) = record else { continue };
            let (from, to) = (m.from, run.header.node);
            let sent = clocks[from.0 as usize].true_time(m.sent);
            found.insert((Arc { from, to }, m.sequence), clocks[to.0 as usize].true_time(m.at) - sent);
        }
    }
    found
}

/// When a node's grid first asks for a message.
fn first_slot(run: &AgentRun) -> Option<Time<Local>> {
    run.records().find_map(|record| if let Record::Sent(sent) = record { sent.due } else { None })
}

#[test]
fn a_node_or_a_link_more_shifts_no_other_stream() {
    let world = |nodes: u32, edges: &str| {
        runs(
            &format!(
                "duration = \"3s\"\ntau = \"100ms\"\n[topology]\nshape = \"edges\"\nnodes = {nodes}\nedges = {edges}\n\
             [oscillators]\noffset_within = \"5ms\"\ndrift_within_ppm = 50\nwander_ppb_per_sqrt_s = 5.0\nwander_limit_ppm = 1\n\
             [oscillators.temperature]\nevery = \"300ms\"\nstep_ppm = 1.0\nlimit_ppm = 3.0\n\
             [links]\ndelay = \"1ms\"\njitter = {{ kind = \"gamma\", mean = \"1ms\", shape = 2.0 }}\nloss_share = 0.1\n\
             duplicate_share = 0.1\n[stamps]\nwait_within = \"1ms\"\n"
            ),
            5,
        )
    };
    let small = world(3, "[[0, 1], [1, 2]]");
    for large in [world(4, "[[0, 1], [1, 2], [2, 3]]"), world(3, "[[0, 1], [1, 2], [0, 2]]")] {
        for (one, other) in small.iter().zip(&large) {
            assert_eq!(one.header.oscillator, other.header.oscillator);
            assert_eq!(first_slot(one), first_slot(other), "each keeps the phase of its grid");
        }
        let (before, after) = (delays(&small), delays(&large));
        let common: Vec<_> = before.iter().filter_map(|(key, delay)| Some((delay, after.get(key)?))).collect();
        assert!(common.len() * 10 > before.len() * 9, "{} of {}", common.len(), before.len());
        assert!(common.iter().all(|(one, other)| (**one - **other).abs() <= Nanos(2)), "every message met the same");
    }
}

#[test]
fn a_restarted_node_is_another_boot_with_the_same_clock() {
    let text = fs::read_to_string(library().join("crash.toml")).unwrap();
    let runs = runs(&text, 5);
    let boots: Vec<_> = runs.iter().map(|run| (run.header.node, run.header.boot.0)).collect();
    assert_eq!(boots[..3], [(NodeId(0), 1), (NodeId(0), 2), (NodeId(1), 1)]);
    assert_eq!(runs[0].header.oscillator, runs[1].header.oscillator);
    assert!(runs[0].covers_until < runs[1].records().next().unwrap().at());
}

/// Twenty changes of a clock's rate, which are no faults, do not hide the jump that comes after them.
#[test]
fn a_jump_is_named_however_often_the_rate_changed_before() {
    let text = "duration = \"6s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 2 }\n\
        [oscillators.temperature]\nevery = \"100ms\"\nstep_ppm = 5.0\nlimit_ppm = 20.0\n\
        [[event]]\nkind = \"clock-step\"\nnode = 1\nat = \"5s\"\nby = \"1s\"\n";
    let summary = summarise("jump", &runs(text, 1));
    let named = |note: &String| note == "premise failed: node 1: its local clock jumped by 1s at 5.000 s";
    assert!(summary.notes.iter().any(named), "{:?}", summary.notes);
}

/// Three clocks, one of which tells of another instant and reading, in the last tenth of a second: what it tells is what it would
/// have shown at that instant, which is after the run's end. A swarm found it.
#[test]
fn a_lie_that_agrees_with_its_own_stamp_is_named() {
    for at in ["3962228067ns", "3.95s", "3.9s"] {
        let text = format!(
            "duration = \"4092402867ns\"\ntau = \"231244995ns\"\ntopology = {{ shape = \"full\", nodes = 3 }}\n\
             [links]\ndelay = \"24156704ns\"\nmu = \"12078352ns\"\njitter = {{ kind = \"constant\", span = \"40ms\" }}\n\
             [[event]]\nkind = \"two-faced-clock\"\nnode = 0\nat = \"{at}\"\nlie = \"347306149ns\"\nto = [1, 2]\n\
             about = \"everything\"\n"
        );
        let notes = summarise("lie", &runs(&text, 1)).notes;
        let named = |note: &String| note.contains("told another reading") && note.contains("by up to 347.306ms");
        assert!(notes.iter().any(named), "{at}: {notes:?}");
    }
}

/// Only a clock that can stand still hides true time: one that runs eleven times as fast is judged like any other.
#[test]
fn truth_is_known_however_fast_a_clock_races() {
    for by_ppm in [999_999, 1_000_000, 10_000_000] {
        let text = format!(
            "duration = \"6s\"\ntau = \"100ms\"\ntopology = {{ shape = \"full\", nodes = 3 }}\n[links]\ndelay = \"1ms\"\n\
             [[event]]\nkind = \"racing-clock\"\nnode = 1\nat = \"4s\"\nby_ppm = {by_ppm}\n"
        );
        let summary = summarise("racing", &runs(&text, 1));
        let eps = summary.row(Algorithm::Free).and_then(|row| row.skew).map(|skew| skew.max);
        // It gains by_ppm for two seconds.
        let gained = Nanos::from_micros(2 * by_ppm);
        assert!(eps.is_some_and(|eps| (eps - gained).abs() < Nanos::from_millis(1)), "{eps:?} for {gained}");
        assert_eq!(summary.verdict, Verdict::Violated, "{:?}", summary.notes);
    }
}

//! `skewbench sweep` as a person runs it: the same bytes with any number of jobs and interruptions, figures that agree with
//! single runs, and refusals that name the mend.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::folder::Folder;
use crate::lab::table;

const SCENARIO: &str = "duration = \"2s\"\ntau = \"50ms\"\ntopology = { shape = \"line\", nodes = 3 }\n\
    [oscillators]\ndrift_within_ppm = 50\noffset_within = \"1ms\"\n\
    [links]\ndelay = \"200us\"\njitter = { kind = \"exponential\", mean = \"20us\" }\n";

/// A grid of 4 x 2 points, and three seeds.
const GRID: [&str; 6] = ["--over", "tau=20ms,50ms..200ms", "--over", "diameter=1,3", "--seeds", "3"];

fn sweep(scenario: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench"));
    command.arg("sweep").arg(scenario).args(GRID).arg("--out").arg(out).args(more);
    command
}

fn done(mut command: Command) -> Output {
    let output = command.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Every file of a sweep's folder.
fn results(dir: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let files = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("a file"));
    files.map(|file| (file.file_name(), fs::read(file.path()).expect("it can be read"))).collect()
}

/// Which files of two folders differ, or are in one of them only.
fn differences(one: &Path, other: &Path) -> Vec<OsString> {
    let (one, other) = (results(one), results(other));
    let names: BTreeSet<&OsString> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

fn finished_runs(dir: &Path) -> usize {
    fs::read_to_string(dir.join("runs.jsonl")).map_or(0, |text| text.lines().count().saturating_sub(1))
}

/// Starts a sweep and ends it by a signal as soon as some runs are done.
fn interrupted(scenario: &Path, out: &Path, with: Signal) -> Option<i32> {
    let mut child = sweep(scenario, out, &["--jobs", "1"]).stdout(Stdio::null()).spawn().expect("it starts");
    let began = Instant::now();
    while finished_runs(out) < 7 && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    kill(Pid::from_raw(child.id() as i32), with).expect("a signal");
    child.wait().expect("it ends").code()
}

fn folder(name: &str) -> (Folder, PathBuf) {
    let folder = Folder::new(name);
    let scenario = folder.write("line.toml", SCENARIO);
    (folder, scenario)
}

#[test]
fn every_file_is_the_same_bytes_with_any_number_of_jobs_and_interruptions() {
    let (folder, scenario) = folder("sweep-resumed");
    let dirs = ["one", "four", "killed", "asked"].map(|name| folder.join(name));
    let said = String::from_utf8(done(sweep(&scenario, &dirs[0], &["--jobs", "1"])).stdout).unwrap();
    let first = format!("seeds 1 to 3, scenario {}\n", skewbench::sim::scenario::hash(SCENARIO));
    assert!(said.starts_with(&(first + "8 points (4 values of tau x 2 values of diameter), 3 runs each\n")), "{said}");
    done(sweep(&scenario, &dirs[1], &["--jobs", "4"]));
    assert_eq!(interrupted(&scenario, &dirs[2], Signal::SIGKILL), None);
    let left = finished_runs(&dirs[2]);
    assert!((7..24).contains(&left), "it was killed half-way: {left} runs");
    // As if the power had gone in the middle of a line.
    let runs = dirs[2].join("runs.jsonl");
    let torn = fs::read(&runs).unwrap();
    fs::write(&runs, &torn[..torn.len() - 5]).unwrap();
    let again = done(sweep(&scenario, &dirs[2], &[]));
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(said.contains(&format!("{} of 24 runs are done already", left - 1)), "{said}");
    assert_eq!(interrupted(&scenario, &dirs[3], Signal::SIGINT), Some(4), "stopped: unknown");
    assert!(table(&dirs[3].join("sweep.csv")).len() < 8, "what was finished was written");
    done(sweep(&scenario, &dirs[3], &[]));
    assert_eq!(finished_runs(&dirs[0]), 24);
    for dir in &dirs[1..] {
        assert_eq!(differences(&dirs[0], dir), Vec::<OsString>::new(), "{}", dir.display());
    }
    // What was killed while the finished runs were put in order leaves half a file beside the whole one.
    for leftover in ["sweep.csv", "sweep.html", "MANIFEST.sha256"] {
        fs::remove_file(dirs[1].join(leftover)).unwrap();
    }
    fs::write(dirs[1].join("runs.new"), "{\"program\":").unwrap();
    done(sweep(&scenario, &dirs[1], &["--jobs", "2"]));
    assert_eq!(differences(&dirs[0], &dirs[1]), Vec::<OsString>::new());
}

#[test]
fn a_point_says_what_a_single_run_of_the_same_scenario_says() {
    let (folder, _) = folder("sweep-single");
    // Long enough that the sweep leaves it as it is.
    let text = SCENARIO.replace("\"2s\"", "\"4s\"");
    let scenario = folder.write("long.toml", &text);
    let swept = folder.join("swept");
    let output = done({
        let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench"));
        command
            .arg("sweep")
            .arg(&scenario)
            .args(["--over", "loss=0,0.1", "--seeds", "1", "--seed", "9", "--out"])
            .arg(&swept);
        command
    });
    assert!(String::from_utf8_lossy(&output.stdout).contains("The bound held in all runs: 2 points, 1 seed each."));
    let lossy = folder.write("lossy.toml", &format!("{text}loss_share = 0.1\n"));
    for (row, scenario) in table(&swept.join("sweep.csv")).iter().zip([scenario, lossy]) {
        let dir = folder.join(format!("single-{}", row["loss_share"]));
        let mut single = Command::new(env!("CARGO_BIN_EXE_skewbench"));
        done({
            single.arg("sim").arg(&scenario).args(["--seed", "9", "--out"]).arg(&dir);
            single
        });
        let summary = table(&dir.join("summary.csv"));
        for clock in &summary {
            let name = &clock["algorithm"];
            assert_eq!(row[&format!("{name}_eps_max_ns_median")], clock["eps_true_ns_max"], "{name}");
            assert_eq!(row[&format!("{name}_eps_p99_ns_worst")], clock["eps_true_ns_p99"], "{name}");
        }
        let lamport = summary.iter().find(|clock| clock["algorithm"] == "lamport").expect("its row");
        for bound in ["seed", "safe", "tight", "paper"] {
            assert_eq!(row[&format!("bound_{bound}_ns_worst")], lamport[&format!("bound_{bound}_ns")]);
        }
        assert_eq!(row["tightness_median"], lamport["tightness"]);
    }
}

#[test]
fn a_scenario_that_orders_is_swept_without_and_is_told_so() {
    let order = "[order]\nworkload = \"mutex\"\nclock = \"ntp\"\nrate_per_s = 20\nat = \"1s\"\nduration = \"500ms\"\n";
    let folder = Folder::new("sweep-order");
    let told = |name: &str, text: &str| {
        let scenario = folder.write(&format!("{name}.toml"), text);
        let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench"));
        command.arg("sweep").arg(scenario).args(["--over", "tau=50ms", "--seeds", "1", "--quiet"]);
        command.arg("--out").arg(folder.join(name));
        String::from_utf8_lossy(&done(command).stderr).into_owned()
    };
    let why = told("orders", &format!("{SCENARIO}{order}"));
    assert!(why.contains("[order] is left out") && why.contains("skewbench order WORKLOAD"), "{why}");
    assert!(!told("plain", SCENARIO).contains("[order]"));
    let [orders, plain] = ["orders", "plain"].map(|name| {
        let mut rows = table(&folder.join(name).join("sweep.csv"));
        rows.iter_mut().for_each(|row| drop(row.remove("scenario")));
        rows
    });
    assert!(!plain.is_empty() && orders == plain, "the clocks are the same: {orders:?} {plain:?}");
}

#[test]
fn what_cannot_be_swept_is_refused_before_anything_is_run() {
    let (folder, scenario) = folder("sweep-refused");
    let out = folder.join("out");
    let refused = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skewbench"));
        let output = command.arg("sweep").arg(&scenario).arg("--out").arg(&out).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (flags, words) in [
        (&["--over", "taw=1ms"][..], ["--over taw", "choose one of tau"]),
        (&["--over", "tau=1..5"], ["--over tau=1", "100ms"]),
        (&["--over", "tau=1ms,3000s"], ["tau=3000s", "choose"]),
        (&["--over", "diameter=0..3"], ["--over diameter=0", "1 to 1024"]),
        (&["--over", "wan-loss=0.1"], ["--over wan-loss=0.1", "no [wan] links"]),
        (&["--over", "mu=0s,1s"], ["mu=1s: mu", "run away"]),
        (&["--over", "tau=1ms..1s:500"], ["2500 runs are more than 1000", "--most-runs 2500"]),
    ] {
        let why = refused(flags);
        assert!(words.iter().all(|word| why.contains(word)), "{flags:?}: {why}");
    }
    assert!(!out.exists(), "nothing was begun");
    done(sweep(&scenario, &out, &[]));
    let why = refused(&["--over", "tau=20ms,50ms..200ms", "--seeds", "3"]);
    assert!(why.contains("another sweep: its --over is") && why.contains("--force"), "{why}");
}

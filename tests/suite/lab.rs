//! The lab as a person runs it: real processes, real sockets, real files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skewbench::theory::Premises;
use skewbench::time::{Nanos, Ppb};

use crate::folder::Folder;

pub fn skewbench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_skewbench"))
}

fn lab(folder: &Folder, args: &[&str]) -> Output {
    skewbench().arg("lab").args(args).arg("--out").arg(folder.path()).output().expect("the lab starts")
}

fn start_lab(folder: &Folder, args: &[&str]) -> Child {
    let mut command = skewbench();
    command.arg("lab").args(args).arg("--out").arg(folder.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the lab starts")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A CSV file as rows by column name.
pub fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let header = reader.headers().expect("a header").clone();
    let row =
        |record: csv::StringRecord| header.iter().zip(&record).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    reader.records().map(|record| row(record.expect("a record"))).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> i64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is `{}`", row[column]))
}

const RESULTS: [&str; 14] = [
    "certificate.csv",
    "pairs.csv",
    "epsilon_certified.csv",
    "stability.csv",
    "summary.csv",
    "arcs.csv",
    "parameters.csv",
    "limits.csv",
    "epsilon.csv",
    "ordering.csv",
    "claims.csv",
    "events.csv",
    "report.json",
    "report.html",
];

const SUMMARY: &str = "run_id,git_commit,seed,nodes,diameter,tau_ns,duration_s,warmup_s,algorithm,eps_true_ns_p50,\
eps_true_ns_p99,eps_true_ns_max,eps_low_ns,eps_high_ns,bound_seed_ns,bound_safe_ns,bound_tight_ns,bound_paper_ns,\
tightness,coverage,bias_ns,convergence_s,steps,worst_pair,worst_at_s,verdict,tau_max_ns,dominant_term,\
bound_coverage,claim_ns_p50,claim_tightness";

/// The maxima over arcs.csv and the diameter give the four bounds of summary.csv to the nanosecond.
fn assert_bounds_follow_from_arcs(folder: &Path) {
    let arcs = table(&folder.join("arcs.csv"));
    let most = |column: &str| arcs.iter().map(|arc| number(arc, column)).max().expect("an arc");
    let rows = table(&folder.join("summary.csv"));
    let lamport = rows.iter().find(|row| row["algorithm"] == "lamport").expect("a lamport row");
    let premises = Premises {
        kappa: Ppb(most("kappa_ppb")),
        diameter: number(lamport, "diameter") as u32,
        tau: Nanos(most("tau_eff_ns")),
        mu: Nanos(most("mu_ns")),
        xi: Nanos(most("xi_ns")),
    };
    assert_eq!(premises.nu(), Nanos(most("nu_ns")));
    let bounds = premises.bounds();
    let expected = [bounds.seed, bounds.safe, bounds.tight, bounds.paper].map(|bound| bound.0);
    let columns = ["bound_seed_ns", "bound_safe_ns", "bound_tight_ns", "bound_paper_ns"];
    assert_eq!(columns.map(|column| number(lamport, column)), expected);
    assert!(number(lamport, "eps_true_ns_max") <= expected[1], "the bound holds");
}

fn same_results(one: &Path, other: &Path) {
    for name in RESULTS {
        let read = |folder: &Path| fs::read(folder.join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(read(one) == read(other), "{name} differs");
    }
}

#[test]
fn the_main_job_end_to_end() {
    let (folder, again) = (Folder::new("main"), Folder::new("main-again"));
    let run = lab(&folder, &["--seconds", "3", "--seed", "7"]);
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{said}\n{}", text(&run.stderr));
    assert!(said.starts_with("seed 7\n"), "{said}");
    assert!(said.contains("These clocks stayed within") && said.contains("commands a second at"), "{said}");
    let last = said.lines().last().expect("a last line");
    assert_eq!(Path::new(last), folder.path().canonicalize().expect("the folder"));
    let rows = table(&folder.path().join("summary.csv"));
    for row in &rows {
        let (low, most) = (number(row, "eps_low_ns"), number(row, "eps_true_ns_max"));
        assert!(low <= most && low <= number(row, "eps_high_ns"), "what is proved holds: {row:?}");
    }
    assert_eq!(rows.iter().map(|row| row["algorithm"].as_str()).collect::<Vec<_>>(), ["free", "lamport", "ntp", "hlc"]);
    let head = fs::read_to_string(folder.path().join("summary.csv")).expect("a summary");
    assert_eq!(head.lines().next(), Some(SUMMARY));
    assert_bounds_follow_from_arcs(folder.path());
    let spread = number(&rows[0], "eps_true_ns_max");
    assert!((19_000_000..=21_000_000).contains(&spread), "offsets are dealt over [-10, 10] ms: {spread}");
    let ordering = table(&folder.path().join("ordering.csv"));
    let of = |column: &str| ordering.iter().map(|row| row[column].clone()).collect::<Vec<_>>();
    assert_eq!(of("agree"), ["true"; 8]);
    let sources = ["lamport-logical", "lamport", "ntp", "hlc"];
    assert_eq!(of("algorithm"), sources.iter().flat_map(|source| [*source; 2]).collect::<Vec<_>>());
    assert!(!folder.path().join("spool").exists(), "what was shipped is kept once");

    let analyzed =
        skewbench().arg("analyze").arg(folder.path()).arg("--out").arg(again.path()).output().expect("analyze");
    assert_eq!(analyzed.status.code(), Some(0), "{}", text(&analyzed.stderr));
    same_results(folder.path(), again.path());
}

#[test]
fn an_impaired_line_stays_within_its_bound() {
    let folder = Folder::new("line");
    let args =
        ["--nodes", "4", "--topology", "line", "--delay", "2ms", "--jitter", "1ms", "--loss", "0.05", "--mu", "1.9ms"];
    let run = lab(&folder, &[&args[..], &["--seconds", "4", "--tau", "20ms", "--ordering", "off"]].concat());
    assert_eq!(run.status.code(), Some(0), "{}\n{}", text(&run.stdout), text(&run.stderr));
    assert_bounds_follow_from_arcs(folder.path());
    let arcs = table(&folder.path().join("arcs.csv"));
    assert_eq!(arcs.len(), 6);
    for arc in &arcs {
        assert!((2_000_000..4_000_000).contains(&number(arc, "delay_ns_p50")), "{arc:?}");
        let (sent, lost) = (number(arc, "sent"), number(arc, "lost"));
        assert!(lost > 0 && lost < sent / 5, "{arc:?}");
    }
    assert_eq!(table(&folder.path().join("summary.csv"))[1]["diameter"], "3");
}

#[test]
fn a_topology_file_gives_each_direction_its_own_delay() {
    let folder = Folder::new("file");
    fs::create_dir_all(folder.path()).expect("a folder");
    let (shape, out) = (folder.path().join("shape.csv"), folder.path().join("out"));
    fs::write(&shape, "from,to,delay\n0,1,1ms\n1,0,4ms\n").expect("a file");
    let args = ["lab", "--nodes", "2", "--seconds", "3", "--tau", "20ms", "--ordering", "off", "--topology"];
    let run = skewbench().args(args).arg(&shape).arg("--out").arg(&out).output().expect("the lab starts");
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let delays: Vec<i64> =
        table(&out.join("arcs.csv")).iter().map(|arc| number(arc, "delay_ns_p50") / 1_000_000).collect();
    assert_eq!(delays, [1, 4]);
}

#[test]
fn bad_flags_are_refused_by_name_value_and_mend() {
    let folder = Folder::new("flags");
    fs::create_dir_all(folder.path()).expect("a folder");
    fs::write(folder.path().join("mine.txt"), "do not touch").expect("a file");
    let cases: [(&[&str], i32, &[&str]); 9] = [
        (&["--nodles", "3"], 2, &["--nodles"]),
        (&["--nodes", "1"], 2, &["--nodes", "1", "2..=64"]),
        (&["--tau", "10"], 2, &["--tau", "10", "100ms"]),
        (&["--tau", "9s", "--seconds", "10"], 2, &["--tau", "9s", "tenth of --seconds"]),
        (&["--loss", "1.5"], 2, &["--loss", "1.5", "0.01"]),
        (&["--reference", "7"], 2, &["--reference", "7", "0 to 2"]),
        (&["--delay", "-1ms"], 2, &["--delay"]),
        (&["--topology", "/nowhere/at/all"], 3, &["--topology", "/nowhere/at/all", "full, ring"]),
        (&["--out", folder.path().to_str().expect("a path")], 2, &["--out", "holds files", "--force"]),
    ];
    for (args, code, words) in cases {
        let run = skewbench().arg("lab").args(args).output().expect("the program starts");
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{args:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{args:?}: {said}");
        }
    }
    assert_eq!(fs::read_to_string(folder.path().join("mine.txt")).expect("still there"), "do not touch");
}

#[test]
fn damaged_journals_are_used_as_far_as_they_go() {
    let (folder, out) = (Folder::new("damaged"), Folder::new("damaged-out"));
    let run = lab(&folder, &["--seconds", "3", "--ordering", "off"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let mut files: Vec<PathBuf> = fs::read_dir(folder.path().join("journals"))
        .expect("journals")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let whole = fs::read(&files[1]).expect("a journal");
    let analyze = |inputs: &[&Path]| {
        skewbench().arg("analyze").args(inputs).arg("--out").arg(out.path()).output().expect("analyze starts")
    };

    fs::write(&files[1], &whole[..whole.len() - 100]).expect("a cut journal");
    let cut = analyze(&[folder.path()]);
    assert!(matches!(cut.status.code(), Some(0 | 4)), "{}", text(&cut.stderr));
    assert!(text(&cut.stdout).contains("cut off"), "{}", text(&cut.stdout));

    let mut flipped = whole.clone();
    flipped[60] ^= 0x10;
    fs::write(&files[1], &flipped).expect("a damaged journal");
    let beginning_lost = analyze(&[folder.path()]);
    assert_eq!(beginning_lost.status.code(), Some(4), "{}", text(&beginning_lost.stdout));
    assert!(text(&beginning_lost.stdout).contains("damaged"), "{}", text(&beginning_lost.stdout));

    let rubbish = folder.path().join("rubbish.skj");
    fs::write(&rubbish, [7; 4096]).expect("a file");
    assert_eq!(analyze(&[&rubbish]).status.code(), Some(2), "nothing valid in it");
    assert_eq!(analyze(&[Path::new("/nowhere/at/all")]).status.code(), Some(3), "missing");
}

/// The processes that were started for `folder`: their command line or environment does not name it, but their open
/// files do.
fn agents_of(lab: &Child) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", lab.id())).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn is_agent(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| text(&line).contains("agent"))
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match look() {
            Some(found) => return found,
            None if Instant::now() > deadline => panic!("{what} did not happen within 30 s"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Waits until the lab measures clocks, and a moment longer.
fn wait_until_measuring(lab: &mut Child) {
    let stderr = BufReader::new(lab.stderr.take().expect("standard error"));
    let mut lines = stderr.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("measuring")), "the lab gets to measuring");
    std::thread::spawn(move || lines.for_each(drop));
    std::thread::sleep(Duration::from_millis(2_500));
}

#[test]
fn a_killed_agent_is_named_and_the_rest_is_reported() {
    let folder = Folder::new("killed");
    let mut lab = start_lab(&folder, &["--seconds", "5"]);
    wait_until_measuring(&mut lab);
    let victim = agents_of(&lab).into_iter().filter(|pid| is_agent(*pid)).nth(1).expect("a second agent");
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("killed");
    let done = lab.wait_with_output().expect("the lab ends");
    let said = text(&done.stdout);
    assert!(matches!(done.status.code(), Some(0 | 4)), "{said}");
    assert!(said.contains("node 1"), "the dead agent is named: {said}");
    let rows = table(&folder.path().join("summary.csv"));
    assert!(rows[0]["duration_s"].parse::<f64>().expect("a duration") < 4.5, "the window ends where it died");
}

#[test]
fn ctrl_c_reports_what_was_gathered() {
    let folder = Folder::new("interrupted");
    let mut lab = start_lab(&folder, &["--seconds", "60", "--tau", "20ms"]);
    wait_until_measuring(&mut lab);
    std::thread::sleep(Duration::from_secs(2));
    kill(Pid::from_raw(lab.id() as i32), Signal::SIGINT).expect("interrupted");
    let done = lab.wait_with_output().expect("the lab ends");
    assert!(matches!(done.status.code(), Some(0 | 4)), "{}", text(&done.stdout));
    assert!(text(&done.stdout).contains("These clocks stayed within"), "{}", text(&done.stdout));
    assert!(folder.path().join("summary.csv").exists());
}

#[test]
fn agents_die_with_their_lab() {
    let folder = Folder::new("orphans");
    let mut lab = start_lab(&folder, &["--seconds", "60"]);
    wait_until_measuring(&mut lab);
    let children = agents_of(&lab);
    assert_eq!(children.len(), 4, "three agents and a collector");
    kill(Pid::from_raw(lab.id() as i32), Signal::SIGKILL).expect("killed");
    lab.wait().expect("the lab is gone");
    let alive = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    wait_for("the end of all children", || (!children.iter().any(alive)).then_some(()));
}

#[test]
fn without_its_collector_the_lab_reports_from_the_spools() {
    let folder = Folder::new("collector-killed");
    let mut lab = start_lab(&folder, &["--seconds", "4", "--ordering", "off"]);
    wait_until_measuring(&mut lab);
    let collector = agents_of(&lab).into_iter().find(|pid| !is_agent(*pid)).expect("a collector");
    kill(Pid::from_raw(collector), Signal::SIGKILL).expect("killed");
    let done = lab.wait_with_output().expect("the lab ends");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stdout));
    assert!(table(&folder.path().join("summary.csv"))[0]["duration_s"].parse::<f64>().expect("a duration") > 3.9);
    assert!(folder.path().join("spool").exists(), "the spools are kept");
}

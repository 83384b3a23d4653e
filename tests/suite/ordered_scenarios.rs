//! Scenarios with an [order] section: workloads on the very clocks that the scenario's nodes ran.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use crate::folder::Folder;
use crate::lab::{skewbench, table, text};

const WORLD: &str = "duration = \"8s\"\ntau = \"50ms\"\ntopology = { shape = \"full\", nodes = 3 }\n\
    [oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 50.0\n\
    [links]\ndelay = \"1ms\"\njitter = { kind = \"uniform\", limit = \"2ms\" }\n";

/// Runs WORLD with what is given, in a folder of this name.
fn run(folder: &Folder, more: &str) -> (Output, Vec<BTreeMap<String, String>>) {
    fs::create_dir_all(folder.path()).expect("a folder");
    let scenario = folder.join("scenario-in.toml");
    fs::write(&scenario, format!("{WORLD}{more}")).expect("a file");
    let out = folder.join("out");
    let output = skewbench().arg("sim").arg(&scenario).arg("--out").arg(&out).output().expect("the program");
    assert!(out.join("ordering.csv").exists(), "{}{}", text(&output.stdout), text(&output.stderr));
    (output, table(&out.join("ordering.csv")))
}

fn find<'a>(rows: &'a [BTreeMap<String, String>], workload: &str, quantity: &str) -> &'a BTreeMap<String, String> {
    let found = rows.iter().find(|row| row["workload"] == workload && row["quantity"] == quantity);
    found.unwrap_or_else(|| panic!("{workload}, {quantity}"))
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {row:?}"))
}

#[test]
fn the_price_comes_from_the_clocks_that_the_nodes_ran() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/scenarios/price.toml");
    let run = |name: &str| {
        let folder = Folder::new(name);
        let output = skewbench().arg("sim").arg(&scenario).arg("--out").arg(folder.path()).output().expect("a program");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("commit-wait      ntp"), "{}", text(&output.stdout));
        folder
    };
    let (one, two) = (run("price-1"), run("price-2"));
    for name in ["ordering.csv", "report.html", "report.json"] {
        assert!(fs::read(one.join(name)).unwrap() == fs::read(two.join(name)).unwrap(), "{name}");
    }
    let rows = table(&one.join("ordering.csv"));
    assert!(rows.iter().all(|row| row["violations"] == "0" && row["transport"] == "virtual time"));
    let of_clock = table(&one.join("summary.csv")).into_iter().find(|row| row["algorithm"] == "ntp").expect("a row");
    let (seen, most) = (number(&rows[0], "eps_ns"), number(&of_clock, "eps_true_ns_max"));
    assert!(seen > 0.0 && seen <= most, "{seen} of {most}");
    // Least latency of a write: the declared eps, on clocks that run within 50 ppm of true time.
    let waited = number(find(&rows, "commit-wait", "latency of a write, mean ms"), "measured");
    assert!((waited - 0.3).abs() < 0.001, "{waited}");
    let again = one.join("again");
    let output = skewbench().arg("analyze").arg(one.path()).arg("--out").arg(&again).output().expect("a program");
    assert_eq!(output.status.code(), Some(0));
    assert!(fs::read(one.join("ordering.csv")).unwrap() == fs::read(again.join("ordering.csv")).unwrap());
    let report: serde_json::Value = serde_json::from_slice(&fs::read(one.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["workloads"].as_array().map(Vec::len), Some(3));
    assert_eq!(report["workloads"][0]["workload"], "commit-wait");
    assert!(text(&fs::read(one.join("report.html")).unwrap()).contains("Workloads on the clocks of this run"));
}

#[test]
fn every_workload_keeps_its_invariants_in_a_scenario() {
    let folder = Folder::new("all-ordered");
    let order = "[order]\nworkload = \"all\"\nclock = \"hlc\"\nduration = \"1s\"\ndeclared_delay = \"20ms\"\n";
    let (output, rows) = run(&folder, order);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let mut names: Vec<&str> = rows.iter().map(|row| row["workload"].as_str()).collect();
    names.dedup();
    assert_eq!(names.len(), 12);
    assert!(rows.iter().all(|row| row["violations"] == "0" && number(row, "operations") > 0.0), "{rows:?}");
}

#[test]
fn clocks_that_nobody_synchronises_break_a_promise_on_them() {
    let folder = Folder::new("free-ordered");
    let (output, rows) =
        run(&folder, "[order]\nworkload = \"commit-wait\"\nclock = [\"free\", \"ntp\"]\ndeclared_eps = \"3ms\"\n");
    assert_eq!(output.status.code(), Some(1));
    let broken = |clock: &str| {
        let mut of = rows.iter().filter(|row| row["quantity"] == "external consistency" && row["stamps"] == clock);
        number(of.next().expect("a row"), "measured")
    };
    assert!(broken("free") > 0.0);
    assert_eq!(broken("ntp"), 0.0);
    let told = text(&output.stdout);
    assert!(told.contains("BROKEN   external consistency"), "{told}");
    assert!(told.contains("3ms were declared"), "{told}");
    // The clocks kept their bound: it is the workload that was promised too much.
    assert!(told.contains("verdict  WITHIN"), "{told}");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("out/report.json")).unwrap()).unwrap();
    assert_eq!((report["verdict"].as_str(), report["exit_code"].as_u64()), (Some("WITHIN"), Some(1)));
}

#[test]
fn channels_that_do_not_keep_their_order_break_total_order() {
    let folder = Folder::new("unordered");
    let (output, rows) =
        run(&folder, "[order]\nworkload = \"total-order\"\nclock = \"ntp\"\nrate_per_s = 300\npremise = \"broken\"\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(number(find(&rows, "total-order", "messages out of order"), "measured") > 0.0);
    assert_eq!(rows[0]["premise"], "broken");
}

#[test]
fn a_partition_delays_and_loses_nothing() {
    let folder = Folder::new("cut");
    let order = "[order]\nworkload = \"state-machine\"\nclock = \"lamport-logical\"\nat = \"4s\"\nduration = \"2s\"\n";
    let cut = "[[event]]\nkind = \"partition\"\nnodes = [2]\nat = \"5s\"\nuntil = \"7.5s\"\n";
    let (output, rows) = run(&folder, &format!("{order}{cut}"));
    let (operations, longest) = (number(&rows[0], "operations"), number(&rows[0], "latency_ns_p999"));
    assert!(rows.iter().all(|row| row["violations"] == "0"), "{}", text(&output.stdout));
    assert!(operations > 50.0, "{operations}");
    // What was issued when the cut began is carried out when it is over.
    assert!((2.3e9..2.6e9).contains(&longest), "{longest}");
    assert!(text(&output.stdout).contains("a message took up to"), "{}", text(&output.stdout));
}

#[test]
fn a_host_that_sleeps_hears_everything_when_it_wakes() {
    let folder = Folder::new("sleeps");
    let order = "[order]\nworkload = \"state-machine\"\nclock = \"lamport-logical\"\nat = \"4s\"\nduration = \"2s\"\n";
    let nap = "[[event]]\nkind = \"suspend\"\nnode = 1\nat = \"5s\"\nuntil = \"7s\"\n";
    let (output, rows) = run(&folder, &format!("{order}{nap}"));
    assert!(rows.iter().all(|row| row["violations"] == "0"), "{}", text(&output.stdout));
    assert!((1.8e9..2.1e9).contains(&number(&rows[0], "latency_ns_p999")), "{:?}", rows[0]);
}

#[test]
fn what_a_dead_node_left_undone_is_told_and_not_judged() {
    let folder = Folder::new("dead");
    let order = "[order]\nworkload = \"mutex\"\nclock = \"ntp\"\nat = \"4s\"\nduration = \"2s\"\n";
    let dies = "[[event]]\nkind = \"crash\"\nnode = 2\nat = \"5s\"\n";
    let (_, rows) = run(&folder, &format!("{order}{dies}"));
    let open = find(&rows, "mutex", "requests never granted");
    assert!(number(open, "measured") > 0.0 && open["relation"].is_empty(), "{open:?}");
    assert!(rows.iter().all(|row| row["violations"] == "0"));
}

//! README's figures are those of the committed reference run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lab::table;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A span in three digits, as README prints it.
fn span(ns: &str) -> String {
    let Ok(ns) = ns.parse::<f64>() else { return "–".to_owned() };
    let (value, unit) = match ns.abs() {
        size if size < 1e3 => (ns, "ns"),
        size if size < 1e6 => (ns / 1e3, "µs"),
        size if size < 1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    let decimals = if unit == "ns" || value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {unit}")
}

fn rate(per_second: &str) -> String {
    format!("{:.2} million", per_second.parse::<f64>().expect("a rate") / 1e6)
}

/// The lines of README's tables as the reference run has them.
fn expected() -> Vec<String> {
    let clock = |row: std::collections::BTreeMap<String, String>| {
        let bound = span(&row["bound_safe_ns"]);
        let [p50, p99, max] = ["p50", "p99", "max"].map(|q| span(&row[&format!("eps_true_ns_{q}")]));
        format!("| `{}` | {p50} | {p99} | {max} | {bound} |", row["algorithm"])
    };
    let lab = root().join("results/lab");
    let clocks: Vec<String> = table(&lab.join("summary.csv")).into_iter().map(clock).collect();
    let ordering = table(&lab.join("ordering.csv"));
    let order = |pair: &[std::collections::BTreeMap<String, String>]| {
        let (saturated, half) = (&pair[0], &pair[1]);
        let inverted = 100.0 * half["inversion_rate"].parse::<f64>().expect("a share");
        format!(
            "| `{}` | {} | {} | {} | {inverted:.2} % |",
            half["algorithm"],
            rate(&saturated["commands_per_s"]),
            span(&half["latency_ns_p50"]),
            span(&half["latency_ns_p99"]),
        )
    };
    clocks.into_iter().chain(ordering.chunks(2).map(order)).collect()
}

#[test]
fn the_figures_are_those_of_the_reference_run() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let expected = expected();
    let missing: Vec<&String> = expected.iter().filter(|line| !readme.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "README must say:\n{}", expected.join("\n"));
}

#[test]
fn the_test_command_is_the_one_that_continuous_integration_calls() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect(path);
    assert!(read("README.md").contains("scripts/check"));
    assert!(read(".ci/run").contains("exec scripts/check"));
    assert!(read(".ci/run").contains("scripts/fuzz 60"), "a minute for each fuzz target");
}

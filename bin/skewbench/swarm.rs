//! `skewbench sim --swarm`: random scenarios, each held against everything that must be true of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Result;
use skewbench::host::program;
use skewbench::sim::swarm::{self, Trial, coverage};

use crate::out;

/// How many scenarios exercised a feature, and the first seed that did.
struct Exercised {
    scenarios: u64,
    first: u64,
}

/// Runs `count` scenarios from seed `first` on. Every seed that fails is printed with its scenario; then what was exercised.
pub fn run(count: u64, first: u64, mut progress: impl FnMut(f64)) -> Result<u8> {
    let mut exercised: BTreeMap<&str, Exercised> = BTreeMap::new();
    let mut failed = 0_u64;
    for index in 0..count {
        let seed = first.wrapping_add(index);
        let trial = trial(seed);
        for name in &trial.features {
            exercised.entry(name).or_insert(Exercised { scenarios: 0, first: seed }).scenarios += 1;
        }
        if !trial.failures.is_empty() {
            failed += 1;
            out::put(&failure(seed, &trial))?;
        }
        progress((index + 1) as f64 / count.max(1) as f64);
    }
    let missing: Vec<&str> = coverage::names().filter(|name| !exercised.contains_key(name)).collect();
    out::put(&table(&exercised))?;
    out::put(&verdict(count, first, failed, &missing))?;
    let tame = count >= coverage::ENOUGH && !missing.is_empty();
    Ok(if failed > 0 || tame { program::VIOLATED } else { program::WITHIN })
}

/// A trial that ends with a panic has failed, and the others go on.
fn trial(seed: u64) -> Trial {
    catch_unwind(AssertUnwindSafe(|| swarm::trial(seed))).unwrap_or_else(|_| Trial {
        text: swarm::text(&swarm::draw(seed)),
        failures: vec!["it ends with a panic, which is told above".to_owned()],
        features: std::collections::BTreeSet::new(),
    })
}

fn failure(seed: u64, trial: &Trial) -> String {
    let mut text = format!("seed {seed} fails:\n");
    for what in &trial.failures {
        let _ = writeln!(text, "  {what}");
    }
    let _ = writeln!(text, "# To run it again: save this as FILE and say `skewbench sim FILE`.\n{}", trial.text);
    text
}

fn table(exercised: &BTreeMap<&str, Exercised>) -> String {
    let mut text = format!("{:<40} scenarios  first seed\n", "exercised");
    for name in coverage::names() {
        let (scenarios, first) =
            exercised.get(name).map_or((0, "-".to_owned()), |found| (found.scenarios, found.first.to_string()));
        let _ = writeln!(text, "{name:<40} {scenarios:>9}  {first:>10}");
    }
    text
}

fn verdict(count: u64, first: u64, failed: u64, missing: &[&str]) -> String {
    let last = first.wrapping_add(count.saturating_sub(1));
    let mut text = format!("\n{count} scenarios, seeds {first} to {last}: {failed} failed");
    if !missing.is_empty() {
        let few = if count < coverage::ENOUGH { ", of which so few scenarios need not have all" } else { "" };
        let _ = write!(text, "; never exercised{few}: {}", missing.join(", "));
    }
    text.push('\n');
    text
}

//! `skewbench robustness`: every clock while the world is disturbed, and how long it takes to recover.

use std::path::PathBuf;

use anyhow::{Context, Result};
use skewbench::host::program::{Malformed, WITHIN};
use skewbench::host::results;
use skewbench::ids::Algorithm;
use skewbench::robustness::{self, Disturbance, SEEDS, table};
use skewbench::sim::swarm;

use crate::out;
use crate::progress::Progress;

const MORE: &str = "\
Examples:
  skewbench robustness                              every disturbance, every clock, seeds 1 to 3: half a minute
  skewbench robustness --disturbance two-faced --disturbance two-faced-of-three
  skewbench robustness --clock ntp --clock interval --out robustness.csv
  skewbench robustness --scenario partition > partition.toml     to look at one with skewbench sim

All clocks run on the same probes of the same nodes in virtual time; node 0 is the reference. Links take 100 us and \
exponential jitter of mean 20 us each way, frequencies are off by up to 50 ppm and walk by 1e-9 a second, one exchange a \
second with each peer. The disturbance lasts from 400 to 600 polls, the run 1,000. Liars lie in their clocks' readings and \
in their stamps alike; their own clocks are not judged. eps is the largest difference between any two judged clocks.

  before      eps before the disturbance, from poll 200 on: median over time; median over seeds
  worst       largest eps from the disturbance's beginning on, of any seed
  recovered   from the disturbance's end to the first ten polls from which on, for a hundred polls on end, the median of eps \
over any ten polls is at most twice the median before; the latest of any seed. A step of the frequency ends when it happens. \
`2 of 3` says that only two seeds recovered within the run; the CSV's cell is then empty
  held        share of the time from poll 200 on in which the clock's own bound held the reference's clock (its host's, \
while the reference is dead); of lamport, welch-lynch, convergence and srikanth-toueg, which follow nobody, every judged \
clock of their kind; no cell: it states no bound. chrony's own bound held in 97 % of its update intervals where \
frequencies step at 64 s polls
  claim       that bound, median over time; median over seeds
  steps       times that judged clocks jumped, from poll 200 on, the most of any seed

The clocks differ in whom they believe. ntp, hlc, regression, corridor and interval follow the reference: one that lies, \
lies to all of them. lamport believes everybody (f = 0). largest, convergence and welch-lynch bear f liars of n > 3f.";

/// Disturb the network of every clock: what does each do, how soon does it recover, does its own bound hold?
#[derive(clap::Args)]
#[command(after_help = MORE)]
pub struct Args {
    /// Only this disturbance; may be given again [default: all]
    #[arg(long, value_name = "NAME")]
    disturbance: Vec<Disturbance>,
    /// Show only this clock; may be given again [default: all]
    #[arg(long, value_name = "NAME")]
    clock: Vec<Algorithm>,
    /// Only this seed; may be given again [default: 1 to 3]
    #[arg(long)]
    seed: Vec<u64>,
    /// Also write every number to this CSV file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the disturbance's scenario for skewbench sim instead, drawn with the first seed
    #[arg(long, value_name = "NAME", conflicts_with_all = ["disturbance", "clock", "out"])]
    scenario: Option<Disturbance>,
}

/// Disturbs, measures and prints.
pub fn run(args: &Args) -> Result<u8> {
    let seeds = if args.seed.is_empty() { SEEDS.collect() } else { args.seed.clone() };
    if let Some(disturbance) = args.scenario {
        out::put(&swarm::text(&disturbance.scenario(seeds[0])?))?;
        return Ok(WITHIN);
    }
    if let Some(clock) = args.clock.iter().find(|clock| robustness::clocks().all(|known| known != **clock)) {
        let known: Vec<&str> = robustness::clocks().map(Algorithm::name).collect();
        return Err(Malformed(format!("--clock {clock}: no node runs it: choose of {}", known.join(", "))).into());
    }
    let all = if args.disturbance.is_empty() { Disturbance::ALL.to_vec() } else { args.disturbance.clone() };
    let mut rows = Vec::new();
    let mut progress = Progress::of("disturbing");
    for (index, disturbance) in all.iter().enumerate() {
        let show = |share: f64| progress.show((index as f64 + share) / all.len() as f64);
        let mut found = robustness::run(*disturbance, &seeds, show)?;
        found.retain(|row| args.clock.is_empty() || args.clock.contains(&row.algorithm));
        rows.push(found);
    }
    progress.end();
    for rows in &rows {
        out::put(&format!("{}\n", table::text(rows)))?;
    }
    if let Some(out) = &args.out {
        let written = results::write_whole(out, table::csv(&rows.concat()).as_bytes());
        written.with_context(|| format!("--out {}: cannot write", out.display()))?;
    }
    Ok(WITHIN)
}

//! `skewbench sim`: the same clocks in virtual time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use skewbench::host::program::{self, Malformed};
use skewbench::host::{manifest, results};
use skewbench::report::adversary;
use skewbench::sim::{self, Scenario, scenario};

use crate::out::{self, Volume};
use crate::{attack, folder};

/// A run that takes longer than this says how far it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Run a scenario in virtual time.
///
/// The same nodes, clocks and journals as on real sockets, in a declared world where truth is known. The same scenario and
/// seed give the same bytes in every file.
#[derive(clap::Args)]
pub struct Args {
    /// The world and what happens in it; scripts/scenarios has examples
    #[arg(value_name = "SCENARIO.toml", required_unless_present = "adversary", conflicts_with = "adversary")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    attack: attack::Flags,
    /// Seed of every draw [default: the scenario's, else 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Where results go [default: skewbench-out/<start time>; an adversary's are only printed]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to DIR even if it holds files; results and journals in it are replaced
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    volume: Volume,
}

/// Runs the scenario or the adversary and prints what it found.
pub fn run(args: &Args) -> Result<u8> {
    match &args.scenario {
        Some(path) => run_scenario(path, args),
        None => run_adversary(args),
    }
}

fn run_adversary(args: &Args) -> Result<u8> {
    let attack = args.attack.carry_out()?;
    out::put(&adversary::text(&attack))?;
    if let Some(out) = &args.out {
        let dir = folder::prepare(Some(out), args.force)?;
        let file = dir.join("adversary.csv");
        fs::write(&file, adversary::csv(&attack)).with_context(|| format!("{}: cannot write", file.display()))?;
        manifest::write(&dir, [file])?;
        out::put(&format!("{}\n", dir.display()))?;
    }
    Ok(if attack.reached <= attack.bounds.safe { program::WITHIN } else { program::VIOLATED })
}

fn run_scenario(path: &Path, args: &Args) -> Result<u8> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let refused = |why: scenario::Refused| Malformed(format!("{}: {why}", path.display()));
    let scenario = Scenario::parse(&text).map_err(refused)?;
    let seed = args.seed.or(scenario.seed).unwrap_or(1);
    if !args.volume.json {
        out::put(&format!("seed {seed}, scenario {}\n", scenario::hash(&text)))?;
    }
    let mut progress = Progress::new();
    let journals = sim::run(&scenario, seed, |share| progress.show(share)).map_err(refused)?;
    progress.end();
    let dir = folder::prepare(args.out.as_deref(), args.force)?;
    write(&dir.join("journals"), &journals)?;
    let analysed = results::analyse_run(std::slice::from_ref(&dir), &dir)?;
    out::report(&analysed.text, &dir, args.volume)?;
    Ok(analysed.exit_code)
}

fn write(dir: &Path, journals: &[(String, Vec<u8>)]) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("{}: cannot make the folder", dir.display()))?;
    for (name, bytes) in journals {
        let file = dir.join(name);
        fs::write(&file, bytes).with_context(|| format!("{}: cannot write", file.display()))?;
    }
    Ok(())
}

/// A progress bar that comes only if the run takes long.
struct Progress {
    began: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new() -> Self {
        Self { began: Instant::now(), bar: None }
    }

    fn show(&mut self, share: f64) {
        if self.began.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(1_000);
            let style = ProgressStyle::with_template("simulating [{bar:40}] {percent:>3}% {eta}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            bar
        });
        bar.set_position((share * 1e3) as u64);
    }

    fn end(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

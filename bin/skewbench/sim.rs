//! `skewbench sim`: the same clocks in virtual time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use skewbench::host::program::{self, Malformed};
use skewbench::host::results;
use skewbench::report::adversary;
use skewbench::sim::scenario::Scale;
use skewbench::sim::{self, Scenario, scenario};

use crate::out::{self, Volume};
use crate::progress::Progress;
use crate::{attack, folder, stream, swarm};

/// Run a scenario in virtual time.
///
/// The same nodes, clocks and journals as on real sockets, in a declared world where truth is known. The same scenario and
/// seed give the same bytes in every file. With --swarm it draws whole scenarios itself, runs each twice, and holds it
/// against everything that must be true of it; a seed that fails is printed with its scenario.
///
/// A scenario with a section named order (workload, clock, rate_per_s, at, duration, declared_eps, declared_delay, premise)
/// plays workloads too, on the clocks that its nodes ran and over its links: ordering.csv and the report have what they cost,
/// and exit code 1 says that an invariant broke. scripts/scenarios/price.toml is an example.
///
/// A run keeps a journal a node, up to 1,024 nodes and as many messages as fit 8 GiB of memory (about 1.2 kB each). With
/// --streamed nothing is kept but what the result needs, up to a million nodes, on constant drifts, and every probe does
/// what it does in the journaled run: Lamport's clocks alone, or with --clocks all the NTP-style and hybrid clocks too,
/// up to 100,000 nodes. The verdict is on Lamport's bound. Refused by name are oscillators.wander_limit_ppm and
/// temperature, stamps.wait_within, every [[event]], the section order, and credits above a link's delay. Epsilon is
/// exact up to 10,000 nodes; above, it is rounded outward, and where it then exceeds the bound the verdict is UNKNOWN.
/// Ctrl-C ends a streamed run early and prints what was gathered.
#[derive(clap::Args)]
pub struct Args {
    /// The world and what happens in it; scripts/scenarios has examples
    #[arg(value_name = "SCENARIO.toml", required_unless_present_any = ["adversary", "swarm"], conflicts_with = "adversary")]
    scenario: Option<PathBuf>,
    /// Draw so many random scenarios, from --seed on, and check what must be true of each; exit code 1 if anything is not
    #[arg(long, value_name = "N", conflicts_with_all = ["scenario", "adversary", "out", "force", "quiet", "json"], value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    swarm: Option<u64>,
    #[command(flatten)]
    attack: attack::Flags,
    /// Keep no journals: for many nodes or long runs. Prints epsilon, the bounds and the speed; with --out, writes
    /// stream.csv, epsilon over time
    #[arg(long, requires = "scenario", conflicts_with = "json")]
    streamed: bool,
    #[command(flatten)]
    streaming: stream::Streaming,
    /// Seed of every draw [default: the scenario's, else 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Where results go [default: skewbench-out/<start time>; an
    /// adversary's and a streamed run's are only printed]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to DIR even if it holds files; results and journals in it are replaced
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    volume: Volume,
}

/// What the scenario is called beside the results.
const SCENARIO: &str = "scenario.toml";

/// Runs the scenario, the swarm or the adversary and prints what it found.
pub fn run(args: &Args) -> Result<u8> {
    match (&args.scenario, args.swarm) {
        (Some(path), _) => run_scenario(path, args),
        (None, Some(count)) => run_swarm(count, args),
        (None, None) => run_adversary(args),
    }
}

fn run_swarm(count: u64, args: &Args) -> Result<u8> {
    let mut progress = Progress::new();
    let code = swarm::run(count, args.seed.unwrap_or(1), |share| progress.show(share));
    progress.end();
    code
}

fn run_adversary(args: &Args) -> Result<u8> {
    if args.volume.json {
        let text = "--json: an adversary's result has no JSON form: leave it out; --out DIR writes adversary.csv";
        return Err(Malformed(text.to_owned()).into());
    }
    if args.streamed {
        let text = "--streamed: an adversary's execution keeps nothing anyway: leave it out, or name a scenario";
        return Err(Malformed(text.to_owned()).into());
    }
    let attack = args.attack.carry_out()?;
    out::put(&adversary::text(&attack))?;
    if let Some(out) = &args.out {
        let dir = folder::prepare(Some(out), args.force)?;
        folder::write(&dir, &[("adversary.csv", adversary::csv(&attack).into())])?;
        out::put(&format!("{}\n", dir.display()))?;
    }
    Ok(if attack.reached <= attack.bounds.safe { program::WITHIN } else { program::VIOLATED })
}

fn run_scenario(path: &Path, args: &Args) -> Result<u8> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let refused = |why: scenario::Refused| Malformed(format!("{}: {why}", path.display()));
    let scale = if args.streamed { Scale::Streamed } else { Scale::Journaled };
    let scenario = Scenario::parse_for(&text, scale).map_err(refused)?;
    let seed = args.seed.or(scenario.seed).unwrap_or(1);
    if args.volume.is_chatty() || !args.streamed && !args.volume.json {
        out::put(&format!("seed {seed}, scenario {}\n", scenario::hash(&text)))?;
    }
    if args.streamed {
        let dir = args.out.as_deref().map(|out| folder::prepare(Some(out), args.force)).transpose()?;
        let found = stream::run(&scenario, seed, &args.streaming, args.volume)?.map_err(refused)?;
        if let Some(dir) = dir {
            folder::write(&dir, &[("stream.csv", found.csv().into()), (SCENARIO, text.into_bytes())])?;
        }
        return Ok(found.verdict().exit_code());
    }
    let mut progress = Progress::new();
    let journals = sim::run(&scenario, seed, |share| progress.show(share)).map_err(refused)?;
    progress.end();
    let dir = folder::prepare(args.out.as_deref(), args.force)?;
    write(&dir.join("journals"), &journals)?;
    write(&dir, &[(SCENARIO.to_owned(), text.into_bytes())])?;
    let analysed = results::analyse_run(std::slice::from_ref(&dir), &dir)?;
    results::write_manifest(std::slice::from_ref(&dir), &dir, &[SCENARIO])?;
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

//! `skewbench sweep`: one scenario over a grid of its values.

mod progress;
mod store;
mod work;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use skewbench::host::manifest;
use skewbench::host::program::{Malformed, asked_to_stop};
use skewbench::host::results::write_whole;
use skewbench::report::text::plural;
use skewbench::sim::Scenario;
use skewbench::sim::scenario::{self, Refused};
use skewbench::sweep::{Grid, Measured, Point, Sweep, answer, csv, page};

use self::progress::Progress;
use self::store::{Header, Store};
use self::work::{Job, Next, Plan, Workers};
use crate::{folder, out};

/// How often the main thread looks whether it shall stop.
const PATIENCE: Duration = Duration::from_millis(200);

const MORE: &str = "\
Keys (values as in scenarios: spans with a unit, shares from 0 to below 1, ppm):
  tau         the probe period
  diameter    by the number of nodes: a line of d+1, a ring of 2d, the smallest tree, a grid of as many
              columns as it takes; refused for shapes whose diameter is not free
  nodes       of full, ring, line, star, tree and random-regular
  loss        links.loss_share              delay      links.delay
  jitter      the scale of links.jitter     mu         links.mu
  asymmetry   links.asymmetry               drift      oscillators.drift_within_ppm
  kappa       oscillators.kappa_ppm: what is declared; what the clocks do is drift
  wander      oscillators.wander_ppb_per_sqrt_s
  offset      oscillators.offset_within     noise, wait  of stamps (noise, wait_within)
  wan-delay, wan-jitter, wan-loss, wan-mu   the same of [wan]
  duration    how long each run lasts; where it is not varied, at least 20(d+1) tau
A [[link]] or [[oscillator]] of its own keeps what it declares. [order] is left out, and a note says so: a sweep looks at
clocks alone. What order costs over eps, delay or rate: skewbench order WORKLOAD --simulated --over TERM=VALUES.

Values: a list a,b,c whose items are values or ranges. a..b holds both ends and between them every whole number
(counts) or 1, 3, 10, 30 ... (all else); a..b:N holds N values in equal ratios, rounded to three digits.

Examples:
  skewbench sweep scripts/scenarios/lan.toml --over tau=1ms..10s
  skewbench sweep scripts/scenarios/chain.toml --over tau=1ms..10s --over diameter=1..8 --out DIR
  skewbench sweep scripts/scenarios/wan.toml --over tau=100ms..30s:12 --over loss=0,0.01,0.1,0.3 --seeds 9

Files in DIR: sweep.csv (a row a point: median and worst over the seeds), sweep.html (figures), runs.jsonl (a line a
run, by point and seed: what a resumed sweep need not run again), scenario.toml. Each run is appended as soon as it is
done: after Ctrl-C or worse, the same command with the same --out goes on. Every file is the same bytes, however often a
sweep was stopped, with however many jobs it ran and wherever DIR is.

Exit codes: 0 all runs within their bound, 1 at least one was violated, 2 malformed flag or scenario, 3 missing input,
4 none violated, but some unknown, or the sweep was stopped before its end.";

/// Run a scenario over a grid of its values: where does eps follow which of them, and which term of the bound rules?
///
/// Every point of the grid is run in virtual time with several seeds, on all cores. Of eps, of the bound in its four forms
/// under each run's own premises, and of its terms, the median and the worst over the seeds are written. Along tau, the knee
/// is where the drift between messages, 2d*kappa*tau, becomes half of the bound, at xi/(2*kappa) + nu + mu/(2d) if nothing is
/// lost: probing more often buys little below it.
#[derive(clap::Args)]
#[command(after_help = MORE)]
pub struct Args {
    /// The world that is varied; scripts/scenarios has examples
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// A key and the values it takes; give it once for each key
    #[arg(long, required = true, value_name = "KEY=VALUES")]
    over: Vec<String>,
    /// Runs of each point, with seeds that follow each other
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,
    /// The first seed [default: the scenario's, else 1]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Runs at the same time [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    jobs: Option<u16>,
    /// Refuse a grid of more runs than this
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    most_runs: u64,
    /// Where results go, and where a stopped sweep goes on [default: skewbench-out/<start time>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Begin anew in DIR, even if it holds another sweep or other files
    #[arg(long)]
    force: bool,
    /// Print the seeds, the answer and the folder only, and no progress
    #[arg(short, long)]
    quiet: bool,
}

/// Runs what is not yet done, and prints what all of it came to.
pub fn run(args: &Args) -> Result<u8> {
    let shown = args.scenario.display();
    let text = fs::read_to_string(&args.scenario).with_context(|| format!("{shown}: cannot be read"))?;
    let refused = |why: Refused| Malformed(format!("{shown}: {why}"));
    let base = Scenario::parse(&text).map_err(refused)?;
    if base.order.is_some() {
        eprintln!(
            "note: {shown}: its [order] is left out: a sweep looks at clocks alone. To play it: skewbench sim {shown}; what order \
             costs over eps, delay or rate: skewbench order WORKLOAD --simulated --over TERM=VALUES"
        );
    }
    let grid = Grid::parse(&args.over).map_err(|why| Malformed(why.to_string()))?;
    let plan = Arc::new(Plan { first_seed: args.seed.or(base.seed).unwrap_or(1), seeds: args.seeds, base, grid });
    let header = Header::new(scenario::hash(&text), &plan);
    out::put(&format!("{}, scenario {}\n", plan.seeds_told(), header.scenario))?;
    args.say(&format!("{}, {} each\n", plan.grid.size(), plural(plan.seeds, "run")))?;
    args.check_size(&plan)?;
    let jobs = plan.jobs().map_err(refused)?;
    let dir = args.out.clone().map_or_else(|| folder::prepare(None, false), Ok)?;
    let mut store = Store::open(&dir, &header, args.force)?;
    unseal(&dir)?;
    write(&dir, "scenario.toml", text.as_bytes())?;
    args.work(&plan, jobs, &mut store)?;
    store.put_in_order(&header)?;
    let sweep = assemble(&plan, &header, store.found());
    write(&dir, "sweep.csv", &csv::file(&sweep))?;
    write(&dir, "sweep.html", &page::page(&sweep))?;
    manifest::write(&dir, ["scenario.toml", store::RUNS, "sweep.csv", "sweep.html"].map(|name| dir.join(name)))?;
    out::put(&if args.quiet { answer::sentences(&sweep) } else { answer::report(&sweep) })?;
    if !sweep.is_complete() {
        let (done, all) = (sweep.points.len(), sweep.grid.len());
        out::put(&format!(
            "stopped: {done} of {all} points are done; the same command with --out {} goes on\n",
            dir.display()
        ))?;
    }
    out::put(&format!("{}\n", dir.display()))?;
    Ok(sweep.verdict().exit_code())
}

impl Args {
    fn say(&self, text: &str) -> Result<()> {
        if self.quiet { Ok(()) } else { out::put(text) }
    }

    fn check_size(&self, plan: &Plan) -> Result<()> {
        let runs = plan.grid.len() as u64 * u64::from(plan.seeds);
        if runs <= self.most_runs {
            return Ok(());
        }
        let text = format!(
            "--over: {runs} runs are more than {}: choose fewer values or --seeds, or allow them with --most-runs {runs}",
            self.most_runs
        );
        Err(Malformed(text).into())
    }

    /// Runs what the store does not have, until all is done or somebody asks to stop.
    fn work(&self, plan: &Arc<Plan>, jobs: Vec<Job>, store: &mut Store) -> Result<()> {
        let all = jobs.len();
        let left: Vec<Job> = jobs.into_iter().filter(|job| !store.has(job)).collect();
        if left.len() < all {
            self.say(&format!("{} of {all} runs are done already\n", all - left.len()))?;
        }
        let mut progress = Progress::new(&left, self.quiet);
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let stop = listen();
        let workers = Workers::start(plan, left, self.jobs.map_or(cores, usize::from));
        while !stop.load(Ordering::Relaxed) {
            match workers.next(PATIENCE) {
                Next::Done(job, found) => {
                    store.add(&job, found.map_err(|why| Malformed(format!("{why} (seed {})", job.seed)))?)?;
                    progress.done(&job);
                }
                Next::Nothing => progress.show(),
                Next::Over => break,
            }
        }
        progress.end();
        Ok(())
    }
}

/// Becomes true when somebody asks to stop. Without signals to hear there is still the hard way: no finished run is lost.
fn listen() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if runtime.is_ok_and(|runtime| runtime.block_on(asked_to_stop()).is_ok()) {
            asked.store(true, Ordering::Relaxed);
        }
    });
    stop
}

/// The points of which every seed was run, in the order of the grid.
fn assemble(plan: &Plan, header: &Header, found: &BTreeMap<(usize, u64), Measured>) -> Sweep {
    let point = |number: usize| {
        let runs: Option<Vec<Measured>> = plan.seeds().map(|seed| found.get(&(number, seed)).cloned()).collect();
        Some(Point::of(number, &runs?))
    };
    Sweep {
        points: (0..plan.grid.len()).filter_map(point).collect(),
        scenario: header.scenario.clone(),
        topology: plan.base.topology.name().to_owned(),
        grid: plan.grid.clone(),
        seeds: plan.seeds,
        first_seed: plan.first_seed,
    }
}

/// Takes the manifest of what was done before away: while runs are added it would be wrong.
fn unseal(dir: &Path) -> Result<()> {
    let old = dir.join(manifest::FILE_NAME);
    match fs::remove_file(&old) {
        Err(why) if why.kind() != ErrorKind::NotFound => {
            Err(why).with_context(|| format!("{}: cannot be removed", old.display()))
        }
        _ => Ok(()),
    }
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let file = dir.join(name);
    write_whole(&file, bytes).with_context(|| format!("{}: cannot write", file.display()))
}

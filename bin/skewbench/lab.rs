//! `skewbench lab`: the main job on one host.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use skewbench::host::fleet::{self, Ordering, Plan, Spools, Stage};
use skewbench::host::live::Live;
use skewbench::host::program::{Malformed, UNKNOWN, asked_to_stop, random_bytes};
use skewbench::host::{clock, results};
use skewbench::ids::{Algorithms, NodeId};
use skewbench::journal::RunConfig;
use skewbench::length::Length;
use skewbench::model::oscillator;
use skewbench::probe::{Key, pair};
use skewbench::time::{Nanos, Ppb};
use skewbench::topology::{Impairment, Topology};

use crate::folder;
use crate::out::{self, Volume};

/// Claims further than this from the own clock are refused: NTP's own panic threshold.
const PLAUSIBLE: Nanos = Nanos::from_seconds(1_000);

const EXAMPLES: &str = "\
Examples:
  skewbench lab --ordering off --seconds 3             a quick look
  skewbench lab --tau 1ms --drift-ppm 0 --offset-ms 0  how good are this host's stamps?
  skewbench lab --delay 20ms --jitter 5ms --loss 0.01  as between cities
  skewbench lab --nodes 4 --topology shape.csv         each arc with its own delay, jitter, loss and mu
  skewbench lab --mu 2ms --delay 1ms                   an over-estimated minimum delay: watch the clocks run away";

/// Run the main job on this host.
///
/// A collector and agents run as real processes over real sockets on loopback. Each agent's local clock is
/// CLOCK_MONOTONIC_RAW through a declared offset, drift and slow wander, so that the true error is known exactly.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Number of agents
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=64))]
    nodes: u32,
    /// Seconds over which clocks are measured
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Probe period: each agent asks each of its peers once a period
    #[arg(long, default_value = "100ms", value_name = "SPAN", allow_hyphen_values = true)]
    tau: Nanos,
    /// Send a second request so long after each, such as 20us: by how far the gap changes on its way, the Huygens clock
    /// tells which pairs met a queue [default: single requests]
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    probe_pairs: Option<Nanos>,
    /// Drifts are spread evenly over [-x, +x] parts per million and dealt to the agents by the seed
    #[arg(long, default_value_t = 50.0, value_name = "PPM", allow_hyphen_values = true)]
    drift_ppm: f64,
    /// Slow random wander of each rate, held within this many parts per million [default: a fiftieth of the drift]
    #[arg(long, value_name = "PPM")]
    wander_ppm: Option<f64>,
    /// Offsets are spread evenly over [-x, +x] milliseconds and dealt to the agents by the seed
    #[arg(long, default_value_t = 10.0, value_name = "MS", allow_hyphen_values = true)]
    offset_ms: f64,
    /// full, ring, line, or a file with one arc a line: from,to[,delay[,jitter[,loss[,mu[,distance]]]]]
    #[arg(long, default_value = "full", value_name = "SHAPE|FILE")]
    topology: String,
    /// Hold every message back by this much on its arrival
    #[arg(long, default_value = "0ms", value_name = "SPAN", allow_hyphen_values = true)]
    delay: Nanos,
    /// And by a further span, drawn evenly between zero and this
    #[arg(long, default_value = "0ms", value_name = "SPAN", allow_hyphen_values = true)]
    jitter: Nanos,
    /// Share of the probes that are dropped on their arrival, 0 to below 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", allow_hyphen_values = true)]
    loss: f64,
    /// Minimum delay that Lamport's clock credits every message with; more than the true delay makes clocks run away
    #[arg(long, default_value = "0ms", value_name = "SPAN", allow_hyphen_values = true)]
    mu: Nanos,
    /// How far apart the ends of each link are, such as 120km: certificates then know that no message is faster than light;
    /// it holds nothing back, and no message is credited with it
    #[arg(long, value_name = "LENGTH")]
    distance: Option<Length>,
    /// The agent that NTP-style clocks follow
    #[arg(long, default_value_t = 0, value_name = "NODE")]
    reference: u32,
    /// Clocks to run on the same probes, or `all`; more clocks make larger probes
    #[arg(long, default_value_t = Algorithms::USUAL, value_name = "NAMES")]
    clocks: Algorithms,
    /// Seed of offsets, drifts, wander, delays and losses [default: drawn and printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Measure what ordering costs, once the clocks are measured
    #[arg(long, default_value = "on", value_name = "on|off", value_parser = ["on", "off"])]
    ordering: String,
    /// Where results go [default: skewbench-out/<start time>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to DIR even if it holds files; results and journals in it are replaced
    #[arg(long)]
    force: bool,
    /// Show eps against the bound, arcs and losses in the terminal as they happen
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    volume: Volume,
}

/// Runs the lab and prints what it found.
pub fn run(args: Args) -> Result<u8> {
    let topology = args.topology()?;
    let dir = folder::prepare(args.out.as_deref(), args.force)?;
    let seed = args.seed.map_or_else(|| random_bytes().map(u64::from_le_bytes), Ok)?;
    if !args.volume.json {
        out::put(&format!("seed {seed}{}\n", if args.seed.is_none() { " (drawn; --seed repeats it)" } else { "" }))?;
    }
    let plan = args.plan(&topology, &dir, seed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(steer(&plan, args.volume, args.live.then_some("skewbench lab")))?;
    conclude(&plan, &outcome, args.volume)
}

impl Args {
    /// The topology, once every flag has been looked at.
    fn topology(&self) -> Result<Topology> {
        let refuse = |key: &str, value: String, mend: &str| Err(Malformed(format!("--{key} {value}: {mend}")).into());
        let measured = Nanos::from_seconds(i64::from(self.seconds));
        if self.tau < Nanos::from_micros(100) || self.tau.times(10) > measured {
            return refuse("tau", self.tau.to_string(), "choose from 100us to a tenth of --seconds");
        }
        for (key, value, most) in [
            ("drift-ppm", self.drift_ppm, 10_000.0),
            ("wander-ppm", self.wander_ppm(), 10_000.0),
            ("offset-ms", self.offset_ms, 100_000.0),
        ] {
            if !(0.0..=most).contains(&value) {
                return refuse(key, value.to_string(), &format!("choose from 0 to {most}"));
            }
        }
        for (key, value) in [("delay", self.delay), ("jitter", self.jitter), ("mu", self.mu)] {
            if !(Nanos::ZERO..=Nanos::from_seconds(10)).contains(&value) {
                return refuse(key, value.to_string(), "choose from 0ms to 10s");
            }
        }
        if !(0.0..1.0).contains(&self.loss) {
            return refuse("loss", self.loss.to_string(), "choose a share from 0 to below 1, such as 0.01");
        }
        if self.reference >= self.nodes {
            return refuse("reference", self.reference.to_string(), &format!("agents are 0 to {}", self.nodes - 1));
        }
        let settings = Impairment {
            delay: self.delay,
            jitter: self.jitter,
            loss: self.loss,
            mu: self.mu,
            distance: self.distance,
        };
        let topology = self.shaped(settings)?;
        self.pairs(&topology)?;
        Ok(topology)
    }

    /// The gap of coded pairs: the second request of one goes out before the next slot of any agent.
    fn pairs(&self, topology: &Topology) -> Result<Option<Nanos>> {
        let peers = |node| topology.arcs().filter(|(arc, _)| arc.to == NodeId(node)).count();
        let most = (0..self.nodes).map(peers).max().unwrap_or(0);
        let refused = |mend| {
            let gap = self.probe_pairs.unwrap_or_default();
            Malformed(format!("--probe-pairs {gap}: {mend}")).into()
        };
        pair::checked(self.probe_pairs, self.tau, most).map_err(refused)
    }

    fn shaped(&self, settings: Impairment) -> Result<Topology> {
        match self.topology.as_str() {
            "full" => Ok(Topology::full(self.nodes, settings)),
            "ring" => Ok(Topology::ring(self.nodes, settings)),
            "line" => Ok(Topology::line(self.nodes, settings)),
            file => {
                let text = fs::read_to_string(file).with_context(|| {
                    format!("--topology {file}: neither full, ring nor line, nor a file that can be read")
                })?;
                Topology::parse(file, &text, self.nodes, settings)
                    .map_err(|why| Malformed(format!("--topology: {why}")).into())
            }
        }
    }

    fn wander_ppm(&self) -> f64 {
        self.wander_ppm.unwrap_or(self.drift_ppm / 50.0)
    }

    fn plan(&self, topology: &Topology, dir: &Path, seed: u64) -> Result<Plan> {
        let offset = Nanos((self.offset_ms * 1e6).round() as i64);
        let (drift, wander) = (Ppb::from_ppm(self.drift_ppm), Ppb::from_ppm(self.wander_ppm()));
        let measured = Nanos::from_seconds(i64::from(self.seconds));
        Ok(Plan {
            program: std::env::current_exe().context("this program's own path")?,
            dir: dir.to_owned(),
            key: Key::new(random_bytes()?),
            oscillators: oscillator::deal(self.nodes, offset, drift, wander, clock::raw_now().as_nanos(), seed),
            clocks: self.clocks,
            measured,
            ordering: if self.ordering == "on" { Ordering::On } else { Ordering::Off },
            run: RunConfig {
                cluster: u64::from_le_bytes(random_bytes()?),
                seed: Some(seed),
                nodes: self.nodes,
                topology: topology.name().to_owned(),
                arcs: topology.arcs().collect(),
                tau: self.tau,
                probe_pairs: self.pairs(topology)?,
                measured: Some(measured),
                reference: NodeId(self.reference),
                plausible: PLAUSIBLE,
                git_commit: env!("SKEWBENCH_COMMIT").to_owned(),
            },
        })
    }
}

/// Runs the fleet with a progress bar, or with the live view under a title; the first Ctrl-C stops it cleanly.
async fn steer(plan: &Plan, volume: Volume, live: Option<&str>) -> Result<fleet::Outcome> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let live = live.and_then(|title| start_live(plan, title, &stop));
    let is_live = live.is_some();
    tokio::spawn(async move {
        if asked_to_stop().await.is_ok() {
            if !is_live {
                eprintln!("stopping: what was gathered is reported");
            }
            let _ = stop.send(true);
        }
    });
    let mut progress = Progress::new(volume);
    let show = |stage| match &live {
        Some(live) => {
            let (what, length) = describe(stage);
            live.stage(&what, Some(length));
        }
        None => progress.show(stage),
    };
    let outcome = fleet::run(plan, show, stopped).await;
    progress.end();
    outcome
}

/// The live view; without a terminal for it, one line says so and the plain progress stays.
fn start_live(plan: &Plan, title: &str, stop: &tokio::sync::watch::Sender<bool>) -> Option<Live> {
    let started = Live::start(&plan.dir, title, stop.clone());
    started.inspect_err(|why| eprintln!("{why:#}: plain progress instead")).ok()
}

/// What a stage is, and how long it takes.
fn describe(stage: Stage) -> (String, Nanos) {
    match stage {
        Stage::Probing(length) => ("measuring clocks".to_owned(), length),
        Stage::Ordering(phase) => {
            (format!("ordering by {}, {}", phase.source.name(), phase.load.name()), Nanos(phase.duration_ns))
        }
        Stage::Analysing => ("collecting and analysing".to_owned(), Nanos::from_seconds(1)),
    }
}

/// Says what could not go right, then what was found, and last where it is.
fn conclude(plan: &Plan, outcome: &fleet::Outcome, volume: Volume) -> Result<u8> {
    for trouble in &outcome.troubles {
        eprintln!("{trouble}");
    }
    let spool = plan.dir.join("spool");
    let (exit_code, text) = match (outcome.spools, outcome.exit_code) {
        (Spools::Shipped, Some(code)) => {
            fs::remove_dir_all(&spool).with_context(|| format!("{}", spool.display()))?;
            results::write_manifest(std::slice::from_ref(&plan.dir), &plan.dir, &[])?;
            (code, outcome.text.clone())
        }
        _ => {
            eprintln!(
                "some of the journals had not reached the collector: the results are those of all that the agents kept"
            );
            let analysed = results::analyse_run(std::slice::from_ref(&plan.dir), &plan.dir)?;
            (analysed.exit_code, analysed.text)
        }
    };
    out::report(&text, &plan.dir, volume)?;
    Ok(if text.is_empty() { UNKNOWN } else { exit_code })
}

/// A progress bar on a terminal; elsewhere a line a stage.
struct Progress {
    bar: ProgressBar,
    volume: Volume,
    ticking: Option<tokio::task::AbortHandle>,
}

impl Progress {
    fn new(volume: Volume) -> Self {
        let bar = ProgressBar::new(1);
        let style = ProgressStyle::with_template("{msg:32} [{bar:40}] {percent:>3}%")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        Self { bar, volume, ticking: None }
    }

    fn show(&mut self, stage: Stage) {
        let (what, length) = describe(stage);
        if !self.volume.is_chatty() {
            return;
        }
        if !std::io::stderr().is_terminal() {
            eprintln!("{what} ({length})");
            return;
        }
        self.end_ticking();
        self.bar.reset();
        self.bar.set_length(length.0.unsigned_abs() / 1_000_000);
        self.bar.set_message(what);
        let bar = self.bar.clone();
        let ticking = tokio::spawn(async move {
            loop {
                bar.set_position(bar.elapsed().as_millis() as u64);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        self.ticking = Some(ticking.abort_handle());
    }

    fn end_ticking(&mut self) {
        if let Some(ticking) = self.ticking.take() {
            ticking.abort();
        }
    }

    fn end(&mut self) {
        self.end_ticking();
        self.bar.finish_and_clear();
    }
}

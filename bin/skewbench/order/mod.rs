//! `skewbench order`: workloads whose order depends on clocks, with what that order costs.

mod engine;
mod real;
mod simulated;

use std::path::PathBuf;

use anyhow::Result;
use skewbench::host::program::{self, Malformed};
use skewbench::order::link::PlannedCut;
use skewbench::order::report::BATCH;
use skewbench::report::workload::Given;
use skewbench::sweep::price::Varying;
use skewbench::time::Nanos;
use skewbench::trial::{Clock, Premise, Workload};
use skewbench::workload::Row;

type Run = (Given<'static>, Row);

/// Run workloads whose order depends on clocks, and put their price beside its prediction.
///
/// Workloads: total-order (commands in the order of their stamps), state-machine (an airline on it, against selling by
/// votes), mutex (Lamport 1978), ricart-agrawala, real-time (the 1978 state machine that goes on when processes are killed),
/// commit-wait (Spanner), restart (CockroachDB), snapshot (markers, and cuts by stamps), anomaly (what a side channel sees),
/// causal (COPS), byzantine (OM(1) and SM(1)), stability-tests (Schneider), or all of them.
///
/// Processes are agents on this host, with real connections and the clocks that their probes keep; or, with --simulated, they
/// are played in virtual time on clocks that differ by --eps. The workload is told --declared-eps and stakes its promises on
/// it. Every invariant is checked in every run; exit code 1 if one broke, 4 if an agent died before anything could be said.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which workload, or all
    #[arg(value_parser = chosen)]
    workload: Chosen,
    /// Run in virtual time, on simulated clocks and channels
    #[arg(long)]
    simulated: bool,
    /// Processes; as many agents
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=16))]
    nodes: u32,
    /// Clocks to stamp with, or all [default: lamport-logical,lamport,ntp,hlc; simulated: ntp]
    #[arg(long, alias = "stamps", value_name = "NAMES", value_delimiter = ',', value_parser = clock)]
    clock: Vec<Clocks>,
    /// How far apart simulated clocks are, from the first to the last [default: 1ms]
    #[arg(long, value_name = "SPAN", value_parser = span, requires = "simulated")]
    eps: Option<Nanos>,
    /// How far apart the workload believes the clocks to be [default: 1ms; simulated: --eps]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    declared_eps: Option<Nanos>,
    /// Least delay of a message; real ones are held back so long on arrival [default: 0ms; simulated: 5ms]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    delay: Option<Nanos>,
    /// Most that is added to it, evenly [default: 0ms; simulated: 1ms]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    jitter: Option<Nanos>,
    /// Longest that the workload believes a message to take [default: --delay + --jitter; on real agents 50ms more]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    declared_delay: Option<Nanos>,
    /// Operations a second of all users together, at random instants [default: saturation and half of it; simulated: 50]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// Most messages, or commands of total-order, in one write of a real agent
    #[arg(long, default_value_t = BATCH, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    batch: u32,
    /// How long users want something in each main scene of a clock and load [default: 2; simulated: 20]; on real agents less
    /// where there are several: a clock takes no more than twice that and half a second (stability-tests: three scenes of a
    /// third of it; causal: two, beside the burst that saturates it). Side scenes take up to half of it
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,
    /// Seed of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run it at many values of one term, and draw measured beside predicted: eps, declared-eps, delay, jitter, rate or nodes
    /// (values as for sweep: 100us..20ms, or 1ms,5ms,20ms)
    #[arg(long, value_name = "TERM=VALUES", requires = "simulated")]
    over: Option<Varying>,
    /// Cut the connection between two agents for a while and see it mended: A-B@WHEN+LENGTH, such as 0-1@1s+300ms, counted from
    /// the beginning of each measured phase (total-order: saturated and half; others: the run at a rate, its first scene).
    /// May be given several times. A cut of more than 2s outlasts the agents' patience and is reported as a lost connection
    #[arg(long, value_name = "CUT", conflicts_with = "simulated")]
    cut: Vec<PlannedCut>,
    /// Give up what the workload stands on, to see what breaks: the order of channels (on real agents messages are then heard
    /// up to 25ms late), the declared eps, or one of four generals
    #[arg(long)]
    ablate: bool,
    /// Where ordering.csv goes [default: skewbench-out/<start time>], or ordering-sim.csv and, with --over, price.html
    /// [default: they are not written]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to DIR even if it holds files
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  skewbench order mutex                                                    three agents, four clocks
  skewbench order commit-wait --clock free --declared-eps 1ms              clocks that nobody synchronises
  skewbench order real-time --clock ntp --delay 5ms --nodes 5              two of five agents are killed half-way
  skewbench order total-order --clock hlc --cut 0-1@1s+300ms               one connection is cut and mended
  skewbench order total-order --clock ntp --ablate                         agents whose channels do not keep their order
  skewbench order mutex --simulated
  skewbench order commit-wait --simulated --eps 7ms --declared-eps 3ms     later commits are stamped earlier
  skewbench order total-order --simulated --ablate                         channels that do not keep their order
  skewbench order commit-wait --simulated --over eps=100us..20ms --out price    what each eps costs: price/price.html
  skewbench order all --simulated --out order-sim";

#[derive(Clone, Copy, Debug)]
enum Chosen {
    One(Workload),
    All,
}

impl Chosen {
    fn workloads(self) -> Vec<Workload> {
        match self {
            Self::One(workload) => vec![workload],
            Self::All => Workload::ALL.to_vec(),
        }
    }
}

/// A clock, or all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Clocks {
    One(Clock),
    All,
}

fn chosen(text: &str) -> Result<Chosen, String> {
    match text {
        "all" => Ok(Chosen::All),
        name => name.parse().map(Chosen::One).map_err(|why| format!("{why}, all")),
    }
}

fn clock(text: &str) -> Result<Clocks, String> {
    match text {
        "all" => Ok(Clocks::All),
        name => name.parse().map(Clocks::One).map_err(|why| format!("{why}, all")),
    }
}

fn span(text: &str) -> Result<Nanos, String> {
    let span: Nanos = text.parse().map_err(|why| format!("{why}"))?;
    let most = Nanos::from_seconds(10);
    if (Nanos::ZERO..=most).contains(&span) { Ok(span) } else { Err(format!("choose a span from 0ms to {most}")) }
}

fn rate(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|rate| (0.1..=10_000_000.0).contains(rate));
    found.ok_or_else(|| "choose 0.1 to 10000000 operations a second".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|seconds| (0.1..=3_600.0).contains(seconds));
    found.ok_or_else(|| "choose 0.1 to 3600 seconds".to_owned())
}

/// Runs, prints, writes.
pub fn run(args: &Args) -> Result<u8> {
    args.check_processes()?;
    if args.simulated { simulated::run(args) } else { real::run(args) }
}

impl Args {
    const fn premise(&self) -> Premise {
        if self.ablate { Premise::Broken } else { Premise::Kept }
    }

    fn check_processes(&self) -> Result<()> {
        let least = |workload: &Workload| workload.least_processes(self.premise());
        let lacks = self.workload.workloads().into_iter().find(|workload| least(workload) > self.nodes);
        lacks.map_or(Ok(()), |workload| {
            let text = format!(
                "--nodes {}: {workload} --ablate is played by {} or more: choose more",
                self.nodes,
                least(&workload)
            );
            Err(Malformed(text).into())
        })
    }

    /// What a host may add to a message's delay, `usual` unless it was said.
    fn slack(&self, delay: Nanos, jitter: Nanos, usual: Nanos) -> Result<Nanos> {
        let Some(declared) = self.declared_delay else { return Ok(usual) };
        if declared < delay + jitter {
            let text = format!("--declared-delay {declared}: messages take up to {}: choose more", delay + jitter);
            return Err(Malformed(text).into());
        }
        Ok(declared - delay - jitter)
    }
}

/// The exit code of a run in which an invariant broke so often.
const fn exit_code(broken: u64) -> u8 {
    if broken > 0 { program::VIOLATED } else { program::WITHIN }
}

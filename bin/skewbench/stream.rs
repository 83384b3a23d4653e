//! `skewbench sim --streamed`: a run of which nothing is kept but what the result needs.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use skewbench::host::facts::{peak_memory_bytes, processor_seconds};
use skewbench::host::signals::Stop;
use skewbench::sim::Scenario;
use skewbench::sim::scenario::Refused;
use skewbench::sim::streamed::findings::Eps;
use skewbench::sim::streamed::{Findings, Lamport, Mesh, Method, World};
use skewbench::time::Nanos;

use crate::out::{self, Volume};
use crate::progress::Progress;

/// Which clocks run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Clocks {
    /// Lamport's clocks alone, up to a million nodes
    #[default]
    Lamport,
    /// lamport, ntp and hlc, up to 100,000 nodes
    All,
}

/// How a scenario is streamed.
#[derive(clap::Args)]
pub struct Streaming {
    /// Which clocks a streamed run has
    #[arg(long, value_enum, default_value_t, requires = "streamed")]
    clocks: Clocks,
    /// Round a streamed run's epsilon outward whatever the number of nodes
    #[arg(long, requires = "streamed")]
    outward: bool,
    /// End a streamed run after so much simulated time, at the end of a window (tau, from 128 nodes on an eighth of it)
    #[arg(long, value_name = "SPAN", requires = "streamed")]
    until: Option<Nanos>,
}

/// A network under way.
enum Run {
    Lamport(Box<Lamport>),
    All(Box<Mesh>),
}

impl Run {
    fn new(world: World, clocks: Clocks, method: Method) -> Result<Self, Refused> {
        Ok(match clocks {
            Clocks::Lamport => Self::Lamport(Box::new(Lamport::new(world, method))),
            Clocks::All => Self::All(Box::new(Mesh::new(world, method)?)),
        })
    }

    fn world(&self) -> &World {
        match self {
            Self::Lamport(network) => &network.world,
            Self::All(network) => &network.world,
        }
    }

    fn now(&self) -> Nanos {
        match self {
            Self::Lamport(network) => network.now(),
            Self::All(network) => network.now(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Lamport(network) => network.is_over(),
            Self::All(network) => network.is_over(),
        }
    }

    /// The next window. Of another name than what it calls, since `scripts/scale` counts instructions by that one.
    fn go_on(&mut self) {
        match self {
            Self::Lamport(network) => network.run_window(),
            Self::All(network) => network.run_window(),
        }
    }

    /// Bytes a node beside its arcs, where all of them are in arrays.
    fn bytes_a_node(&self) -> Option<f64> {
        let Self::Lamport(network) = self else { return None };
        let beside_arcs = network.bytes() + size_of_val(&network.world.nodes[..]);
        Some(beside_arcs as f64 / network.world.nodes.len() as f64)
    }

    fn findings(&self, method: Method) -> Findings {
        match self {
            Self::Lamport(network) => Findings::of(network, method),
            Self::All(network) => Findings::of_mesh(network, method),
        }
    }
}

/// What a run cost.
struct Cost {
    build_s: f64,
    run_s: f64,
    processor_s: f64,
    bytes_a_node: Option<f64>,
    bytes_an_arc: f64,
    stopped: bool,
}

/// Runs the scenario, prints what it came to, and gives it.
pub fn run(scenario: &Scenario, seed: u64, flags: &Streaming, volume: Volume) -> Result<Result<Findings, Refused>> {
    let stop = listen()?;
    let began = Instant::now();
    let world = match World::new(scenario, seed) {
        Ok(world) => world,
        Err(refused) => return Ok(Err(refused)),
    };
    let method = if flags.outward { Method::Outward } else { Method::for_nodes(world.nodes.len()) };
    let until = flags.until.unwrap_or(Nanos::MAX);
    let mut network = match Run::new(world, flags.clocks, method) {
        Ok(network) => network,
        Err(refused) => return Ok(Err(refused)),
    };
    let build_s = began.elapsed().as_secs_f64();
    let (began, used, mut progress) = (Instant::now(), processor_seconds(), Progress::new());
    while !network.is_over() && network.now() < until && !stop.load(Ordering::Relaxed) {
        network.go_on();
        if volume.is_chatty() {
            progress.show(network.now().as_seconds() / scenario.duration.as_seconds());
        }
    }
    progress.end();
    let run_s = began.elapsed().as_secs_f64();
    let processor_s = processor_seconds().zip(used).map_or(run_s, |(now, before)| now - before);
    let arcs = &network.world().arcs;
    let cost = Cost {
        build_s,
        run_s,
        processor_s,
        bytes_a_node: network.bytes_a_node(),
        bytes_an_arc: size_of_val(&arcs[..]) as f64 / arcs.len() as f64,
        stopped: !network.is_over(),
    };
    let found = network.findings(method);
    let text = text(&found, &cost);
    out::put(if volume.quiet { text.lines().last().unwrap_or_default() } else { &text })?;
    if volume.quiet {
        out::put("\n")?;
    }
    Ok(Ok(found))
}

/// A flag that is raised when somebody wants the run to end.
fn listen() -> Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("signals")?;
    let flag = Arc::clone(&raised);
    let mut stop = runtime.block_on(async { Stop::listen() })?;
    std::thread::spawn(move || {
        runtime.block_on(stop.asked());
        flag.store(true, Ordering::Relaxed);
    });
    Ok(raised)
}

fn text(found: &Findings, cost: &Cost) -> String {
    let (premises, bounds, counts) = (&found.premises, found.bounds(), &found.counts);
    let mut text = String::new();
    let mut line = |name: &str, what: String| {
        let _ = writeln!(text, "{name:<10}{what}");
    };
    line("network", format!("{} nodes, {} arcs, directed diameter {}", found.nodes, found.arcs, diameter(found)));
    let cut = if cost.stopped { format!(", stopped before its {}", found.planned) } else { String::new() };
    line("simulated", format!("{}{cut}", found.simulated));
    let lost = format!("{} sent, {} delivered, {} lifted a clock", counts.sent, counts.delivered, counts.lifts);
    line("probes", lost);
    line(
        "premises",
        format!(
            "kappa {} ppm, tau_eff {} (arc {}), nu {}, mu {}, xi {} (largest: every message that arrives is timely)",
            premises.kappa.as_ppm(),
            premises.tau,
            found.slowest,
            premises.nu(),
            premises.mu,
            premises.xi
        ),
    );
    line(
        "bounds",
        format!(
            "safe {}, seed {}, tight {} (if all mu are equal), paper {}",
            bounds.safe, bounds.seed, bounds.tight, bounds.paper
        ),
    );
    match (found.warm_up, found.eps) {
        (Some(warm), Some(eps)) => {
            line("epsilon", format!("lamport, {}: {}", method(found), told(&eps, warm)));
            for other in &found.others {
                let eps = other.eps.map_or_else(String::new, |eps| told(&eps, warm));
                line("", format!("{}: {eps}", other.algorithm));
            }
        }
        _ => line("epsilon", format!("the bound begins to hold only after {}: run for longer", premises.warm_up())),
    }
    line(
        "speed",
        format!(
            "{:.2} s to build, {:.2} s to run ({:.2} s of processor time), {:.0} probes/s of processor time",
            cost.build_s,
            cost.run_s,
            cost.processor_s,
            counts.delivered as f64 / cost.processor_s.max(1e-9)
        ),
    );
    let peak = peak_memory_bytes()
        .map_or_else(|| "unknown".to_owned(), |bytes| format!("{:.1} MiB", bytes as f64 / 1_048_576.0));
    let kept = cost.bytes_a_node.map(|node| format!("{node:.0} bytes a node, {:.0} an arc, ", cost.bytes_an_arc));
    line("memory", format!("{}peak {peak}", kept.unwrap_or_default()));
    for note in &found.failed {
        line("note", note.clone());
    }
    let _ = writeln!(text, "verdict  {}", found.verdict().name());
    text
}

fn told(eps: &Eps, warm: Nanos) -> String {
    let (ahead, behind) = eps.worst_pair;
    format!(
        "max {}, p99 {}, p50 {} after a warm-up of {warm}; worst pair {ahead} and {behind} at {:.3} s",
        eps.max,
        eps.p99,
        eps.p50,
        eps.worst_at.as_seconds()
    )
}

fn diameter(found: &Findings) -> String {
    let limits = found.diameter;
    if limits.is_exact() {
        return limits.at_most.to_string();
    }
    format!("at most {} (certified; at least {}): the bounds take the larger", limits.at_most, limits.at_least)
}

fn method(found: &Findings) -> &'static str {
    match found.method {
        Method::Exact => "exact to 2 ns (p50 and p99 rounded up by 0.1 % at most)",
        Method::Outward => "rounded outward in windows of an eighth of tau",
    }
}

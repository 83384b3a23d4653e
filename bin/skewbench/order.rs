//! `skewbench order`: workloads whose order depends on clocks, with what that order costs.

use std::path::PathBuf;

use anyhow::Result;
use skewbench::host::program::{self, Malformed};
use skewbench::order::report::StampSource;
use skewbench::report::workload::{self, Given};
use skewbench::sim::workload::{Premise, Terms, Workload};
use skewbench::time::Nanos;

use crate::{folder, out};

/// No run may be expected to send more messages than about this: it would take minutes and gigabytes.
const MOST_MESSAGES: f64 = 1e6;
/// Heartbeats a second of a process to each other one.
const BEATS_PER_S: f64 = 50.0;

/// Run workloads whose order depends on clocks, and put their price beside its prediction.
///
/// Workloads: total-order (commands in the order of their stamps), state-machine (an airline on it, against selling by
/// votes), mutex (Lamport 1978), ricart-agrawala, real-time (the 1978 state machine that goes on when processes are killed),
/// commit-wait (Spanner), restart (CockroachDB), snapshot (markers, and cuts by stamps), anomaly (what a side channel sees),
/// causal (COPS), byzantine (OM(1) and SM(1)), stability-tests (Schneider), or all of them.
///
/// Clocks differ by --eps; the workload is told --declared-eps and stakes its promises on it. Every invariant is checked in
/// every run; exit code 1 if one broke.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which workload, or all
    #[arg(value_parser = chosen)]
    workload: Chosen,
    /// Run in virtual time, on simulated clocks and channels (the only mode as yet)
    #[arg(long, required = true)]
    simulated: bool,
    /// Processes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=16))]
    nodes: u32,
    /// How far apart the clocks are, from the first to the last
    #[arg(long, value_name = "SPAN", default_value = "1ms", value_parser = span)]
    eps: Nanos,
    /// How far apart the workload believes them to be [default: --eps]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    declared_eps: Option<Nanos>,
    /// Least delay of a message
    #[arg(long, value_name = "SPAN", default_value = "5ms", value_parser = delay)]
    delay: Nanos,
    /// Most that is added to it, evenly
    #[arg(long, value_name = "SPAN", default_value = "1ms", value_parser = span)]
    jitter: Nanos,
    /// Operations a second of all users together, at random instants
    #[arg(long, value_name = "PER_SECOND", default_value = "50", value_parser = rate)]
    rate: f64,
    /// How long users want something, in virtual seconds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Seed of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where stamps come from: ntp (synchronised physical clocks), hlc or lamport-logical
    #[arg(long, value_name = "SOURCE", default_value = "ntp", value_parser = stamps)]
    stamps: StampSource,
    /// Give up what the workload stands on, to see what breaks
    #[arg(long)]
    ablate: bool,
    /// Where ordering-sim.csv goes [default: it is not written]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to DIR even if it holds files
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  skewbench order mutex --simulated
  skewbench order commit-wait --simulated --eps 7ms --declared-eps 3ms     later commits are stamped earlier
  skewbench order total-order --simulated --ablate                         channels that do not keep their order
  skewbench order all --simulated --out order-sim";

#[derive(Clone, Copy, Debug)]
enum Chosen {
    One(Workload),
    All,
}

fn chosen(text: &str) -> Result<Chosen, String> {
    match text {
        "all" => Ok(Chosen::All),
        name => name.parse().map(Chosen::One).map_err(|why| format!("{why}, all")),
    }
}

fn span(text: &str) -> Result<Nanos, String> {
    let span: Nanos = text.parse().map_err(|why| format!("{why}"))?;
    let most = Nanos::from_seconds(10);
    if (Nanos::ZERO..=most).contains(&span) { Ok(span) } else { Err(format!("choose a span from 0ms to {most}")) }
}

fn delay(text: &str) -> Result<Nanos, String> {
    span(text).and_then(|span| {
        if span > Nanos::ZERO { Ok(span) } else { Err("messages take time: choose 1us or more".into()) }
    })
}

fn rate(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|rate| (0.1..=100_000.0).contains(rate));
    found.ok_or_else(|| "choose 0.1 to 100000 operations a second".to_owned())
}

fn stamps(text: &str) -> Result<StampSource, String> {
    let sources = [StampSource::Ntp, StampSource::Hlc, StampSource::LamportLogical];
    sources
        .into_iter()
        .find(|source| source.name() == text)
        .ok_or_else(|| "choose ntp, hlc or lamport-logical".to_owned())
}

/// Runs, prints, writes.
pub fn run(args: &Args) -> Result<u8> {
    let terms = terms(args)?;
    let workloads = match args.workload {
        Chosen::One(workload) => vec![workload],
        Chosen::All => Workload::ALL.to_vec(),
    };
    let mut runs = Vec::new();
    for workload in workloads {
        let (given, row) = (given(workload, &terms), workload.run(&terms));
        let gap = if runs.is_empty() { "" } else { "\n" };
        out::put(&format!("{gap}{}", workload::text(&given, &row)))?;
        runs.push((given, row));
    }
    if let Some(dir) = &args.out {
        let dir = folder::prepare(Some(dir), args.force)?;
        folder::write(&dir, [("ordering-sim.csv", workload::csv(&runs))])?;
        out::put(&format!("{}\n", dir.display()))?;
    }
    let broken = runs.iter().any(|(_, row)| row.broken() > 0);
    Ok(if broken { program::VIOLATED } else { program::WITHIN })
}

fn terms(args: &Args) -> Result<Terms> {
    let messages = (args.rate + BEATS_PER_S) * f64::from(args.seconds) * f64::from(args.nodes).powi(2);
    if messages > MOST_MESSAGES {
        let text = format!(
            "--rate {} for --seconds {} among --nodes {} may be {messages:.0} messages: choose less, up to {MOST_MESSAGES} \
             ((rate + {BEATS_PER_S}) x seconds x nodes^2)",
            args.rate, args.seconds, args.nodes
        );
        return Err(Malformed(text).into());
    }
    Ok(Terms {
        nodes: args.nodes,
        eps: args.eps,
        declared: args.declared_eps.unwrap_or(args.eps),
        delay: args.delay,
        jitter: args.jitter,
        rate: args.rate,
        span: Nanos::from_seconds(i64::from(args.seconds)),
        seed: args.seed,
        stamps: args.stamps,
        premise: if args.ablate { Premise::Broken } else { Premise::Kept },
    })
}

fn given<'a>(workload: Workload, terms: &Terms) -> Given<'a> {
    Given {
        workload: workload.name(),
        broken: (terms.premise == Premise::Broken).then(|| workload.ablation()),
        nodes: terms.nodes,
        eps: terms.eps,
        declared_eps: terms.declared,
        delay: terms.delay,
        jitter: terms.jitter,
        rate_per_s: terms.rate,
        span: terms.span,
        seed: terms.seed,
        stamps: terms.stamps.name(),
    }
}
